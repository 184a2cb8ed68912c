"""The history of a run that was resumed is that of the newest execution that went through its batches."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from audit_agent.execution_history import BatchCounts, Executions

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:vigie-retention-run"


class Steps:
    """Step Functions with these executions, and how many batches each has started."""

    def __init__(self, **batches: int) -> None:
        self.batches = {name.replace("_", "-"): number for name, number in batches.items()}

    def list_map_runs(self, executionArn: str) -> dict[str, Any]:
        name = executionArn.rpartition(":")[2]
        if name not in self.batches:
            raise ClientError({"Error": {"Code": "ExecutionDoesNotExist", "Message": "none"}}, "ListMapRuns")
        return {"mapRuns": [{"mapRunArn": name, "startDate": 1}] if self.batches[name] else []}

    def describe_map_run(self, mapRunArn: str) -> dict[str, Any]:
        number = self.batches[mapRunArn]
        return {"itemCounts": {"total": number, "succeeded": number, "failed": 0, "timedOut": 0, "aborted": 0}}


@pytest.mark.parametrize(
    ("steps", "total"),
    [
        (Steps(run=3), 3),
        (Steps(run=3, run__resume_2=4), 4),
        (Steps(run=0, run__resume_2=0, run__resume_3=5), 5),
        (Steps(run=3, run__resume_2=0), 3),
    ],
)
def test_the_newest_execution_with_batches_counts(steps: Steps, total: int) -> None:
    assert Executions(MACHINE, steps).count_batches("run") == BatchCounts(total, total, 0, frozenset())


@pytest.mark.parametrize("steps", [Steps(), Steps(run=0)])
def test_without_any_batch_there_is_no_history(steps: Steps) -> None:
    assert Executions(MACHINE, steps).count_batches("run") is None
