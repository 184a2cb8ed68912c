"""Export everything held and done about one customer (GDPR 15), as JSON and as text.

Every table that has a customer_id is read, as the database's owner, so that a table added later is in the answer
without a change here; and what hangs on the customer's proposals: decisions, hand-overs, objections.
The files can be opened by their owner only.
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg2 import sql
from psycopg2.extras import RealDictCursor

from vigie_operations.errors import OperationError
from vigie_operations.private_files import private_folder, write_private
from vigie_operations.targets import OWNER, Target

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# The order of a story: who it is, what was agreed, what was said, what was made of it, what left, what was noted.
ORDER = (
    "customers", "consents", "customer_features", "feedback", "run_customers", "run_steps", "feedback_analyses",
    "predictions", "actions", "egress_ledger", "campaign_members", "arbitrations", "proposals", "proposal_versions",
    "decisions", "handed_over", "objections", "outcomes", "audit_log",
)  # fmt: skip
TABLES = """
SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = 'public' AND c.column_name = 'customer_id' AND t.table_type = 'BASE TABLE'
"""

# What hangs on a customer's proposals. Staff are named by what audit events name them by, and by their duty; a planted
# proposal is among the versions as what it was.
_STAFF = "(SELECT person_id FROM people WHERE person = {0}) AS {1}, (SELECT duty FROM people WHERE person = {0}) AS {2}"
OF_PROPOSALS = {
    "proposal_versions": f"""
        SELECT p.proposal_id, v.version, v.offer_id, v.channel, v.language, v.message, v.price_eur, v.wording,
               v.content_sha256, v.written_at, {_STAFF.format("v.author", "edited_by", "duty")},
               (SELECT kind FROM planted_proposals x WHERE x.proposal_id = p.proposal_id) AS planted
        FROM proposals p JOIN proposal_versions v USING (proposal_id) WHERE p.customer_id = %s ORDER BY 1, 2""",
    "decisions": f"""
        SELECT p.proposal_id, d.version, d.decision, d.reason, d.content_sha256, d.bulk_id IS NOT NULL AS in_bulk,
               d.seen, d.seconds, d.decided_at, d.event_id, {_STAFF.format("d.person", "person_id", "duty")}
        FROM proposals p JOIN decisions d USING (proposal_id) WHERE p.customer_id = %s ORDER BY d.decided_at""",
    "handed_over": f"""
        SELECT p.proposal_id, h.version, h.content_sha256, h.consent_id, o.hand_over_id, o.handed_at, o.event_id,
               h.answer, h.answered_at, {_STAFF.format("o.person", "person_id", "duty")}
        FROM proposals p JOIN handed_over h USING (proposal_id) JOIN hand_overs o USING (hand_over_id)
        WHERE p.customer_id = %s ORDER BY o.handed_at""",
    "objections": f"""
        SELECT j.objection_id, p.proposal_id, j.received_on, j.recorded_at, j.answer, j.answered_at, j.event_id,
               {_STAFF.format("j.recorded_by", "recorded_by", "recorded_by_duty")},
               {_STAFF.format("j.answered_by", "answered_by", "answered_by_duty")}
        FROM proposals p JOIN objections j USING (proposal_id) WHERE p.customer_id = %s ORDER BY j.recorded_at""",
}

type Rows = list[dict[str, Any]]


class UnknownCustomerError(OperationError):
    """When no customer has that id."""


@dataclass(frozen=True)
class Answer:
    """The files written for one customer, and how many rows of each table they hold: no personal data."""

    files: list[Path]
    rows: dict[str, int]

    def lines(self) -> list[str]:
        """Return what to print of it."""
        return [*map(str, self.files), ", ".join(f"{count} in {table}" for table, count in self.rows.items() if count)]

    def as_dict(self) -> dict[str, Any]:
        """Return the same as JSON can hold it."""
        return {"files": [str(path) for path in self.files], "rows": self.rows}


def export_customer(target: Target, customer_id: uuid.UUID, folder: Path | None = None) -> Answer:
    """Write both files below `folder`.

    Raises:
        UnknownCustomerError: there is no such customer.
        TargetError: the database cannot be reached.
    """
    with target.connected(OWNER) as connection:
        held = collect(connection, customer_id)
    paths = write_answer(folder or private_folder(target.folder / "subject-access"), customer_id, held)
    return Answer(paths, {table: len(rows) for table, rows in held.items()})


def collect(connection: Connection, customer_id: uuid.UUID) -> dict[str, Rows]:
    """Return every row about a customer, by table, as JSON can hold them, all of one moment.

    Raises:
        UnknownCustomerError: there is no such customer.
    """
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(TABLES)
        names = sorted({*(row["table_name"] for row in cursor.fetchall()), *OF_PROPOSALS}, key=_place)
        held = {name: _rows(cursor, name, customer_id) for name in names}
    if not held["customers"]:
        raise UnknownCustomerError(f"{customer_id} is no customer's id: the dashboard's customer page shows the ids")
    return held


def write_answer(folder: Path, customer_id: uuid.UUID, held: Mapping[str, Rows]) -> list[Path]:
    """Write both files, readable by their owner only; return their paths."""
    made_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    whole = {"customer_id": str(customer_id), "made_at": made_at, "held": held}
    paths = [folder / f"{customer_id}.json", folder / f"{customer_id}.md"]
    for path, text in zip(paths, (json.dumps(whole, indent=1, ensure_ascii=False), readable(whole)), strict=True):
        write_private(path, text + "\n")
    return paths


def readable(whole: Mapping[str, Any]) -> str:
    """Return the same as text: a section for each table, a paragraph for each row, empty fields left out."""
    lines = [f"# What is held about customer {whole['customer_id']}", "", f"As of {whole['made_at']}."]
    for table, rows in whole["held"].items():
        lines += ["", f"## {table}: {len(rows)}"]
        for row in rows:
            fields = (f"- {name}: {_plain(value)}" for name, value in row.items() if value not in (None, "", [], {}))
            lines += ["", *fields]
    return "\n".join(lines)


def _rows(cursor: Any, table: str, customer_id: uuid.UUID) -> Rows:
    query = sql.SQL("SELECT to_jsonb(t) AS row FROM {} t WHERE customer_id = %s").format(sql.Identifier(table))
    if table in OF_PROPOSALS:
        query = sql.SQL("SELECT to_jsonb(t) AS row FROM ({}) t").format(sql.SQL(OF_PROPOSALS[table]))
    cursor.execute(query, (str(customer_id),))
    return [found["row"] for found in cursor.fetchall()]


def _place(table: str) -> tuple[int, str]:
    return (ORDER.index(table) if table in ORDER else len(ORDER), table)


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
