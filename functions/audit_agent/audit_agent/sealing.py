"""Sealing: committed audit events become leaves of one tree, whose root is signed and published.

A round is made of small transactions, each complete in itself: leaves with the frontier, then the checkpoint, then
the record of its publication. After a sealer that dies between or within them, the next one continues from the cursor.
The lock on the frontier's one row makes all sealers take turns, so there is one history.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from aws_lambda_powertools import Logger

from audit_agent import tree_store
from audit_agent.errors import LogBrokenError
from audit_agent.publishing import CheckpointStore, object_key
from audit_agent.signing import Signer
from audit_agent.tree_store import Horizon, SealCursor, Signed, WaitingEvent
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
        self._end_long_transactions(origin)
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

    def _end_long_transactions(self, origin: Origin) -> None:
        with self._database.transaction(origin) as transaction:
            ended = tree_store.end_long_transactions(transaction)
        if ended:
            logger.warning("transactions were ended that had been open for too long", transactions=ended)

    def _seal_chunk(self, origin: Origin) -> bool:
        """Give leaves to the rows that wait; True when there may be more."""
        with self._database.transaction(origin) as transaction:
            cursor = tree_store.lock_cursor(transaction)
            _require_continuation(cursor, tree_store.newest_checkpoint(transaction))
            horizon = tree_store.read_horizon(transaction)
            events = tree_store.waiting_events(transaction, cursor, CHUNK)
            to_seal = [] if all(event.event_type == OWN_EVENT for event in events) else events
            leaves = [_leaf(event) for event in to_seal]
            ids = [event.event_id for event in to_seal]
            tree_store.insert_leaves(transaction, cursor.tree.size, ids, b"".join(leaves))
            cursor.tree.extend(leaves)
            advanced = _advanced(cursor, horizon, events, is_sealed=bool(to_seal))
            if advanced != cursor or to_seal:
                tree_store.advance_cursor(transaction, advanced)
        return len(to_seal) == CHUNK

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


def _advanced(cursor: SealCursor, horizon: Horizon, events: list[WaitingEvent], *, is_sealed: bool) -> SealCursor:
    """How far the log is sealed after these events, which are all that waits unless they fill a chunk."""
    final, following = cursor.seq, cursor.next
    if not following.writers & horizon.writers:
        final, following = following.seq, horizon
    if not horizon.writers:
        final = horizon.seq
    if events and not is_sealed:
        final = min(final, events[0].seq - 1)
    elif len(events) == CHUNK:
        final = min(final, events[-1].seq)
    return replace(cursor, seq=max(cursor.seq, final), next=following)
