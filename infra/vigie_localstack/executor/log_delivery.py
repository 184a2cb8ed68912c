"""Carry log events to CloudWatch Logs in as few PutLogEvents calls as its limits allow."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

LOG = logging.getLogger(__name__)

# CloudWatch Logs' limits for one PutLogEvents call.
MOST_EVENTS = 10_000
MOST_BYTES = 1_048_576
EVENT_OVERHEAD = 26
# What gathers in this time goes in one call. A line is visible about this long after it was written.
_GATHER_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event: milliseconds since 1970, text, and the text's size in UTF-8 bytes."""

    timestamp: int
    message: str
    size: int


@dataclass(frozen=True)
class StreamName:
    """Where events go."""

    account: str
    region: str
    group: str
    stream: str


class LogsClient(Protocol):
    """The part of CloudWatch Logs that is used; boto3's `logs` client is one."""

    def put_log_events(self, **request: object) -> object: ...
    def create_log_group(self, **request: object) -> object: ...
    def create_log_stream(self, **request: object) -> object: ...


def in_batches(events: list[LogEvent]) -> Iterator[list[LogEvent]]:
    """Split into lists that each fit one PutLogEvents call, in order."""
    batch: list[LogEvent] = []
    size = 0
    for event in events:
        needed = event.size + EVENT_OVERHEAD
        if batch and (len(batch) == MOST_EVENTS or size + needed > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += needed
    if batch:
        yield batch


@dataclass
class LogDelivery:
    """A queue by stream and the thread that empties it. `client_for(account, region)` gives the client."""

    client_for: Callable[[str, str], LogsClient]
    _waiting: dict[StreamName, list[LogEvent]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _something: threading.Event = field(default_factory=threading.Event)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def start(self) -> "LogDelivery":
        """Deliver until LocalStack ends."""
        threading.Thread(target=self._run, name="process-executor-logs", daemon=True).start()
        return self

    def add(self, stream: StreamName, events: list[LogEvent]) -> None:
        """Queue events behind those queued before for the same stream; returns at once."""
        with self._lock:
            self._waiting[stream].extend(events)
        self._something.set()

    def deliver_waiting(self) -> None:
        """Send everything queued so far."""
        with self._lock:
            waiting, self._waiting = self._waiting, defaultdict(list)
        for stream, events in waiting.items():
            for batch in in_batches(events):
                self._put(stream, batch)

    def stop(self) -> None:
        """End the thread; what is queued is still sent."""
        self._stopped.set()
        self._something.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._something.wait()
            self._stopped.wait(_GATHER_SECONDS)
            self._something.clear()
            self.deliver_waiting()

    def _put(self, stream: StreamName, batch: list[LogEvent]) -> None:
        client = self.client_for(stream.account, stream.region)
        request = {
            "logGroupName": stream.group,
            "logStreamName": stream.stream,
            "logEvents": [{"timestamp": event.timestamp, "message": event.message} for event in batch],
        }
        try:
            try:
                client.put_log_events(**request)
            except Exception as error:
                if _error_code(error) != "ResourceNotFoundException":
                    raise
                _create(client, stream)
                client.put_log_events(**request)
        except Exception as error:
            LOG.warning("%d log events of %s are lost: %s", len(batch), stream.group, error)


def _create(client: LogsClient, stream: StreamName) -> None:
    for create, request in (
        (client.create_log_group, {"logGroupName": stream.group}),
        (client.create_log_stream, {"logGroupName": stream.group, "logStreamName": stream.stream}),
    ):
        try:
            create(**request)
        except Exception as error:
            if _error_code(error) != "ResourceAlreadyExistsException":
                raise


def _error_code(error: Exception) -> str:
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))
