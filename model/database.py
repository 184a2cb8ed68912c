"""The tools' way into the database, as the owner of the schema."""

import os
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extensions import parse_dsn

from vigie.errors import SettingsError
from vigie.silence import TCP_PARAMETERS
from vigie.transport import tls_parameters

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class DatabaseUnknownError(ValueError):
    """When nothing says which database to use, or how to know it."""


def connect_as_operator(dsn: str | None = None) -> "Connection":
    """Open a connection to the same database through the operator's own role, whose password OPERATOR_PASSWORD is."""
    if not (password := os.environ.get("OPERATOR_PASSWORD")):
        raise DatabaseUnknownError("an operator acts through the role of that name: set OPERATOR_PASSWORD, or use make")
    return connect(dsn, user="operator", password=password)


def connect(dsn: str | None = None, **other: str) -> "Connection":
    """Open a connection to `dsn`, or to what PGHOST, PGPORT, PGUSER and their kin name; `other` settings come first."""
    if not dsn and not names_database():
        raise DatabaseUnknownError("no database is named: use make (which names it), --dsn, or PGHOST and its kin")
    given = parse_dsn(dsn or "")
    host = given.get("host") or os.environ.get("PGHOST", "")
    try:
        tls = tls_parameters(host, given.get("sslrootcert") or os.environ.get("PGSSLROOTCERT", ""))
    except SettingsError as error:
        raise DatabaseUnknownError(str(error)) from error
    settings: dict[str, Any] = {**TCP_PARAMETERS, **tls, **other}
    opened: Connection = psycopg2.connect(dsn or "", connect_timeout=10, application_name="vigie-model", **settings)
    return opened


def names_database() -> bool:
    """Whether the environment says which database to use."""
    return bool(os.environ.get("PGHOST"))


def copy_rows(cursor: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """COPY rows into a table; None becomes NULL. Table and columns come from this program alone.

    The rows are written as the database takes them, never all at once.
    """
    cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", _CopyText(rows))


class _CopyText:
    """Rows as the text of a COPY, read piece by piece."""

    def __init__(self, rows: Iterable[Sequence[object]]) -> None:
        self._lines = ("\t".join(map(_as_copy_text, row)) + "\n" for row in rows)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; none at the end."""
        parts, held = [self._rest], len(self._rest)
        while size < 0 or held < size:
            if not (line := next(self._lines, "")):
                break
            parts.append(line.encode())
            held += len(parts[-1])
        text = b"".join(parts)
        self._rest = b"" if size < 0 else text[size:]
        return text if size < 0 else text[:size]


TO_ESCAPE = re.compile(r"[\\\t\n\r]")
COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _as_copy_text(value: object) -> str:
    if value is None:
        return r"\N"
    text = str(value)
    # Few cells hold anything to escape, and looking is far faster than translating.
    return text.translate(COPY_ESCAPES) if TO_ESCAPE.search(text) else text
