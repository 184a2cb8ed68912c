"""A short seeded part of `make chaos`: disturbed runs end whole, and the checker sees when one is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.bench.cloud import BenchCloud
from tests.chaos.checking import check, check_again
from tests.chaos.environment import ChaosEnvironment, prepare, set_visibility
from tests.chaos.running import disturb
from tests.e2e.conftest import MACHINE, Cloud
from vigie_local.services import database_server
from vigie_local.settings import DATABASE

CUSTOMERS = 60
SEEDS = {"kill-nlp_agent-before-commit": 11, "kill-action_agent-before-answer": 12, "duplicates": 13, "given-up": 14}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def environment(cloud: Cloud) -> Iterator[ChaosEnvironment]:
    """The shared cloud, with messages that come back soon; afterwards as it was."""
    environment = ChaosEnvironment(BenchCloud(cloud.settings, CUSTOMERS), cloud.settings.home / "failpoints")
    prepare(environment)
    yield environment
    environment.tidy()
    set_visibility(environment, 720, 360)
    cloud.model_server("POST", "/reset")


@pytest.mark.parametrize("kind", SEEDS)
def test_a_disturbed_run_loses_and_doubles_no_customer_and_ends(environment: ChaosEnvironment, kind: str) -> None:
    disturbed = disturb(environment, SEEDS[kind], CUSTOMERS, kind)
    assert disturbed.findings == []
    assert disturbed.fault_applied
    assert check_again(environment.cloud, disturbed.run_id) == []


@dataclass(frozen=True)
class Tampered:
    """A cloud whose database is seen from inside a transaction that nobody commits."""

    cloud: BenchCloud
    cursor: Any

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        self.cursor.execute(sql, parameters or None)
        return self.cursor.fetchall() if self.cursor.description else []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cloud, name)


@pytest.fixture(scope="module")
def ended(environment: ChaosEnvironment) -> tuple[str, dict[str, Any]]:
    """An undisturbed run and its execution."""
    environment.tidy()
    run_id = "chaos-checked"
    states = environment.cloud.client("stepfunctions")
    content = json.dumps({"limit": 20, "batch_size": 10})
    arn = states.start_execution(stateMachineArn=MACHINE, name=run_id, input=content)["executionArn"]
    return run_id, Cloud(environment.cloud.settings).wait(arn)


@pytest.fixture
def tampered(environment: ChaosEnvironment) -> Iterator[Tampered]:
    settings = environment.cloud.settings
    connection = database_server(settings).connect(DATABASE)
    try:
        with connection.cursor() as cursor:
            # The audit log refuses every change while its triggers are on; the superuser can turn them off.
            cursor.execute("SET LOCAL session_replication_role = replica")
            yield Tampered(environment.cloud, cursor)
    finally:
        connection.rollback()
        connection.close()


ONE = "(SELECT customer_id FROM predictions WHERE run_id = %(run)s ORDER BY customer_id LIMIT 1)"
BREAKS = {
    "a step that nobody ended": (f"DELETE FROM run_steps WHERE run_id = %(run)s AND customer_id = {ONE}", "lost"),
    "a result that is gone": (f"DELETE FROM predictions WHERE run_id = %(run)s AND customer_id = {ONE}", "lost"),
    "a failure without a step": (
        f"UPDATE run_steps SET outcome = 'failed', reason = 'Made' WHERE step = 'decide' AND run_id = %(run)s"
        f" AND customer_id = {ONE}",
        "doubled",
    ),
    "a call without an outcome": ("UPDATE egress_ledger SET outcome = NULL WHERE run_id = %(run)s", "lost"),
    "a call that the ledger does not hold": ("DELETE FROM egress_ledger WHERE run_id = %(run)s", "wrong"),
    "an event that is gone": (
        "DELETE FROM audit_log WHERE run_id = %(run)s AND event_type = 'SEGMENTATION'", "lost",
    ),
    "a dead letter that nobody reported": (
        "INSERT INTO dead_letters (message_id, queue, run_id, batch_no, step, reason)"
        " VALUES ('m', 'vigie-nlp-dlq', %(run)s, 0, 'analyse', 'GivenUp')",
        "lost",
    ),
}  # fmt: skip


def test_an_undisturbed_run_has_no_findings(environment: ChaosEnvironment, ended: tuple[str, dict[str, Any]]) -> None:
    assert check(environment.cloud, *ended) == []


@pytest.mark.parametrize("name", BREAKS)
def test_the_checker_sees(tampered: Tampered, ended: tuple[str, dict[str, Any]], name: str) -> None:
    statement, kind = BREAKS[name]
    tampered.cursor.execute(statement, {"run": ended[0]})
    assert tampered.cursor.rowcount > 0
    seen: Any = tampered
    assert kind in {finding.kind for finding in check(seen, *ended)}


def test_an_execution_that_has_not_ended_is_stuck_and_one_that_failed_is_lost(environment: ChaosEnvironment) -> None:
    assert [finding.kind for finding in check(environment.cloud, "any", {"status": "RUNNING"})] == ["stuck"]
    assert [finding.kind for finding in check(environment.cloud, "any", {"status": "FAILED"})] == ["lost"]
