"""Read the documented bank files (docs/data-files.md): each row checked, every fault noted."""

import re
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from stdnum import iban

from model.csv_file import open_csv
from model.row_faults import DataError, Fault
from vigie.vocabulary import Purpose

Row = dict[str, str | None]
Check = Callable[[str], str | None]


@dataclass(frozen=True)
class Column:
    """One column: whether a cell may be empty or repeated, and the check that gives a remedy."""

    check: Check
    optional: bool = False
    unique: bool = False


def _matches(pattern: str, remedy: str) -> Check:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda value: None if compiled.fullmatch(value) else remedy


def _one_of(*words: str) -> Check:
    return lambda value: None if value in words else f"write one of {', '.join(words)}"


def _is_uuid(value: str) -> str | None:
    try:
        return None if str(uuid.UUID(value)) == value.lower() else "write a UUID with dashes"
    except ValueError:
        return "is not a UUID"


def _is_date(value: str) -> str | None:
    try:
        date.fromisoformat(value)
    except ValueError:
        return "is not a date; write YYYY-MM-DD"
    return None


def _is_past_moment(value: str) -> str | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return "is not a moment; write YYYY-MM-DDTHH:MM:SSZ"
    if moment.tzinfo is None:
        return "has no time zone; end it with Z for UTC"
    return "lies in the future" if moment > datetime.now(UTC) else None


def _is_iban(value: str) -> str | None:
    return None if iban.is_valid(value, check_country=False) else "has wrong check digits, or is no IBAN"


def _is_amount(value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return "is not a number; write euros with a decimal point"
    return None if 0 <= number < 1e10 else "must be 0 or more"


TEXT = _matches(r"[^\0]{1,500}", "write 1 to 500 characters")
CUSTOMER = Column(_is_uuid)
FILES: Mapping[str, Mapping[str, Column]] = {
    "customers.csv": {
        "customer_id": Column(_is_uuid, unique=True),
        "customer_number": Column(_matches(r"\d{8}", "write 8 digits"), optional=True, unique=True),
        "first_name": Column(TEXT, optional=True),
        "last_name": Column(TEXT, optional=True),
        "email": Column(_matches(r"[^@\s\0]+@[^@\s\0]+", "is no e-mail address"), optional=True),
        "phone": Column(_matches(r"\+[1-9]\d{6,14}", "write it as +33639981234 (E.164)"), optional=True),
        "address": Column(TEXT, optional=True),
        "birth_date": Column(_is_date, optional=True),
        "iban": Column(_is_iban, optional=True),
        "language": Column(_one_of("fr", "en")),
        "annual_value_eur": Column(_is_amount, optional=True),
    },
    "consents.csv": {
        "customer_id": CUSTOMER,
        "purpose": Column(_one_of(*Purpose)),
        "granted": Column(_one_of("true", "false")),
        "source": Column(TEXT),
        "policy_version": Column(TEXT),
        "recorded_at": Column(_is_past_moment),
    },
    "feedback.csv": {
        "feedback_id": Column(_is_uuid, unique=True),
        "customer_id": CUSTOMER,
        "received_at": Column(_is_past_moment),
        "channel": Column(TEXT),
        "language": Column(_one_of("fr", "en")),
        "text": Column(_matches(r"[^\0]{1,8000}", "write 1 to 8,000 characters")),
    },
}


class BankFile:
    """One of FILES. `check` reads it once and finds its faults; `rows` reads it again, empty cells as None."""

    def __init__(self, path: Path) -> None:
        self._columns = FILES[path.name]
        self._file = open_csv(path)
        self.count = 0

    def check(self, faults: list[Fault], customers: set[str] | None = None) -> None:
        """Note every fault; `customers` are those of customers.csv, where this file speaks of them."""
        missing = list(_missing_columns(self._file.name, self._columns, self._file.header))
        faults += missing
        if missing:
            return
        checker = _Checker(self._file.name, self._columns, faults, customers)
        for line, row in self._read(faults):
            checker.check(line, row)
            self.count += 1

    def rows(self) -> Iterator[Row]:
        """Every row, once more; what has changed since it was checked is refused."""
        faults: list[Fault] = []
        for _, row in self._read(faults):
            yield row
        if faults:
            raise DataError(faults)

    def customer_ids(self) -> Iterator[str]:
        """The id of every row, in small letters."""
        return ((row["customer_id"] or "").lower() for _, row in self._read([]))

    def lines_with(self, column: str, values: Collection[str]) -> dict[str, int]:
        """The line on which each of these values stands in a column."""
        return {v: line for line, row in self._read([]) if (v := row[column]) is not None and v in values}

    def _read(self, faults: list[Fault]) -> Iterator[tuple[int, Row]]:
        places = {name: place for place, name in enumerate(self._file.header)}
        wanted = [(name, places.get(name)) for name in self._columns]
        for row in self._file.rows(faults):
            cells = row.cells
            yield row.line, {n: None if p is None else cells[p].strip() or None for n, p in wanted}


def open_bank_file(path: Path, faults: list[Fault]) -> BankFile | None:
    """The file, or None with its fault noted when it is no CSV or is not there."""
    if not path.is_file():
        faults.append(Fault(path.name, 0, "(all)", "", "no such file in the folder; docs/data-files.md describes it"))
        return None
    try:
        return BankFile(path)
    except DataError as exc:
        faults += exc.faults
        return None


class _Checker:
    def __init__(
        self, file: str, columns: Mapping[str, Column], faults: list[Fault], customers: set[str] | None
    ) -> None:
        self._file = file
        self._columns = columns
        self._faults = faults
        self._customers = customers
        self._seen: dict[str, dict[str, int]] = {name: {} for name, column in columns.items() if column.unique}

    def check(self, line: int, row: Row) -> None:
        for name, column in self._columns.items():
            if remedy := self._fault_of(name, column, row[name], line):
                self._faults.append(Fault(self._file, line, name, (row[name] or "")[:80], remedy))

    def _fault_of(self, name: str, column: Column, value: str | None, line: int) -> str | None:
        if value is None:
            return None if column.optional else "is empty; a value is needed"
        if remedy := column.check(value):
            return remedy
        if column.unique and (first := self._seen[name].setdefault(value.lower(), line)) != line:
            return f"also stands in row {first}; it must be unique"
        if name == "customer_id" and self._customers is not None and value.lower() not in self._customers:
            return "is not in customers.csv; add it, or drop the row"
        return None


def _missing_columns(file: str, columns: Mapping[str, Column], header: Sequence[str]) -> Iterator[Fault]:
    for name, column in columns.items():
        if name not in header and not column.optional:
            yield Fault(file, 1, name, "", "column is missing from the header")
