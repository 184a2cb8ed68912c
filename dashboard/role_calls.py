"""What people change: one function of the database a click, through the role that is named as their duty.

A call that was lost on its way is not sent again: whoever asked looks first whether it was done.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg2
import psycopg2.errors
from psycopg2.extensions import connection as Connection

from dashboard.connection import SECRET_AGE_S, connect, read_credentials
from dashboard.errors import (
    BusyError,
    DatabaseUnreachableError,
    OutcomeUnknownError,
    QueryTooSlowError,
    RefusedError,
    SchemaMissingError,
)
from vigie.secrets import DatabaseSecret
from vigie.silence import bounded_wait

# Longer than the server lets a statement run.
_SILENT_S = 25
_BUSY = (psycopg2.errors.LockNotAvailable, psycopg2.errors.DeadlockDetected, psycopg2.errors.SerializationFailure)
_MISSING = (psycopg2.errors.UndefinedFunction, psycopg2.errors.UndefinedTable, psycopg2.errors.InsufficientPrivilege)
Row = dict[str, Any]


def secret_of(duty: str) -> str:
    """The name of the secret that holds a duty's way into the database."""
    return f"vigie/database/{duty}"


class RoleCalls:
    """A duty's way into the database. Opened for a call and closed after it: a role has few connections."""

    def __init__(self, duty: str, read: Callable[[str], DatabaseSecret] = read_credentials) -> None:
        self.duty = duty
        self._read = read
        self._credentials: DatabaseSecret | None = None
        self._read_at = float("-inf")
        self._lock = threading.Lock()

    def require_secret(self) -> None:
        """Raise SecretMissingError, or its kin, unless this dashboard may act for the duty."""
        self._current_credentials()

    def call(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Run one statement as a transaction of its own; its rows.

        Raises:
            RefusedError, BusyError, QueryTooSlowError, SchemaMissingError, DatabaseUnreachableError: nothing was done.
            OutcomeUnknownError: it may have been done.
        """
        with contextlib.closing(self._open()) as connection:
            try:
                with bounded_wait(connection, _SILENT_S), connection.cursor() as cursor:
                    cursor.execute(sql, parameters)
                    names = [column.name for column in cursor.description or ()]
                    return [dict(zip(names, row, strict=True)) for row in (cursor.fetchall() if names else [])]
            except psycopg2.Error as error:
                raise _meaning(error) from None

    def _open(self) -> Connection:
        """A connection; the secret is read again once, as a rotated password looks like a refused one."""
        credentials = self._current_credentials()
        try:
            return connect(credentials, read_only=False)
        except psycopg2.OperationalError:
            self._read_at = float("-inf")
        credentials = self._current_credentials()
        try:
            return connect(credentials, read_only=False)
        except psycopg2.OperationalError:
            raise DatabaseUnreachableError(
                host=credentials.host, port=str(credentials.port), dbname=credentials.dbname
            ) from None

    def _current_credentials(self) -> DatabaseSecret:
        with self._lock:
            if self._credentials is None or time.monotonic() - self._read_at > SECRET_AGE_S:
                self._credentials = self._read(secret_of(self.duty))
                self._read_at = time.monotonic()
            return self._credentials


def _meaning(error: psycopg2.Error) -> Exception:
    """What a failure means for whoever asked. An answer with a code says that nothing was committed."""
    message = error.diag.message_primary or ""
    if isinstance(error, psycopg2.errors.QueryCanceled):
        return QueryTooSlowError()
    if error.pgcode is None:
        return OutcomeUnknownError()
    if error.pgcode.startswith("VG"):
        return RefusedError(code=error.pgcode, message=message, hint=error.diag.message_hint or "")
    if isinstance(error, _BUSY):
        return BusyError()
    if isinstance(error, _MISSING):
        return SchemaMissingError(detail=message)
    if isinstance(error, psycopg2.OperationalError):
        return OutcomeUnknownError()
    return RefusedError(code=error.pgcode, message=message, hint=error.diag.message_hint or "")
