"""Turn the rows of a CSV file into typed values as a contract describes them, noting each fault."""

import difflib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from model.cells import INFINITE, NumberFormat, fold, to_number
from model.contract import ROW_NUMBER, Contract, Feature
from model.csv_file import CsvFile
from model.dates import read_date
from model.ids import canonical_id, id_fault
from model.row_faults import Fault

Value = float | int | str | bool | None
Parsed = tuple[Value, str | None]
# Cells repeat: a column's different texts are parsed once, up to so many of them.
MOST_REMEMBERED = 20_000


class Record(NamedTuple):
    """One sound row. `outcome` is 1 (left), 0 (stayed), or None where it is not known."""

    id: str
    as_of: str
    features: dict[str, Value]
    outcome: int | None
    annual_value: float | None


@dataclass
class Counted:
    """What was noticed on the way, by column or in rows; none of it is a fault."""

    rows: int = 0
    left: int = 0
    stayed: int = 0
    unknown: int = 0
    unseen: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)


class RowReader:
    """Reader of records; `labelled` demands the outcome's column, which is checked wherever present."""

    def __init__(self, file: CsvFile, contract: Contract, labelled: bool) -> None:
        self.faults: list[Fault] = []
        self.counted = Counted()
        self.line = 0  # of the record that was read last
        self._file, self._contract, self._labelled = file, contract, labelled
        self._places = {name: place for place, name in enumerate(file.header) if name}
        features = [f for f in contract.features if not f.from_analysis or f.column in self._places]
        self._features = [(f, self._places[f.column], _Memory(f)) for f in features]
        self._label = self._places.get(contract.label.column)
        self._outcomes = _outcome_words(contract)
        self._seen: dict[str, int] = {}
        self._written = next(
            (format_of(f) for f in features if f.column == contract.annual_value_column), NumberFormat()
        )

    def read(self) -> Iterator[Record]:
        """Yield a record for every row; of a faulty one, too, so that all its faults are found."""
        before = len(self.faults)
        for number, row in enumerate(self._file.rows(self.faults), start=2):
            self.line = row.line
            yield self._read_row(row.cells, row.line, number)
            self.counted.rows += 1
        if not self.counted.rows and len(self.faults) == before:
            self.faults.append(Fault(self._file.name, 0, self._contract.id_column, "", "the file has no rows"))

    def _read_row(self, cells: Sequence[str], line: int, number: int) -> Record:
        as_of = self._read_date(cells, line)
        return Record(
            self._read_id(cells, line, number, as_of),
            as_of,
            {f.name: self._read_feature(f, cells[place], memory, line) for f, place, memory in self._features},
            self._read_outcome(cells, line),
            self._read_value(cells, line),
        )

    def _read_id(self, cells: Sequence[str], line: int, number: int, as_of: str) -> str:
        column = self._contract.id_column
        if column == ROW_NUMBER:
            return str(number)
        value = cells[self._places[column]].strip()
        if remedy := id_fault(value):
            self._note(line, column, value, remedy)
        if (first := self._seen.setdefault(f"{canonical_id(value)} {as_of}", line)) != line:
            self._note(line, column, value, self._repeated(first))
        return value

    def _repeated(self, first: int) -> str:
        if self._contract.as_of_column:
            return f"also stands in row {first} for the same date; keep one of them"
        dated = "or, if rows are a customer at several dates, name the date's column as_of_column in the contract"
        return f"also stands in row {first}; keep one of them, {dated}"

    def _read_date(self, cells: Sequence[str], line: int) -> str:
        if not (column := self._contract.as_of_column):
            return ""
        cell = cells[self._places[column]]
        if isinstance(found := read_date(cell), str):
            self._note(line, column, cell, found)
            return ""
        return found.isoformat()

    def _read_feature(self, feature: Feature, cell: str, memory: "_Memory", line: int) -> Value:
        text = cell.strip()
        if text in memory.missing or cell in memory.missing:
            return self._read_missing(feature, cell, line)
        value, remedy = memory.parse(text)
        if remedy:
            if feature.unseen == "kept" and feature.type == "category":
                self.counted.unseen[feature.column] += 1
                # In training every category must be listed; in scoring a new one is counted as unseen.
                return None if self._labelled else text
            self._note(line, feature.column, cell, remedy)
        return value

    def _read_missing(self, feature: Feature, cell: str, line: int) -> Value:
        self.counted.missing[feature.column] += 1
        if feature.missing == "refused":
            allow = 'if it may be, write missing = "kept" and missing_means in the contract'
            self._note(line, feature.column, cell, f"is missing, and the contract refuses missing values here; {allow}")
        return feature.missing_fill if feature.missing == "filled" else None

    def _read_outcome(self, cells: Sequence[str], line: int) -> int | None:
        if self._label is None:
            return None
        text = cells[self._label].strip()
        outcome = self._outcomes.get(text, -1)
        if outcome == -1:
            outcome = self._outcomes[text] = self._outcomes.get(fold(text), -2)
        if outcome == -2:
            self._note(line, self._contract.label.column, text, unknown_outcome(self._contract))
            return None
        self._count(outcome)
        return outcome

    def _count(self, outcome: int | None) -> None:
        if outcome is None:
            self.counted.unknown += 1
        elif outcome:
            self.counted.left += 1
        else:
            self.counted.stayed += 1

    def _read_value(self, cells: Sequence[str], line: int) -> float | None:
        column = self._contract.annual_value_column
        if not column or not (text := cells[self._places[column]].strip()):
            return None
        number = to_number(text, self._written)
        value = -1.0 if number is None else number * self._contract.annual_value_factor
        if not 0 <= value < 1e10:
            self._note(line, column, text, "is no yearly value; write a number of at least 0")
        return value

    def _note(self, line: int, column: str, value: str, remedy: str) -> None:
        self.faults.append(Fault(self._file.name, line, column, value[:80], remedy))


