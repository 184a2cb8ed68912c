"""The same three steps without the engine: one customer after the other, in one process.

    python -m tests.bench.sequential --customers 60 --json PATH

What a program without queues, state machine or threads would do, with the agents' own code: the same database and
roles, prompts, consent checks, ledger, guards and audit events, a batch of one customer and one call at a time. It
is measured on a sample, and scaled per customer.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from action_agent.agent import ActionAgent
from nlp_agent.agent import NlpAgent
from planner.manifest import Manifests
from planner.planning import plan_run
from planner.requests import PlanRequest
from planner.settings import PlannerSettings
from prediction_agent.agent import PredictionAgent
from vigie.audit import Origin
from vigie.messages import BatchMessage
from vigie.runtime import Request, open_database
from vigie.task_tokens import TaskTokens
from vigie.vocabulary import RunKind
from vigie_llm.provider import LlmSettings, Provider
from vigie_local.localstack import aws_client

A_LONG_TIME = 3600.0


class NoStateMachine(TaskTokens):
    """Task tokens where there is no state machine."""

    def __init__(self) -> None:
        super().__init__(client=object())

    def heartbeat(self, token: str) -> None:
        """Do nothing: no state machine waits for it."""


@dataclass(frozen=True)
class Agents:
    """The three agents, each with its own role's connection."""

    nlp: NlpAgent
    prediction: PredictionAgent
    action: ActionAgent


def main() -> None:
    """Measure a sample and write its figures."""
    parser = argparse.ArgumentParser("tests.bench.sequential", description=__doc__)
    parser.add_argument("--customers", type=int, default=60)
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    Logger(location=None)
    given.json.write_text(json.dumps(measure(given.customers)))


def measure(customers: int) -> dict[str, float]:
    """Customers, and wall and CPU seconds for all of them together, the first (which connects) left out."""
    run_id = f"sequential-{time.time_ns()}"
    batches = _plan(run_id, customers + 1)
    agents = _agents()
    _one_customer(agents, run_id, 0)
    began, spent = time.monotonic(), time.process_time()
    for batch_no in range(1, batches):
        _one_customer(agents, run_id, batch_no)
    return {
        "customers": batches - 1,
        "seconds": time.monotonic() - began,
        "cpu_seconds": time.process_time() - spent,
    }


def _one_customer(agents: Agents, run_id: str, batch_no: int) -> None:
    message = BatchMessage(run_id, batch_no, "nobody waits")
    metrics, tokens = Metrics(), NoStateMachine()
    agents.nlp.work(message, _request("nlp_agent", run_id), tokens, metrics)
    agents.prediction.work(message, _request("prediction_agent", run_id), metrics)
    agents.action.work(message, _request("action_agent", run_id), tokens, metrics)
    metrics.clear_metrics()


def _request(agent: str, run_id: str) -> Request:
    return Request(Origin(agent, run_id), lambda: A_LONG_TIME)


def _plan(run_id: str, customers: int) -> int:
    settings = PlannerSettings.from_environment(_variables("vigie-planner"))
    asked = PlanRequest(run_id, limit=customers, batch_size=1, purpose=RunKind.BENCHMARK)
    database = open_database(settings.database_secret)
    planned = plan_run(asked, settings, database, Manifests(settings.runs_bucket), _request("planner", run_id))
    return int(planned["batches"])


def _agents() -> Agents:
    analyst, actor = (
        replace(LlmSettings.from_environment(_variables(name)), llm_concurrency=1)
        for name in ("vigie-nlp-agent", "vigie-action-agent")
    )
    predictor = _variables("vigie-prediction-agent")["DATABASE_SECRET"]
    return Agents(
        NlpAgent(open_database(analyst.database_secret), Provider(analyst)),
        PredictionAgent(open_database(predictor)),
        ActionAgent(open_database(actor.database_secret), Provider(actor)),
    )


def _variables(function: str) -> dict[str, str]:
    """The environment of a deployed function."""
    described: dict[str, Any] = aws_client("lambda", os.environ["AWS_ENDPOINT_URL"]).get_function_configuration(
        FunctionName=function
    )
    return dict(described["Environment"]["Variables"])


if __name__ == "__main__":
    main()
