"""What one finished run used, counted: transitions, messages, GB-seconds, log bytes, requests, tokens, rows."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from vigie_local.settings import REGION, STATE_MACHINE
from vigie_operations.errors import RunError

FUNCTIONS = ("planner", "nlp-agent", "prediction-agent", "action-agent", "audit-agent", "dead-letters")
MACHINE = f"arn:aws:states:{REGION}:000000000000:stateMachine:{STATE_MACHINE}"
REPORT = re.compile(r"^REPORT .*?Billed Duration: (\d+) ms\tMemory Size: (\d+) MB\tMax Memory Used: (\d+) MB")
# CloudWatch Logs charges this much for each event, besides its text.
EVENT_OVERHEAD = 26
REQUEST = re.compile(r"^(\S+).*? AWS (s3|kms|secretsmanager)\.(\w+) => 200")
# A run's last lines reach the logs a moment after its end.
LAST_LINES_S = 2.0
RESULT_TABLES = (
    "run_customers", "run_steps", "feedback_analyses", "predictions", "actions", "egress_ledger", "audit_log",
)  # fmt: skip

Query = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True)
class FunctionUse:
    """One function's invocations: how many, billed seconds, configured and used memory in MB."""

    invocations: int = 0
    billed_seconds: float = 0.0
    memory_mb: int = 0
    most_used_mb: int = 0

    @property
    def gb_seconds(self) -> float:
        return self.billed_seconds * self.memory_mb / 1024

    def plus(self, billed_ms: int, memory_mb: int, used_mb: int) -> FunctionUse:
        """With one more invocation."""
        return FunctionUse(
            self.invocations + 1, self.billed_seconds + billed_ms / 1000, memory_mb, max(self.most_used_mb, used_mb)
        )


@dataclass(frozen=True)
class Counts:
    """A measured run. `requests` are calls of S3, KMS and Secrets Manager by name, such as `s3.PutObject`."""

    run_id: str
    seconds: float
    customers: int
    batches: int
    children: int
    transitions_of_run: int
    transitions_of_batches: int
    messages: int
    functions: dict[str, FunctionUse]
    log_bytes: int
    log_events: int
    requests: dict[str, int]
    calls: int
    tokens_in: int
    tokens_out: int
    database_bytes: int
    audit_events: int = 0


def count_run(client: Callable[[str], Any], query: Query, localstack_log: Path, run_id: str = "") -> Counts:
    """Count the named run, or the newest that succeeded.

    Raises:
        RunError: there is no such run, or it has not succeeded.
    """
    states = client("stepfunctions")
    run_id = run_id or newest_run(query)
    execution = _describe(states, run_id)
    began, ended = execution["startDate"].timestamp(), execution["stopDate"].timestamp()
    children = count_children(states, execution["executionArn"])
    own = count_events(history(states, execution["executionArn"]))
    definition = json.loads(states.describe_state_machine(stateMachineArn=MACHINE)["definition"])
    again = handed_back(query, run_id)
    logs = list(log_lines(client("logs"), began, ended + LAST_LINES_S))
    return Counts(
        run_id=run_id,
        seconds=round(ended - began, 3),
        children=children,
        transitions_of_run=own["transitions"],
        # A batch that is handed back goes through its agent's state and the choice behind it once more.
        transitions_of_batches=children * len(states_on_the_way(map_of(definition))) + 2 * again,
        messages=own["messages"] + children * count_sends(map_of(definition)) + again,
        functions=function_use(logs),
        log_bytes=sum(len(message.encode()) + EVENT_OVERHEAD for _, message in logs),
        log_events=len(logs),
        requests=count_requests(localstack_log, began, ended + LAST_LINES_S),
        **from_database(query, run_id),
    )


def newest_run(query: Query) -> str:
    """The run that succeeded last."""
    found = query("SELECT run_id FROM runs WHERE status = 'succeeded' ORDER BY planned_at DESC LIMIT 1")
    if not found:
        raise RunError("No run has succeeded yet: make run")
    return str(found[0][0])


def _describe(states: Any, run_id: str) -> dict[str, Any]:
    arn = f"{MACHINE.replace(':stateMachine:', ':execution:')}:{run_id}"
    try:
        execution: dict[str, Any] = states.describe_execution(executionArn=arn)
    except states.exceptions.ExecutionDoesNotExist as error:
        raise RunError(
            f"RUN={run_id}: the local cloud does not know this execution. It forgets when stopped."
        ) from error
    if execution["status"] != "SUCCEEDED":
        raise RunError(f"RUN={run_id} is {execution['status'].lower()}: choose one that succeeded")
    return execution


