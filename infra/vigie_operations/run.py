"""Start an execution of the retention run, follow it, and report its result."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from vigie.endpoint import Endpoint
from vigie.runs import MOST_INPUT_BYTES
from vigie_operations.errors import RunError
from vigie_operations.model_trouble import model_trouble
from vigie_operations.progress import RunProgress, say, shown_progress
from vigie_operations.run_report import Proposals, RunReport, endpoint_line
from vigie_operations.targets import LOCAL, Target

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_POLL_S = 0.25
_SHOWN = 200
_EXAMPLE = """For example INPUT='{"limit": 50}', or INPUT=@input.json"""
_ENDED = """
    SELECT step, count(*), count(*) FILTER (WHERE outcome = 'failed') FROM run_steps WHERE run_id = %s GROUP BY step
"""
_SEGMENTS = """
    SELECT segment, count(*), count(*) FILTER (WHERE analysis_lost) FROM actions WHERE run_id = %s GROUP BY segment
"""
_FROM_CATALOGUE = """
    SELECT source_reason, count(*) FROM actions WHERE run_id = %s AND source = 'catalogue' GROUP BY 1 ORDER BY 2 DESC
"""
_PROPOSED = """
    SELECT a.campaign_id, a.proposed, a.over_budget, a.shadow_price,
           (SELECT count(*) FROM arbitrations r WHERE r.run_id = a.run_id AND r.verdict = 'held_out')
    FROM allocations a WHERE a.run_id = %s
"""
_PLANNED = "SELECT contract, model_version FROM runs WHERE run_id = %s"
_OTHERS = """
    SELECT contract FROM model_registry WHERE state = 'approved' AND contract <> %s
    GROUP BY contract ORDER BY max(approved_at) DESC
"""
_WAITING = """
    SELECT version, contract FROM model_registry
    WHERE state = 'candidate' AND registered_at > coalesce(
        (SELECT max(approved_at) FROM model_registry WHERE state = 'approved'), '-infinity')
    ORDER BY registered_at DESC LIMIT 1
"""
_LEFT_OUT = """
    SELECT (details ->> 'left_out_without_profiling_consent')::int
    FROM audit_log WHERE run_id = %s AND event_type = 'RUN_PLANNED'
"""


def run(target: Target, input_text: str) -> RunReport:
    """Run once with this execution input (JSON; empty means everybody due), showing progress.

    Raises:
        RunError: the input is no JSON object, or the execution failed.
        TargetError: nothing is deployed, or the target cannot be reached.
    """
    arn = start_execution(target, _parse_input(input_text))
    run_id = arn.rpartition(":")[2]
    say(f"Run {run_id}")
    return follow_run(target, arn, run_id)


def follow_run(target: Target, arn: str, run_id: str) -> RunReport:
    """Show the progress of a run until its execution ends; errors as for `run`."""
    states = target.client("stepfunctions")
    began = time.monotonic()
    with target.connected() as connection:
        _say_what_was_planned(target, states, arn, run_id, connection)
        execution = _follow(states, arn, run_id, connection)
        seconds = time.monotonic() - began
        if execution["status"] != "SUCCEEDED":
            raise RunError(f"{_failure(run_id, execution)}\nWhat the agents wrote: {target.command('logs')}")
        return _report(target, connection, json.loads(execution["output"]), seconds)


def new_run_id() -> str:
    """Return a name that no other run has."""
    return f"run-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def start_execution(target: Target, content: dict[str, Any], name: str = "") -> str:
    """Start an execution whose name is the run id, a new one unless it is given; return its ARN.

    Raises:
        RunError: the input is larger than Step Functions takes, or the execution was not started.
        TargetError: nothing is deployed, or the target cannot be reached.
    """
    states = target.client("stepfunctions")
    name = name or new_run_id()
    text = json.dumps(content, separators=(",", ":"))
    _require_size(text)
    try:
        started = states.start_execution(stateMachineArn=target.state_machine, name=name, input=text)
    except ClientError as error:
        raise RunError(f"The execution was not started: {error}") from error
    except BotoCoreError as error:
        raise target.unreachable(error) from error
    return str(started["executionArn"])


def _require_size(text: str) -> None:
    size = len(text.encode())
    if size > MOST_INPUT_BYTES:
        raise RunError(
            f"The execution's input is {size} bytes; Step Functions takes {MOST_INPUT_BYTES}, which is about 6,500"
            " customer_ids. Leave them out to run everybody due, use limit, or start several runs"
        )


def read_progress(connection: Connection, run_id: str) -> RunProgress:
    """Return how many customers the run has planned, and how many have ended each step."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT planned FROM runs WHERE run_id = %s", (run_id,))
        planned = cursor.fetchone()
        cursor.execute(_ENDED, (run_id,))
        ended = cursor.fetchall()
    return RunProgress(
        planned[0] if planned else None, {row[0]: row[1] for row in ended}, {row[0]: row[2] for row in ended}
    )


