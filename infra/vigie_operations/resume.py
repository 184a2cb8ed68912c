"""Complete a run whose execution was lost or ended early: a new one does what the database says is not done."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from botocore.exceptions import ClientError

from vigie.endpoint import Endpoint
from vigie_operations.errors import RunError
from vigie_operations.progress import say
from vigie_operations.run import follow_run, planned_endpoint, start_execution
from vigie_operations.run_report import RunReport
from vigie_operations.targets import Target

LONGEST_NAME = 80


def resume(target: Target, run_id: str) -> RunReport:
    """Start an execution that completes the run, and follow it.

    Raises:
        RunError: the run was never planned, is closed or under way, or the execution failed.
        TargetError: nothing is deployed, or the target cannot be reached.
    """
    require_open(target, run_id)
    name = next_name(run_id, lambda name: execution_status(target, name))
    say(f"Run {run_id} is resumed" + ("" if name == run_id else f" as execution {name}"))
    return follow_run(target, start_execution(target, {}, name), run_id)


def require_open(target: Target, run_id: str) -> None:
    """Refuse a run that was never planned, or is closed.

    Raises:
        RunError: says which, and what can be done instead.
    """
    with target.connected() as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT status FROM runs WHERE run_id = %s", (run_id,))
        found = cursor.fetchone()
        cursor.execute("SELECT run_id FROM runs WHERE status = 'running' ORDER BY planned_at DESC LIMIT 5")
        under_way = [row[0] for row in cursor.fetchall()]
    if found is None:
        closed = f"Every planned run is closed: {target.command('run')}."
        known = f"Not closed yet: {', '.join(under_way)}." if under_way else closed
        raise RunError(f"RUN={run_id!r} was never planned. {known}")
    if found[0] != "running":
        raise RunError(
            f"RUN={run_id!r} is closed ({found[0]}) and stays as it is. "
            f"Who failed in it: {target.command('redrive', run_id)}"
        )


def endpoint_of_run(target: Target, run_id: str) -> Endpoint | None:
    """Return where a run's calls go; None when an earlier version planned it."""
    with target.connected() as connection:
        return planned_endpoint(connection, run_id)


def next_name(run_id: str, status_of: Callable[[str], str | None]) -> str:
    """Return the name for an execution that completes a run: the run's own where it is free, else with a number.

    Raises:
        RunError: an execution of the run is under way, or no name is left.
    """
    for number in count(1):
        name = run_id if number == 1 else f"{run_id}--resume-{number}"
        if len(name) > LONGEST_NAME:
            raise RunError(f"RUN={run_id!r} is too long to go on under another name: start another run")
        status = status_of(name)
        if status is None:
            return name
        if status == "RUNNING":
            raise RunError(f"RUN={run_id!r} is under way as execution {name}. Wait for its end")
    raise AssertionError


def execution_status(target: Target, name: str) -> str | None:
    """Return the status of an execution; None when there is none of this name."""
    states = target.client("stepfunctions")
    try:
        return str(states.describe_execution(executionArn=target.execution(name))["status"])
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ExecutionDoesNotExist", "StateMachineDoesNotExist"):
            return None
        raise
