"""Export what is held about one customer: `python -m vigie_operations.subject_access --customer ID [--out folder]`.

Reads as the database's owner every table that has a customer_id, whichever those are, so that a table added later
is in the answer without anybody remembering it. Writes a JSON file and a readable one that only their owner can open.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg2 import sql
from psycopg2.extras import RealDictCursor

from model.command_line import run_command
from vigie_local.migrations import OWNER
from vigie_local.postgres import write_private
from vigie_local.secrets import role_passwords
from vigie_local.services import database_server
from vigie_local.settings import DATABASE, load_settings

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# The order of a story: who it is, what was agreed, what was said, what was made of it, what left, what was noted.
ORDER = (
    "customers", "consents", "customer_features", "feedback", "run_customers", "run_steps", "feedback_analyses",
    "predictions", "actions", "egress_ledger", "audit_log",
)  # fmt: skip
TABLES = """
SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = 'public' AND c.column_name = 'customer_id' AND t.table_type = 'BASE TABLE'
"""

type Rows = list[dict[str, Any]]


class UnknownCustomerError(Exception):
    """When nobody has that id; says so, and where ids are found."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Export; 1 when there is no such customer. Prints counts, never what was found."""
    options = _parser().parse_args(arguments)
    settings = load_settings()
    password = role_passwords(settings.private)[OWNER]
    connection = database_server(settings).connect(DATABASE, OWNER, password)
    try:
        held = collect(connection, options.customer)
    except UnknownCustomerError as error:
        print(f"subject access: {error}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    for path in write_answer(options.out or settings.home / "subject-access", options.customer, held):
        print(path)
    print(", ".join(f"{len(rows)} in {table}" for table, rows in held.items() if rows))
    return 0


def collect(connection: Connection, customer_id: uuid.UUID) -> dict[str, Rows]:
    """Every row about a customer, by table, as JSON can hold them, all of one moment.

    Raises:
        UnknownCustomerError: there is no such customer.
    """
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(TABLES)
        names = sorted((row["table_name"] for row in cursor.fetchall()), key=_place)
        held = {name: _rows(cursor, name, customer_id) for name in names}
    if not held["customers"]:
        raise UnknownCustomerError(f"{customer_id} is nobody's id: the dashboard's customer page shows them")
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
    """The same as text: a section for each table, a paragraph for each row, empty fields left out."""
    lines = [f"# What is held about customer {whole['customer_id']}", "", f"As of {whole['made_at']}."]
    for table, rows in whole["held"].items():
        lines += ["", f"## {table}: {len(rows)}"]
        for row in rows:
            told = (f"- {name}: {_plain(value)}" for name, value in row.items() if value not in (None, "", [], {}))
            lines += ["", *told]
    return "\n".join(lines)


def _rows(cursor: Any, table: str, customer_id: uuid.UUID) -> Rows:
    query = sql.SQL("SELECT to_jsonb(t) AS row FROM {} t WHERE customer_id = %s").format(sql.Identifier(table))
    cursor.execute(query, (str(customer_id),))
    return [found["row"] for found in cursor.fetchall()]


def _place(table: str) -> tuple[int, str]:
    return (ORDER.index(table) if table in ORDER else len(ORDER), table)


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vigie_operations.subject_access", description=__doc__)
    parser.add_argument("--customer", type=uuid.UUID, required=True, metavar="ID", help="the customer's id, a UUID")
    parser.add_argument("--out", type=Path, help="folder to write to (default: subject-access below the home)")
    return parser


if __name__ == "__main__":
    run_command(main)
