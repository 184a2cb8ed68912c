"""Audit events: written to PostgreSQL in the transaction of what they report, then to the structured log."""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aws_lambda_powertools import Logger
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from vigie.canonical import canonical_event
from vigie.events import check_details
from vigie.ids import uuid7
from vigie.vocabulary import EventStatus, EventType

logger = Logger(child=True)
_PLACE = "the place of an event"

INSERT = """
INSERT INTO audit_log (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details, request_id)
VALUES %s
"""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `details` must fit the event type's schema (vigie/events.py)."""

    event_type: EventType
    status: EventStatus = EventStatus.OK
    customer_id: UUID | None = None
    details: dict[str, Any] = field(default_factory=dict)
    event_id: UUID = field(default_factory=uuid7)
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        check_details(self.event_type, self.details)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who writes events: the agent, the run it works for, and the Lambda request."""

    agent: str
    run_id: str | None = None
    request_id: str | None = None


def insert_events(cursor: Cursor, origin: Origin, events: Iterable[Event]) -> None:
    """Insert events in the cursor's transaction."""
    execute_values(cursor, INSERT, [_row(origin, event) for event in events], page_size=500)


def log_events(origin: Origin, events: Sequence[Event]) -> None:
    """Write committed events to the structured log, one line each, with the same event ids."""
    handler = logger.registered_handler
    if isinstance(handler, logging.StreamHandler) and logger.log_level <= logging.INFO:
        _write_lines(handler, origin, events)
    else:
        # Outside a function Powertools is not set up: other handlers get records.
        for event in events:
            logger.info("audit event", audit=as_log_fields(origin, event))


def _write_lines(handler: "logging.StreamHandler[Any]", origin: Origin, events: Sequence[Event]) -> None:
    """Format the line once and put each event in its place: an eighth of an agent's CPU went into formatting.

    It is in its canonical form there, so that a reader can compare it without parsing.
    """
    before, after = handler.format(_log_record()).split(json.dumps(_PLACE))
    lines = (f"{before}{_text(origin, event)}{after}\n" for event in events)
    try:
        handler.stream.write("".join(lines))
        handler.flush()
    except OSError:
        # The events are committed: the work continues, and the reconciliation names the lines that are missing.
        handler.handleError(_log_record())


def _log_record() -> logging.LogRecord:
    fields = {"name": logger.name, "levelno": logging.INFO, "levelname": "INFO", "msg": "audit event"}
    return logging.makeLogRecord(fields | {"audit": _PLACE})


def as_log_fields(origin: Origin, event: Event) -> dict[str, Any]:
    """Return an event as the structured log holds it."""
    fields: dict[str, Any] = json.loads(_text(origin, event))
    return fields


def _text(origin: Origin, event: Event) -> str:
    return canonical_event(
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        run_id=origin.run_id,
        agent=origin.agent,
        event_type=event.event_type,
        status=event.status,
        customer_id=event.customer_id,
        details=event.details,
        request_id=origin.request_id,
    ).decode()


def _row(origin: Origin, event: Event) -> tuple[Any, ...]:
    return (
        str(event.event_id),
        event.occurred_at,
        origin.run_id,
        origin.agent,
        event.event_type,
        event.status,
        str(event.customer_id) if event.customer_id else None,
        json.dumps(event.details),
        origin.request_id,
    )
