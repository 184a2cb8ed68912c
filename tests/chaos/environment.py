"""The cloud that is disturbed: messages come back within seconds, and failpoints can be set in its functions."""

from __future__ import annotations

import contextlib
import math
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.cloud import BenchCloud, bench_cloud

AGENTS = ("nlp", "prediction", "action", "audit")
# A message whose function died comes back after this, in place of twelve minutes; work that takes longer is then
# done by two at once, which the agents must bear anyhow.
VISIBILITY_SECONDS = 6
MODEL_LATENCY_MS = 10
BATCH_SIZE = 50


@dataclass(frozen=True)
class ChaosEnvironment:
    """A cloud, and the folder that its functions look for failpoints in."""

    cloud: BenchCloud
    failpoints: Path
    # Customer, purpose, and a time not before the withdrawal's commit, of the run that is on.
    withdrawn: list[tuple[str, str, float]] = field(default_factory=list)

    @property
    def batches(self) -> int:
        """How many batches a run has."""
        return math.ceil(self.cloud.customers / BATCH_SIZE)

    def dead_letters(self) -> int:
        """How many messages were given up so far, by what their consumer wrote down."""
        return int(self.cloud.query("SELECT count(*) FROM dead_letters")[0][0])

    def queue(self, agent: str, *, dead: bool = False) -> str:
        """The address of an agent's queue, or of its dead-letter queue."""
        name = f"vigie-{agent}-dlq" if dead else f"vigie-{agent}"
        return str(self.cloud.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])

    def set_failpoint(self, agent: str, boundary: str, crossing: int) -> None:
        """End an agent's process (`nlp_agent`, `planner`, …) at a crossing from now, counted from 1."""
        (self.failpoints / f"{agent}.{boundary}").write_text(str(crossing))

    def waiting_failpoints(self) -> list[str]:
        """The planned kills that have not happened yet."""
        return sorted(path.name for path in self.failpoints.iterdir() if path.name.endswith(("-commit", "-answer")))

    def tidy(self) -> None:
        """Take every disturbance back, and leave the queues empty."""
        self.withdrawn.clear()
        for path in self.failpoints.iterdir():
            path.unlink(missing_ok=True)
        self.cloud.set_model(latency_ms=MODEL_LATENCY_MS)
        sqs = self.cloud.client("sqs")
        for agent in AGENTS:
            for dead in (False, True):
                sqs.purge_queue(QueueUrl=self.queue(agent, dead=dead))


@contextlib.contextmanager
def chaos_environment(customers: int) -> Iterator[ChaosEnvironment]:
    """A deployed cloud of its own with so many customers; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="vigie-failpoints-"))
    try:
        with bench_cloud(customers, {"VIGIE_FAILPOINTS": str(folder)}) as cloud:
            environment = ChaosEnvironment(cloud, folder)
            prepare(environment)
            yield environment
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepare(environment: ChaosEnvironment) -> None:
    """Let messages come back soon."""
    set_visibility(environment, VISIBILITY_SECONDS, VISIBILITY_SECONDS)
    environment.tidy()


def set_visibility(environment: ChaosEnvironment, seconds: int, dead_seconds: int) -> None:
    """How long a message stays hidden in each agent's queue, and in its dead-letter queue."""
    for agent in AGENTS:
        for dead, hidden in ((False, seconds), (True, dead_seconds)):
            environment.cloud.client("sqs").set_queue_attributes(
                QueueUrl=environment.queue(agent, dead=dead), Attributes={"VisibilityTimeout": str(hidden)}
            )
