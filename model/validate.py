"""Reads a data file as its contract describes it, or refuses it with every fault listed."""

import csv
import difflib
import hashlib
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.contract import ROW_NUMBER, Contract, Feature
from model.faults import DataError, Fault

Value = float | int | str | bool | None


@dataclass(frozen=True)
class Table:
    """A checked file: typed feature dicts, ids, dates, labels (0/1), yearly values, and its SHA-256."""

    contract: Contract
    ids: tuple[str, ...]
    as_of: tuple[str, ...]
    rows: tuple[dict[str, Value], ...]
    labels: NDArray[np.int64] | None
    annual_values: tuple[float | None, ...]
    sha256: str

    def __len__(self) -> int:
        return len(self.rows)


class RowReader:
    """Turns one CSV row into typed values, noting each fault."""

    def __init__(self, file: str, contract: Contract, features: Sequence[Feature], labelled: bool) -> None:
        self.faults: list[Fault] = []
        self._file = file
        self._contract = contract
        self._features = features
        self._labelled = labelled
        self._seen: dict[str, int] = {}

    def read_id(self, cells: Mapping[str, str], row: int) -> str:
        """The customer's key in this file, unique with its date."""
        column = self._contract.id_column
        value = str(row) if column == ROW_NUMBER else cells[column].strip()
        if not value:
            self._note(row, column, value, "is empty; every row needs an id")
        key = f"{value} {cells[self._contract.as_of_column]}" if self._contract.as_of_column else value
        if (first := self._seen.setdefault(key, row)) != row:
            self._note(row, column, value, f"also stands in row {first}; keep one of them")
        return value

    def read_date(self, cells: Mapping[str, str], row: int) -> str:
        """The date the features describe, empty where the file has none."""
        if not (column := self._contract.as_of_column):
            return ""
        try:
            return date.fromisoformat(cells[column].strip()).isoformat()
        except ValueError:
            self._note(row, column, cells[column], "is not a date; write YYYY-MM-DD")
            return ""

    def read_features(self, cells: Mapping[str, str], row: int) -> dict[str, Value]:
        """Every feature typed; missing ones are None or what the contract fills in."""
        return {f.name: self._read_feature(f, cells[f.column], row) for f in self._features}

    def read_label(self, cells: Mapping[str, str], row: int) -> int:
        """1 for who left, 0 for who stayed."""
        label = self._contract.label
        value = cells[label.column].strip()
        if value not in label.positive and value not in label.negative:
            known = ", ".join(label.positive + label.negative)
            self._note(row, label.column, value, f"is no known label; write one of {known}")
        return int(value in label.positive)

    def read_value(self, cells: Mapping[str, str], row: int) -> float | None:
        """The customer's yearly worth where the contract names a column for it."""
        column = self._contract.annual_value_column
        if not column or not cells[column].strip():
            return None
        try:
            value = float(cells[column]) * self._contract.annual_value_factor
        except ValueError:
            value = -1.0
        if not 0 <= value < 1e10:
            self._note(row, column, cells[column], "is no yearly value; write a number of at least 0")
        return value

    def _read_feature(self, feature: Feature, cell: str, row: int) -> Value:
        text = cell.strip()
        if text in feature.missing_values or cell in feature.missing_values:
            if feature.missing == "refused":
                self._note(row, feature.column, cell, "is missing, and the contract refuses missing values here")
            return feature.missing_fill if feature.missing == "filled" else None
        value, remedy = parse_cell(feature, text)
        if remedy:
            self._note(row, feature.column, cell, remedy)
        return value

    def _note(self, row: int, column: str, value: str, remedy: str) -> None:
        self.faults.append(Fault(self._file, row, column, value, remedy))


def parse_cell(feature: Feature, text: str) -> tuple[Value, str | None]:
    """The typed value of a cell that is not missing, or what to do about it."""
    if feature.numeric:
        return _parse_number(feature, text)
    if feature.type == "boolean":
        if text in feature.true_values or text in feature.false_values:
            return text in feature.true_values, None
        known = ", ".join(feature.true_values + feature.false_values)
        return None, f"is neither true nor false; write one of {known}"
    if text not in feature.categories:
        near = difflib.get_close_matches(text, feature.categories, n=1)
        known = f"{near[0]!r}?" if near else f"one of {', '.join(feature.categories)}"
        return None, f"is no category of the contract; write {known}"
    return text, None


