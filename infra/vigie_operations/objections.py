"""A customer's objection to a decision: recorded, decided anew by another person, answered, and told in a dossier."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from vigie_operations.acting import acting, refusal
from vigie_operations.dossier import write_dossier, write_receipt
from vigie_operations.dossier_facts import read_facts
from vigie_operations.errors import OperationError
from vigie_operations.private_files import private_folder, write_private
from vigie_operations.targets import OWNER, Target

# Whose role a person acts through: the first whose list they are on.
DUTIES = ("operator", "reviewer", "second_reviewer", "officer")


@dataclass(frozen=True)
class Dossier:
    """The files written about one objection."""

    files: list[Path]

    def lines(self) -> list[str]:
        """Return what to print of it."""
        return [str(path) for path in self.files]

    def as_dict(self) -> dict[str, Any]:
        """Return the same as JSON can hold it."""
        return {"files": self.lines()}


def record(target: Target, proposal: uuid.UUID, received_on: datetime.date, person: str) -> str:
    """Record that a customer contests what was decided; return the objection's id.

    Raises:
        OperationError: the database refuses it.
        TargetError: the target cannot be reached.
    """
    with acting(target, "operator") as cursor:
        cursor.execute("SELECT record_objection(%s, %s, %s) AS id", (person, str(proposal), received_on))
        return str(cursor.fetchone()["id"])


def answer(target: Target, objection: uuid.UUID, word: str, person: str, duty: str) -> str:
    """Answer an objection after the case was decided anew; return the day of the answer. Errors as for `record`."""
    with acting(target, duty) as cursor:
        cursor.execute("SELECT answer_objection(%s, %s, %s) AS day", (person, str(objection), word))
        return str(cursor.fetchone()["day"])


def listed(target: Target, person: str, duty: str) -> list[dict[str, Any]]:
    """Return every objection, those that wait first. Errors as for `record`."""
    with acting(target, duty) as cursor:
        cursor.execute("SELECT * FROM list_objections(%s)", (person,))
        return [
            {name: value if value is None or isinstance(value, bool) else str(value) for name, value in row.items()}
            for row in cursor.fetchall()
        ]


def line(row: Mapping[str, Any]) -> str:
    """Return one of `listed` as a line to print."""
    waits = "decided anew, to be answered" if row["decided_anew"] else "waits for another reviewer"
    state = f"{row['answer']} on {row['answered_on']}" if row["answer"] else f"{waits}, due by {row['due_on']}"
    return f"{row['objection_id']}  {row['campaign_id']}  proposal {row['proposal_id']}  {row['received_on']}: {state}"


def write(target: Target, objection: uuid.UUID, language: str | None = None, folder: Path | None = None) -> Dossier:
    """Write the dossier and the customer's receipt, in the customer's language unless another is asked for.

    Read as the database's owner, as a customer's own export is. The files can be opened by their owner only.

    Raises:
        UnknownObjectionError: there is no such objection.
        TargetError: the target cannot be reached.
    """
    try:
        with target.connected(OWNER) as connection:
            facts = read_facts(connection, objection)
    except psycopg2.Error as error:
        raise OperationError(refusal(error)) from None
    spoken = language or facts.objection["language"]
    place = folder or private_folder(target.folder / "objections")
    now = datetime.datetime.now(datetime.UTC)
    texts = {
        place / f"{objection}-{spoken}.md": write_dossier(facts, spoken, now),
        place / f"{objection}-receipt-{spoken}.txt": write_receipt(facts, spoken),
    }
    for path, text in texts.items():
        write_private(path, text)
    return Dossier(list(texts))
