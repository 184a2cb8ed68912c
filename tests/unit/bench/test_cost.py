"""Cost on AWS: what is counted in a run, and how it grows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.evaluations.cost import closing
from tests.evaluations.cost.closing import closing_lines, closing_of
from tests.evaluations.cost.counting import (
    Counts,
    FunctionUse,
    count_events,
    count_requests,
    count_sends,
    function_use,
    map_of,
    states_on_the_way,
)
from tests.evaluations.cost.estimate import Deployed, batches_of, estimate, monthly, units
from tests.evaluations.cost.prices import read_prices
from tests.evaluations.cost.quotas import needs
from vigie_local.settings import REPOSITORY

REPORT = (
    "REPORT RequestId: 1\tDuration: 1500.20 ms\tBilled Duration: 1501 ms\t"
    "Memory Size: 1024 MB\tMax Memory Used: 87 MB\t\n"
)
COUNTS = Counts(
    run_id="run", seconds=10, customers=1000, batches=10, children=10, transitions_of_run=7, transitions_of_batches=60,
    messages=31, functions={name: FunctionUse(10, 20.0, 1024, 90) for name in ("nlp-agent", "prediction-agent",
    "action-agent", "audit-agent", "planner")}, log_bytes=2_000_000, log_events=9000,
    requests={"s3.PutObject": 3, "s3.GetObject": 1, "kms.Sign": 2, "secretsmanager.GetSecretValue": 8}, calls=2000,
    tokens_in=800_000, tokens_out=200_000, database_bytes=5_000_000,
)  # fmt: skip

DEPLOYED = Deployed(100, 32, {"nlp-agent": 2, "prediction-agent": 12, "action-agent": 3})


def event(kind: str, resource: str = "") -> dict[str, Any]:
    details = {"taskScheduledEventDetails": {"resourceType": resource}} if resource else {}
    return {"type": kind, **details}


def test_states_entered_are_transitions_and_sends_are_messages() -> None:
    events = [
        event("ExecutionStarted"), event("TaskStateEntered"), event("TaskScheduled", "sqs"), event("TaskSucceeded"),
        event("TaskStateExited"), event("ChoiceStateEntered"), event("ChoiceStateExited"), event("SucceedStateEntered"),
    ]  # fmt: skip
    assert count_events(events) == {"transitions": 3, "messages": 1}


def test_a_retry_is_a_transition_although_it_enters_no_state() -> None:
    events = [event("TaskStateEntered"), event("TaskScheduled", "sqs"), event("TaskScheduled", "sqs")]
    assert count_events(events) == {"transitions": 2, "messages": 2}


def test_the_way_of_a_batch_is_read_off_the_deployed_definition() -> None:
    batch = map_of(json.loads((REPOSITORY / "infra/statemachine/retention_run.asl.json").read_text()))
    assert states_on_the_way(batch) == [
        "Analyse", "AnalysisStalled", "AnalysisGoesOn", "AllAnalysed", "Predict",
        "Decide", "DecisionStalled", "DecisionGoesOn", "AllDecided", "BatchDone",
    ]  # fmt: skip
    assert count_sends(batch) == 3


def test_gb_seconds_come_from_the_report_lines() -> None:
    found = function_use([("nlp-agent", REPORT), ("nlp-agent", REPORT), ("nlp-agent", "START RequestId: 1")])
    assert found["nlp-agent"].invocations == 2
    assert found["nlp-agent"].gb_seconds == pytest.approx(3.002)
    assert found["nlp-agent"].most_used_mb == 87
    assert found["planner"] == FunctionUse()


def test_requests_outside_the_run_are_not_counted(tmp_path: Path) -> None:
    log = tmp_path / "localstack.log"
    line = "2026-11-23T08:{}:00.000  INFO --- [reactor-1] localstack.request.aws     : AWS s3.PutObject => 200\n"
    log.write_text(line.format("10") + line.format("20") + "no request\n" + line.format("30"))
    began, ended = (datetime.fromisoformat(f"2026-11-23T08:{minute}:00").timestamp() for minute in (15, 25))
    assert count_requests(log, began, ended) == {"s3.PutObject": 1}


def test_every_counted_unit_has_a_price_with_its_unit_and_date() -> None:
    prices = read_prices()
    assert set(units(COUNTS, 10, DEPLOYED)) == set(prices.by_use)
    assert all(price.unit for price in prices.by_use.values())
    assert prices.as_of.startswith("20")


def test_what_happens_for_each_customer_grows_and_what_happens_once_does_not() -> None:
    small, large = units(COUNTS, 1000, DEPLOYED), units(COUNTS, 10_000, DEPLOYED)
    for name in ("lambda_gb_second", "log_gb", "model_input_token", "database_gb_month"):
        assert large[name] == pytest.approx(10 * small[name]), name
    assert large["kms_sign"] == small["kms_sign"]
    batches = batches_of(10_000, DEPLOYED)
    assert large["sqs_request"] == pytest.approx(31 * 3 * batches / 10)
    assert large["state_transition"] == pytest.approx(7 + 70 * batches / 10)


def test_batches_are_counted_as_the_planner_cuts_them() -> None:
    # 100 while four or more of them are left; of 400: 100, 96 (of 300), 64 (of 204), 64, 64, 12.
    assert batches_of(400, DEPLOYED) == 6
    assert batches_of(1_000, DEPLOYED) == 12
    assert batches_of(10_000, DEPLOYED) == 102
    assert batches_of(0, DEPLOYED) == 0
    assert batches_of(50, DEPLOYED) == 1


def test_a_state_transition_costs_its_list_price() -> None:
    counts = replace(COUNTS, transitions_of_run=0, transitions_of_batches=990, children=10)
    dollars = estimate(counts, read_prices(), 1000, DEPLOYED).dollars["state_transition"]
    assert dollars == pytest.approx(1000 * batches_of(1000, DEPLOYED) / 10 / 1000 * 0.025)


def test_the_agent_that_takes_longest_for_its_environments_sets_the_pace() -> None:
    twice = replace(DEPLOYED, environments={"nlp-agent": 4, "prediction-agent": 12, "action-agent": 4})
    slow, fast = (estimate(COUNTS, read_prices(), 1_000_000, each) for each in (DEPLOYED, twice))
    assert slow.engine_hours == pytest.approx(20 / 2 * 1000 / 3600)
    assert slow.engine_hours == pytest.approx(2 * fast.engine_hours)
    # A thousand times 60 s make 16.7 hours of work: three at once end in a night of eight.
    assert slow.at_once_for_a_night == 3
    assert slow.connections_for_a_night == 6
    assert slow.calls_per_minute_for_a_night == pytest.approx(2_000_000 / 480)


def test_a_quota_that_is_too_small_is_said_to_be() -> None:
    small, huge = (needs(COUNTS, estimate(COUNTS, read_prices(), n, DEPLOYED)) for n in (10_000, 10_000_000_000))
    assert all(need.fits for need in small)
    assert not all(need.fits for need in huge)


def test_months_without_a_run_are_paid_too() -> None:
    months = monthly(read_prices(), COUNTS)
    assert months["database"] == pytest.approx(0.159 * 730)
    assert months["sealing_every_minute"] > 0


CLOSED = replace(COUNTS, audit_events=12_000, log_events=14_000, log_bytes=12_000_000)


def closing_of_size(customers: int) -> closing.Closing:
    return closing_of(CLOSED, estimate(CLOSED, read_prices(), customers, DEPLOYED))


def test_closing_grows_with_the_events_and_is_held_against_its_function() -> None:
    small, large = closing_of_size(100_000), closing_of_size(1_000_000)
    assert (small.events, large.events) == (1_200_000, 12_000_000)
    # 1.2 GB and 12 GB of lines, in pages of a megabyte, and what empty pieces of time cost.
    assert 1_200 < small.calls <= 1_200 + 600
    assert 12_000 < large.calls <= 12_000 + 600
    assert small.comparing_seconds == pytest.approx(45)
    assert small.memory_mb == pytest.approx(320)
    assert (small.fits_memory, large.fits_time, large.fits_memory) == (True, False, False)
    assert large.comparing_seconds == pytest.approx(450)
    assert large.memory_mb == pytest.approx(2_426)
    assert large.seconds == large.calling_seconds > 2_400


def test_many_small_lines_are_counted_by_the_page_s_number_of_events() -> None:
    tiny = replace(CLOSED, log_bytes=14_000)
    assert closing_of(tiny, estimate(tiny, read_prices(), 100_000, DEPLOYED)).calls >= 140


def test_what_does_not_fit_is_said_plainly() -> None:
    lines = closing_lines([closing_of_size(100_000), closing_of_size(1_000_000)])
    assert lines[-1].split() == ["of", "1024", "MB", "fits", "does", "not", "fit"]
    assert any("FilterLogEvents" in line for line in lines)


def test_the_closing_s_function_is_the_template_s() -> None:
    template = (REPOSITORY / "template.yaml").read_text()
    agent = template[template.index("  AuditAgent:\n") : template.index("  SealingAlarm:\n")]
    assert f"MemorySize: {closing.FUNCTION_MB}\n" in agent
    assert f"Timeout: {closing.FUNCTION_SECONDS}\n" in agent
