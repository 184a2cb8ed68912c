"""Readable lines from structured logs, and following without doubles."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vigie_operations.errors import OperationError
from vigie_operations.logs import agent_groups, read_events, readable

GROUP = "/aws/lambda/vigie-nlp-agent"


class LogsClient:
    """CloudWatch Logs with one page per group."""

    class exceptions:
        class ResourceNotFoundException(Exception):
            """When a group does not exist."""

    def __init__(self, events: dict[str, list[dict[str, Any]]]) -> None:
        self.events = events

    def get_paginator(self, _operation: str) -> LogsClient:
        return self

    def paginate(self, logGroupName: str, startTime: int) -> list[dict[str, Any]]:
        if logGroupName not in self.events:
            raise self.exceptions.ResourceNotFoundException
        return [{"events": [one for one in self.events[logGroupName] if one["timestamp"] >= startTime]}]


def test_an_unknown_agent_is_refused_with_the_known_ones() -> None:
    with pytest.raises(OperationError, match="AGENT='nlpp': use one of planner, nlp"):
        agent_groups("nlpp")


def test_one_agent_has_one_group_and_none_means_all() -> None:
    assert agent_groups("nlp") == [GROUP]
    assert len(agent_groups("")) == 6


def test_an_audit_event_becomes_one_readable_line() -> None:
    message = json.dumps(
        {
            "level": "INFO", "message": "audit event", "timestamp": "2026-01-02 03:04:05,678+0000",
            "audit": {"event_type": "CONSENT_CHECK", "status": "refused", "customer_id": "0123456789",
                      "details": {"purpose": "feedback_analysis", "consent_id": None}},
        }
    )  # fmt: skip
    assert readable(GROUP, message) == (
        "03:04:05 nlp-agent        CONSENT_CHECK refused 01234567 purpose=feedback_analysis"
    )


def test_an_error_shows_its_level_and_its_trace() -> None:
    message = json.dumps({"level": "ERROR", "message": "batch failed", "batch_no": 3, "exception": "Traceback"})
    assert "ERROR batch failed batch_no=3\nTraceback" in readable(GROUP, message)


@pytest.mark.parametrize("line", ["START RequestId: 1", "END RequestId: 1", "REPORT RequestId: 1"])
def test_the_platforms_own_lines_are_left_out(line: str) -> None:
    assert readable(GROUP, line) == ""


def test_metrics_are_left_out() -> None:
    assert readable(GROUP, '{"_aws": {"Timestamp": 1}, "service": "nlp-agent", "Analyses": [3.0]}') == ""


def test_text_that_is_not_json_is_shown_as_it_is() -> None:
    assert readable(GROUP, "Segmentation fault\n").endswith("nlp-agent        Segmentation fault")


def test_events_of_all_groups_come_in_order_of_time_and_a_missing_group_is_no_error() -> None:
    client = LogsClient(
        {
            "a": [{"eventId": "1", "timestamp": 30, "message": "x"}, {"eventId": "2", "timestamp": 10, "message": "y"}],
            "b": [{"eventId": "3", "timestamp": 20, "message": "z"}],
        }
    )
    found = [event["eventId"] for _group, event in read_events(client, ["a", "b", "gone"], 0, follow=False)]
    assert found == ["2", "3", "1"]


def test_following_shows_each_event_once_and_late_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    client = LogsClient({"a": [{"eventId": "1", "timestamp": 50_000, "message": "x"}]})
    monkeypatch.setattr("vigie_operations.logs.time.sleep", lambda _s: None)
    events = read_events(client, ["a"], 0, follow=True)
    assert next(events)[1]["eventId"] == "1"
    client.events["a"].append({"eventId": "late", "timestamp": 45_000, "message": "y"})
    assert next(events)[1]["eventId"] == "late"