def _parse_number(feature: Feature, text: str) -> tuple[Value, str | None]:
    assert feature.low is not None  # noqa: S101 - the contract's check gives every number a range
    assert feature.high is not None  # noqa: S101
    try:
        number = float(text)
    except ValueError:
        return None, "is not a number; write digits with a decimal point"
    if not math.isfinite(number) or not feature.low <= number <= feature.high:
        return None, f"is outside {feature.low:g} to {feature.high:g}; correct it, or widen the contract's range"
    if feature.type == "integer":
        if not number.is_integer():
            return None, "is not a whole number; correct it, or call it a number in the contract"
        return int(number), None
    return number, None


def read_table(path: Path, contract: Contract, labelled: bool = False) -> Table:
    """Read a CSV file as the contract says; raises DataError with every fault.

    Columns found by analysis are read where the file has them, and are missing where it does not.
    """
    raw = read_bytes(path)
    stream = decode(raw, path.name)
    reader = csv.DictReader(stream, restkey="(beyond the header)", delimiter=split_of(stream))
    header = reader.fieldnames or []
    if faults := list(header_faults(path.name, header, contract, labelled)):
        raise DataError(faults)
    features = [f for f in contract.features if not f.from_analysis or f.column in header]
    rows = RowReader(path.name, contract, features, labelled)
    read = [_read_row(rows, cells, i, labelled) for i, cells in enumerate(reader, start=2)]
    faults = rows.faults if read else [Fault(path.name, 0, contract.id_column, "", "the file has no rows")]
    if faults:
        raise DataError(sorted(faults))
    ids, dates, values, labels, worth = zip(*read, strict=True)
    return Table(
        contract=contract,
        ids=ids,
        as_of=dates,
        rows=values,
        labels=np.array(labels, dtype=np.int64) if labelled else None,
        annual_values=worth,
        sha256=hashlib.sha256(raw).hexdigest(),
    )


def _read_row(
    reader: RowReader, cells: dict[str, str], row: int, labelled: bool
) -> tuple[str, str, dict[str, Value], int, float | None]:
    cells = {k: v or "" for k, v in cells.items() if isinstance(v, str | None)}
    return (
        reader.read_id(cells, row),
        reader.read_date(cells, row),
        reader.read_features(cells, row),
        reader.read_label(cells, row) if labelled else 0,
        reader.read_value(cells, row),
    )


def header_faults(file: str, header: Sequence[str], contract: Contract, labelled: bool) -> Iterator[Fault]:
    """Each column the contract names and the file lacks, with the nearest one that it has."""
    wanted = {} if contract.id_column == ROW_NUMBER else {contract.id_column: "the id"}
    wanted |= {f.column: f"feature {f.name}" for f in contract.from_file}
    if contract.as_of_column:
        wanted[contract.as_of_column] = "the features' date"
    if contract.annual_value_column:
        wanted[contract.annual_value_column] = "the yearly value"
    if labelled:
        wanted[contract.label.column] = "the label"
    for column, role in wanted.items():
        if column not in header:
            near = difflib.get_close_matches(column, header, n=1, cutoff=0.5)
            hint = f"; is it {near[0]!r}?" if near else ""
            remedy = f"not in the file, but contract {contract.name} reads {role} from it{hint}"
            yield Fault(file, 0, column, "", remedy)
    for column in sorted({c for c in header if header.count(c) > 1}):
        yield Fault(file, 1, column, "", "stands in the header twice; rename or remove one")


def read_bytes(path: Path) -> bytes:
    """The file's bytes; DataError when there is no such file."""
    if not path.is_file():
        raise DataError([Fault(path.name, 0, "(all)", "", f"no such file: {path}")])
    return path.read_bytes()


def split_of(stream: io.StringIO) -> str:
    """The character between cells, judged by the header: comma, semicolon or tab."""
    header = stream.readline()
    stream.seek(0)
    return max(",;\t", key=header.count)


def decode(raw: bytes, file: str) -> io.StringIO:
    """The text of a file; DataError names the first row that is not UTF-8."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        row = raw[: exc.start].count(b"\n") + 1
        raise DataError([Fault(file, row, "(all)", "", "is not UTF-8; save the file as UTF-8")]) from exc
    return io.StringIO(text, newline="")
