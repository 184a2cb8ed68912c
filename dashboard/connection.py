"""Read-only access to PostgreSQL, with the credentials that Secrets Manager holds now."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import psycopg2
import psycopg2.extras
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from psycopg2.extensions import connection as Connection

from dashboard.errors import (
    DatabaseUnreachableError,
    QueryTooSlowError,
    SchemaMissingError,
    SecretMalformedError,
    SecretMissingError,
    SecretUnreadableError,
)
from vigie import errors
from vigie.secrets import DatabaseSecret
from vigie.silence import SERVER_OPTIONS, TCP_PARAMETERS, bounded_wait

DEFAULT_SECRET = "vigie/database/dashboard"  # noqa: S105 - a secret's name
SECRET_AGE_S = 300
CONNECTIONS = 8
_OPTIONS = f"-c statement_timeout=20000 -c jit=off -c timezone=UTC {SERVER_OPTIONS}"
# Longer than the server lets a statement run; an idle connection has less to prove that it is there.
_SILENT_S = 25
_IDLE_SILENT_S = 3
_GONE = (psycopg2.OperationalError, psycopg2.InterfaceError)

Row = dict[str, Any]

psycopg2.extras.register_uuid()  # type: ignore[no-untyped-call]


def secret_name() -> str:
    """The name of the secret; VIGIE_DATABASE_SECRET overrides it."""
    return os.environ.get("VIGIE_DATABASE_SECRET") or DEFAULT_SECRET


def read_credentials(name: str = "") -> DatabaseSecret:
    """The dashboard's credentials, or those of another secret, from Secrets Manager.

    Raises:
        SecretMissingError, SecretUnreadableError, SecretMalformedError: with the secret's name, never its content.
    """
    name = name or secret_name()
    try:
        config = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
        client = boto3.client("secretsmanager", config=config)
        return DatabaseSecret.parse(name, client.get_secret_value(SecretId=name).get("SecretString", ""))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            raise SecretMissingError(secret=name) from None
        raise SecretUnreadableError(secret=name, reason=error.response["Error"]["Code"]) from None
    except BotoCoreError as error:
        raise SecretUnreadableError(secret=name, reason=type(error).__name__) from None
    except errors.SecretMalformedError as error:
        raise SecretMalformedError(secret=name, fields=", ".join(error.missing)) from None


class Database:
    """A few connections that any session may borrow; opened afresh when they break or the password changes."""

    def __init__(self, read: Callable[[], DatabaseSecret] = read_credentials) -> None:
        self._read = read
        self._credentials: DatabaseSecret | None = None
        self._read_at = 0.0
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(CONNECTIONS)

    def fetch(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Rows as dictionaries. A connection that broke meanwhile is replaced once.

        Raises:
            DashboardError: says which remedy there is.
        """
        with self._places:
            try:
                return self._fetch(sql, parameters)
            except _GONE:
                self._forget()
            try:
                return self._fetch(sql, parameters)
            except _GONE:
                self._forget()
                raise DatabaseUnreachableError(**self._address()) from None

    def _fetch(self, sql: str, parameters: Mapping[str, Any] | None) -> list[Row]:
        with self._borrow() as connection, connection.cursor() as cursor:
            try:
                with bounded_wait(connection, _SILENT_S):
                    cursor.execute(sql, parameters)
                names = [column.name for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            except psycopg2.errors.QueryCanceled:
                raise QueryTooSlowError from None
            except (psycopg2.errors.UndefinedTable, psycopg2.errors.InsufficientPrivilege) as error:
                raise SchemaMissingError(detail=error.diag.message_primary or "") from None

    @contextmanager
    def _borrow(self) -> Iterator[Connection]:
        """A connection of the current credentials; kept for the next only when nothing went wrong with it."""
        credentials = self._current_credentials()
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection:
            _require_answer(connection)
        connection = connection or connect(credentials)
        try:
            yield connection
        finally:
            with self._lock:
                if connection.closed or credentials is not self._credentials:
                    connection.close()
                else:
                    self._idle.append(connection)

    def _current_credentials(self) -> DatabaseSecret:
        with self._lock:
            if self._credentials is None or time.monotonic() - self._read_at > SECRET_AGE_S:
                fresh = self._read()
                if fresh != self._credentials:
                    self._drop_idle()
                    self._credentials = fresh
                self._read_at = time.monotonic()
            return self._credentials

    def _forget(self) -> None:
        """The next use reads the secret again: a rotated password looks like a broken connection."""
        with self._lock:
            self._drop_idle()
            self._read_at = float("-inf")

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _address(self) -> dict[str, str]:
        known = self._credentials
        return {name: getattr(known, name, "?") for name in ("host", "port", "dbname")}


def connect(credentials: DatabaseSecret, *, read_only: bool = True) -> Connection:
    """Open a connection on which each statement commits."""
    try:
        parameters = credentials.parameters()
    except errors.SettingsError:
        raise SecretMalformedError(secret=secret_name(), fields="ca_bundle") from None
    connection: Connection = psycopg2.connect(
        **parameters, options=f"{_OPTIONS} -c default_transaction_read_only={'on' if read_only else 'off'}",
        connect_timeout=5, application_name="vigie-dashboard", **TCP_PARAMETERS,
    )  # fmt: skip
    connection.autocommit = True
    return connection


def _require_answer(connection: Connection) -> None:
    """Raise when a kept connection was cut meanwhile, also by a firewall that said nothing."""
    with bounded_wait(connection, _IDLE_SILENT_S), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
