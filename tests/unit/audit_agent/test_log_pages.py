"""Pages of log events, from CloudWatch's own answers: every event once, errors by name."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from audit_agent.log_reading import Logs, LogsUnavailableError

EVENTS = [
    {"logStreamName": "s", "timestamp": at, "message": f'{at} "\u00e9"\n', "ingestionTime": at, "eventId": str(at)}
    for at in range(5)
]
PAGES: dict[str | None, dict[str, Any]] = {
    None: {"events": EVENTS[:3], "nextToken": "more"},
    "more": {"events": EVENTS[3:], "searchedLogStreams": []},
}
SENDING = "before-send.cloudwatch-logs.FilterLogEvents"


class Body(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


def answer(request: Any, status: int, body: dict[str, Any]) -> AWSResponse:
    return AWSResponse(request.url, status, HTTPHeaders(), Body(json.dumps(body).encode()))


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of CloudWatch Logs, whose requests go nowhere until a test answers them."""
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    return boto3.client("logs")


def page(request: Any, **_context: object) -> Any:
    return answer(request, 200, PAGES[json.loads(request.body).get("nextToken")])


def test_all_pages_of_a_group_are_read(client: Any) -> None:
    client.meta.events.register(SENDING, page)
    pages = list(Logs({"nlp_agent": "g"}, client).pages("run-1", 2**62))
    assert [message for page in pages for message in page.lines] == [event["message"] for event in EVENTS]


def test_an_unknown_group_has_no_page_and_a_refusal_is_an_error(client: Any) -> None:
    codes = ["ResourceNotFoundException", "AccessDeniedException"]
    client.meta.events.register(SENDING, lambda request, **_context: answer(request, 400, {"__type": codes.pop(0)}))
    assert list(Logs({"nlp_agent": "g"}, client).pages("run-1", 2**62)) == []
    with pytest.raises(LogsUnavailableError):
        list(Logs({"nlp_agent": "g"}, client).pages("run-1", 2**62))
