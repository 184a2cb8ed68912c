"""PostgreSQL for functions: one lazily opened connection, reopened when lost, transactions explicit."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any

import psycopg2
import psycopg2.extras
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from vigie.audit import Event, Origin, insert_events, log_events
from vigie.errors import (
    BatchBusyError,
    ConsentChangedError,
    DatabaseUnavailableError,
    LateEventError,
    StatementRefusedError,
)
from vigie.secrets import DatabaseSecret
from vigie.silence import SERVER_OPTIONS, TCP_PARAMETERS, WatchedCursor, bounded_wait
from vigie.vocabulary import Word

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 60
LOCK_SECONDS = 20
# Nothing for so long: the server, which ends a statement before that, is not there any more.
SILENT_SECONDS = STATEMENT_SECONDS + 10
CONSENT_NOT_IN_FORCE = "VG001"
TOO_LATE = "VG006"
GONE = (psycopg2.OperationalError, psycopg2.InterfaceError)

psycopg2.extras.register_uuid()  # type: ignore[no-untyped-call]
# A string's subclass without an adapter of its own is looked up anew each time: 13 µs a value, instead of 1.
for words in Word.__subclasses__():
    psycopg2.extensions.register_adapter(words, psycopg2.extensions.QuotedString)


class DatabaseCursor(WatchedCursor):
    """A cursor that outwaits the server's own limit and no more."""

    seconds = SILENT_SECONDS


class Transaction:
    """A transaction in progress: its cursor, and the audit events that will commit with it."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.events: list[Event] = []

    def audit(self, *events: Event) -> None:
        """Have these events committed with this transaction, and logged once it is."""
        self.events.extend(events)

    def fetch(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run a query and return all its rows."""
        self.cursor.execute(sql, parameters)
        return self.cursor.fetchall()

    def stream(self, sql: str, parameters: Any = None, at_once: int = 5_000) -> Iterator[tuple[Any, ...]]:
        """Run a query and give its rows one by one; no more than `at_once` of them are in memory."""
        with self.cursor.connection.cursor(name="stream") as cursor:
            cursor.execute(sql, parameters)
            while rows := cursor.fetchmany(at_once):
                yield from rows

    def call(self, sql: str, rows: list[tuple[Any, ...]], template: str | None = None) -> list[tuple[Any, ...]]:
        """Run a `SELECT … FROM (VALUES %s)`, and return all its rows."""
        return list(psycopg2.extras.execute_values(self.cursor, sql, rows, template, 500, fetch=True)) if rows else []

    def insert(self, sql: str, rows: list[tuple[Any, ...]], template: str | None = None) -> None:
        """Run an `INSERT … VALUES %s`, or another statement over `VALUES %s`; `template` casts a row's values."""
        if rows:
            psycopg2.extras.execute_values(self.cursor, sql, rows, template, page_size=500)


class Database:
    """One environment's connection. Not for several threads at once."""

    def __init__(self, credentials: Callable[[bool], DatabaseSecret]) -> None:
        self._credentials = credentials
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self, origin: Origin) -> Iterator[Transaction]:
        """A transaction whose audit events commit with it and are logged after it.

        Raises:
            ConsentChangedError: the database refused a row whose consent is not in force.
            LateEventError: an audit event waited too long to be committed.
            StatementRefusedError: the database refused a statement for another reason.
            BatchBusyError: another transaction has held what it needs for longer than `LOCK_SECONDS`.
            DatabaseUnavailableError: the database cannot be reached, or the connection was lost; whether a commit
                that was under way took place is not known, so work must look before it writes.
        """
        connection = self._open()
        try:
            with _committing(connection) as cursor:
                running = Transaction(cursor)
                yield running
                if running.events:
                    insert_events(cursor, origin, running.events)
        except psycopg2.errors.LockNotAvailable:
            raise BatchBusyError(f"another transaction has held a row or a batch for {LOCK_SECONDS} s") from None
        except GONE as error:
            self.close()
            raise DatabaseUnavailableError("the connection to the database was lost") from error
        except psycopg2.Error as error:
            if error.pgcode == CONSENT_NOT_IN_FORCE:
                raise ConsentChangedError("a consent is no longer in force") from None
            if error.pgcode == TOO_LATE:
                raise LateEventError("an audit event is too far from the database's time: check the clocks") from None
            # PostgreSQL's own words may quote the row, and so a person: they go no further.
            raise StatementRefusedError(error.pgcode, error.diag.table_name, error.diag.constraint_name) from None
        log_events(origin, running.events)

    @contextmanager
    def exclusive(self, origin: Origin, *key: object) -> Iterator[None]:
        """Hold a lock that one environment at a time can hold, and that ends with its connection.

        Raises:
            BatchBusyError: another environment has held it for longer than `LOCK_SECONDS`.
        """
        name = "/".join(str(part) for part in key)
        with self.transaction(origin) as locking:
            locking.cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
        holder = self._connection
        try:
            yield
        finally:
            if holder is not None and holder is self._connection and not holder.closed:
                with self.transaction(origin) as unlocking:
                    unlocking.cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (name,))

    @cached_property
    def beside(self) -> "Database":
        """Another connection as the same role, for what must commit while a transaction is under way."""
        return Database(self._credentials)

    def commit_alone(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run one statement that is a transaction of its own; a second time where the connection was lost in it.

        Raises:
            As `transaction`.
        """
        was_open = self._connection is not None
        try:
            connection = self._connection or self._open()
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall()
        except psycopg2.errors.LockNotAvailable:
            raise BatchBusyError(f"another transaction has held a table for {LOCK_SECONDS} s") from None
        except GONE as error:
            self.close()
            if was_open:
                return self.commit_alone(sql, parameters)
            raise DatabaseUnavailableError("the connection to the database was lost") from error
        except psycopg2.Error as error:
            raise StatementRefusedError(error.pgcode, error.diag.table_name, error.diag.constraint_name) from None

    def close(self) -> None:
        """Close the connection, and the one beside it; the next transaction opens another."""
        if "beside" in vars(self):
            self.beside.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> Connection:
        if self._connection is not None and not self._connection.closed and self._answers(self._connection):
            return self._connection
        self.close()
        try:
            self._connection = self._connect(self._credentials(False))
        except psycopg2.OperationalError:
            # The password may have been rotated since it was read.
            try:
                self._connection = self._connect(self._credentials(True))
            except psycopg2.OperationalError as error:
                raise DatabaseUnavailableError("the database cannot be reached") from error
        return self._connection

    @staticmethod
    def _answers(connection: Connection) -> bool:
        """Whether the server still has this session: a frozen environment may have outlived it."""
        try:
            with (
                bounded_wait(connection, CONNECT_SECONDS),
                connection,
                connection.cursor() as cursor,
            ):
                cursor.execute("SELECT 1")
        except GONE:
            return False
        return True

    def _connect(self, secret: DatabaseSecret) -> Connection:
        connection: Connection = psycopg2.connect(
            **secret.parameters(),
            connect_timeout=CONNECT_SECONDS,
            cursor_factory=DatabaseCursor,
            application_name="vigie",
            options=f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={LOCK_SECONDS}s -c timezone=UTC "
            + SERVER_OPTIONS,
            **TCP_PARAMETERS,
        )
        return connection


@contextmanager
def _committing(connection: Connection) -> Iterator[Cursor]:
    """Give a cursor; commit at the end, or roll back, without waiting for ever for either."""
    with ExitStack() as ending, connection, connection.cursor() as cursor:
        try:
            yield cursor
        finally:
            if not connection.closed:
                ending.enter_context(bounded_wait(connection, SILENT_SECONDS))