def count_children(states: Any, arn: str) -> int:
    """How many executions the run's map started, one per batch."""
    runs = states.list_map_runs(executionArn=arn)["mapRuns"]
    return sum(int(states.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"]["total"]) for run in runs)


def handed_back(query: Query, run_id: str) -> int:
    """How often an agent reached its deadline and returned customers of its batch."""
    return int(
        query(
            "SELECT count(*) FROM audit_log WHERE run_id = %s AND event_type = 'BATCH_END'"
            " AND (details ->> 'remaining')::int > 0",
            run_id,
        )[0][0]
    )


def map_of(definition: dict[str, Any]) -> dict[str, Any]:
    """The state machine that each batch goes through."""
    maps = [state["ItemProcessor"] for state in definition["States"].values() if state["Type"] == "Map"]
    found: dict[str, Any] = maps[0]
    return found


def states_on_the_way(machine: dict[str, Any]) -> list[str]:
    """The states from the first to the last when nothing goes wrong and nothing is handed back.

    LocalStack keeps no history of a map's children, so that their transitions are read off the definition.
    """
    way = [machine["StartAt"]]
    while following := machine["States"][way[-1]].get("Next") or machine["States"][way[-1]].get("Default"):
        way.append(following)
    return way


def count_sends(machine: dict[str, Any]) -> int:
    """The states on that way that send a message to a queue."""
    return sum(":sqs:" in machine["States"][name].get("Resource", "") for name in states_on_the_way(machine))


def history(states: Any, arn: str) -> Iterator[dict[str, Any]]:
    """Every event of an execution."""
    for page in states.get_paginator("get_execution_history").paginate(executionArn=arn):
        yield from page["events"]


def count_events(events: Iterable[dict[str, Any]]) -> Counter[str]:
    """`transitions` (a state entered, a task tried again) and `messages` (sent to a queue)."""
    counted: Counter[str] = Counter()
    scheduled = 0
    entered_tasks = 0
    for event in events:
        kind = event["type"]
        counted["transitions"] += kind.endswith("StateEntered")
        entered_tasks += kind == "TaskStateEntered"
        if kind == "TaskScheduled":
            scheduled += 1
            counted["messages"] += event["taskScheduledEventDetails"]["resourceType"] == "sqs"
    # A retry enters no state, and is charged as if it did.
    counted["transitions"] += max(0, scheduled - entered_tasks)
    return counted


def log_lines(logs: Any, began: float, ended: float) -> Iterator[tuple[str, str]]:
    """Function and text of every line that the functions logged in this time (seconds since 1970)."""
    for function in FUNCTIONS:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/vigie-{function}", startTime=int(began * 1000), endTime=int(ended * 1000)
        )
        for page in pages:
            yield from ((function, event["message"]) for event in page["events"])


def function_use(lines: Iterable[tuple[str, str]]) -> dict[str, FunctionUse]:
    """From the platform's REPORT lines."""
    used = {function: FunctionUse() for function in FUNCTIONS}
    for function, message in lines:
        if report := REPORT.match(message):
            used[function] = used[function].plus(*(int(figure) for figure in report.groups()))
    return used


def count_requests(log: Path, began: float, ended: float) -> dict[str, int]:
    """Requests to S3, KMS and Secrets Manager in this time, from LocalStack's own log."""
    counted: Counter[str] = Counter()
    with log.open(errors="replace") as stream:
        for line in stream:
            if (found := REQUEST.match(line)) and began <= datetime.fromisoformat(found[1]).timestamp() <= ended:
                counted[f"{found[2]}.{found[3]}"] += 1
    return dict(sorted(counted.items()))


def from_database(query: Query, run_id: str) -> dict[str, int]:
    """The run's size, its calls and tokens, and the bytes that its rows take, indexes included."""
    planned, batches = query("SELECT planned, batches FROM runs WHERE run_id = %s", run_id)[0]
    calls, tokens_in, tokens_out = query(
        "SELECT count(*), coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0) FROM egress_ledger"
        " WHERE run_id = %s",
        run_id,
    )[0]
    return {
        "customers": int(planned),
        "batches": int(batches),
        "calls": int(calls),
        "tokens_in": int(tokens_in),
        "tokens_out": int(tokens_out),
        "database_bytes": round(sum(_bytes_of_run(query, table, run_id) for table in RESULT_TABLES)),
        "audit_events": int(query("SELECT count(*) FROM audit_log WHERE run_id = %s", run_id)[0][0]),
    }


def _bytes_of_run(query: Query, table: str, run_id: str) -> float:
    """The run's share of a table, by rows."""
    whole, every, own = query(
        f"SELECT pg_total_relation_size('{table}'), count(*), count(*) FILTER (WHERE run_id = %s) FROM {table}", run_id
    )[0]
    return float(whole) * own / every if every else 0.0
