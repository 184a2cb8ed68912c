"""Record what came of a campaign's customers, and say what its lift is by now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extras import Json, RealDictCursor

from model.cells import NO, YES
from model.contract import ROW_NUMBER, Contract, Feature, Label
from model.csv_file import CsvFile, open_csv
from model.load import customer_uuid
from model.row_faults import DataError, Fault
from model.row_reader import Record, RowReader
from vigie.lift import Cell
from vigie.lift_report import Report, report

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

DATE, OUTCOME, ACCEPTED = "occurred_on", "outcome", "accepted"
WORDS = ("stayed", "left")
RATES = """
SELECT o.offer_id, o.save_rate FROM campaigns c JOIN catalogue_offers o ON o.version = c.catalogue_version
WHERE c.campaign_id = %s
"""


class OutcomesRefusedError(ValueError):
    """When the database refuses the outcomes; names row, column, value and remedy."""


@dataclass(frozen=True)
class Delivery:
    """The outcomes of a file as the database takes them, and in how many rows none is known yet."""

    rows: Sequence[Mapping[str, Any]]
    unknown: int


def read_delivery(path: Path, contract: Contract, source: str = "") -> Delivery:
    """Read the id, `occurred_on`, `accepted` if there is one, and the outcome; raises DataError with every fault.

    The outcome stands in the column `outcome` as stayed or left, or else in the contract's label column.
    """
    file = open_csv(path)
    label = Label(OUTCOME, ("left",), ("stayed",), contract.label.horizon_days)
    label = label if OUTCOME in file.header else contract.label
    _require_columns(file, contract, label)
    accepted = Feature(ACCEPTED, ACCEPTED, "boolean", true_values=tuple(YES), false_values=tuple(NO), missing="kept")
    only = replace(
        contract,
        label=label,
        as_of_column=DATE,
        annual_value_column=None,
        features=(accepted,) if ACCEPTED in file.header else (),
    )
    reader = RowReader(file, only, labelled=True)
    rows = [_as_row(reader.line, record, contract, source) for record in reader.read()]
    waiting = {row["row"] for row in rows if row["outcome"] is None}
    if faults := [f for f in reader.faults if not (f.column == DATE and not f.value and f.row in waiting)]:
        raise DataError(sorted(faults))
    return Delivery([row for row in rows if row["outcome"]], len(waiting))


def record(conn: "Connection", who: str, campaign: str, delivery: Delivery) -> tuple[int, int]:
    """Record them, all or none; return how many are new and how many were corrected.

    Raises:
        OutcomesRefusedError: the database refuses one of them, or who asks.
    """
    try:
        with conn, conn.cursor() as cursor:
            cursor.execute("SELECT * FROM record_outcomes(%s, %s, %s)", (who, campaign, Json(list(delivery.rows))))
            recorded, corrected = cursor.fetchone() or (0, 0)
    except psycopg2.Error as error:
        if not (error.pgcode or "").startswith("VG"):
            raise
        words = (error.diag.message_primary, error.diag.message_hint)
        raise OutcomesRefusedError(". ".join(word.rstrip(".") for word in words if word) + ".") from None
    return int(recorded), int(corrected)


def read_report(conn: "Connection", campaign: str) -> Report:
    """Measure the campaign with what is recorded."""
    with conn, conn.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(RATES, (campaign,))
        rates = {row["offer_id"]: row["save_rate"] for row in cursor.fetchall()}
        cursor.execute("SELECT * FROM arm_outcomes(%s)", (campaign,))
        return report(campaign, [Cell.from_row(row) for row in cursor.fetchall()], rates)


def _require_columns(file: CsvFile, contract: Contract, label: Label) -> None:
    wanted = {label.column, DATE} | ({contract.id_column} - {ROW_NUMBER})
    remedies = {DATE: "column is missing from the header; give the date on which it was known, YYYY-MM-DD"}
    missing = sorted(wanted - set(file.header))
    if missing:
        remedy = "column is missing from the header"
        raise DataError([Fault(file.name, 1, column, "", remedies.get(column, remedy)) for column in missing])


def _as_row(line: int, record: Record, contract: Contract, source: str) -> dict[str, Any]:
    return {
        "row": line,
        "customer_id": customer_uuid(contract, record.id, source),
        "outcome": None if record.outcome is None else WORDS[record.outcome],
        "accepted": record.features.get(ACCEPTED),
        "occurred_on": record.as_of,
    }
