"""One disturbed run: the fault at its moment, the run's end, the check."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.chaos.checking import Finding, check
from tests.chaos.environment import BATCH_SIZE, ChaosEnvironment
from tests.chaos.fault_injection import KINDS, Undo
from tests.chaos.withdrawals import late_calls, seconds_after_withdrawal
from vigie_operations.run import start_execution

# Longer than any fault and every retry after it together: what has not ended by then waits for nobody.
# A model that refuses every call is waited for in nine rounds: two and a half minutes, and a call's tries in each.
LIMIT_SECONDS = 600.0
LIMIT_SECONDS_A_CUSTOMER = 0.2
POLL_SECONDS = 0.3
# Faults begin within this time after the start, while a run of 200 customers, which takes 2.4 s at least, is under way.
BUSY_SECONDS = 1.5
# These find the middle of the run by themselves.
OF_THEIR_OWN_TIME = ("localstack-restarted", "given-up", *(kind for kind in KINDS if kind.startswith("withdrawals")))


@dataclass(frozen=True)
class Disturbed:
    """The result of one seed. `fault_applied`: the run was under way, and every planned kill happened."""

    seed: int
    kind: str
    run_id: str
    seconds: float
    dead_letters: int
    gaps: int
    fault_applied: bool
    findings: list[Finding] = field(default_factory=list)
    # How many consents were withdrawn meanwhile, and how long after one a call that rests on it still arrived.
    withdrawn: int = 0
    latest_call: float = 0.0

    def count(self, kind: str) -> int:
        """How many findings of a kind: `lost`, `doubled`, `stuck`, `wrong`."""
        return sum(finding.kind == kind for finding in self.findings)


def disturb(environment: ChaosEnvironment, seed: int, customers: int, kind: str) -> Disturbed:
    """Run once under a kind of fault; what exactly, and when, the seed decides."""
    rng = random.Random(seed)
    if kind.startswith("kill"):
        # Failpoints count crossings: they are set before the first.
        return _run(environment, customers, seed, kind, before=lambda: KINDS[kind](environment, rng))

    def later(arn: str) -> tuple[bool, Undo]:
        if kind not in OF_THEIR_OWN_TIME:
            time.sleep(rng.uniform(0.0, BUSY_SECONDS))
        described = environment.cloud.client("stepfunctions").describe_execution(executionArn=arn)
        return described["status"] == "RUNNING", KINDS[kind](environment, rng)

    return _run(environment, customers, seed, kind, after=later)


def run_undisturbed(environment: ChaosEnvironment, customers: int) -> Disturbed:
    """Run once and let it be."""
    return _run(environment, customers, 0, "undisturbed", tidy=False)


def run_with_failpoint(
    environment: ChaosEnvironment, customers: int, agent: str, boundary: str, crossing: int
) -> Disturbed:
    """Run once with a death at this crossing."""

    def before() -> Undo:
        environment.set_failpoint(agent, boundary, crossing)
        return _nothing

    return _run(environment, customers, crossing, f"kill-{agent}-{boundary}", before=before)


def _run(
    environment: ChaosEnvironment,
    customers: int,
    seed: int,
    kind: str,
    before: Callable[[], Undo] | None = None,
    after: Callable[[str], tuple[bool, Undo]] | None = None,
    tidy: bool = True,
) -> Disturbed:
    if tidy:
        environment.tidy()
    dead_before = environment.dead_letters()
    began = time.monotonic()
    undo = before() if before else _nothing
    arn = _start(environment, customers)
    under_way, undo = after(arn) if after else (True, undo)
    try:
        execution = _wait(environment, arn, LIMIT_SECONDS + customers * LIMIT_SECONDS_A_CUSTOMER)
    finally:
        undo()
    fault_applied = under_way and not environment.waiting_failpoints()
    run_id = arn.rpartition(":")[2]
    findings = check(environment.cloud, run_id, execution) + late_calls(environment)
    latest = max(seconds_after_withdrawal(environment), default=0.0)
    gaps = json.loads(execution.get("output") or "{}").get("audit", {}).get("gaps")
    dead_letters = environment.dead_letters() - dead_before
    took, withdrawn = time.monotonic() - began, len(environment.withdrawn)
    return Disturbed(
        seed, kind, run_id, took, dead_letters, gaps or 0, fault_applied, findings, withdrawn, round(latest, 3)
    )


def _nothing() -> None:
    """Nothing to take back."""


def _start(environment: ChaosEnvironment, customers: int) -> str:
    content = {"limit": customers, "batch_size": BATCH_SIZE, "purpose": "test"}
    return start_execution(environment.cloud.target, content)


def _wait(environment: ChaosEnvironment, arn: str, seconds: float) -> dict[str, Any]:
    """The execution when it has ended, or as it is when its time is over; then it is stopped."""
    states = environment.cloud.client("stepfunctions")
    end = time.monotonic() + seconds
    described: dict[str, Any] = {"status": "RUNNING"}
    while time.monotonic() < end:
        with contextlib.suppress(ClientError, BotoCoreError):
            described = states.describe_execution(executionArn=arn)
            if described["status"] != "RUNNING":
                return described
        time.sleep(POLL_SECONDS)
    states.stop_execution(executionArn=arn)
    return described
