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
from tests.chaos.faults import KINDS, Undo
from tests.chaos.ground import BATCH_SIZE, Ground
from vigie_operations.run import start_execution

# Longer than any fault and every retry after it together: what has not ended by then waits for nobody.
# A model that refuses every call is waited for in nine rounds: two and a half minutes, and a call's tries in each.
LIMIT_SECONDS = 600.0
LIMIT_SECONDS_A_CUSTOMER = 0.2
POLL_SECONDS = 0.3
# Faults begin within this time after the start, while a run of 200 customers, which takes 2.4 s at least, is under way.
BUSY_SECONDS = 1.5
# These find the middle of the run by themselves.
OF_THEIR_OWN_TIME = ("localstack-restarted", "given-up")


@dataclass(frozen=True)
class Disturbed:
    """What came of one seed. `struck` says that the fault met the run: it was under way, and each death was died."""

    seed: int
    kind: str
    run_id: str
    seconds: float
    dead_letters: int
    gaps: int
    struck: bool
    findings: list[Finding] = field(default_factory=list)

    def count(self, kind: str) -> int:
        """How many findings of a kind: `lost`, `doubled`, `stuck`, `wrong`."""
        return sum(finding.kind == kind for finding in self.findings)


def disturb(ground: Ground, seed: int, customers: int, kind: str) -> Disturbed:
    """Run once under a kind of fault; what exactly, and when, the seed decides."""
    rng = random.Random(seed)
    if kind.startswith("kill"):
        # Failpoints count crossings: they are set before the first.
        return _run(ground, customers, seed, kind, before=lambda: KINDS[kind](ground, rng))

    def later(arn: str) -> tuple[bool, Undo]:
        if kind not in OF_THEIR_OWN_TIME:
            time.sleep(rng.uniform(0.0, BUSY_SECONDS))
        described = ground.cloud.client("stepfunctions").describe_execution(executionArn=arn)
        return described["status"] == "RUNNING", KINDS[kind](ground, rng)

    return _run(ground, customers, seed, kind, after=later)


def run_undisturbed(ground: Ground, customers: int) -> Disturbed:
    """Run once and let it be."""
    return _run(ground, customers, 0, "undisturbed", tidy=False)


def run_with_failpoint(ground: Ground, customers: int, agent: str, boundary: str, crossing: int) -> Disturbed:
    """Run once with a death at this crossing."""

    def before() -> Undo:
        ground.set_failpoint(agent, boundary, crossing)
        return _nothing

    return _run(ground, customers, crossing, f"kill-{agent}-{boundary}", before=before)


def _run(
    ground: Ground,
    customers: int,
    seed: int,
    kind: str,
    before: Callable[[], Undo] | None = None,
    after: Callable[[str], tuple[bool, Undo]] | None = None,
    tidy: bool = True,
) -> Disturbed:
    if tidy:
        ground.tidy()
    dead_before = ground.dead_letters()
    began = time.monotonic()
    undo = before() if before else _nothing
    arn = _start(ground, customers)
    under_way, undo = after(arn) if after else (True, undo)
    try:
        execution = _wait(ground, arn, LIMIT_SECONDS + customers * LIMIT_SECONDS_A_CUSTOMER)
    finally:
        undo()
    struck = under_way and not ground.waiting_failpoints()
    run_id = arn.rpartition(":")[2]
    findings = check(ground.cloud, run_id, execution)
    gaps = json.loads(execution.get("output") or "{}").get("audit", {}).get("gaps")
    dead_letters = ground.dead_letters() - dead_before
    return Disturbed(seed, kind, run_id, time.monotonic() - began, dead_letters, gaps or 0, struck, findings)


def _nothing() -> None:
    """Nothing to take back."""


def _start(ground: Ground, customers: int) -> str:
    content = {"limit": customers, "batch_size": BATCH_SIZE, "purpose": "test"}
    return start_execution(ground.cloud.target, content)


def _wait(ground: Ground, arn: str, seconds: float) -> dict[str, Any]:
    """The execution when it has ended, or as it is when its time is over; then it is stopped."""
    states = ground.cloud.client("stepfunctions")
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
