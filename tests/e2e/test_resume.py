"""A run whose execution is lost or aborted is completed from the database: nobody lost, nobody doubled."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Cloud, wait_until
from vigie.vocabulary import Step
from vigie_local import commands, services
from vigie_operations.audit_export import export_log
from vigie_operations.errors import RunError
from vigie_operations.resume import require_open, resume

CUSTOMERS = 60

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(autouse=True)
def slow_model(cloud: Cloud) -> Iterator[None]:
    """Answers take a while, so that there is a middle of the run."""
    cloud.model_server("PUT", body={"latency_ms": 500})
    yield
    cloud.model_server("PUT", body={"latency_ms": 0})


def start_and_wait_for_its_middle(cloud: Cloud, run_id: str) -> str:
    arn = cloud.start(run_id, {"limit": CUSTOMERS, "batch_size": 10})
    ended = "SELECT count(*) FROM run_steps WHERE run_id = %s"
    wait_until(lambda: cloud.query(ended, run_id)[0][0] >= 10)
    assert cloud.query("SELECT status FROM runs WHERE run_id = %s", run_id) == [("running",)]
    assert cloud.query(ended, run_id)[0][0] < 3 * CUSTOMERS
    return arn


def assert_nobody_lost_or_doubled(cloud: Cloud, run_id: str) -> None:
    steps: list[tuple[Any, ...]] = cloud.query(
        "SELECT step, count(*), count(*) FILTER (WHERE outcome = 'failed') FROM run_steps WHERE run_id = %s"
        " GROUP BY step ORDER BY step",
        run_id,
    )
    assert steps == [(step, CUSTOMERS, 0) for step in sorted(Step)]
    for event in ("PREDICTION_SAVED", "ACTION_SAVED"):
        told = "SELECT count(*), count(DISTINCT customer_id) FROM audit_log WHERE run_id = %s AND event_type = %s"
        assert cloud.query(told, run_id, event) == [(CUSTOMERS, CUSTOMERS)]
    for event in ("RUN_PLANNED", "RUN_FINISHED"):
        once = "SELECT count(*) FROM audit_log WHERE run_id = %s AND event_type = %s"
        assert cloud.query(once, run_id, event) == [(1,)]


def test_after_an_aborted_execution_the_run_continues_under_a_number(cloud: Cloud) -> None:
    arn = start_and_wait_for_its_middle(cloud, "aborted")
    with pytest.raises(RunError, match="RUN='aborted' is under way as execution aborted"):
        resume(cloud.target, "aborted")
    cloud.client("stepfunctions").stop_execution(executionArn=arn)
    wait_until(lambda: cloud.status(arn) == "ABORTED")

    report = resume(cloud.target, "aborted")
    assert (report.run_id, report.status, report.customers["planned"]) == ("aborted", "succeeded", CUSTOMERS)
    assert report.audit["gaps"] == 0
    assert_nobody_lost_or_doubled(cloud, "aborted")
    with pytest.raises(RunError, match=r"is closed \(succeeded\) and stays as it is"):
        require_open(cloud.target, "aborted")


def test_after_a_lost_cloud_the_run_is_completed_from_the_database(
    cloud: Cloud, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Something is signed, and an auditor has looked at it.
    cloud.run("before", {"limit": 2})
    trust = tmp_path / "trust.json"
    assert export_log(cloud.target, tmp_path / "before", trust).verify() == 0, capfd.readouterr().out
    start_and_wait_for_its_middle(cloud, "cloud-lost")
    services.local_aws(cloud.settings).stop()

    assert commands.resume(cloud.settings, Namespace(run_id="cloud-lost")) == 0
    assert_nobody_lost_or_doubled(cloud, "cloud-lost")
    # What was logged before is gone with LocalStack, and the audit says exactly that.
    problems = cloud.query("SELECT DISTINCT store, problem FROM run_gaps WHERE run_id = 'cloud-lost'")
    assert problems == [("cloudwatch", "EventNotLogged")]
    # The log's keys are not, nor is what was published: who looked before looks again, and nothing has changed.
    capfd.readouterr()
    exported = export_log(cloud.target, tmp_path, trust)
    assert exported.verify() == 0, capfd.readouterr().out


def test_an_unknown_run_is_refused_by_name(cloud: Cloud) -> None:
    with pytest.raises(RunError, match=r"RUN='unheard-of' was never planned\. Every planned run is closed"):
        require_open(cloud.target, "unheard-of")
