"""Sealing: committed audit events become leaves of one tree, whose root is signed and published.

A round is made of small transactions, each complete in itself: leaves with the frontier, then the checkpoint, then
the record of its publication. After a sealer that dies between or within them, the next one continues from the cursor.
The lock on the frontier's one row makes all sealers take turns, so there is one history.
"""

import time
from collections.abc import Iterator, Sequence
from functools import partial
from uuid import UUID

from aws_lambda_powertools import Logger

from audit_agent import tree_store
from audit_agent.errors import LogBrokenError
from audit_agent.publishing import CheckpointStore, object_key
from audit_agent.signing import Signer
from audit_agent.tree_store import SealCursor, Signed, WaitingEvent
from audit_agent.witnessing import KnownTree, Witness, cosign
from vigie.audit import Event, Origin
from vigie.canonical import canonical_event
from vigie.database import Database
from vigie.runtime import Request
from vigie.verify import leaf_hash, parse_checkpoint
from vigie.vocabulary import EventType

logger = Logger(child=True)
CHUNK = 10_000
# What a checkpoint leaves behind is no reason for another: an idle log rests.
OWN_EVENT = EventType.CHECKPOINT_SIGNED
TICK_SECONDS = 1.0
# How long a witness that did not cosign is left alone.
RETRY_SECONDS = 30.0
CHECKPOINT_AGE_SECONDS = 4.0
# A watch lasts a little longer than the schedule's minute, so that one takes over from another without a gap.
WATCH_SECONDS = 65.0


