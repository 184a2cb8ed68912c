"""Reads the audit events of a run back from the agents' structured logs in CloudWatch."""

import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from vigie.canonical import canonical_event
from vigie.errors import TransientError
from vigie.verify import leaf_hash

PATIENCE = Config(connect_timeout=3, read_timeout=30, retries={"total_max_attempts": 4, "mode": "standard"})
UNREADABLE = b""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A run of a minute is read in one piece, and none in more than so many, whatever the clock says.
SPAN_MS = 60_000
MOST_SPANS = 100


class LogsUnavailableError(TransientError):
    """When CloudWatch Logs cannot be read now."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An audit event as a log line tells it. `fingerprint` is its leaf hash, empty when the line is malformed.

    The ids are texts: making a `UUID` takes longer than all else that is done with one of a million lines.
    """

    event_id: str
    agent: str
    customer_id: str | None
    fingerprint: bytes


class Logs:
    """The log groups that agents write to."""

    def __init__(self, groups: tuple[str, ...], client: Any = None) -> None:
        self._groups = groups
        self._client = client or boto3.client("logs", config=PATIENCE)

    def pages(self, run_id: str, since_ms: int) -> Iterator[list[str]]:
        """The lines that may tell of the run, in all groups, logged at or after this time (milliseconds since 1970).

        Raises:
            LogsUnavailableError: CloudWatch Logs does not answer, or refuses.
        """
        for group in self._groups:
            for span in _spans(since_ms, time.time_ns() // 1_000_000):
                yield from self._pages(group, run_id, span)

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


def read_events(pages: Iterable[list[str]], run_id: str) -> Iterator[LoggedEvent]:
    """The run's audit events among log lines."""
    for messages in pages:
        for message in messages:
            logged = _read_line(message, run_id)
            if logged:
                yield logged


def _read_line(message: str, run_id: str) -> LoggedEvent | None:
    """The audit event in a log line; None for any other line, and for one that cannot be attributed."""
    try:
        audit = json.loads(message)["audit"]
        if audit["run_id"] != run_id:
            return None
        event_id, agent = as_id(audit["event_id"]), str(audit["agent"])
        customer_id = as_id(audit["customer_id"]) if audit["customer_id"] else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return LoggedEvent(event_id, agent, customer_id, _fingerprint(audit))


def as_id(value: str) -> str:
    """A UUID's text, lower case with hyphens. Raises ValueError when it is none."""
    return value if _ID.fullmatch(value) else str(UUID(value))


def _fingerprint(audit: dict[str, Any]) -> bytes:
    try:
        fields = audit | {"occurred_at": datetime.fromisoformat(audit["occurred_at"])}
        return leaf_hash(canonical_event(**fields))
    except (ValueError, TypeError, KeyError, AttributeError):
        return UNREADABLE
