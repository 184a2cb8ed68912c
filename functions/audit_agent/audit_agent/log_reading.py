"""Read the audit events of a run back from the agents' structured logs in CloudWatch."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from audit_agent.canonical_line import match_canonical_event
from vigie.canonical import canonical_event
from vigie.errors import TransientError
from vigie.verify import leaf_hash

PATIENCE = Config(connect_timeout=3, read_timeout=30, retries={"total_max_attempts": 4, "mode": "standard"})
UNREADABLE = b""
# A run of a minute is read in one piece, and none in more than so many, whatever the clock says.
SPAN_MS = 60_000
MOST_SPANS = 100


class LogsUnavailableError(TransientError):
    """When CloudWatch Logs cannot be read now."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An audit event as a log line reports it. `fingerprint` is its leaf hash, empty when the line is malformed.

    `agent` wrote the log group, and `says` is whom the line names.
    """

    event_id: UUID
    agent: str
    says: str
    customer_id: UUID | None
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Lines of one log group: only its agent can have written them."""

    agent: str
    lines: list[str]


class Logs:
    """The log groups that agents write to, by agent."""

    def __init__(self, groups: Mapping[str, str], client: Any = None) -> None:
        self._groups = groups
        self._client = client or boto3.client("logs", config=PATIENCE)

    def pages(self, run_id: str, since_ms: int) -> Iterator[Page]:
        """Yield the lines that may belong to the run, in all groups, from this time on (milliseconds since 1970).

        Raises:
            LogsUnavailableError: CloudWatch Logs does not answer, or refuses.
        """
        for agent, group in self._groups.items():
            for span in _spans(since_ms, time.time_ns() // 1_000_000):
                yield from (Page(agent, lines) for lines in self._pages(group, run_id, span))

    def _pages(self, group: str, run_id: str, span: dict[str, Any]) -> Iterator[list[str]]:
        pages = self._client.get_paginator("filter_log_events").paginate(
            logGroupName=group, filterPattern=f'"{run_id}"', **span
        )
        try:
            for page in pages:
                yield [event["message"] for event in page["events"]]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise LogsUnavailableError(f"log group {group} cannot be read now") from error
        except BotoCoreError as error:
            raise LogsUnavailableError(f"log group {group} cannot be read now") from error


def _spans(since_ms: int, now_ms: int) -> Iterator[dict[str, Any]]:
    """The time from `since_ms` on in pieces, both ends included; the last has no end.

    A page of a long span costs what the whole span costs: LocalStack goes through all its events for each page.
    """
    width = max(SPAN_MS, (now_ms - since_ms) // MOST_SPANS)
    start = since_ms
    while start + 2 * width < now_ms:
        yield {"startTime": start, "endTime": start + width - 1}
        start += width
    yield {"startTime": start}


def read_events(
    pages: Iterable[Page], run_id: str, is_stored: Callable[[bytes, bytes, str], bool]
) -> Iterator[LoggedEvent]:
    """The run's audit events among log lines, but for those that are stored in the words of their line.

    `is_stored` is asked whether an event of this id has this fingerprint and this writer.
    """
    for page in pages:
        for message in page.lines:
            found = match_canonical_event(message)
            if found and is_stored(*found, page.agent):
                continue
            if logged := _read_line(message, run_id, page.agent):
                yield logged


def _read_line(message: str, run_id: str, agent: str) -> LoggedEvent | None:
    """The audit event in a log line; None for any other line, and for one that cannot be attributed."""
    try:
        audit = json.loads(message)["audit"]
        if audit["run_id"] != run_id:
            return None
        event_id, says = UUID(audit["event_id"]), str(audit["agent"])
        customer_id = UUID(audit["customer_id"]) if audit["customer_id"] else None
    except (ValueError, KeyError, TypeError):
        return None
    return LoggedEvent(event_id, agent, says, customer_id, _fingerprint(audit))


def _fingerprint(audit: dict[str, Any]) -> bytes:
    try:
        fields = audit | {"occurred_at": datetime.fromisoformat(audit["occurred_at"])}
        return leaf_hash(canonical_event(**fields))
    except (ValueError, TypeError, KeyError, AttributeError):
        return UNREADABLE
