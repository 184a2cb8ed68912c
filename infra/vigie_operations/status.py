"""The state of a deployed stack: its latest runs, and the messages that wait or were given up."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from vigie_operations.targets import Target

QUEUES = ("vigie-nlp", "vigie-prediction", "vigie-action", "vigie-audit")
LATEST_RUNS = 5
RUNS = """
SELECT run_id, status, planned, to_char(planned_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       llm_recipient, llm_address, llm_model
FROM runs ORDER BY planned_at DESC LIMIT %s
"""


@dataclass(frozen=True)
class RunState:
    """A run, as the database has it. Where its calls go is not known of the oldest ones."""

    run_id: str
    status: str
    planned: int
    planned_at: str
    llm_recipient: str | None = None
    llm_address: str | None = None
    llm_model: str | None = None

    def line(self) -> str:
        """Return what a person reads."""
        calls = f"  {self.llm_model} at {self.llm_address}" if self.llm_model else ""
        return f"  {self.run_id:<34} {self.status:<10} {self.planned:>8} customers  {self.planned_at}{calls}"


@dataclass(frozen=True)
class QueueState:
    """How many messages wait in a queue, are being worked on, and were given up (in its dead-letter queue)."""

    name: str
    waiting: int
    in_flight: int
    given_up: int


@dataclass(frozen=True)
class StackState:
    """A stack's latest runs, the newest first, and its queues."""

    target: str
    stack: str
    region: str
    runs: list[RunState]
    queues: list[QueueState]

    def as_dict(self) -> dict[str, Any]:
        """Return the state as JSON can hold it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return what a person reads."""
        runs = [run.line() for run in self.runs]
        queues = [
            f"  {queue.name:<18} waiting {queue.waiting}, in flight {queue.in_flight}, given up {queue.given_up}"
            for queue in self.queues
        ]
        return [
            f"Stack {self.stack}, target {self.target}, region {self.region}",
            "Latest runs", *(runs or ["  none yet: vigie run"]),
            "Queues", *queues,
        ]  # fmt: skip


def read_status(target: Target) -> StackState:
    """Read the state of a stack.

    Raises:
        TargetError: the stack or its database cannot be reached.
    """
    with target.connected() as connection, connection, connection.cursor() as cursor:
        cursor.execute(RUNS, (LATEST_RUNS,))
        runs = [RunState(*row) for row in cursor.fetchall()]
    sqs = target.client("sqs")
    return StackState(target.name, target.stack, target.region, runs, [_queue_state(sqs, name) for name in QUEUES])


def _queue_state(sqs: Any, name: str) -> QueueState:
    waiting, in_flight = _depth(sqs, name)
    return QueueState(name, waiting, in_flight, sum(_depth(sqs, f"{name}-dlq")))


def _depth(sqs: Any, name: str) -> tuple[int, int]:
    counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(counts))["Attributes"]
    return int(found[counts[0]]), int(found[counts[1]])
