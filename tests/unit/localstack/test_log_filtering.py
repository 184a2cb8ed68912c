"""FilterLogEvents on this machine: what moto answers where both apply, and what AWS documents where moto does not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from moto.logs.models import LogsBackend

from vigie_localstack.patches import log_filtering
from vigie_localstack.patches.log_filtering import NotAnsweredHereError, read_page

GROUP = "/aws/lambda/vigie-nlp-agent"
STREAMS = {
    "2026/11/23/[$LATEST]aa": [(30, 'third {"run_id":"run-1"}'), (10, "first of run-1"), (50, "fifth run-11")],
    "2026/11/23/[$LATEST]bb": [(20, "second ERROR of run-1"), (40, "fourth error of run-2"), (20, "second again")],
    "2026/11/24/[$LATEST]cc": [],
    "2026/11/24/[$LATEST]dd": [(60, "sixth ERROR run-1 on retry_1")],
}


@pytest.fixture
def backend() -> LogsBackend:
    """CloudWatch Logs with one group of four streams, one of them empty."""
    logs = LogsBackend("us-east-1", "000000000000")
    logs.create_log_group(GROUP, {})
    for name, events in STREAMS.items():
        logs.create_log_stream(GROUP, name)
        # Past moto's check of the age of what is logged.
        logs.groups[GROUP].streams[name].put_log_events([{"timestamp": at, "message": text} for at, text in events])
    return logs


def pages(backend: LogsBackend, **asked: Any) -> list[list[dict[str, Any]]]:
    """All pages, as a client reads them."""
    found, request = [], {"logGroupName": GROUP, **asked}
    while True:
        answer = read_page(backend, request)
        found.append(answer["events"])
        if "nextToken" not in answer:
            return found
        request["nextToken"] = answer["nextToken"]


def texts(found: list[list[dict[str, Any]]]) -> set[str]:
    return {event["message"] for page in found for event in page}


def by_moto(backend: LogsBackend, **asked: Any) -> list[dict[str, Any]]:
    events, _, _ = backend.filter_log_events(
        GROUP, asked.get("logStreamNames", []), asked.get("startTime", 0), asked.get("endTime", 0), None, None,
        asked.get("filterPattern", ""), False,
    )  # fmt: skip
    return events


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8, 10_000])
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"startTime": 20},
        {"endTime": 40},
        {"startTime": 20, "endTime": 20},
        {"startTime": 61},
        {"filterPattern": '"run-1"'},
        {"filterPattern": "ERROR of"},
        {"filterPattern": '"no line holds this"'},
        {"logStreamNames": ["2026/11/23/[$LATEST]bb", "2026/11/24/[$LATEST]cc", "unknown"]},
        {"logStreamNames": ["2026/11/24/[$LATEST]dd"], "filterPattern": '"run-1"', "startTime": 60},
    ],
)
def test_all_pages_together_hold_what_moto_answers_each_once(
    backend: LogsBackend, asked: dict[str, Any], limit: int
) -> None:
    found = pages(backend, limit=limit, **asked)
    in_order = sorted((event for page in found for event in page), key=lambda event: int(event["eventId"]))
    assert in_order == sorted(by_moto(backend, **asked), key=lambda event: int(event["eventId"]))
    assert all(len(page) == limit for page in found[:-1])
    assert all(page == sorted(page, key=lambda event: event["timestamp"]) for page in found)


def test_no_page_has_more_than_ten_thousand_events(backend: LogsBackend) -> None:
    many = [{"timestamp": 70, "message": "more"}] * 20_000
    backend.groups[GROUP].streams["2026/11/24/[$LATEST]dd"].put_log_events(many)
    assert [len(page) for page in pages(backend)] == [10_000, 10_000, 7]


def test_streams_are_chosen_by_how_their_names_begin(backend: LogsBackend) -> None:
    assert texts(pages(backend, logStreamNamePrefix="2026/11/24")) == {"sixth ERROR run-1 on retry_1"}
    assert texts(pages(backend, logStreamNamePrefix="2026/12")) == set()


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("ERROR", {"second ERROR of run-1", "sixth ERROR run-1 on retry_1"}),
        ("error", {"fourth error of run-2"}),
        ("ERROR retry_1", {"sixth ERROR run-1 on retry_1"}),
        ("11", {"fifth run-11"}),
        ('"ERROR of"', {"second ERROR of run-1"}),
        ('"of ERROR"', set()),
    ],
)
def test_a_pattern_is_one_phrase_or_terms_that_must_all_be_there(
    backend: LogsBackend, pattern: str, wanted: set[str]
) -> None:
    assert texts(pages(backend, filterPattern=pattern)) == wanted


def test_what_is_logged_while_pages_are_read_is_read_where_it_is_still_to_come(backend: LogsBackend) -> None:
    first = read_page(backend, {"logGroupName": GROUP, "limit": 4})
    streams = backend.groups[GROUP].streams
    streams["2026/11/23/[$LATEST]bb"].put_log_events([{"timestamp": 5, "message": "late"}])
    rest = read_page(backend, {"logGroupName": GROUP, "nextToken": first["nextToken"]})
    assert texts([rest["events"]]) == {"fourth error of run-2", "second again", "late", "sixth ERROR run-1 on retry_1"}


@pytest.mark.parametrize(
    "token",
    ["x", f"{GROUP}@2026/11/23/[$LATEST]aa@0", f"{GROUP}:gone:1", "/other:2026/11/23/[$LATEST]aa:1"]
    + [f"{GROUP}:2026/11/23/[$LATEST]aa:{number}" for number in ("4", "-1", "1e1", "9" * 30)],
)
def test_a_token_of_no_place_gives_no_events(backend: LogsBackend, token: str) -> None:
    answer = read_page(backend, {"logGroupName": GROUP, "nextToken": token})
    assert answer["events"] == []
    assert "nextToken" not in answer


def test_the_token_of_a_stream_that_vanished_gives_no_events(backend: LogsBackend) -> None:
    token = read_page(backend, {"logGroupName": GROUP, "limit": 4})["nextToken"]
    backend.delete_log_stream(GROUP, "2026/11/23/[$LATEST]bb")
    assert read_page(backend, {"logGroupName": GROUP, "nextToken": token})["events"] == []


LEFT_TO_MOTO: list[dict[str, Any]] = [
    {"logGroupName": "/aws/lambda/unknown"},
    {"logGroupIdentifier": GROUP},
    {"limit": 0},
    {"limit": 10_001},
    {"interleaved": True},
    {"unmask": True},
    {"logStreamNames": ["x"], "logStreamNamePrefix": "x"},
    *(
        {"filterPattern": pattern}
        for pattern in (
            "{ $.level = ERROR }",
            "%ERROR|WARN%",
            "?ERROR ?WARN",
            "ERROR -retry",
            '"ERROR" "of"',
            '"a \\"b"',
            "run-1",
            "[a, b]",
            " ",
        )
    ),
]


@pytest.mark.parametrize("asked", LEFT_TO_MOTO)
def test_anything_else_is_left_to_moto(backend: LogsBackend, asked: dict[str, Any]) -> None:
    with pytest.raises(NotAnsweredHereError):
        read_page(backend, {"logGroupName": GROUP, **asked})


def test_localstack_asks_here_first_and_moto_for_the_rest(
    backend: LogsBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    from localstack.aws.skeleton import create_dispatch_table
    from localstack.services import moto
    from localstack.services.logs import models
    from localstack.services.logs.provider import LogsProvider

    monkeypatch.setattr(LogsProvider, "filter_log_events", None)
    monkeypatch.setattr(models, "get_moto_logs_backend", lambda account, region: {("1", "x"): backend}[account, region])
    monkeypatch.setattr(moto, "call_moto", lambda context: {"by moto for": context.account_id})
    log_filtering.install()
    answer = create_dispatch_table(LogsProvider.__new__(LogsProvider))["FilterLogEvents"]
    context: Any = SimpleNamespace(account_id="1", region="x")
    here: Any = {"logGroupName": GROUP, "filterPattern": "fifth"}
    assert texts([answer(context, here)["events"]]) == {"fifth run-11"}  # type: ignore[index]
    assert answer(context, here | {"unmask": True}) == {"by moto for": "1"}
