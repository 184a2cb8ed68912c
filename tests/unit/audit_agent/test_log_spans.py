"""Logs are read in pieces of time: every line once, however long the run and whatever the clock says."""

from __future__ import annotations

import time
from typing import Any

import pytest

from audit_agent.log_reading import MOST_SPANS, SPAN_MS, Logs, Page


class Events:
    """CloudWatch's filter_log_events: both ends of the asked time included, two events a page."""

    def __init__(self, timestamps: list[int]) -> None:
        self.timestamps = timestamps
        self.asked: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> Events:
        assert operation == "filter_log_events"
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        self.asked.append(asked)
        first, last = asked["startTime"], asked.get("endTime", float("inf"))
        found = [{"message": str(at)} for at in self.timestamps if first <= at <= last]
        return [{"events": found[i : i + 2]} for i in range(0, len(found), 2)]


@pytest.mark.parametrize("seconds", [0, 30, 120, 121, 600, 90_000])
def test_every_line_is_read_once_in_a_bounded_number_of_pieces(seconds: int) -> None:
    now = time.time_ns() // 1_000_000
    since = now - seconds * 1000
    step = max(1, SPAN_MS // 4, seconds)
    wanted = list(range(since, now + 5 * SPAN_MS, step))
    events = Events([since - 1, *wanted])
    pages = Logs({"nlp_agent": "/aws/lambda/one"}, events).pages("run", since)
    assert [int(message) for page in pages for message in page.lines] == wanted
    assert len(events.asked) <= MOST_SPANS
    assert "endTime" not in events.asked[-1]


def test_a_run_of_a_minute_is_read_in_one_piece() -> None:
    since = time.time_ns() // 1_000_000 - SPAN_MS
    events = Events([since])
    groups = {"nlp_agent": "/aws/lambda/one", "planner": "/aws/lambda/other"}
    pages = list(Logs(groups, events).pages("run", since))
    assert pages == [Page("nlp_agent", [str(since)]), Page("planner", [str(since)])]
    assert len(events.asked) == 2
