"""FilterLogEvents answered directly: what moto answers, page by page, and only what the phrase is in."""

from __future__ import annotations

from typing import Any

import pytest
from moto.logs.models import LogGroup

from vigie_local.log_search import search

GROUP = "/aws/lambda/vigie-nlp-agent"


@pytest.fixture
def group() -> LogGroup:
    group = LogGroup("123456789012", "us-east-1", GROUP)  # type: ignore[abstract]
    for stream in ("one", "two"):
        group.create_log_stream(stream)
        events = [{"timestamp": 1000 + n, "message": f"{stream} {n} run-{n % 2}"} for n in range(10)]
        group.streams[stream].put_log_events(events)
    return group


def pages(group: LogGroup, **request: Any) -> list[list[str]]:
    found, token = [], None
    while True:
        page = search(group, {"logGroupName": GROUP, **request} | ({"nextToken": token} if token else {}))
        assert page is not None
        found.append([event["message"] for event in page["events"]])
        token = page.get("nextToken")
        if token is None:
            return found


def of_moto(group: LogGroup, since: int | None = None, until: int | None = None) -> list[Any]:
    streams: list[str] = []
    events, _token, _streams = group.filter_log_events(GROUP, streams, since, until, None, None, None, True)  # type: ignore[arg-type]
    return sorted(events, key=lambda event: event["eventId"])


def test_all_events_are_those_of_moto(group: LogGroup) -> None:
    page = search(group, {"logGroupName": GROUP})
    assert page is not None
    assert sorted(page["events"], key=lambda event: event["eventId"]) == of_moto(group)
    assert "nextToken" not in page


@pytest.mark.parametrize("limit", [1, 3, 7, 10, 19, 20, 21])
def test_pages_hold_everything_once(group: LogGroup, limit: int) -> None:
    found = pages(group, limit=limit)
    assert [message for page in found for message in page] == pages(group)[0]
    assert all(0 < len(page) <= limit for page in found)


@pytest.mark.parametrize(("since", "until"), [(1003, 1005), (1003, None), (None, 1000), (2000, None)])
def test_times_are_included(group: LogGroup, since: int | None, until: int | None) -> None:
    times = {name: value for name, value in (("startTime", since), ("endTime", until)) if value is not None}
    [found] = pages(group, **times)
    assert sorted(found) == sorted(event["message"] for event in of_moto(group, since, until))


def test_a_phrase_chooses_the_messages_that_hold_it(group: LogGroup) -> None:
    assert pages(group, filterPattern='"run-1"', limit=4) == [
        ["one 1 run-1", "one 3 run-1", "one 5 run-1", "one 7 run-1"],
        ["one 9 run-1", "two 1 run-1", "two 3 run-1", "two 5 run-1"],
        ["two 7 run-1", "two 9 run-1"],
    ]
    assert pages(group, filterPattern='"5 run"', logStreamNames=["two"]) == [["two 5 run-1"]]


def test_what_is_written_between_two_pages_is_not_left_out(group: LogGroup) -> None:
    first = search(group, {"logGroupName": GROUP, "limit": 15})
    assert first is not None
    group.streams["two"].put_log_events([{"timestamp": 1009, "message": "late"}])
    second = search(group, {"logGroupName": GROUP, "limit": 15, "nextToken": first["nextToken"]})
    assert second is not None
    assert [event["message"] for event in second["events"]][-1] == "late"
    assert len(first["events"]) + len(second["events"]) == 21


def test_a_token_of_a_stream_that_is_gone_gives_nothing(group: LogGroup) -> None:
    page = search(group, {"logGroupName": GROUP, "nextToken": "three@4"})
    assert page is not None
    assert page["events"] == []


@pytest.mark.parametrize(
    "request_", [{"filterPattern": "{ $.x = 1 }"}, {"filterPattern": "?one"}, {"limit": 10_001}, {"unmask": True}]
)
def test_what_is_asked_in_another_way_goes_to_localstack(group: LogGroup, request_: dict[str, Any]) -> None:
    assert search(group, {"logGroupName": GROUP, **request_}) is None