def unknown_outcome(contract: Contract) -> str:
    """What to do about an outcome that the contract does not name."""
    known = ", ".join(contract.label.positive + contract.label.negative)
    return f"is no known label; write one of {known}, empty the cell, or name it under positive, negative or unknown"


def _outcome_words(contract: Contract) -> dict[str, int | None]:
    label = contract.label
    meanings: list[tuple[int | None, tuple[str, ...]]] = [
        (1, label.positive),
        (0, label.negative),
        (None, label.unknown),
    ]
    words: dict[str, int | None] = {"": None}
    for meaning, spellings in meanings:
        words |= {fold(s): meaning for s in spellings} | dict.fromkeys(spellings, meaning)
    return words


class _Memory:
    """Parser for the cells of one feature; each distinct text is parsed once."""

    def __init__(self, feature: Feature) -> None:
        self.missing = frozenset(feature.missing_values)
        self._known: dict[str, Parsed] = {}
        self._parse = cell_parser(feature)

    def parse(self, text: str) -> Parsed:
        """The typed value, or what to do about the text."""
        if (found := self._known.get(text)) is None:
            found = self._parse(text)
            if len(self._known) < MOST_REMEMBERED:
                self._known[text] = found
        return found


def cell_parser(feature: Feature) -> "partial[Parsed]":
    """A function from the text of a cell that is not missing to its typed value, or what to do about it."""
    if feature.numeric:
        return partial(_parse_number, feature, format_of(feature))
    words: dict[str, Value] = {}
    if feature.type == "boolean":
        words |= {fold(w): False for w in feature.false_values} | {fold(w): True for w in feature.true_values}
        return partial(_parse_boolean, feature, words)
    words |= {fold(w): w for w in reversed(feature.categories)} | {w: w for w in feature.categories}
    return partial(_parse_category, feature, words)


def format_of(feature: Feature) -> NumberFormat:
    """How a feature's column writes its numbers."""
    return NumberFormat(feature.decimal, feature.thousands, feature.units)


def _parse_boolean(feature: Feature, words: dict[str, Value], text: str) -> Parsed:
    value = words.get(fold(text))
    if value is not None:
        return value, None
    known = ", ".join(feature.true_values + feature.false_values)
    return None, f"is neither true nor false; write one of {known}, or add it to true_values or false_values"


def _parse_category(feature: Feature, words: dict[str, Value], text: str) -> Parsed:
    value = words.get(text, words.get(fold(text)))
    if value is not None:
        return value, None
    near = difflib.get_close_matches(text, feature.categories, n=1)
    known = f"is it {near[0]!r}?" if near else f"it knows {', '.join(feature.categories)}"
    return (
        None,
        f"is no category of the contract, {known}; a new one is added to categories, and the model trained again",
    )


def _parse_number(feature: Feature, written: NumberFormat, text: str) -> Parsed:
    number = to_number(text, written)
    if number is None:
        return None, _number_remedy(text, written)
    low, high = feature.low or 0.0, 0.0 if feature.high is None else feature.high
    if not low <= number <= high:
        return None, f"is outside {low:g} to {high:g}; correct it, or widen the contract's range"
    if feature.type == "integer":
        if not number.is_integer():
            return None, "is not a whole number; correct it, or call it a number in the contract"
        return int(number), None
    return number, None


def _number_remedy(text: str, written: NumberFormat) -> str:
    if text.casefold() in INFINITE or text.casefold() == "nan" or _overflows(text):
        return "is no finite number; correct it, or empty the cell if it is not known"
    mark = (
        written.decimal if written.thousands == "" else f"{written.decimal} and {written.thousands!r} between thousands"
    )
    remedy = "is not a number; write digits with a decimal " + ("point" if written == NumberFormat() else mark)
    if "," in text and written == NumberFormat():
        remedy += ', or say in the contract what the comma means: decimal = "," or thousands = ","'
    elif any(c in text for c in "$€£%"):
        remedy += ", or name the sign under units in the contract"
    return remedy


def _overflows(text: str) -> bool:
    try:
        return math.isinf(float(text))
    except ValueError:
        return False
