"""Drafts a feature contract from a labelled CSV that nobody here has seen, for a person to correct."""

import argparse
import csv
import json
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.contract import ROW_NUMBER, ContractError, parse_contract, refuse_shipped_name
from model.faults import DataError
from model.guess import GAPS, Column, guess, label_of, labels_of, words_of
from model.validate import decode, read_bytes, split_of


@dataclass(frozen=True)
class Asked:
    """What only the person knows: the contract's name, the id, the label and its positive value."""

    name: str
    id_column: str
    label: str
    positive: str
    horizon_days: int
    consents: str


@dataclass(frozen=True)
class Draft:
    """A contract's text, and what was made of every column but the id and the label."""

    text: str
    columns: tuple[Column, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m model.draft --data FILE --label COLUMN --positive VALUE --out NAME.toml`."""
    parser = argparse.ArgumentParser(prog="python -m model.draft", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="labelled CSV")
    parser.add_argument("--label", required=True, help="the column that says who left")
    parser.add_argument("--positive", required=True, help="its value for those who left")
    parser.add_argument("--id", default=ROW_NUMBER, help="the column that identifies a customer")
    parser.add_argument("--horizon", type=int, default=90, help="days from the features to the label")
    parser.add_argument("--consents", default="", metavar="WHY",
                        help="declare that these people agreed to profiling and offers, and why")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="contract to write; its name names the contract")
    given = parser.parse_args(arguments)
    asked = Asked(given.out.stem, given.id, given.label, given.positive, given.horizon, given.consents)
    try:
        _check_out(given.out)
        drafted = draft(given.data, asked)
        refuse_shipped_name(parse_contract(drafted.text, given.out.name).name, f"OUT={given.out}")
    except (DataError, ContractError) as exc:
        print(exc.show() if isinstance(exc, DataError) else exc, file=sys.stderr)
        return 1
    given.out.write_text(drafted.text, encoding="utf-8")
    print("\n".join(_report(drafted, asked, given.out, given.data)))
    return 0


def draft(path: Path, asked: Asked) -> Draft:
    """Read the file and draft; raises ContractError when the id or the label do not fit it."""
    columns = _read_columns(path)
    _check_asked(path.name, asked, columns)
    labels = labels_of(columns[asked.label], asked.positive)
    others = [name for name in columns if name not in (asked.id_column, asked.label)]
    guessed = tuple(guess(name, columns[name], labels) for name in others)
    outcomes = sorted(set(columns[asked.label]))
    return Draft("\n".join([*_write_head(asked, outcomes), *_write_features(guessed)]) + "\n", guessed)


def _check_out(out: Path) -> None:
    if out.suffix != ".toml":
        raise ContractError(str(out), [f"OUT: a contract's file ends in .toml; write OUT={out.name}.toml"])
    if out.exists():
        raise ContractError(str(out), ["OUT: the file exists; remove it or choose another name"])


def _read_columns(path: Path) -> dict[str, list[str]]:
    stream = decode(read_bytes(path), path.name)
    reader = csv.DictReader(stream, delimiter=split_of(stream))
    columns: dict[str, list[str]] = {name: [] for name in reader.fieldnames or []}
    for row in reader:
        for name, cells in columns.items():
            cells.append((row[name] or "").strip())
    return columns


def _check_asked(file: str, asked: Asked, columns: dict[str, list[str]]) -> None:
    for role, name in (("LABEL", asked.label), ("ID", asked.id_column)):
        if name not in columns and name != ROW_NUMBER:
            raise ContractError(file, [f"{role}: no column {name!r}; the file has {', '.join(columns)}"])
    outcomes = sorted(set(columns[asked.label]))
    if asked.positive not in outcomes:
        said = f"POSITIVE: {asked.positive!r} never occurs in {asked.label}, which holds {outcomes[:10]}"
        raise ContractError(file, [said])
    if len(outcomes) < 2:
        raise ContractError(file, [f"LABEL: {asked.label} holds {asked.positive!r} only; who stayed is needed too"])
    if asked.id_column == ROW_NUMBER:
        return
    ids = columns[asked.id_column]
    if (distinct := len(set(ids))) < len(ids):
        said = f"ID: {asked.id_column} holds {distinct:,} different values in {len(ids):,} rows, and an id stands once"
        raise ContractError(file, [f"{said}; name another column, or leave ID out: the row's number is the id then"])


def _write_head(asked: Asked, outcomes: Sequence[str]) -> Iterator[str]:
    yield "# Drafted from a file: correct the words, the directions and what is sensitive. docs/own-data.md"
    yield f"name = {_quote(re.sub(r'[^a-z0-9_]+', '_', asked.name.lower()))}"
    yield f"description = {_quote(f'{asked.label} is {asked.positive}')}"
    yield f"id_column = {_quote(asked.id_column)}"
    yield "\n[label]"
    yield f"column = {_quote(asked.label)}"
    yield f"positive = [{_quote(asked.positive)}]"
    yield f"negative = {_list(o for o in outcomes if o != asked.positive)}"
    yield f"horizon_days = {asked.horizon_days}"
    if asked.consents:
        yield '\n[consents]\ngranted = ["profiling", "retention_offers"]'
        yield f'source = {_quote(asked.consents)}\npolicy_version = "none"'


def _write_features(columns: Iterable[Column]) -> Iterator[str]:
    names: set[str] = set()
    for column in columns:
        if not column.type:
            yield f"\n# Left out: {column.name!r} {column.why}."
            continue
        yield "\n[[feature]]"
        yield f"name = {_quote(_name(column, names))}\ncolumn = {_quote(column.name)}"
        yield from _write_domain(column)
        if column.leaks:
            yield f"# {column.why}: used = true only if it was known before they left"
            yield "used = false"
        elif column.sensitive:
            yield "# kept to measure fairness; used = true lets the model read it too\nsensitive = true\nused = false"
        for language in ("en", "fr"):
            yield f"words.{language}.label = {_quote(label_of(column.name, language))}"


def _write_domain(column: Column) -> Iterator[str]:
    yield f"type = {_quote(column.type)}"
    if column.type == "boolean":
        true, false = column.categories
        yield f"true_values = [{_quote(true)}]\nfalse_values = [{_quote(false)}]"
    elif column.type == "category":
        yield f"categories = {_list(column.categories)}"
    else:
        yield f"range = [{column.low}, {column.high}]"
    if column.gaps:
        yield f'missing = "kept"\nmissing_means = "not recorded"\nmissing_values = {_list(GAPS)}'


def _name(column: Column, taken: set[str]) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", words_of(column.name)).strip("_") or "feature"
    number = next(n for n in range(1, len(taken) + 2) if (plain if n == 1 else f"{plain}_{n}") not in taken)
    name = plain if number == 1 else f"{plain}_{number}"
    taken.add(name)
    return name


def _report(drafted: Draft, asked: Asked, out: Path, data: Path) -> Iterator[str]:
    columns = drafted.columns
    yield f"wrote {out}: {sum(bool(c.type) and not (c.sensitive or c.leaks) for c in columns)} inputs"
    for column in columns:
        if column.leaks:
            yield f"  LEAK? {column.name}: {column.why}; not an input. Was it known before they left?"
    if sensitive := [c.name for c in columns if c.sensitive]:
        yield f"  taken as sensitive, so kept for fairness only: {', '.join(sensitive)}"
    for column in columns:
        if not column.type:
            yield f"  left out: {column.name} {column.why}"
    if not asked.consents:
        yield '  no consent is declared, so nobody would be predicted: CONSENTS="on what ground" declares one'
    yield "Read it and correct it. Then:"
    given = f"DATA={shlex.quote(str(data))} CONTRACT={shlex.quote(str(out))}"
    yield f"  make load {given}\n  make train {given}\n  make promote CONTRACT={shlex.quote(str(out))}\n  make run"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_quote, texts))}]"


if __name__ == "__main__":
    sys.exit(main())
