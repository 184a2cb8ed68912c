"""How output becomes lines, and lines become PutLogEvents calls."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vigie_localstack.executor.log_delivery import (
    EVENT_OVERHEAD,
    MOST_BYTES,
    MOST_EVENTS,
    LogDelivery,
    LogEvent,
    StreamName,
    in_batches,
)
from vigie_localstack.executor.log_stream import LONGEST_LINE, split_lines

STREAM = StreamName("000000000000", "us-east-1", "group", "stream")


@given(st.lists(st.binary(max_size=20), max_size=20), st.integers(1, 7))
def test_output_read_in_pieces_gives_the_lines_that_were_written(lines: list[bytes], step: int) -> None:
    text = b"\n".join(lines)
    found: list[bytes] = []
    rest = b""
    for start in range(0, len(text), step):
        some, rest = split_lines(rest + text[start : start + step])
        found += some
    assert b"\n".join([*found, rest]) == text


@given(st.integers(1, 4))
def test_a_long_line_is_cut_between_characters(width: int) -> None:
    character = {1: "x", 2: "é", 3: "€", 4: "🦉"}[width]
    text = ("." + character * LONGEST_LINE).encode()
    pieces, rest = split_lines(text)
    assert b"".join([*pieces, rest]) == text
    assert all(piece.decode() and len(piece) <= LONGEST_LINE for piece in [*pieces, rest])


def event(size: int) -> LogEvent:
    return LogEvent(0, "x" * size, size)


def test_a_batch_holds_as_many_events_as_one_call_may() -> None:
    batches = list(in_batches([event(1)] * (2 * MOST_EVENTS + 1)))
    assert [len(batch) for batch in batches] == [MOST_EVENTS, MOST_EVENTS, 1]


def test_a_batch_holds_as_many_bytes_as_one_call_may() -> None:
    size = 262_144 - EVENT_OVERHEAD
    batches = list(in_batches([event(size)] * 9))
    assert [len(batch) for batch in batches] == [4, 4, 1]
    assert sum(e.size + EVENT_OVERHEAD for e in batches[0]) == MOST_BYTES


@given(st.lists(st.integers(1, 300_000), max_size=30))
def test_batches_keep_every_event_in_order(sizes: list[int]) -> None:
    events = [event(size) for size in sizes]
    assert [e for batch in in_batches(events) for e in batch] == events


class MissingError(Exception):
    """When the fake service does not know a group or stream."""

    response = {"Error": {"Code": "ResourceNotFoundException"}}  # noqa: RUF012


class ExistsError(Exception):
    """When the fake service knows a group or stream already."""

    response = {"Error": {"Code": "ResourceAlreadyExistsException"}}  # noqa: RUF012


@dataclass
class StrictLogs:
    """CloudWatch Logs as far as it refuses what does not exist, or exists."""

    known: set[str] = field(default_factory=set)
    stored: list[str] = field(default_factory=list)

    def put_log_events(self, **request: Any) -> None:
        if not {"group", "stream"} <= self.known:
            raise MissingError
        self.stored += [event["message"] for event in request["logEvents"]]

    def create_log_group(self, **request: Any) -> None:
        self._create("group")

    def create_log_stream(self, **request: Any) -> None:
        self._create("stream")

    def _create(self, name: str) -> None:
        if name in self.known:
            raise ExistsError
        self.known.add(name)


def test_group_and_stream_are_made_when_they_are_missing() -> None:
    for known in (set[str](), {"group"}, {"group", "stream"}):
        logs = StrictLogs(known)
        delivery = LogDelivery(lambda account, region, logs=logs: logs)  # type: ignore[misc]
        delivery.add(STREAM, [LogEvent(0, "one", 3)])
        delivery.add(STREAM, [LogEvent(0, "two", 3)])
        delivery.deliver_waiting()
        assert logs.stored == ["one", "two"]


def test_a_refused_batch_does_not_stop_the_next() -> None:
    logs = StrictLogs({"group", "stream"})
    refusing = LogDelivery(lambda account, region: logs)
    refuse, logs.put_log_events = logs.put_log_events, _refuse  # type: ignore[method-assign]
    refusing.add(STREAM, [LogEvent(0, "lost", 4)])
    refusing.deliver_waiting()
    logs.put_log_events = refuse  # type: ignore[method-assign]
    refusing.add(STREAM, [LogEvent(0, "kept", 4)])
    refusing.deliver_waiting()
    assert logs.stored == ["kept"]


def _refuse(**request: Any) -> None:
    raise RuntimeError("refused")
