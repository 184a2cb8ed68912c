"""Providers that fail, limit and refuse, at the door: every run ends, goes on when mended, and burns nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Cloud, wait_until
from vigie_operations.model_trouble import model_trouble

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CUSTOMERS = 20
# More than may meet a refused account, as below.
MANY = 60
# Calls at once in one environment, as the template has it.
LLM_CONCURRENCY = 16


@pytest.fixture
def server(cloud: Cloud) -> Iterator[Cloud]:
    cloud.model_server("POST", "/reset")
    yield cloud
    cloud.model_server("POST", "/reset")


def behave(cloud: Cloud, **settings: Any) -> None:
    cloud.model_server("PUT", body=settings)


def calls(cloud: Cloud, run_id: str) -> dict[str, int]:
    sql = "SELECT coalesce(outcome, 'none'), count(*) FROM egress_ledger WHERE run_id = %s GROUP BY 1"
    return dict(cloud.query(sql, run_id))


def assert_whole(counts: dict[str, int]) -> None:
    assert counts["analysed"] + counts["without_consent"] + counts["without_feedback"] == counts["planned"]
    assert counts["predicted"] == counts["actions"] == counts["planned"]
    assert counts["failed"] == 0


def test_an_outage_under_a_token_limit_does_not_stop_later_runs(server: Cloud) -> None:
    behave(server, tokens_per_minute=30_000)
    assert_whole(server.run("outage-before", {"limit": 5})["customers"])
    behave(server, rates={"reset": 1.0})
    server.run("outage-during", {"limit": CUSTOMERS})
    behave(server, rates={})
    assert_whole(server.run("outage-after", {"limit": CUSTOMERS})["customers"])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("few-tokens", {"tokens_per_minute": 60_000}),
        ("a-day", {"requests_per_minute": 14_400, "requests_window_seconds": 86_400}),
        ("kinds", {"rates": {"json_validate_failed": 0.1, "capacity_exceeded": 0.1, "null_content": 0.1,
                             "odd_usage": 0.1, "thoughts": 0.1, "fenced": 0.1, "parts": 0.1}}),
        ("too-large", {"plan": ["ok", "too_large"]}),
    ],
)  # fmt: skip
def test_limits_and_odd_answers_lose_no_customer(server: Cloud, name: str, settings: dict[str, Any]) -> None:
    behave(server, **settings)
    assert_whole(server.run(f"provider-{name}", {"limit": 12})["customers"])


def most_refused(server: Cloud, run_id: str) -> int:
    """Return how many calls may meet a refused account: one each time that an agent takes up a batch of the run, and
    those that were under way when the first refusal came."""
    [(number,)] = server.query(
        "SELECT count(*)::int FROM audit_log WHERE run_id = %s AND event_type = 'BATCH_START'"
        " AND agent IN ('nlp_agent', 'action_agent')",
        run_id,
    )
    return int(number) + LLM_CONCURRENCY - 1


@pytest.mark.parametrize("refusal", ["unauthorised", "no_quota", "redirected", "web_page", "no_json_schema"])
def test_an_account_that_is_refused_and_mended_in_mid_run_fails_no_customer(server: Cloud, refusal: str) -> None:
    run_id = f"mended-{refusal.replace('_', '-')}"
    behave(server, rates={refusal: 1.0})
    arn = server.start(run_id, {"limit": MANY})
    # Three rounds have been refused, of one call each.
    wait_until(lambda: calls(server, run_id).get("unavailable", 0) >= 3)
    behave(server, rates={})
    ended = server.wait(arn)
    assert ended["status"] == "SUCCEEDED", ended
    assert_whole(json.loads(ended["output"])["customers"])
    outcomes = calls(server, run_id)
    assert set(outcomes) == {"answered", "unavailable", "unsent"}
    assert outcomes["unavailable"] <= most_refused(server, run_id)


def test_an_answer_that_is_withheld_costs_one_call_and_says_why(server: Cloud) -> None:
    behave(server, rates={"filtered": 0.5, "declined": 0.5})
    counts = server.run("withheld", {"limit": CUSTOMERS})["customers"]
    lost = counts["analysis_failed"]
    assert lost > 0 == counts["analysed"]
    assert counts["predicted"] == counts["actions"] == counts["planned"]
    asked = server.model_server("GET")["requests"]
    assert calls(server, "withheld") == {"rejected": asked}
    found = server.query(
        "SELECT DISTINCT jsonb_object_keys(details -> 'found') FROM audit_log"
        " WHERE run_id = 'withheld' AND event_type = 'GUARD_REJECTED' ORDER BY 1"
    )
    assert found == [("CONTENT_FILTERED",), ("MODEL_REFUSED",)]


def test_an_account_that_stays_refused_ends_the_run_with_the_catalogue(server: Cloud) -> None:
    behave(server, rates={"forbidden": 1.0})
    output = server.run("never-mended", {"limit": MANY})
    behave(server, rates={})
    assert output["customers"]["predicted"] == output["customers"]["actions"] == MANY
    assert output["customers"]["analysed"] == 0
    assert calls(server, "never-mended")["unavailable"] <= most_refused(server, "never-mended")
    with server.target.connected() as connection:
        [line] = model_trouble(server.target, connection, "never-mended")
    assert "model_blocked: allow the model at the provider" in line
    sources = server.query(
        "SELECT DISTINCT coalesce(source_reason, source) FROM actions WHERE run_id = 'never-mended' ORDER BY 1"
    )
    assert {row[0] for row in sources} <= {"ModelUnavailable", "NoConsent", "NoOffer"}
    # None was failed by the agent: the steps are missing, and the planner says so.
    reasons = server.query(
        "SELECT DISTINCT reason FROM run_steps WHERE step = 'analyse' AND outcome = 'failed'"
        " AND run_id = 'never-mended'"
    )
    assert not {row[0] for row in reasons} & {"ModelRefused", "ModelUnavailable", "AnswerRejected"}


def test_nothing_of_a_provider_s_words_is_logged(server: Cloud) -> None:
    behave(server, rates={"forbidden": 1.0})
    run_id = "words"
    arn = server.start(run_id, {"limit": 6})
    wait_until(lambda: calls(server, run_id).get("unavailable", 0) >= 1)
    behave(server, rates={})
    assert server.wait(arn)["status"] == "SUCCEEDED"
    logs = server.client("logs")
    lines = [
        event["message"]
        for agent in ("nlp-agent", "action-agent")
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/vigie-{agent}")
        for event in page["events"]
        if run_id in event["message"]
    ]
    assert any('"code":"model_blocked"' in line.replace(" ", "") for line in lines)
    assert not any("project level" in line for line in lines)
