"""Drafts a feature contract from a labelled CSV that nobody here has seen, for a person to correct."""

import argparse
import csv
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.contract import ROW_NUMBER, ContractError, parse_contract
from model.faults import DataError
from model.validate import decode, read_bytes, split_of

MOST_CATEGORIES = 40
YES, NO = {"yes", "y", "true", "t", "1", "1.0"}, {"no", "n", "false", "f", "0", "0.0"}
GAPS = ("", " ", "NA", "N/A", "NaN", "nan", "null", "NULL", "?")
# Names under which files often keep what the law protects; the person who corrects the draft decides.
SENSITIVE = re.compile(
    r"gender|sex(?!pense)|\bage\b|^age|_age|birth|senior|race|ethnic|religio|national|marital|married|partner"
    r"|dependent|disab|health|genre|sexe|situation.*famil",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Asked:
    """What only the person knows: the contract's name, the id, the label and its positive value."""

    name: str
    id_column: str
    label: str
    positive: str
    horizon_days: int
    consents: str


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
        text = draft(given.data, asked)
        contract = parse_contract(text, given.out.name)
    except (DataError, ContractError) as exc:
        print(exc.show() if isinstance(exc, DataError) else exc, file=sys.stderr)
        return 1
    if given.out.exists():
        print(f"{given.out} exists; remove it or choose another name", file=sys.stderr)
        return 1
    given.out.write_text(text, encoding="utf-8")
    kept = [f.name for f in contract.features if f.sensitive]
    print(f"wrote {given.out}: {len(contract.inputs)} inputs; read it, correct it, then load and train with it")
    print(f"taken as sensitive, so kept for fairness only: {', '.join(kept) or 'none'}")
    return 0


def draft(path: Path, asked: Asked) -> str:
    """The contract's text; raises ContractError when the id or the label is not in the file."""
    stream = decode(read_bytes(path), path.name)
    reader = csv.DictReader(stream, delimiter=split_of(stream))
    header = list(reader.fieldnames or [])
    columns: dict[str, list[str]] = {name: [] for name in header}
    for row in reader:
        for name in header:
            columns[name].append((row[name] or "").strip())
    for role, name in (("label", asked.label), ("id", asked.id_column)):
        if name not in header and name != ROW_NUMBER:
            raise ContractError(path.name, [f"{role}: no column {name!r}; the file has {', '.join(header)}"])
    return "\n".join(_write(asked, columns)) + "\n"


def _write(asked: Asked, columns: dict[str, list[str]]) -> Iterator[str]:
    outcomes = sorted(set(columns[asked.label]))
    if asked.positive not in outcomes:
        said = f"--positive: {asked.positive!r} never occurs in {asked.label}, which holds {outcomes[:10]}"
        raise ContractError(asked.name, [said])
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
    for name, values in columns.items():
        if name not in (asked.id_column, asked.label):
            yield from _write_feature(name, values)


def _write_feature(column: str, values: Sequence[str]) -> Iterator[str]:
    known = [v for v in values if v not in GAPS]
    if not (kind := _guess(known)):
        yield f"\n# Left out: {column!r} holds {len(set(known)):,} different values, as names and numbers do."
        return
    label = _humanise(column)
    yield "\n[[feature]]"
    yield f"name = {_quote(re.sub(r'[^a-z0-9]+', '_', label.lower()).strip('_') or 'feature')}"
    yield f"column = {_quote(column)}"
    yield from kind
    if len(known) < len(values):
        yield f'missing = "kept"\nmissing_means = "not recorded"\nmissing_values = {_list(GAPS)}'
    if SENSITIVE.search(column):
        yield "sensitive = true\nused = false"
    yield f"words.en.label = {_quote(label)}\nwords.fr.label = {_quote(label)}"


def _guess(known: Sequence[str]) -> list[str]:
    words = sorted(set(known))
    if len(words) < 2:
        return []
    if len(words) == 2 and {w.lower() for w in words} in _pairs():
        true = next(w for w in words if w.lower() in YES)
        false = next(w for w in words if w.lower() in NO)
        return ['type = "boolean"', f"true_values = [{_quote(true)}]", f"false_values = [{_quote(false)}]"]
    try:
        numbers = [float(w) for w in words]
    except ValueError:
        return ['type = "category"', f"categories = {_list(words)}"] if len(words) <= MOST_CATEGORIES else []
    whole = all(n.is_integer() for n in numbers)
    if whole and len(words) == len(known) > MOST_CATEGORIES:
        return []
    low, high = (_widen(n) for n in (min(numbers), max(numbers)))
    return [f'type = "{"integer" if whole else "number"}"', f"range = [{min(0, low)}, {max(1, high)}]"]


def _pairs() -> list[set[str]]:
    return [{yes, no} for yes in YES for no in NO]


def _widen(limit: float) -> int:
    """Room for customers to come: twice as far from zero."""
    return int(limit * 2) + (1 if limit > 0 else -1 if limit < 0 else 0)


def _humanise(column: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_.\-]+", " ", column).strip()
    return spaced[:1].upper() + spaced[1:].lower() if spaced else column


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _list(texts: Iterator[str] | Sequence[str]) -> str:
    return f"[{', '.join(map(_quote, texts))}]"


if __name__ == "__main__":
    sys.exit(main())
