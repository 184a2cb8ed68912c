"""Read the sealed audit trail out of PostgreSQL: the whole log for verification, and proofs about parts of it.

What is read is exported as it stands. A row that was changed or taken away since it was sealed makes an export that
`vigie.verify` refuses, which is the purpose.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

from vigie.canonical import canonical_event
from vigie.proofs import consistency_proof_file, inclusion_proof_file
from vigie.verify import Frontier, export_line

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

FIELDS = (
    *("event_id", "occurred_at", "run_id", "agent", "event_type", "status", "customer_id", "details", "request_id"),
)
COLUMNS = (
    "l.event_id::text, l.occurred_at, l.run_id, l.agent, l.event_type, l.status, l.customer_id::text,"
    " l.details::text, l.request_id"
)
ROWS_AT_ONCE = 5_000
SEALED = f"""
SELECT f.leaf_index, f.leaf_hash, {COLUMNS}
FROM audit_leaf f LEFT JOIN audit_log l USING (event_id) ORDER BY f.leaf_index
"""  # noqa: S608  (constants)
COSIGNED = """note || coalesce(
    (SELECT string_agg(line, '' ORDER BY witness) FROM audit_cosignature w WHERE w.tree_size = c.tree_size), '')
"""
NOTES = f"SELECT {COSIGNED} FROM audit_checkpoint c"  # noqa: S608  (constants)
BY_PUBLICATION = f"""
SELECT {COSIGNED}, tree_size <= coalesce((SELECT max(tree_size) FROM audit_publication), tree_size)
FROM audit_checkpoint c ORDER BY tree_size
"""  # noqa: S608  (constants)
ONE = f"""
SELECT f.leaf_index, {COLUMNS} FROM audit_leaf f JOIN audit_log l USING (event_id) WHERE f.event_id = %s
"""  # noqa: S608  (constants)


class TrailError(ValueError):
    """When what is asked for is not in the sealed trail; says what is."""


class Trail:
    """The sealed trail behind a connection that may read it. Its times must be read in UTC or with their zone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lines(self, disclosed: Collection[str] | None = None) -> Iterator[bytes]:
        """The whole sealed log, one export line an event, in order.

        With `disclosed`, only the texts of these runs are there; of other events there is the fingerprint alone, so
        that the log can still be checked as a whole (`vigie.verify export --partial`).
        """
        for index, leaf, *fields in self._stream(SEALED):
            event = as_event(fields)
            shown = event["event_id"] is not None and (disclosed is None or event["run_id"] in disclosed)
            yield export_line(index, canonical_event(**event) if shown else None, bytes(leaf))

    def checkpoints(self) -> list[str]:
        """The signed checkpoints as the database holds them, with every cosignature, oldest first."""
        return [row[0] for row in self._fetch(f"{NOTES} ORDER BY tree_size")]

    def checkpoints_by_publication(self) -> tuple[list[str], list[str]]:
        """Those that the write-once store must hold, and those newer than any that was published.

        They are published in order. Where the database says that none was, the store must hold all the same.
        """
        notes = [(row[0], row[1]) for row in self._fetch(BY_PUBLICATION)]
        return [note for note, published in notes if published], [note for note, published in notes if not published]

    def checkpoint(self, size: int) -> str:
        """The signed checkpoint of this size.

        Raises:
            TrailError: there is none.
        """
        rows = self._fetch(f"{NOTES} WHERE tree_size = %s", (size,))
        if not rows:
            raise TrailError(f"no checkpoint was signed at size {size}; choose one of audit_checkpoint's tree_size")
        return str(rows[0][0])

    def inclusion(self, event_id: UUID | str) -> str:
        """A proof file that one event is in the log that the newest checkpoint signs.

        Raises:
            TrailError: the event is unknown, or not sealed yet.
        """
        rows = self._fetch(ONE, (str(event_id),))
        sizes = self._fetch("SELECT max(tree_size) FROM audit_checkpoint")
        if not rows or sizes[0][0] is None or rows[0][0] >= sizes[0][0]:
            raise TrailError(f"event {event_id} is not sealed: wait for the next checkpoint, or check the id")
        event = canonical_event(**as_event(rows[0][1:]))
        return inclusion_proof_file(event, rows[0][0], self.checkpoint(sizes[0][0]), self._range_root)

    def consistency(self, first_size: int, second_size: int) -> str:
        """A proof file that the log of one checkpoint is that of an earlier one, grown.

        Raises:
            TrailError: there is no checkpoint of one of these sizes.
        """
        return consistency_proof_file(self.checkpoint(first_size), self.checkpoint(second_size), self._range_root)

    def _range_root(self, start: int, end: int) -> bytes:
        tree = Frontier()
        leaves = self._stream(
            "SELECT leaf_hash FROM audit_leaf WHERE leaf_index >= %s AND leaf_index < %s ORDER BY leaf_index",
            (start, end),
        )
        tree.extend(bytes(row[0]) for row in leaves)
        return tree.root()

    def _fetch(self, query: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return cursor.fetchall()

    def _stream(self, query: str, parameters: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]:
        with self._connection, self._connection.cursor(name="trail") as cursor:
            cursor.itersize = ROWS_AT_ONCE
            cursor.execute(query, parameters)
            yield from cursor


def as_event(fields: Collection[Any]) -> dict[str, Any]:
    """The values of `COLUMNS` under the names that `canonical_event` takes."""
    return dict(zip(FIELDS, fields, strict=True))