class Sealer:
    """Seals with one database connection, one key and one write-once store."""

    def __init__(
        self, database: Database, signer: Signer, store: CheckpointStore, witnesses: Sequence[Witness] = ()
    ) -> None:
        self._database = database
        self._signer = signer
        self._store = store
        self._witnesses = witnesses
        self._not_before: dict[Witness, float] = {}
        self._seen = KnownTree()

    def seal(self, request: Request) -> Signed | None:
        """One round; answers the newest checkpoint. A backlog is sealed in several rounds.

        Raises:
            SigningUnavailableError, StoreUnavailableError, BatchBusyError, DatabaseUnavailableError: what was sealed
                stays sealed; a later round continues.
            LogBrokenError: the log does not continue what was signed or published before; nothing is signed.
        """
        origin = Origin(request.origin.agent, None, request.origin.request_id)
        # A backlog must not keep what is sealed already from being signed.
        end = time.monotonic() + CHECKPOINT_AGE_SECONDS
        while request.seconds_left() > 0 and self._seal_chunk(origin) and time.monotonic() < end:
            pass
        signed = self._sign(origin)
        # Before the checkpoint is published: who demands witnesses then finds them with it.
        self._collect_cosignatures(origin)
        self._publish(origin)
        return signed

    def watch(self, request: Request) -> None:
        """Seal now, and then whenever the newest checkpoint is `CHECKPOINT_AGE_SECONDS` old, while a run is on.

        Raises:
            As `seal`.
        """
        end = time.monotonic() + WATCH_SECONDS
        self.seal(request)
        while time.monotonic() < end and request.seconds_left() > 0:
            with self._database.transaction(request.origin) as transaction:
                run_is_on = tree_store.is_run_on(transaction)
                age = tree_store.seconds_since_checkpoint(transaction)
            if not run_is_on:
                break
            if age is None or age >= CHECKPOINT_AGE_SECONDS:
                self.seal(request)
            time.sleep(TICK_SECONDS)

    def has_sealed(self, event_id: UUID, signed: Signed, request: Request) -> bool:
        """Whether a checkpoint covers an event."""
        with self._database.transaction(request.origin) as transaction:
            return tree_store.is_sealed(transaction, event_id, signed.size)

    def _seal_chunk(self, origin: Origin) -> bool:
        """Give leaves to the rows that wait; True when there may be more."""
        with self._database.transaction(origin) as transaction:
            cursor = tree_store.lock_cursor(transaction)
            _require_continuation(cursor, tree_store.newest_checkpoint(transaction))
            events = tree_store.waiting_events(transaction, cursor, CHUNK)
            if all(event.event_type == OWN_EVENT for event in events):
                return False
            leaves = [_leaf(event) for event in events]
            ids = [event.event_id for event in events]
            tree_store.insert_leaves(transaction, cursor.tree.size, ids, b"".join(leaves))
            cursor.tree.extend(leaves)
            tree_store.advance_cursor(transaction, cursor.tree, *_next_cursor(cursor, events))
        return len(events) == CHUNK

    def _sign(self, origin: Origin) -> Signed | None:
        with self._database.transaction(origin) as transaction:
            tree = tree_store.lock_cursor(transaction).tree
            before = tree_store.newest_checkpoint(transaction)
            if tree.size == (before.size if before else 0):
                return before
            self._store.require_none_beyond(before.size if before else 0)
            signed = Signed(tree.size, tree.root())
            note = self._signer.sign(signed.size, signed.root)
            tree_store.insert_checkpoint(transaction, signed, note)
            details = {"tree_size": signed.size, "root_hash": signed.root.hex()}
            transaction.audit(Event(OWN_EVENT, details=details))
        logger.info("checkpoint signed", tree_size=signed.size, root_hash=signed.root.hex(), note=note)
        return signed

    def _collect_cosignatures(self, origin: Origin) -> None:
        """Ask the witnesses that have not cosigned the newest checkpoint; those that do not answer, later again."""
        now = time.monotonic()
        asked = [witness for witness in self._witnesses if self._not_before.get(witness, now) <= now]
        if not asked:
            return
        with self._database.transaction(origin) as transaction:
            note, sizes = tree_store.newest_note(transaction), tree_store.cosigned_sizes(transaction)
        if not note:
            return
        checkpoint = parse_checkpoint(note)
        seen = {w: sizes.get(w.label, 0) for w in asked if sizes.get(w.label, 0) < checkpoint.size}
        self._not_before |= dict.fromkeys(seen, now + RETRY_SECONDS)
        # No transaction is open while a witness is waited for.
        self._seen.leaves = partial(self._leaves, origin)
        self._seen.grow_to(min(seen.values(), default=self._seen.tree.size))
        for witness, line in cosign(checkpoint, seen, self._seen.range_root):
            self._store.put_cosigned(checkpoint.size, witness.key.key_id, checkpoint.note() + line)
            with self._database.transaction(origin) as transaction:
                tree_store.insert_cosignature(transaction, checkpoint.size, witness.label, line)
            del self._not_before[witness]

    def _leaves(self, origin: Origin, start: int, end: int) -> Iterator[bytes]:
        with self._database.transaction(origin) as transaction:
            yield from tree_store.leaf_hashes(transaction, start, end)

    def _publish(self, origin: Origin) -> None:
        """Publish what is committed, also what earlier rounds could not."""
        with self._database.transaction(origin) as transaction:
            waiting = list(tree_store.unpublished(transaction))
        for size, note in waiting:
            version = self._store.put(size, note)
            with self._database.transaction(origin) as transaction:
                tree_store.insert_publication(transaction, size, self._store.bucket, object_key(size), version)


def _require_continuation(cursor: SealCursor, before: Signed | None) -> None:
    """The frontier must be where the newest checkpoint left it, or further."""
    signed_size = before.size if before else 0
    if cursor.tree.size < signed_size:
        raise LogBrokenError(f"the log is sealed up to {cursor.tree.size}, but {signed_size} events were signed")
    if before and cursor.tree.size == before.size and cursor.tree.root() != before.root:
        raise LogBrokenError(f"the frontier at {before.size} events has another root than the checkpoint")


def _leaf(event: WaitingEvent) -> bytes:
    return leaf_hash(
        canonical_event(
            event_id=event.event_id,
            occurred_at=event.occurred_at,
            run_id=event.run_id,
            agent=event.agent,
            event_type=event.event_type,
            status=event.status,
            customer_id=event.customer_id,
            details=event.details,
            request_id=event.request_id,
        )
    )


def _next_cursor(cursor: SealCursor, events: list[WaitingEvent]) -> tuple[str, int]:
    """Return where the next round continues; the cursor stays while a restored log is being caught up with."""
    if cursor.restored and len(events) == CHUNK:
        return cursor.xact, cursor.seq
    return events[-1].xact, events[-1].seq
