"""The sealer's SQL: the frontier, what waits to be sealed, leaves, checkpoints and publications."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from vigie.database import Transaction
from vigie.verify import Frontier

# What is committed and has no leaf. Whoever has not committed yet is not waited for: a later round takes its events.
WAITING = """
SELECT event_id::text, occurred_at, run_id, agent, event_type, status, customer_id::text, details::text, request_id, seq
FROM audit_log l
WHERE seq > %s AND NOT EXISTS (SELECT FROM audit_leaf f WHERE f.event_id = l.event_id)
ORDER BY seq LIMIT %s
"""
# A log that grows has no statistics that fit: a planner that guesses reads and sorts all of it for every chunk.
BY_INDEX = """
SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_seqscan = off
"""
NEWEST = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM audit_log_seq_seq"
# Each insert takes this lock before its row's number is given, and its transaction holds it to the end.
WRITERS = """
SELECT virtualtransaction FROM pg_locks
WHERE locktype = 'relation' AND relation = 'audit_log'::regclass AND mode = 'RowExclusiveLock'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()
"""
INSERT_LEAVES = """
INSERT INTO audit_leaf (leaf_index, event_id, leaf_hash)
SELECT %s + cursor - 1, id, substring(%s FROM (32 * cursor - 31)::integer FOR 32)
FROM unnest(%s::uuid[]) WITH ORDINALITY AS leaf(id, cursor)
"""


class WaitingEvent(NamedTuple):
    """A committed row of the audit log that has no leaf yet. `details` is PostgreSQL's own JSON text."""

    event_id: str
    occurred_at: datetime
    run_id: str | None
    agent: str
    event_type: str
    status: str
    customer_id: str | None
    details: str
    request_id: str | None
    seq: int


class Horizon(NamedTuple):
    """A place in the log, and the transactions that may still bring events up to it."""

    seq: int
    writers: frozenset[str]


@dataclass(frozen=True, slots=True)
class SealCursor:
    """How far the log is sealed: the tree, and the place up to which no event waits or can still come.

    `next`: the place that will be so, as it was seen in an earlier round.
    """

    tree: Frontier
    seq: int
    next: Horizon


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that was signed and committed."""

    size: int
    root: bytes


def lock_cursor(transaction: Transaction) -> SealCursor:
    """Read and lock the sealer's cursor; no other sealer can seal until the transaction ends."""
    size, hashes, *place, writers = transaction.fetch(
        "SELECT tree_size, hashes, last_seq, next_seq, writers FROM audit_frontier FOR UPDATE"
    )[0]
    return SealCursor(Frontier(size, [bytes(each) for each in hashes]), place[0], Horizon(place[1], frozenset(writers)))


def read_horizon(transaction: Transaction) -> Horizon:
    """The newest event's place, and who may still bring one up to it: in this order, each as of its own moment."""
    newest = transaction.fetch(NEWEST)[0][0]
    return Horizon(newest, frozenset(row[0] for row in transaction.fetch(WRITERS)))


def waiting_events(transaction: Transaction, cursor: SealCursor, most: int) -> list[WaitingEvent]:
    """The next rows to seal, in the order in which they were written."""
    transaction.cursor.execute(BY_INDEX)
    return [WaitingEvent(*row) for row in transaction.fetch(WAITING, (cursor.seq, most))]


def end_long_transactions(transaction: Transaction) -> int:
    """End what functions and dashboard have kept open for too long; return how many."""
    return int(transaction.fetch("SELECT end_long_transactions()")[0][0])


def insert_leaves(transaction: Transaction, start: int, event_ids: list[str], hashes: bytes) -> None:
    """Store leaves from index `start` on; `hashes` holds 32 bytes for each."""
    transaction.cursor.execute(INSERT_LEAVES, (start, hashes, "{" + ",".join(event_ids) + "}"))


