"""Step Functions' counts for a run: how many batches it started, and how they ended."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from audit_agent.signing import PATIENCE
from vigie.errors import TransientError

logger = Logger(child=True)
# How often a run can be resumed before its history is no longer found.
MOST_EXECUTIONS = 100
FAILED: Final[tuple[Literal["FAILED", "TIMED_OUT", "ABORTED"], ...]] = ("FAILED", "TIMED_OUT", "ABORTED")


class HistoryUnavailableError(TransientError):
    """When Step Functions cannot be asked now."""


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """The map's items: one is one batch. `failed_batches` is None where single batches are not listed."""

    total: int
    succeeded: int
    failed: int
    failed_batches: frozenset[int] | None = None


class Executions:
    """The executions of one state machine, each named after its run; one that resumes it has a number."""

    def __init__(self, state_machine_arn: str, client: Any = None) -> None:
        self._executions = state_machine_arn.replace(":stateMachine:", ":execution:")
        self._client = client or boto3.client("stepfunctions", config=PATIENCE)

    def count_batches(self, run_id: str) -> BatchCounts | None:
        """How the batches of a run ended; None when there is no such execution, or it started no batch.

        Raises:
            HistoryUnavailableError: Step Functions does not answer, or refuses.
        """
        try:
            runs = self._map_runs(run_id)
            if not runs:
                return None
            arn = max(runs, key=lambda run: run["startDate"])["mapRunArn"]
            items = self._client.describe_map_run(mapRunArn=arn)["itemCounts"]
        except ClientError as error:
            raise HistoryUnavailableError("Step Functions refuses access to its history") from error
        except BotoCoreError as error:
            raise HistoryUnavailableError("Step Functions cannot be asked now") from error
        failed = items["failed"] + items["timedOut"] + items["aborted"]
        return BatchCounts(
            items["total"], items["succeeded"], failed, self._failed_batches(arn) if failed else frozenset()
        )

    def _map_runs(self, run_id: str) -> list[Any]:
        """Those of the newest execution that started any: each goes through all batches."""
        newest: list[Any] = []
        for number in range(1, MOST_EXECUTIONS):
            name = run_id if number == 1 else f"{run_id}--resume-{number}"
            try:
                found = self._client.list_map_runs(executionArn=f"{self._executions}:{name}")["mapRuns"]
            except ClientError as error:
                if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                    break
                raise
            newest = found or newest
        return newest

    def _failed_batches(self, map_run_arn: str) -> frozenset[int] | None:
        """The numbers of the batches that failed, where the service lists a map's executions (LocalStack does not)."""
        try:
            return frozenset(self._inputs(map_run_arn))
        except (ClientError, BotoCoreError, KeyError, ValueError):
            logger.info("single batches are not listed here: their number is compared")
            return None

    def _inputs(self, map_run_arn: str) -> Iterator[int]:
        pages = self._client.get_paginator("list_executions")
        for status in FAILED:
            for page in pages.paginate(mapRunArn=map_run_arn, statusFilter=status):
                for execution in page["executions"]:
                    described = self._client.describe_execution(executionArn=execution["executionArn"])
                    yield int(json.loads(described["input"])["batch_no"])
