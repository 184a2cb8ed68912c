"""The bank's database for integration tests: one server and one migrated template, a fresh copy for each module."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg2
import psycopg2.extras
import pytest
from psycopg2.extensions import connection as Connection

from tests.fakes.scorers import SCORER_BYTES, SCORER_SHA256
from tests.template_database import MigratedServer, migrated_server
from vigie.database import Database
from vigie.secrets import DatabaseSecret
from vigie.vocabulary import Purpose
from vigie_local.migrations import OWNER
from vigie_local.postgres import PostgresServer

PURPOSES = tuple(Purpose)
psycopg2.extras.register_uuid()  # type: ignore[no-untyped-call]


def customer(number: int) -> UUID:
    """The id of the bank's n-th customer; they sort by their number."""
    return UUID(int=0x4000_8000_0000_0000_0000 | number << 96)


@dataclass
class Bank:
    """A migrated database of its own, and ways into it."""

    migrated: MigratedServer
    name: str

    @property
    def server(self) -> PostgresServer:
        return self.migrated.server

    def connect(self, role: str = OWNER) -> Connection:
        return self.migrated.connect(self.name, role)

    def query(self, sql: str, *parameters: Any, role: str = OWNER) -> list[tuple[Any, ...]]:
        """Run one statement, committed; its rows when it has any."""
        connection = self.connect(role)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def database(self, role: str) -> Database:
        """What a function of this role opens."""
        return Database(lambda afresh: self.secret(role))

    def secret(self, role: str) -> DatabaseSecret:
        return self.migrated.secret(self.name, role)

    def add_customer(self, number: int, language: str = "en", consents: tuple[str, ...] = PURPOSES) -> UUID:
        """A customer with these consents, one complaint and no feedback."""
        customer_id = customer(number)
        self.query(
            "INSERT INTO customers (customer_id, customer_number, first_name, last_name, email, phone, iban, language)"
            " VALUES (%s, %s, 'Ada', 'Byron', %s, '+33612345678', 'FR7630006000011234567890189', %s);"
            "INSERT INTO customer_features (customer_id, contract, as_of, features)"
            " VALUES (%s, 'tiny', '2026-01-01', %s);"
            "SELECT record_consent(%s, purpose, true, 'test', '1') FROM unnest(%s::text[]) AS purpose",
            customer_id, f"CUST-{number:08}", f"ada.byron.{number}@example.org", language,
            customer_id, json.dumps({"complaints": 1}), customer_id, list(consents),
        )  # fmt: skip
        return customer_id

    def add_feedback(self, number: int, text: str = "The fees are too high, says Ada Byron.") -> None:
        self.query(
            "INSERT INTO feedback (feedback_id, customer_id, received_at, channel, language, text)"
            " VALUES (gen_random_uuid(), %s, clock_timestamp(), 'app', 'en', %s)",
            customer(number), text,
        )  # fmt: skip

    def record_consent(self, customer_id: UUID, purpose: str, granted: bool) -> int:
        [(consent_id,)] = self.query("SELECT record_consent(%s, %s, %s, 'test', '1')", customer_id, purpose, granted)
        return int(consent_id)

    def approve_model(self, scorer: bytes = SCORER_BYTES) -> None:
        """Register the tiny scorer as the contract's approved model."""
        self.query(
            "INSERT INTO model_registry (version, contract, algorithm, scorer, scorer_sha256, contract_toml,"
            " contract_sha256, training_sha256, metrics, state, approved_by, approved_at) VALUES"
            " ('tiny-1', 'tiny', 'by hand', %s, %s, '', '', '', '{}', 'approved', 'test', clock_timestamp())",
            scorer, SCORER_SHA256,
        )  # fmt: skip

    def plan(self, run_id: str, *batches: list[int]) -> None:
        """A run of these customers, planned by hand."""
        numbers = [number for batch in batches for number in batch]
        self.query(
            "INSERT INTO runs (run_id, purpose, contract, model_version, scorer_sha256, prompt_versions, thresholds,"
            " batch_size, batches, planned) VALUES (%s, 'test', 'tiny', 'tiny-1', %s, %s, %s, 100, %s, %s)",
            run_id, SCORER_SHA256, '{"analysis": "analysis-2", "action": "action-3"}',
            '{"high": 0.7, "medium": 0.35}', len(batches), len(numbers),
        )  # fmt: skip
        for batch_no, batch in enumerate(batches):
            for number in batch:
                self.query("INSERT INTO run_customers VALUES (%s, %s, %s)", run_id, customer(number), batch_no)

    def events(self, run_id: str, event_type: str) -> list[tuple[UUID | None, str, dict[str, Any]]]:
        """Customer, status and details of a run's events of one type, in order."""
        sql = "SELECT customer_id, status, details FROM audit_log WHERE run_id = %s AND event_type = %s ORDER BY seq"
        return [(row[0], row[1], row[2]) for row in self.query(sql, run_id, event_type)]

    def steps(self, run_id: str, step: str) -> dict[UUID, tuple[str, str | None]]:
        """Outcome and reason of a step, by customer."""
        rows = self.query(
            "SELECT customer_id, outcome, reason FROM run_steps WHERE run_id = %s AND step = %s ORDER BY customer_id",
            run_id, step,
        )  # fmt: skip
        return {row[0]: (row[1], row[2]) for row in rows}


@pytest.fixture(scope="session")
def migrated() -> Iterator[MigratedServer]:
    """The server of every integration test in this process, with a migrated template to copy."""
    with migrated_server() as started:
        yield started


@pytest.fixture(scope="session")
def make_bank(migrated: MigratedServer) -> Callable[[], Bank]:
    """Make a fresh bank, with nothing in it but the schema and the offers."""
    return lambda: Bank(migrated, migrated.copy())


@pytest.fixture(scope="module")
def bank(make_bank: Callable[[], Bank]) -> Bank:
    return make_bank()
