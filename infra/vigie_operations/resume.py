"""Completes a run whose execution is gone or ended early: another does what the database says is not done yet."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

import psycopg2
from botocore.exceptions import ClientError

from vigie.endpoint import Endpoint
from vigie_local.errors import RunError
from vigie_local.localstack import aws_client
from vigie_local.secrets import role_passwords
from vigie_local.services import database_server
from vigie_local.settings import DATABASE, LocalSettings
from vigie_operations.report import RunReport
from vigie_operations.run import EXECUTIONS, follow_run, planned_endpoint, start_execution

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

LONGEST_NAME = 80


def require_open(settings: LocalSettings, run_id: str) -> None:
    """Refuses a run that was never planned, or is closed.

    Raises:
        RunError: says which, and what can be done instead.
    """
    try:
        found, under_way = _status_and_open_runs(settings, run_id)
    except psycopg2.Error as error:
        raise RunError(f"RUN={run_id!r} is unknown: there is no database here yet. make deploy-local") from error
    if found is None:
        known = f"Not closed yet: {', '.join(under_way)}." if under_way else "Every planned run is closed: make run."
        raise RunError(f"RUN={run_id!r} was never planned. {known}")
    if found[0] != "running":
        raise RunError(
            f"RUN={run_id!r} is closed ({found[0]}) and stays as it is. Who failed in it: make redrive RUN={run_id}"
        )


def endpoint_of_run(settings: LocalSettings, run_id: str) -> Endpoint | None:
    """Where a run's calls go; None when an earlier version planned it."""
    with owner(settings) as connection:
        return planned_endpoint(connection, run_id)


def resume(settings: LocalSettings, run_id: str) -> RunReport:
    """Starts an execution that goes on with the run, and follows it.

    Raises:
        RunError: the run is under way, or the execution failed.
    """
    states = aws_client("stepfunctions", settings.endpoint)
    name = next_name(run_id, lambda name: execution_status(states, name))
    print(f"Run {run_id} goes on" + ("" if name == run_id else f" as execution {name}"), flush=True)
    return follow_run(settings, start_execution(states, {}, name), run_id)


def next_name(run_id: str, status_of: Any) -> str:
    """The name for an execution that goes on with a run: the run's own where it is free, else with a number.

    Raises:
        RunError: an execution of the run is under way, or no name is left.
    """
    for number in count(1):
        name = run_id if number == 1 else f"{run_id}--resume-{number}"
        if len(name) > LONGEST_NAME:
            raise RunError(f"RUN={run_id!r} is too long to go on under another name: make run starts another run")
        status = status_of(name)
        if status is None:
            return name
        if status == "RUNNING":
            raise RunError(f"RUN={run_id!r} is under way as execution {name}. Follow it: make logs")
    raise AssertionError


def execution_status(states: Any, name: str) -> str | None:
    """The status of an execution; None when there is none of this name, or no state machine."""
    try:
        return str(states.describe_execution(executionArn=f"{EXECUTIONS}:{name}")["status"])
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ExecutionDoesNotExist", "StateMachineDoesNotExist"):
            return None
        raise


def _status_and_open_runs(settings: LocalSettings, run_id: str) -> tuple[tuple[str] | None, list[str]]:
    with owner(settings) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT status FROM runs WHERE run_id = %s", (run_id,))
        found = cursor.fetchone()
        cursor.execute("SELECT run_id FROM runs WHERE status = 'running' ORDER BY planned_at DESC LIMIT 5")
        return found, [row[0] for row in cursor.fetchall()]


@contextlib.contextmanager
def owner(settings: LocalSettings) -> Iterator[Connection]:
    """A connection of the database's owner."""
    password = role_passwords(settings.private)["owner"]
    connection = database_server(settings).connect(DATABASE, "owner", password)
    try:
        yield connection
    finally:
        connection.close()
