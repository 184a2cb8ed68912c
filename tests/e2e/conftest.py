"""A private local cloud for the end-to-end tests: its own folder and free ports, with the demo bank loaded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from vigie_local import commands, demo_bank, services
from vigie_local.localstack import CREDENTIALS, aws_client
from vigie_local.ports import free_port
from vigie_local.secrets import role_passwords
from vigie_local.settings import DATABASE, REGION, STATE_MACHINE, LocalSettings, service_environment
from vigie_operations.targets import Target

CUSTOMERS = 240
# As many rounds as anywhere, in seconds instead of minutes.
STACK_PARAMETERS = {"StalledRoundWaits": "1,1,2,2,2,2,2,2"}
MACHINE = f"arn:aws:states:{REGION}:000000000000:stateMachine:{STATE_MACHINE}"
DEADLINE_SECONDS = 240


@dataclass(frozen=True)
class Cloud:
    """A deployed stack, and the ways its users have into it."""

    settings: LocalSettings

    def aws(self, *arguments: str) -> Any:
        """Run the plain AWS CLI and read its JSON answer."""
        environment = service_environment({**CREDENTIALS, "AWS_ENDPOINT_URL": self.settings.endpoint})
        command = [str(Path(sys.executable).with_name("aws")), *arguments, "--output", "json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def client(self, service: str) -> Any:
        return aws_client(service, self.settings.endpoint)

    @property
    def target(self) -> Target:
        """This cloud as a target of operations."""
        return commands.target_of(self.settings)

    def vigie(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the `vigie` command on this cloud, as an operator does."""
        extra = {"VIGIE_HOME": str(self.settings.home), "LOCALSTACK_PORT": str(self.settings.localstack_port)}
        return subprocess.run(
            [sys.executable, "-m", "vigie_operations", *arguments], env=service_environment(extra),
            capture_output=True, text=True, timeout=DEADLINE_SECONDS,
        )  # fmt: skip

    def start(self, name: str, execution_input: dict[str, Any]) -> str:
        """Start an execution with the AWS CLI; return its ARN."""
        started = self.aws(
            "stepfunctions", "start-execution", "--state-machine-arn", MACHINE,
            "--name", name, "--input", json.dumps(execution_input),
        )  # fmt: skip
        return str(started["executionArn"])

    def wait(self, arn: str) -> dict[str, Any]:
        """Wait for an execution's end, and read it with the AWS CLI."""
        # Not polled with the CLI: each of its starts takes most of a second of a core from the run.
        wait_until(lambda: self.status(arn) != "RUNNING")
        ended: dict[str, Any] = self.aws("stepfunctions", "describe-execution", "--execution-arn", arn)
        return ended

    def status(self, arn: str) -> str:
        """Whether an execution is running, and how it ended."""
        return str(self.states.describe_execution(executionArn=arn)["status"])

    @cached_property
    def states(self) -> Any:
        return self.client("stepfunctions")

    def run(self, name: str, execution_input: dict[str, Any]) -> dict[str, Any]:
        """Run an execution that must succeed; return its output."""
        ended = self.wait(self.start(name, execution_input))
        assert ended["status"] == "SUCCEEDED", ended
        output: dict[str, Any] = json.loads(ended["output"])
        return output

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run SQL as the database's owner."""
        password = role_passwords(self.settings.private)["owner"]
        connection = services.database_server(self.settings).connect(DATABASE, "owner", password)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def model_server(self, method: str, path: str = "", body: dict[str, Any] | None = None) -> Any:
        """Speak to the model server's control endpoint."""
        request = urllib.request.Request(
            f"{self.settings.model_url}/_control{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def logged_events(self, run_id: str, began: float) -> set[str]:
        """The ids of the run's audit events in CloudWatch Logs."""
        logs = self.client("logs")
        ids: set[str] = set()
        for agent in ("planner", "nlp-agent", "prediction-agent", "action-agent", "audit-agent", "dead-letters"):
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=f"/aws/lambda/vigie-{agent}", startTime=int(began * 1000)
            )
            for page in pages:
                for event in page["events"]:
                    audit = _audit_of(event["message"])
                    if audit and audit["run_id"] == run_id:
                        ids.add(audit["event_id"])
        return ids

    def depth(self, queue: str) -> int:
        """How many messages a queue holds, those being worked on included."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return sum(
            int(count) for count in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()
        )


def wait_until(condition: Any, seconds: float = DEADLINE_SECONDS) -> None:
    """Poll until the condition holds; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.2)


def _audit_of(message: str) -> dict[str, Any] | None:
    try:
        parsed = json.loads(message)
    except ValueError:
        return None
    found: dict[str, Any] | None = parsed.get("audit") if isinstance(parsed, dict) else None
    return found


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """The stack, deployed as `make deploy-local` deploys it, beside one that may be running."""
    home = Path(tempfile.mkdtemp(prefix="vigie-e2e-"))
    # The chaos tests end functions' processes through it; without a file in it, nothing happens.
    failpoints = home / "failpoints"
    failpoints.mkdir()
    settings = LocalSettings(
        home,
        postgres_port=free_port(),
        localstack_port=free_port(),
        model_port=free_port(),
        dashboard_port=free_port(),
        customers=CUSTOMERS,
        stack_parameters=STACK_PARAMETERS,
        localstack_switches={"VIGIE_FAILPOINTS": str(failpoints)},
    )
    try:
        commands.deploy_stack(settings, Namespace())
        demo_bank.fill_bank(settings)
        yield Cloud(settings)
    finally:
        commands.clean(settings, Namespace())
        shutil.rmtree(home, ignore_errors=True)
