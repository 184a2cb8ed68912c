"""A bank in which agents work: their own roles, a fake model, and one message at a time."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from aws_lambda_powertools import Metrics

from action_agent.agent import ActionAgent
from nlp_agent.agent import NlpAgent
from prediction_agent.agent import PredictionAgent
from tests.fakes.chat_models import FakeChatModel, FakeProvider
from tests.fakes.step_functions import FakeStepFunctions
from tests.integration.conftest import Bank, customer
from vigie.audit import Origin
from vigie.database import Database
from vigie.messages import BatchMessage
from vigie.runtime import Request
from vigie.task_tokens import TaskTokens

PLENTY = 1000.0
RESULTS = ("feedback_analyses", "predictions", "actions", "egress_ledger", "run_steps")
numbers = count(1)


class Office:
    """Where one run's batches are worked on. Each role has one connection, as in one environment."""

    def __init__(self, bank: Bank, run_id: str) -> None:
        self.bank = bank
        self.run_id = run_id
        self.model = FakeChatModel()
        self.provider = FakeProvider(self.model)
        self.step_functions = FakeStepFunctions(waiting={"token"})
        self.tokens = TaskTokens(self.step_functions)
        self.seconds_left: Callable[[], float] = lambda: PLENTY
        self._databases: dict[str, Database] = {}

    def database(self, role: str) -> Database:
        if role not in self._databases:
            self._databases[role] = self.bank.database(role)
        return self._databases[role]

    def request(self, role: str) -> Request:
        return Request(Origin(role, self.run_id, "00000000-0000-7000-8000-000000000001"), self.time_left)

    def time_left(self) -> float:
        """What the function's deadline leaves, as the test sets it while the agent works."""
        return self.seconds_left()

    def message(self, batch_no: int = 0) -> BatchMessage:
        return BatchMessage(self.run_id, batch_no, "token")

    def analyse(self, batch_no: int = 0, database: Database | None = None) -> dict[str, Any]:
        agent = NlpAgent(database or self.database("nlp_agent"), self.provider)
        return agent.work(self.message(batch_no), self.request("nlp_agent"), self.tokens, fresh_metrics())

    def predict(self, batch_no: int = 0, database: Database | None = None) -> dict[str, Any]:
        agent = PredictionAgent(database or self.database("prediction_agent"))
        return agent.work(self.message(batch_no), self.request("prediction_agent"), fresh_metrics())

    def act(self, batch_no: int = 0, database: Database | None = None) -> dict[str, Any]:
        agent = ActionAgent(database or self.database("action_agent"), self.provider)
        return agent.work(self.message(batch_no), self.request("action_agent"), self.tokens, fresh_metrics())

    def counts(self) -> dict[str, int]:
        """How many rows of this run each table of results has."""
        return {
            table: int(self.bank.query(f"SELECT count(*) FROM {table} WHERE run_id = %s", self.run_id)[0][0])
            for table in RESULTS
        }

    def ledger(self, customer_id: UUID) -> list[tuple[Any, ...]]:
        """Attempt and outcome of each call about a customer."""
        return self.bank.query(
            "SELECT attempt, outcome FROM egress_ledger WHERE run_id = %s AND customer_id = %s ORDER BY sent_at",
            self.run_id,
            customer_id,
        )

    def close(self) -> None:
        for database in self._databases.values():
            database.close()


def fresh_metrics() -> Metrics:
    metrics = Metrics(namespace="Vigie", service="test")
    metrics.clear_metrics()
    return metrics


@pytest.fixture(scope="module", autouse=True)
def approved_model(bank: Bank) -> None:
    bank.approve_model()


@pytest.fixture
def office(bank: Bank) -> Iterator[Office]:
    made = Office(bank, f"run-{next(numbers)}")
    yield made
    made.close()


@pytest.fixture
def hire(bank: Bank) -> Callable[..., list[UUID]]:
    """Add so many new customers who consent to everything and wrote something."""

    def add(many: int, feedback: bool = True, **options: Any) -> list[UUID]:
        added = [next(numbers) for _ in range(many)]
        for number in added:
            bank.add_customer(number, **options)
            if feedback:
                bank.add_feedback(number)
        return [customer(number) for number in added]

    return add


def plan(office: Office, *batches: list[UUID]) -> None:
    """Plan the office's run with these customers."""
    office.bank.plan(office.run_id, *([customer_id.int >> 96 for customer_id in batch] for batch in batches))
