"""Audit events in the structured log: lines like those that Powertools writes, one for each event."""

import errno
import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger

from audit_agent.canonical_line import match_canonical_event
from vigie import audit
from vigie.audit import Event, Origin, as_log_fields, log_events
from vigie.canonical import canonical_event
from vigie.verify import leaf_hash
from vigie.vocabulary import EventStatus, EventType

ORIGIN = Origin("nlp_agent", "run-1", "request-1")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Logger, io.StringIO]]:
    """A function's logger, and what it writes to."""
    stream = io.StringIO()
    service = f"service-{uuid4().hex}"
    parent = Logger(service=service, stream=stream, location=None)
    monkeypatch.setattr(audit, "logger", Logger(service=service, child=True))
    yield parent, stream
    logging.getLogger(service).handlers.clear()


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_each_event_is_a_line_with_the_keys_that_the_function_has_set(written: tuple[Logger, io.StringIO]) -> None:
    parent, stream = written
    parent.append_keys(run_id="run-1", batch_no=3)
    events = [Event(EventType.BATCH_START, details={"batch_no": 3, "customers": each}) for each in range(3)]
    log_events(ORIGIN, events)
    lines = lines_of(stream)
    assert [line["audit"] for line in lines] == [as_log_fields(ORIGIN, event) for event in events]
    parent.info("audit event", audit="one of Powertools' own")
    own = lines_of(stream)[-1]
    for line in lines:
        assert line.keys() == own.keys()
        assert {**line, "audit": 0, "timestamp": 0} == {**own, "audit": 0, "timestamp": 0}


def test_a_line_holds_the_event_in_the_words_that_are_sealed(written: tuple[Logger, io.StringIO]) -> None:
    event = Event(EventType.RUN_PLANNED, EventStatus.OK, uuid4(), {"most_lost_analyses": 1e-7, "model_version": "m-1"})
    log_events(ORIGIN, [event])
    sealed = canonical_event(
        event_id=event.event_id, occurred_at=event.occurred_at, run_id="run-1", agent="nlp_agent",
        event_type="RUN_PLANNED", status="ok", customer_id=event.customer_id, request_id="request-1",
        details='{"most_lost_analyses": 0.00000010, "model_version": "m-1"}',
    ).decode()  # fmt: skip
    assert f'"audit":{sealed}' in written[1].getvalue()
    assert match_canonical_event(written[1].getvalue()) == (event.event_id.bytes, leaf_hash(sealed.encode()))


def test_a_function_that_logs_warnings_only_logs_no_events(written: tuple[Logger, io.StringIO]) -> None:
    _, stream = written
    audit.logger.setLevel("WARNING")
    log_events(ORIGIN, [Event(EventType.BATCH_START, details={"batch_no": 3, "customers": 1})])
    assert stream.getvalue() == ""


class FullDisk(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_log_that_takes_no_line_does_not_undo_what_is_committed(
    written: tuple[Logger, io.StringIO], capsys: pytest.CaptureFixture[str]
) -> None:
    parent, _ = written
    handler = parent.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(FullDisk())
    log_events(ORIGIN, [Event(EventType.BATCH_START, details={"batch_no": 3, "customers": 1})])
    assert "No space left on device" in capsys.readouterr().err


def test_nothing_is_written_for_no_events(written: tuple[Logger, io.StringIO]) -> None:
    log_events(ORIGIN, [])
    assert written[1].getvalue() == ""
