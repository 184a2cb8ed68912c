"""Write a drafted contract with an explanation of each column and the questions that only a person can settle."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.display import shorten
from model.guess import Column, label_of
from model.outcome_values import Outcome, Settled
from model.protected import plain_words

SIGNS = {"€": " eur ", "$": " usd ", "£": " gbp ", "%": " percent ", "#": " number ", "&": " and ", "+": " plus "}


@dataclass(frozen=True)
class Asked:
    """What only the person knows: the contract's name, the id, the label and what its outcomes mean."""

    name: str
    id_column: str
    label: str
    positive: str
    horizon_days: int
    consents: str
    negative: str = ""
    unknown: str = ""
    as_of: str = ""


@dataclass(frozen=True)
class Draft:
    """A contract's text, what was made of every column but the id and the label, and of the outcomes."""

    text: str
    columns: tuple[Column, ...]
    rows: int
    settled: Settled
    notes: tuple[str, ...] = ()


def write_contract(asked: Asked, settled: Settled, columns: Iterable[Column]) -> str:
    """The contract as TOML, with comments where a person must look."""
    return "\n".join([*_write_head(asked, settled), *_write_features(columns)]) + "\n"


def report(drafted: Draft, out: Path) -> Iterator[str]:
    """What was read, what each outcome means, and a sentence about every column."""
    columns = drafted.columns
    yield f"read {drafted.rows:,} rows"
    yield from (f"  {note}" for note in drafted.notes)
    yield from (f"  outcome {said}" for said in drafted.settled.describe())
    yield f"wrote {out}: {_count_inputs(columns)}"
    for column in columns:
        yield f"  {_sentence(column)}"
    if sensitive := [c.name for c in columns if c.sensitive]:
        yield f"  taken as sensitive, so kept for fairness only: {', '.join(sensitive)}"
    yield from (f"  ASK {c.ask}" for c in columns if c.ask)


def next_steps(asked: Asked, out: Path, data: Path) -> Iterator[str]:
    """The commands that follow."""
    if not asked.consents:
        yield '  no consent is declared, so no customer would be predicted: CONSENTS="on what ground" declares one'
    yield "Read it and correct it. Then:"
    given = f"DATA={shlex.quote(str(data))} CONTRACT={shlex.quote(str(out))}"
    promote = f"make promote CONTRACT={shlex.quote(str(out))}"
    yield f"  make load {given}\n  make train {given}\n  {promote}\n  make run"


def _count_inputs(columns: Iterable[Column]) -> str:
    found = sum(bool(c.type) and not (c.sensitive or c.leaks) for c in columns)
    return f"{found:,} {'input' if found == 1 else 'inputs'}"


def _sentence(column: Column) -> str:
    name = shorten(column.name)
    if column.leaks:
        return f"LEAK? {name}: {column.why}; not an input. Was it known before they left?"
    if not column.type:
        return f"left out: {name} {column.why}"
    if column.sensitive:
        return f"{name}: sensitive, as {column.why}; {column.said}"
    return f"{name}: {column.said}"


def _write_head(asked: Asked, settled: Settled) -> Iterator[str]:
    yield "# Drafted from a file: correct the words, the directions and what is sensitive. docs/own-data.md"
    name = re.sub(r"[^a-z0-9]+", "_", " ".join(plain_words(asked.name))).strip("_")[:60]
    yield f"name = {_quote(name or 'contract')}"
    yield f"description = {_quote(f'{asked.label} is {settled.left[0].name}')}"
    yield f"id_column = {_quote(asked.id_column)}"
    if asked.as_of:
        yield f"as_of_column = {_quote(asked.as_of)}"
    yield "\n[label]"
    yield f"column = {_quote(asked.label)}"
    yield f"positive = {_names(settled.left)}"
    yield f"negative = {_names(settled.stayed)}"
    if settled.unknown or settled.blank:
        yield "# not known yet: scored, never trained on"
        yield f"unknown = {_list([*([''] if settled.blank else []), *(o.name for o in settled.unknown)])}"
    yield f"horizon_days = {asked.horizon_days}"
    if asked.consents:
        yield '\n[consents]\ngranted = ["profiling", "retention_offers"]'
        yield f'source = {_quote(asked.consents)}\npolicy_version = "none"'


def _write_features(columns: Iterable[Column]) -> Iterator[str]:
    names: set[str] = set()
    for column in columns:
        if not column.type:
            yield f"\n# Left out: {column.name!r} {_comment(column.why)}."
            continue
        yield "\n[[feature]]"
        yield f"name = {_quote(_name(column, names))}\ncolumn = {_quote(column.name)}"
        yield from _write_domain(column)
        if column.leaks:
            yield f"# {_comment(column.why)}: used = true only if it was known before they left"
            yield "used = false"
        elif column.sensitive:
            yield f"# {_comment(column.why)}: kept to measure fairness"
            yield "# used = true lets the model read it too\nsensitive = true\nused = false"
        if column.ask:
            yield f"# {_comment(column.ask)}"
        for language in ("en", "fr"):
            yield f"words.{language}.label = {_quote(label_of(column.name, language))}"


def _write_domain(column: Column) -> Iterator[str]:
    yield f"type = {_quote(column.type)}"
    if column.type == "boolean":
        yield f"true_values = {_list(column.true_values)}\nfalse_values = {_list(column.false_values)}"
    elif column.type == "category":
        yield f"categories = {_list(column.categories)}\n# a category that is not listed is scored as unknown"
        yield 'unseen = "kept"'
    else:
        yield f"range = [{column.low}, {column.high}]"
        yield from _write_format(column)
    if "" in column.false_values:
        yield "missing_values = []"
    else:
        yield f'missing = "kept"\nmissing_means = "not recorded"\nmissing_values = {_list(column.missing_values)}'


def _write_format(column: Column) -> Iterator[str]:
    written = column.written
    if written.decimal != ".":
        yield f"decimal = {_quote(written.decimal)}"
    if written.thousands:
        yield f"thousands = {_quote(written.thousands)}"
    if written.units:
        yield f"units = {_list(written.units)}"


def _name(column: Column, taken: set[str]) -> str:
    said = "".join(SIGNS.get(c, c) for c in column.name)
    plain = re.sub(r"[^a-z0-9]+", "_", " ".join(plain_words(said))).strip("_") or "feature"
    number = next(n for n in range(1, len(taken) + 2) if (plain if n == 1 else f"{plain}_{n}") not in taken)
    name = plain if number == 1 else f"{plain}_{number}"
    taken.add(name)
    return name


def _names(outcomes: Sequence[Outcome]) -> str:
    return _list([spelling for outcome in outcomes for spelling, _ in outcome.spellings])


def _comment(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _quote(text: str) -> str:
    # JSON's strings are TOML's, but for DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_quote, texts))}]"
