"""A small bank in a real database whose customers wrote what an attacker would, and the agents that read it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Metrics
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from action_agent.agent import ActionAgent
from nlp_agent.agent import NlpAgent
from tests.fakes.step_functions import FakeStepFunctions
from tests.template_database import MigratedServer
from vigie.audit import Origin
from vigie.database import Database
from vigie.messages import BatchMessage
from vigie.runtime import Request
from vigie.secrets import DatabaseSecret
from vigie.task_tokens import TaskTokens
from vigie.vocabulary import Purpose
from vigie_llm.provider import Provider

PURPOSES = tuple(Purpose)
PROMPTS = {"analysis": "analysis-2", "action": "action-3"}


@dataclass(frozen=True)
class Writer:
    """A customer and what they wrote."""

    customer: dict[str, Any]
    language: str
    text: str


class Bank:
    """Customers in a database of their own, and runs of the two agents that ask a model."""

    def __init__(self, migrated: MigratedServer, name: str) -> None:
        self._migrated = migrated
        self._name = name

    def connect(self) -> Connection:
        return self._migrated.connect(self._name)

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        connection = self.connect()
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def plan(self, run_id: str, writers: Iterable[Writer]) -> list[uuid.UUID]:
        """Put these customers into the bank and into one batch of a run; return their ids in order."""
        writers = list(writers)
        ids = [uuid.uuid4() for _ in writers]
        connection = self.connect()
        try:
            with connection, connection.cursor() as cursor:
                _insert_customers(cursor, run_id, ids, writers)
                _insert_run(cursor, run_id, ids)
        finally:
            connection.close()
        return ids

    def run(self, run_id: str, provider: Callable[[], Provider]) -> None:
        """What the agents do: analyse and decide the run's one batch (predictions stand already)."""
        message = BatchMessage(run_id, 0, "token")
        tokens = TaskTokens(FakeStepFunctions({"token"}))
        metrics = Metrics()
        for agent in ("nlp_agent", "action_agent"):
            database = Database(self._credentials(agent))
            request = Request(Origin(agent, run_id), lambda: 300.0)
            try:
                if agent == "nlp_agent":
                    NlpAgent(database, provider()).work(message, request, tokens, metrics)
                else:
                    ActionAgent(database, provider()).work(message, request, tokens, metrics)
            finally:
                database.close()

    def stored(self, run_id: str) -> dict[uuid.UUID, str]:
        """Everything that the run derived about each customer, as one text: results, answers kept, audit details."""
        rows = self.query(
            """
            SELECT r.customer_id, concat_ws(E'\n', (SELECT a::text FROM feedback_analyses a
                    WHERE a.run_id = r.run_id AND a.customer_id = r.customer_id),
                (SELECT a::text FROM actions a WHERE a.run_id = r.run_id AND a.customer_id = r.customer_id),
                (SELECT string_agg(coalesce(l.answer::text, ''), E'\n') FROM egress_ledger l
                    WHERE l.run_id = r.run_id AND l.customer_id = r.customer_id),
                (SELECT string_agg(e.details::text, E'\n') FROM audit_log e
                    WHERE e.run_id = r.run_id AND e.customer_id = r.customer_id))
            FROM run_customers r WHERE r.run_id = %s
            """,
            run_id,
        )
        return dict(rows)

    def words(self, run_id: str) -> list[tuple[uuid.UUID, str]]:
        """(customer, text) of every word that the run stored: closed lists, ids, messages, answers kept."""
        return [
            (row[0], text)
            for row in self.query(
                """
                SELECT customer_id, topics || causes FROM feedback_analyses WHERE run_id = %s
                UNION ALL SELECT customer_id, reason || phrase_ids || message FROM actions WHERE run_id = %s
                UNION ALL SELECT customer_id, array_agg(said #>> '{}')
                FROM egress_ledger, jsonb_path_query(answer, 'strict $.** ? (@.type() == "string")') AS said
                WHERE run_id = %s GROUP BY customer_id
                """,
                run_id,
                run_id,
                run_id,
            )
            for text in row[1]
            if text
        ]

    def outcomes(self, run_id: str) -> dict[tuple[str, str], int]:
        """How many calls of each purpose came to what."""
        rows = self.query(
            "SELECT purpose, outcome, count(*) FROM egress_ledger WHERE run_id = %s GROUP BY 1, 2", run_id
        )
        return {(purpose, outcome): count for purpose, outcome, count in rows}

    def _credentials(self, role: str) -> Callable[[bool], DatabaseSecret]:
        secret = self._migrated.secret(self._name, role)
        return lambda _afresh: secret


def _insert_customers(cursor: Any, run_id: str, ids: list[uuid.UUID], writers: list[Writer]) -> None:
    people = [
        (
            str(customer_id),
            f"{run_id}-{number}-{writer.customer['customer_number']}",
            *(writer.customer[name] for name in ("first_name", "last_name", "email", "phone", "address")),
            writer.customer["birth_date"],
            writer.customer["iban"],
            writer.language,
        )
        for number, (customer_id, writer) in enumerate(zip(ids, writers, strict=True))
    ]
    execute_values(
        cursor,
        "INSERT INTO customers (customer_id, customer_number, first_name, last_name, email, phone, address,"
        " birth_date, iban, language) VALUES %s",
        people,
    )
    execute_values(
        cursor,
        "INSERT INTO consents (customer_id, purpose, granted, source, policy_version) VALUES %s",
        [(str(customer_id), purpose, True, "form", "1") for customer_id in ids for purpose in PURPOSES],
    )
    execute_values(
        cursor,
        "INSERT INTO feedback (feedback_id, customer_id, received_at, channel, language, text) VALUES %s",
        [
            (str(uuid.uuid4()), str(customer_id), "2026-01-02T03:04:05Z", "form", writer.language, writer.text)
            for customer_id, writer in zip(ids, writers, strict=True)
        ],
    )


def _insert_run(cursor: Any, run_id: str, ids: list[uuid.UUID]) -> None:
    sha = "0" * 64
    cursor.execute(
        """
        INSERT INTO model_registry (version, contract, algorithm, scorer, scorer_sha256, contract_toml,
            contract_sha256, training_sha256, metrics, state, approved_by, approved_at)
        VALUES ('model-1', 'bank', 'none', '', %s, '', %s, %s, '{}', 'approved', 'a test', now())
        ON CONFLICT DO NOTHING
        """,
        (sha, sha, sha),
    )
    cursor.execute(
        """
        INSERT INTO runs (run_id, purpose, contract, model_version, scorer_sha256, prompt_versions, thresholds,
            batch_size, batches, planned)
        VALUES (%s, 'test', 'bank', 'model-1', %s, %s, %s, 1000, 1, %s)
        """,
        (run_id, sha, json.dumps(PROMPTS), json.dumps({"high": 0.7, "medium": 0.35}), len(ids)),
    )
    execute_values(
        cursor,
        "INSERT INTO run_customers (run_id, customer_id, batch_no) VALUES %s",
        [(run_id, str(customer_id), 0) for customer_id in ids],
    )
    drivers = [{"feature": "tenure", "direction": "up", "words_fr": "client récent", "words_en": "recent customer"}]
    execute_values(
        cursor,
        "INSERT INTO predictions (run_id, customer_id, model_version, probability, log_odds, intercept,"
        " contributions, drivers) VALUES %s",
        [
            (run_id, str(customer_id), "model-1", (0.2, 0.5, 0.9)[number % 3], 0.0, 0.0, "{}", json.dumps(drivers))
            for number, customer_id in enumerate(ids)
        ],
    )