def advance_cursor(transaction: Transaction, cursor: SealCursor) -> None:
    """Store how far the log is sealed now."""
    tree, place = cursor.tree, cursor.next
    transaction.cursor.execute(
        "UPDATE audit_frontier SET tree_size = %s, hashes = %s::bytea[], last_seq = %s, next_seq = %s, writers = %s",
        (tree.size, tree.hashes, cursor.seq, place.seq, sorted(place.writers)),
    )


def newest_checkpoint(transaction: Transaction) -> Signed | None:
    """The newest checkpoint, if any was signed."""
    rows = transaction.fetch("SELECT tree_size, root_hash FROM audit_checkpoint ORDER BY tree_size DESC LIMIT 1")
    return Signed(rows[0][0], bytes(rows[0][1])) if rows else None


def insert_checkpoint(transaction: Transaction, signed: Signed, note: str) -> None:
    """Store a checkpoint."""
    transaction.cursor.execute(
        "INSERT INTO audit_checkpoint (tree_size, root_hash, note) VALUES (%s, %s, %s)",
        (signed.size, signed.root, note),
    )


def unpublished(transaction: Transaction) -> Iterator[tuple[Any, ...]]:
    """Checkpoints that the write-once store may not hold yet, oldest first."""
    yield from transaction.fetch(
        "SELECT tree_size, note FROM audit_checkpoint c"
        " WHERE NOT EXISTS (SELECT FROM audit_publication p WHERE p.tree_size = c.tree_size) ORDER BY tree_size"
    )


def insert_publication(transaction: Transaction, size: int, bucket: str, key: str, version: str | None) -> None:
    """Store that the write-once store holds a checkpoint."""
    transaction.cursor.execute(
        "INSERT INTO audit_publication (tree_size, bucket, object_key, version_id) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (size, bucket, key, version),
    )


def newest_note(transaction: Transaction) -> str | None:
    """The newest checkpoint as it was signed."""
    rows = transaction.fetch("SELECT note FROM audit_checkpoint ORDER BY tree_size DESC LIMIT 1")
    return rows[0][0] if rows else None


def cosigned_sizes(transaction: Transaction) -> dict[str, int]:
    """The largest size that each witness cosigned."""
    return dict(transaction.fetch("SELECT witness, max(tree_size) FROM audit_cosignature GROUP BY witness"))


def insert_cosignature(transaction: Transaction, size: int, witness: str, line: str) -> None:
    """Store a witness's signature line."""
    transaction.cursor.execute(
        "INSERT INTO audit_cosignature (tree_size, witness, line) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (size, witness, line),
    )


def leaf_hashes(transaction: Transaction, start: int, end: int) -> Iterator[bytes]:
    """The leaf hashes of [start, end), in order."""
    query = "SELECT leaf_hash FROM audit_leaf WHERE leaf_index >= %s AND leaf_index < %s ORDER BY leaf_index"
    yield from (bytes(row[0]) for row in transaction.stream(query, (start, end)))


def seconds_since_checkpoint(transaction: Transaction) -> float | None:
    """Age of the newest checkpoint by the database's clock, which set it."""
    rows = transaction.fetch(
        "SELECT extract(epoch FROM clock_timestamp() - signed_at)::float8 FROM audit_checkpoint"
        " ORDER BY tree_size DESC LIMIT 1"
    )
    return rows[0][0] if rows else None


def is_run_on(transaction: Transaction) -> bool:
    """Whether a run is under way that left an event lately (one that was stopped from outside stays `running`)."""
    return bool(
        transaction.fetch(
            "SELECT EXISTS (SELECT FROM runs r WHERE r.status = 'running' AND EXISTS (SELECT FROM audit_log e"
            " WHERE e.run_id = r.run_id AND e.occurred_at > clock_timestamp() - interval '15 minutes'))"
        )[0][0]
    )


def is_sealed(transaction: Transaction, event_id: UUID, size: int) -> bool:
    """Whether an event is among the first `size` leaves."""
    return bool(
        transaction.fetch(
            "SELECT EXISTS (SELECT FROM audit_leaf WHERE event_id = %s AND leaf_index < %s)", (event_id, size)
        )[0][0]
    )