def _parse_input(text: str) -> dict[str, Any]:
    """Read the execution's input: JSON, or @ and the name of a file that holds it, for a shell's line has an end."""
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    try:
        content = json.loads(_content_of(text) or "{}")
    except ValueError as error:
        raise RunError(f"INPUT={shown!r} is not JSON ({error}). {_EXAMPLE}") from error
    except OSError as error:
        raise RunError(f"INPUT={shown!r} cannot be read ({error.strerror}). {_EXAMPLE}") from error
    if not isinstance(content, dict):
        raise RunError(f"INPUT={shown!r} is not a JSON object. {_EXAMPLE}")
    return content


def _content_of(text: str) -> str:
    return Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text


def planned_endpoint(connection: Connection, run_id: str) -> Endpoint | None:
    """Return where a run's calls go; None before it is planned, or when an earlier version planned it."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT llm_recipient, llm_address, llm_model FROM runs WHERE run_id = %s", (run_id,))
        found = cursor.fetchone()
    return Endpoint(*found) if found and all(found) else None


def _say_what_was_planned(target: Target, states: Any, arn: str, run_id: str, connection: Connection) -> None:
    """Say whose customers are covered and where calls go, as the run froze it, whatever the secret says later."""
    while read_progress(connection, run_id).planned is None:
        if states.describe_execution(executionArn=arn)["status"] != "RUNNING":
            return
        time.sleep(_POLL_S)
    for line in _covered(target, connection, run_id):
        say(line)
    if endpoint := planned_endpoint(connection, run_id):
        say(endpoint_line(endpoint))


def _covered(target: Target, connection: Connection, run_id: str) -> Iterator[str]:
    """Return whose customers a run covers, and what a newcomer may miss: other contracts, a model not approved."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_PLANNED, (run_id,))
        contract, version = cursor.fetchone() or ("", "")
        cursor.execute(_OTHERS, (contract,))
        others = ", ".join(row[0] for row in cursor.fetchall())
        cursor.execute(_WAITING)
        waiting = cursor.fetchone()
    yield f"Customers of contract {contract}, model {version}"
    if others:
        yield f"  not those of {others}: {_promote(target, '…')} lets runs cover another contract"
    if waiting:
        yield f"  model {waiting[0]} is trained and not approved: {_promote(target, waiting[1])} approves it"


def _promote(target: Target, contract: str) -> str:
    """Return what approves a contract's model. The tool needs the database owner's credentials: `vigie` has none."""
    if target.name == LOCAL:
        return f"make promote CONTRACT={contract}"
    return f"python -m model.promote --contract {contract}"


def _follow(states: Any, arn: str, run_id: str, connection: Connection) -> dict[str, Any]:
    with shown_progress() as show:
        while True:
            execution: dict[str, Any] = states.describe_execution(executionArn=arn)
            show(read_progress(connection, run_id))
            if execution["status"] != "RUNNING":
                return execution
            time.sleep(_POLL_S)


def _failure(run_id: str, execution: dict[str, Any]) -> str:
    cause = _short_cause(execution.get("cause") or "no cause given")
    return f"Run {run_id} {execution['status'].lower()}: {execution.get('error') or 'error'}: {cause}"


def _short_cause(cause: str) -> str:
    """Return a function's own message, without its stack trace."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause


def _report(target: Target, connection: Connection, output: dict[str, Any], seconds: float) -> RunReport:
    run_id = output["run_id"]
    with connection, connection.cursor() as cursor:
        cursor.execute(_SEGMENTS, (run_id,))
        segments = cursor.fetchall()
        cursor.execute("SELECT source, count(*) FROM actions WHERE run_id = %s GROUP BY source", (run_id,))
        sources = dict(cursor.fetchall())
        cursor.execute(_FROM_CATALOGUE, (run_id,))
        catalogue = dict(cursor.fetchall())
        cursor.execute("SELECT count(*) FROM audit_log WHERE run_id = %s", (run_id,))
        (events,) = cursor.fetchone() or (0,)
        cursor.execute(_LEFT_OUT, (run_id,))
        (left_out,) = cursor.fetchone() or (0,)
        cursor.execute(_PROPOSED, (run_id,))
        proposed = cursor.fetchone()
    return RunReport(
        run_id=run_id, status=output["status"], seconds=seconds, customers=output["customers"],
        segments={row[0]: row[1] for row in segments}, without_lost={row[0]: row[2] for row in segments},
        action_sources=sources, catalogue_reasons=catalogue, reasons=output.get("reasons") or {},
        audit_events=events, left_out=left_out, audit=output.get("audit", {}),
        notes=model_trouble(target, connection, run_id), proposals=Proposals(*proposed) if proposed else None,
    )  # fmt: skip
