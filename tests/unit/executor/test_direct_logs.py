"""Log events go straight to where LocalStack keeps them, and through its API where it has more to do with them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from moto.logs.models import LogsBackend, logs_backends

from vigie_localstack.executor.direct_logs import DirectLogs

ACCOUNT, REGION, GROUP, STREAM = "123456789012", "us-east-1", "/aws/lambda/direct", "one"


class Api:
    """LocalStack's API, which notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda **_request: self.asked.append(name)


@pytest.fixture
def backend() -> Iterator[LogsBackend]:
    backend: LogsBackend = logs_backends[ACCOUNT][REGION]
    backend.create_log_group(GROUP, {})
    backend.create_log_stream(GROUP, STREAM)
    yield backend
    backend.reset()


def put(api: Api, stream: str = STREAM) -> None:
    events = [{"timestamp": int(time.time() * 1000), "message": "a line"}]
    DirectLogs(ACCOUNT, REGION, api).put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)


def test_a_line_is_stored_without_the_api(backend: LogsBackend) -> None:
    api = Api()
    put(api)
    assert [event.message for event in backend.groups[GROUP].streams[STREAM].events] == ["a line"]
    assert api.asked == []


def test_a_missing_stream_is_the_apis_to_refuse(backend: LogsBackend) -> None:
    api = Api()
    put(api, stream="two")
    assert api.asked == ["put_log_events"]


def test_where_a_metric_is_counted_the_api_is_asked(backend: LogsBackend) -> None:
    api = Api()
    backend.filters.metric_filters.append({"filterName": "errors"})
    put(api)
    assert api.asked == ["put_log_events"]
    assert backend.groups[GROUP].streams[STREAM].events == []


def test_groups_and_streams_are_made_through_the_api() -> None:
    api = Api()
    logs = DirectLogs(ACCOUNT, REGION, api)
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
    assert api.asked == ["create_log_group", "create_log_stream"]
