"""One execution of the state machine, from start-execution to its end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.bench.cloud import BenchCloud
from vigie_operations.errors import RunError
from vigie_operations.run import start_execution

# Each question costs the emulator some milliseconds of CPU; the end's own time makes up for asking seldom.
POLL_S = 0.5
PROGRESS_S = 5.0
WARMING_BATCHES = 12


@dataclass(frozen=True)
class Execution:
    """A finished execution: its run, how long it took from the request to start it, and its output."""

    run_id: str
    arn: str
    seconds: float
    output: dict[str, Any]

    @property
    def customers(self) -> dict[str, int]:
        """The counts of its output."""
        counts: dict[str, int] = self.output["customers"]
        return counts


def warm_up(cloud: BenchCloud) -> None:
    """Start every environment of every agent: with batches enough that all are needed at once."""
    execute(cloud, {"limit": 8 * WARMING_BATCHES, "batch_size": 8})


def execute(
    cloud: BenchCloud, content: dict[str, Any], say: Callable[[str], None] | None = None, poll_s: float = POLL_S
) -> Execution:
    """Run once. `seconds` is from just before start-execution until the end that describe-execution reports.

    Raises:
        RunError: the execution did not succeed.
    """
    states = cloud.client("stepfunctions")
    began = time.time()
    arn = start_execution(cloud.target, {"purpose": "benchmark", **content})
    run_id = arn.rpartition(":")[2]
    last_report = began
    while True:
        described = states.describe_execution(executionArn=arn)
        if described["status"] != "RUNNING":
            break
        if say and time.time() - last_report >= PROGRESS_S:
            last_report = time.time()
            say(f"  {last_report - began:4.0f} s  {_progress(cloud, run_id)}")
        time.sleep(poll_s)
    if described["status"] != "SUCCEEDED":
        cause = str(described.get("cause") or "")[:300]
        raise RunError(f"run {run_id} {described['status'].lower()}: {described.get('error')} {cause}")
    seconds = described["stopDate"].timestamp() - began
    return Execution(run_id, arn, seconds, json.loads(described["output"]))


def _progress(cloud: BenchCloud, run_id: str) -> str:
    # From the batches' own events: counting customers would cost the database what is being measured.
    ended = dict(
        cloud.query(
            "SELECT agent, count(*) FROM audit_log WHERE run_id = %s AND event_type = 'BATCH_END' GROUP BY agent",
            run_id,
        )
    )
    of = cloud.query("SELECT batches FROM runs WHERE run_id = %s", run_id)
    if not of:
        return "planning"
    agents = {"nlp_agent": "analysed", "prediction_agent": "predicted", "action_agent": "decided"}
    return ", ".join(f"{word} {ended.get(agent, 0)}" for agent, word in agents.items()) + f" of {of[0][0]} batches"
