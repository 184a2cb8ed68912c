"""The run's audit rows beside their leaves and their log lines: each event by its id and its fingerprint."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from uuid import UUID

from audit_agent.gaps import Gap
from audit_agent.log_reading import LoggedEvent, Logs, read_events
from vigie.canonical import canonical_event
from vigie.database import Transaction
from vigie.verify import leaf_hash

# A row that is neither sealed nor still to come in the sealer's order was passed over.
EVENTS = """
SELECT l.event_id, l.occurred_at, l.run_id, l.agent, l.event_type, l.status, l.customer_id, l.details::text,
       l.request_id, f.leaf_hash, (l.xact, l.seq) > (p.last_xact, p.last_seq)
FROM audit_log l LEFT JOIN audit_leaf f USING (event_id) CROSS JOIN audit_frontier p
WHERE l.run_id = %s
"""
FIELDS = (
    *("event_id", "occurred_at", "run_id", "agent", "event_type", "status", "customer_id", "details", "request_id"),
)
# Written by triggers: the database has no structured log.
TOLD_BY_DATABASE = ("CONSENT_RECORDED", "DERIVED_DATA_ERASED")
STEPS = {"nlp_agent": "analyse", "prediction_agent": "predict", "action_agent": "decide"}
PAUSE_SECONDS = 0.5
CLOCK_MARGIN_MS = 60_000


class StoredEvents:
    """The audit rows of a run, by event id; `gaps` are those whose leaf is missing or another."""

    def __init__(self, transaction: Transaction, run_id: str) -> None:
        self.fingerprints: dict[UUID, bytes] = {}
        self.logged: set[UUID] = set()
        self.gaps: list[Gap] = []
        self._origins: dict[UUID, tuple[datetime, str, UUID | None]] = {}
        transaction.cursor.execute(EVENTS, (run_id,))
        for *fields, leaf, waits in transaction.cursor:
            self._add(dict(zip(FIELDS, fields, strict=True)), leaf, waits)

    def since_ms(self, event_ids: set[UUID]) -> int:
        """A time, in milliseconds since 1970, safely before these events were logged."""
        return since_ms(min(self._origins[event_id][0] for event_id in event_ids))

    def gap(self, event_id: UUID, store: str, problem: str) -> Gap:
        """A gap about one of the events."""
        _, agent, customer_id = self._origins[event_id]
        return Gap(step_of(agent), store, problem, customer_id, event_id)

    def _add(self, fields: dict[str, object], leaf: memoryview | None, waits: bool) -> None:
        event_id: UUID = fields["event_id"]  # type: ignore[assignment]
        own = self.fingerprints[event_id] = leaf_hash(canonical_event(**fields))  # type: ignore[arg-type]
        self._origins[event_id] = (fields["occurred_at"], fields["agent"], fields["customer_id"])  # type: ignore[assignment]
        if leaf is not None and bytes(leaf) != own:
            self.gaps.append(self.gap(event_id, "audit_leaf", "LeafDiffers"))
        elif leaf is None and not waits:
            self.gaps.append(self.gap(event_id, "audit_leaf", "NotSealed"))
        if fields["event_type"] not in TOLD_BY_DATABASE:
            self.logged.add(event_id)


class LogComparison:
    """Compares stored events with log lines, which may arrive a moment after what they tell."""

    def __init__(self, logs: Logs, stored: StoredEvents) -> None:
        self._logs = logs
        self._stored = stored
        self._missing = set(stored.logged)
        self._differing: set[UUID] = set()
        self._unknown: dict[UUID, LoggedEvent] = {}

    def read(self, run_id: str, pages: Iterable[list[str]], seconds: float, seconds_left: Callable[[], float]) -> None:
        """Read these pages of the logs, and the logs again until every event was found, for at most this long.

        Raises:
            LogsUnavailableError: the logs cannot be read.
        """
        end = time.monotonic() + min(seconds, seconds_left())
        while True:
            for logged in read_events(pages, run_id):
                self._take_up(logged)
            if not self._missing or time.monotonic() > end:
                break
            time.sleep(PAUSE_SECONDS)
            pages = self._logs.pages(run_id, self._stored.since_ms(self._missing))

    def gaps(self, stored_meanwhile: Callable[[list[UUID]], set[UUID]]) -> list[Gap]:
        """What the comparison found; a line whose row was stored meanwhile is in order."""
        late = stored_meanwhile(list(self._unknown)) if self._unknown else set()
        return [
            *(self._stored.gap(event_id, "cloudwatch", "EventNotLogged") for event_id in self._missing),
            *(self._stored.gap(event_id, "cloudwatch", "LogLineDiffers") for event_id in self._differing),
            *(
                Gap(step_of(logged.agent), "audit_log", "LoggedWithoutRow", logged.customer_id, event_id)
                for event_id, logged in self._unknown.items()
                if event_id not in late
            ),
        ]

    def _take_up(self, logged: LoggedEvent) -> None:
        stored = self._stored.fingerprints.get(logged.event_id)
        self._missing.discard(logged.event_id)
        if stored is None:
            self._unknown[logged.event_id] = logged
        elif stored != logged.fingerprint:
            self._differing.add(logged.event_id)


def since_ms(moment: datetime) -> int:
    """A time, in milliseconds since 1970, safely before what was logged from this moment on."""
    return int(moment.astimezone(UTC).timestamp() * 1000) - CLOCK_MARGIN_MS


def stored_among(transaction: Transaction, event_ids: list[UUID]) -> set[UUID]:
    """Which of these events have an audit row."""
    rows = transaction.fetch("SELECT event_id FROM audit_log WHERE event_id = ANY(%s)", (event_ids,))
    return {row[0] for row in rows}


def step_of(agent: str) -> str:
    """The step that an agent does, or `run`."""
    return STEPS.get(agent, "run")
