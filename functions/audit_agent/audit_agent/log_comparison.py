"""Comparison of a run's audit rows with their leaves and their log lines: each event by its id and fingerprint."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from sys import intern
from uuid import UUID

from audit_agent.gaps import Gap
from audit_agent.log_reading import LoggedEvent, Logs, Page, read_events
from vigie.canonical import canonical_event
from vigie.database import Transaction
from vigie.events import DATABASE_WRITES
from vigie.verify import leaf_hash
from vigie.vocabulary import WHOLE_RUN, EventType, GapName, Step

# A row that is neither sealed nor still to come in the sealer's order was passed over.
EVENTS = """
SELECT l.event_id::text, l.occurred_at, l.run_id, l.agent, l.event_type, l.status, l.customer_id::text,
       l.details::text, l.request_id, f.leaf_hash, l.seq > p.last_seq
FROM audit_log l LEFT JOIN audit_leaf f USING (event_id) CROSS JOIN audit_frontier p
WHERE l.run_id = %s
"""
# Written by the database's own functions, which have no structured log. (A withdrawal also ends calls, unsent.)
WITHOUT_LOG_LINE = (EventType.CONSENT_RECORDED, EventType.DERIVED_DATA_ERASED, *DATABASE_WRITES)
STEPS = {"nlp_agent": Step.ANALYSE, "prediction_agent": Step.PREDICT, "action_agent": Step.DECIDE}
# The last lines of a small run are a moment late; those of a large one may be late for longer.
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
CLOCK_MARGIN_MS = 60_000
PRINT_BYTES = 32


@dataclass(frozen=True, slots=True)
class EventOrigin:
    """When an event happened, who wrote it, and whom it is about."""

    occurred_at: datetime
    agent: str
    customer_id: UUID | None


class StoredEvents:
    """The audit rows of a run: of each its id, its fingerprint, and whether its log line is still to be seen.

    Kept small, for a run of 100,000 customers writes more than a million. `gaps` are those whose leaf is missing or
    another.
    """

    def __init__(self, transaction: Transaction, run_id: str) -> None:
        self.gaps: list[Gap] = []
        self._places: dict[bytes, int] = {}
        self._prints = bytearray()
        self._awaited = bytearray()
        self._writers: list[str] = []
        for row in transaction.stream(EVENTS, (run_id,)):
            self._add(*row)

    def __len__(self) -> int:
        return len(self._places)

    def matches(self, event_id: bytes, fingerprint: bytes, agent: str) -> bool:
        """Whether there is this event with this fingerprint, of this agent; if so, mark it as logged."""
        place = self._places.get(event_id)
        if place is None or self._prints[place * PRINT_BYTES : (place + 1) * PRINT_BYTES] != fingerprint:
            return False
        if self._writers[place] != agent:
            return False
        self._awaited[place] = False
        return True

    def mark_logged(self, logged: LoggedEvent) -> bool | None:
        """Mark an event as logged; return whether its log line is the same, or None where there is no such row."""
        place = self._places.get(logged.event_id.bytes)
        if place is None:
            return None
        self._awaited[place] = False
        return self.matches(logged.event_id.bytes, logged.fingerprint, logged.agent)

    def missing_ids(self) -> list[UUID]:
        """The events whose line was not seen."""
        if not any(self._awaited):
            return []
        return [UUID(bytes=key) for key, place in self._places.items() if self._awaited[place]]

    def _add(
        self, event_id: str, occurred_at: datetime, run_id: str, agent: str, event_type: str, status: str,
        customer_id: str | None, details: str, request_id: str | None, leaf: memoryview | None, waits: bool,
    ) -> None:  # fmt: skip
        """Take up a row: its ids as text, for an object of each id costs more than all else here."""
        own = leaf_hash(
            canonical_event(
                event_id=event_id, occurred_at=occurred_at, run_id=run_id, agent=agent, event_type=event_type,
                status=status, customer_id=customer_id, details=details, request_id=request_id,
            )
        )  # fmt: skip
        self._places[bytes.fromhex(event_id.replace("-", ""))] = len(self._places)
        self._prints += own
        ends_by_withdrawal = event_type == EventType.LLM_CALL_END and agent not in STEPS
        self._awaited.append(event_type not in WITHOUT_LOG_LINE and not ends_by_withdrawal)
        self._writers.append(intern(agent))
        if leaf is not None and bytes(leaf) != own:
            problem = GapName.LEAF_DIFFERS
        elif leaf is None and not waits:
            problem = GapName.NOT_SEALED
        else:
            return
        customer = UUID(customer_id) if customer_id else None
        self.gaps.append(Gap(step_of(agent), "audit_leaf", problem, customer, UUID(event_id)))


class LogComparison:
    """Compares stored events with log lines, which may arrive a moment later.

    `origins` looks up events by their ids.
    """

    def __init__(
        self, logs: Logs, stored: StoredEvents, origins: Callable[[list[UUID]], dict[UUID, EventOrigin]]
    ) -> None:
        self._logs = logs
        self._stored = stored
        self._origins = origins
        self._differing: set[UUID] = set()
        self._foreign: dict[UUID, LoggedEvent] = {}
        self._unknown: dict[UUID, LoggedEvent] = {}

    def read(self, run_id: str, pages: Iterable[Page], seconds: float, seconds_left: Callable[[], float]) -> None:
        """Read these pages of the logs, and the logs again until every event was found, for at most this long.

        Raises:
            LogsUnavailableError: the logs cannot be read.
        """
        end = time.monotonic() + min(seconds, seconds_left())
        pause = FIRST_PAUSE_SECONDS
        while True:
            for logged in read_events(pages, run_id, self._stored.matches):
                self._take_up(logged)
            missing = self._stored.missing_ids()
            if not missing or time.monotonic() > end:
                break
            time.sleep(pause)
            pause = min(LONGEST_PAUSE_SECONDS, 2 * pause)
            origins = self._origins(missing).values()
            if not origins:
                break
            pages = self._logs.pages(run_id, since_ms(min(origin.occurred_at for origin in origins)))

    def gaps(self) -> list[Gap]:
        """What the comparison found; a line whose row was stored meanwhile is in order."""
        late = self._origins(list(self._unknown)) if self._unknown else {}
        return [
            *self._in_the_logs(GapName.EVENT_NOT_LOGGED, self._stored.missing_ids()),
            *self._in_the_logs(GapName.LOG_LINE_DIFFERS, list(self._differing)),
            *(
                Gap(step_of(logged.agent), "cloudwatch", GapName.LOGGED_BY_ANOTHER, logged.customer_id, event_id)
                for event_id, logged in self._foreign.items()
            ),
            *(
                Gap(step_of(logged.agent), "audit_log", GapName.LOGGED_WITHOUT_ROW, logged.customer_id, event_id)
                for event_id, logged in self._unknown.items()
                if event_id not in late
            ),
        ]

    def _in_the_logs(self, problem: GapName, event_ids: list[UUID]) -> Iterator[Gap]:
        origins = self._origins(event_ids) if event_ids else {}
        for event_id in event_ids:
            # A row that has vanished since it was read belongs to no step any more, and is a gap all the same.
            origin = origins.get(event_id)
            step, customer_id = (step_of(origin.agent), origin.customer_id) if origin else (WHOLE_RUN, None)
            yield Gap(step, "cloudwatch", problem, customer_id, event_id)

    def _take_up(self, logged: LoggedEvent) -> None:
        if logged.says != logged.agent:
            # Whoever can write this group is not whom the line names: it proves nothing about that agent's event.
            self._foreign[logged.event_id] = logged
            return
        same = self._stored.mark_logged(logged)
        if same is None:
            self._unknown[logged.event_id] = logged
        elif not same:
            self._differing.add(logged.event_id)


def since_ms(moment: datetime) -> int:
    """A time, in milliseconds since 1970, safely before what was logged from this moment on."""
    return int(moment.astimezone(UTC).timestamp() * 1000) - CLOCK_MARGIN_MS


def read_origins(transaction: Transaction, event_ids: list[UUID]) -> dict[UUID, EventOrigin]:
    """Those of these events that have an audit row."""
    rows = transaction.fetch(
        "SELECT event_id, occurred_at, agent, customer_id FROM audit_log WHERE event_id = ANY(%s)", (event_ids,)
    )
    return {row[0]: EventOrigin(*row[1:]) for row in rows}


def step_of(agent: str) -> str:
    """The step that an agent does, or `run`."""
    return STEPS.get(agent, WHOLE_RUN)
