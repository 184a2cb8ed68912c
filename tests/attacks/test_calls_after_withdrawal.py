"""Withdrawals while calls are on their way out: what is not in the air when one is committed never leaves."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from audit_agent.record_checks import gaps_in_records
from tests.integration.agents.conftest import Office, hire, office, plan  # noqa: F401 - fixtures
from tests.integration.conftest import Bank
from tests.integration.injection.conftest import ObedientServer, provider, server, server_process  # noqa: F401
from vigie.audit import Origin
from vigie.errors import TransientError
from vigie.vocabulary import Purpose
from vigie_llm.provider import Provider

CUSTOMERS = 60
# A machine with other work to do takes longer from a claim to the wire than the benchmark's.
WINDOW_SECONDS = 0.5
DEADLINE_SECONDS = 30.0


@pytest.fixture(scope="module", autouse=True)
def approved_model(bank: Bank) -> None:
    bank.approve_model()


@dataclass
class Scene:
    """An agent at work on a batch, with a model server that notes when each request arrived."""

    office: Office
    server: ObedientServer
    customers: list[UUID]

    def arrivals(self) -> list[float]:
        """When each request arrived, by this machine's clock."""
        found = self.server._control("GET", "/requests?limit=10000")["requests"]
        return [each["at"] - each["latency_ms"] / 1000 for each in found]

    def wait_for(self, requests: int) -> None:
        """Return once so many requests are at the server, answered or not."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (state := self.server._control("GET", ""))["requests"] + state["in_flight"] < requests:
            assert time.monotonic() < deadline, "no request arrives"
            time.sleep(0.01)

    def deliver(self) -> dict[str, Any]:
        """Have the batch worked on, and once more where that may help, as its queue does."""
        with suppress(TransientError):
            return self.office.analyse()
        return self.office.analyse()

    def withdraw_all(self, purpose: str = Purpose.FEEDBACK_ANALYSIS) -> float:
        """Withdraw the consent of all in one transaction; return a time not before its commit."""
        self.office.bank.query(
            "SELECT record_consent(customer, %s, false, 'test', '1') FROM unnest(%s::uuid[]) AS customer",
            purpose, self.customers,
        )  # fmt: skip
        return time.time()


@pytest.fixture
def scene(
    office: Office,  # noqa: F811 - the fixture
    server: ObedientServer,  # noqa: F811
    provider: Callable[[], Provider],  # noqa: F811
    hire: Callable[..., list[UUID]],  # noqa: F811
) -> Scene:
    customers = hire(CUSTOMERS)
    plan(office, customers)
    office.provider = provider()  # type: ignore[assignment]
    return Scene(office, server, customers)


def run_and_withdraw(scene: Scene, after_requests: int) -> tuple[float, dict[str, Any]]:
    """Withdraw everything once so many requests have arrived; the time of the withdrawal, and the agent's answer."""
    with ThreadPoolExecutor(1) as other:
        working = other.submit(scene.deliver)
        scene.wait_for(after_requests)
        withdrawn_at = scene.withdraw_all()
        return withdrawn_at, working.result()


def late(scene: Scene, withdrawn_at: float) -> list[float]:
    """How many seconds after the withdrawal requests arrived, beyond the window."""
    return [at - withdrawn_at for at in scene.arrivals() if at > withdrawn_at + WINDOW_SECONDS]


def test_no_call_leaves_after_a_committed_withdrawal(scene: Scene) -> None:
    scene.server.set(latency_ms=800)
    withdrawn_at, answer = run_and_withdraw(scene, after_requests=8)
    assert late(scene, withdrawn_at) == []
    assert answer["remaining"] == 0


def test_no_retry_leaves_after_a_committed_withdrawal(scene: Scene) -> None:
    scene.server.set(rates={"error_503": 1.0})
    withdrawn_at, _ = run_and_withdraw(scene, after_requests=4)
    assert late(scene, withdrawn_at) == []


def test_what_a_withdrawal_kept_here_is_unsent_once_and_nothing_is_missing(scene: Scene, bank: Bank) -> None:
    scene.server.set(latency_ms=800)
    run_and_withdraw(scene, after_requests=8)
    run_id = scene.office.run_id
    rows = bank.query("SELECT outcome, claims, count(*) FROM egress_ledger WHERE run_id = %s GROUP BY 1, 2", run_id)
    assert {(outcome, claims > 0) for outcome, claims, _ in rows} <= {("answered", True), ("unsent", False)}
    assert sum(count for outcome, _, count in rows if outcome == "unsent") > 0
    assert sum(count * claims for _, claims, count in rows) == len(scene.arrivals())
    ended = [details["egress_id"] for _, _, details in bank.events(run_id, "LLM_CALL_END")]
    assert sorted(ended) == sorted(set(ended))
    assert len(ended) == sum(count for _, _, count in rows)
    assert {reason for _, reason in bank.steps(run_id, "analyse").values()} <= {"ConsentWithdrawn", "NoConsent"}
    assert len(bank.steps(run_id, "analyse")) == CUSTOMERS
    with bank.database("audit_agent").transaction(Origin("audit_agent")) as transaction:
        gaps = [gap for gap in gaps_in_records(transaction, run_id) if gap.step == "analyse"]
    assert gaps == []
