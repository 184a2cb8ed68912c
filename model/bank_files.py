"""Reads the documented bank files (docs/data-files.md): each row checked, every fault noted."""

import csv
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from stdnum import iban

from model.contract import PURPOSES
from model.faults import Fault

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
        "purpose": Column(_one_of(*PURPOSES)),
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


def read_rows(path: Path, faults: list[Fault]) -> list[Row]:
    """Every row of one of FILES, empty cells as None; faults are added to the list."""
    columns = FILES[path.name]
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            faults += _missing_columns(path.name, columns, reader.fieldnames or [])
            checker = _Checker(path.name, columns, faults)
            return [checker.read(cells, row) for row, cells in enumerate(reader, start=2)]
    except FileNotFoundError:
        faults.append(Fault(path.name, 0, "(all)", "", "no such file in the folder; docs/data-files.md describes it"))
    except UnicodeDecodeError:
        faults.append(Fault(path.name, 0, "(all)", "", "is not UTF-8; save the file as UTF-8"))
    except csv.Error as exc:
        faults.append(Fault(path.name, 0, "(all)", "", f"is not CSV: {exc}"))
    return []


class _Checker:
    def __init__(self, file: str, columns: Mapping[str, Column], faults: list[Fault]) -> None:
        self._file = file
        self._columns = columns
        self._faults = faults
        self._seen: dict[tuple[str, str], int] = {}

    def read(self, cells: Mapping[str, str | None], row: int) -> Row:
        return {name: self._check(name, column, cells.get(name), row) for name, column in self._columns.items()}

    def _check(self, name: str, column: Column, cell: str | None, row: int) -> str | None:
        value = (cell or "").strip()
        if not value:
            if not column.optional:
                self._note(row, name, "", "is empty; a value is needed")
            return None
        if remedy := column.check(value):
            self._note(row, name, value, remedy)
        elif column.unique and (first := self._seen.setdefault((name, value.lower()), row)) != row:
            self._note(row, name, value, f"also stands in row {first}; it must be unique")
        return value

    def _note(self, row: int, column: str, value: str, remedy: str) -> None:
        self._faults.append(Fault(self._file, row, column, value[:80], remedy))


def _missing_columns(file: str, columns: Mapping[str, Column], header: Sequence[str]) -> Iterator[Fault]:
    for name, column in columns.items():
        if name not in header and not column.optional:
            yield Fault(file, 1, name, "", "column is missing from the header")


def unknown_customers(file: str, rows: Sequence[Row], known: set[str]) -> Iterator[Fault]:
    """Rows that speak of a customer whom customers.csv does not hold."""
    for number, row in enumerate(rows, start=2):
        customer = row["customer_id"]
        if customer and customer.lower() not in known:
            yield Fault(file, number, "customer_id", customer, "is not in customers.csv; add it, or drop the row")
