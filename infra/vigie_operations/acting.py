"""Acting as a member of staff: through the database role of their duty, whose functions say what they may do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg2
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import RealDictCursor

from vigie_operations.errors import OperationError
from vigie_operations.targets import Target

# What Vigie's own functions refuse, in words for whoever asked. PostgreSQL's own words may quote a row.
OWN_WORDS = "VG"


@contextlib.contextmanager
def acting(target: Target, role: str, rows: type[Cursor] = RealDictCursor) -> Iterator[Any]:
    """Give a cursor in one transaction of the role; it is committed at the end. `rows` are dictionaries by default.

    Raises:
        OperationError: the database refused; with its remedy.
        TargetError: the target cannot be reached.
    """
    try:
        with (
            target.connected(role) as connection,
            connection,
            connection.cursor(cursor_factory=rows) as cursor,
        ):
            yield cursor
    except psycopg2.Error as error:
        raise OperationError(refusal(error)) from None


def refusal(error: psycopg2.Error) -> str:
    """Return what the database refused and the remedy."""
    if (error.pgcode or "").startswith(OWN_WORDS):
        words = [error.diag.message_primary, error.diag.message_hint]
        return "Refused: " + ". ".join(word.rstrip(".") for word in words if word) + "."
    if isinstance(error, psycopg2.IntegrityError):
        return f"Refused: {error.diag.table_name} breaks the rule {error.diag.constraint_name}. Nothing was changed."
    if isinstance(error, psycopg2.errors.LockNotAvailable):
        return "Somebody else is at work on the same campaign: nothing was changed. Try again in a moment."
    if isinstance(error, psycopg2.OperationalError):
        return f"The connection to the database was lost ({type(error).__name__}): look before you repeat it."
    return f"The database refused the statement ({error.pgcode}): it is not what this version expects."
