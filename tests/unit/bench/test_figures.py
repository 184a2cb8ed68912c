"""The arithmetic of the benchmark: efficiency, percentiles, budgets, kinds of statements."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.database_load import kind_of_statement
from tests.bench.idle import percentile
from tests.bench.pipeline import unavoidable_seconds
from tests.bench.rate_limit import budget, read_calls


def test_the_agent_with_more_waiting_sets_the_pace() -> None:
    calls = {"nlp_agent": 6400, "action_agent": 3200}
    assert unavoidable_seconds(calls, {"nlp_agent": 32, "action_agent": 32}, 0.2) == pytest.approx(40.2)


def test_a_second_environment_halves_what_is_unavoidable() -> None:
    calls = {"nlp_agent": 6400, "action_agent": 6400}
    assert unavoidable_seconds(calls, {"nlp_agent": 64, "action_agent": 64}, 0.2) == pytest.approx(20.2)
    assert unavoidable_seconds(calls, {"nlp_agent": 64, "action_agent": 32}, 0.2) == pytest.approx(40.2)


@pytest.mark.parametrize(("share", "value"), [(0.5, 15.0), (0.95, 29.0), (1.0, 30.0), (0.01, 1.0)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(30, 0, -1)], share) == value


def test_the_percentile_of_one_value_is_that_value() -> None:
    assert percentile([2.5], 0.95) == 2.5


def test_the_budget_is_a_full_bucket_and_what_flows_in_while_calls_are_made() -> None:
    limits = {"requests_per_minute": 60, "tokens_per_minute": 6000}
    calls = [("ok", 50)] * 90 + [("rate_limited", 0)] * 10
    found = budget(calls, limits, seconds=60.0)
    assert found["budget_used"] == pytest.approx(90 / 120)
    assert found["binding"] == "requests"
    assert found["refused"] == 10
    assert found["refused_share"] == pytest.approx(0.1)


def test_the_limit_that_binds_may_be_the_tokens() -> None:
    found = budget([("ok", 100)] * 60, {"requests_per_minute": 600, "tokens_per_minute": 3000}, seconds=60.0)
    assert (found["binding"], found["budget_used"]) == ("tokens", 1.0)


def test_calls_are_read_from_where_the_log_stood_and_other_lines_are_left_out(tmp_path: Path) -> None:
    def line(path: str, outcome: str, tokens: int) -> str:
        return json.dumps({"path": path, "outcome": outcome, "tokens": tokens}) + "\n"

    before = "rules listen\n" + line("/openai/v1/chat/completions", "ok", 1)
    after = line("/openai/v1/chat/completions", "rate_limited", 0) + line("/v1/models", "models", 0)
    log = tmp_path / "model-server.log"
    log.write_text(before + after)
    assert read_calls(log, len(before)) == [("rate_limited", 0)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("\nINSERT INTO audit_log (event_id) VALUES ('Jeanne Moreau')", "insert into audit_log"),
        ("UPDATE runs SET status = 'x'", "update runs"),
        ("SELECT end_egress('a', 'answered', '{\"summary\": \"Jeanne\"}')", "end_egress()"),
        ("SELECT count(*) FROM customers WHERE last_name = 'Moreau'", "select from customers"),
        ("WITH due AS (SELECT customer_id FROM consents) SELECT 1", "select from consents"),
        ("COMMIT", "commit"),
        ("'Jeanne Moreau'", "other"),
        ("", "other"),
    ],
)
def test_of_a_statement_only_verb_and_table_are_kept(text: str, kind: str) -> None:
    assert kind_of_statement(text) == kind
    assert "moreau" not in kind_of_statement(text)
