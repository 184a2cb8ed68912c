"""The bank's database for integration tests: one server and one migrated template, a fresh copy for each module."""

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg2
import psycopg2.extras
import pytest
from psycopg2.extensions import connection as Connection

from tests.fakes.scorers import SCORER_BYTES, SCORER_SHA256
from vigie.database import Database
from vigie.secrets import DatabaseSecret
from vigie_local.migrations import OWNER, ROLES, apply_migrations, prepare_database
from vigie_local.postgres import PostgresServer, temporary_postgres
from vigie_local.secrets import set_role_passwords

TEMPLATE = "vigie_template"
PURPOSES = ("feedback_analysis", "profiling", "retention_offers")
psycopg2.extras.register_uuid()  # type: ignore[no-untyped-call]


def customer(number: int) -> UUID:
    """The id of the bank's n-th customer; they sort by their number."""
    return UUID(int=0x4000_8000_0000_0000_0000 | number << 96)


@dataclass
class Bank:
    """A migrated database of its own, and ways into it."""

    server: PostgresServer
    name: str
    passwords: dict[str, str]

    def connect(self, role: str = OWNER) -> Connection:
        return self.server.connect(self.name, role, self.passwords[role])

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
        return DatabaseSecret(self.server.host, str(self.server.port), self.name, role, self.passwords[role])

    def add_customer(self, number: int, language: str = "en", consents: tuple[str, ...] = PURPOSES) -> UUID:
        """A customer with these consents, one complaint and no feedback."""
        customer_id = customer(number)
        self.query(
            "INSERT INTO customers (customer_id, customer_number, first_name, last_name, email, phone, iban, language)"
            " VALUES (%s, %s, 'Ada', 'Byron', %s, '+33612345678', 'FR7630006000011234567890189', %s)",
            customer_id, f"CUST-{number:08}", f"ada.byron.{number}@example.org", language,
        )  # fmt: skip
        self.query(
            "INSERT INTO customer_features (customer_id, contract, as_of, features)"
            " VALUES (%s, 'tiny', '2026-01-01', %s)",
            customer_id, json.dumps({"complaints": 1}),
        )  # fmt: skip
        for purpose in consents:
            self.record_consent(customer_id, purpose, True)
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
            run_id, SCORER_SHA256, '{"analysis": "analysis-1", "action": "action-2"}',
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
def bank_server() -> Iterator[PostgresServer]:
    with temporary_postgres() as server:
        connection = server.connect("postgres")
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                # Nothing here outlives the machine: the disk need not be waited for.
                cursor.execute("ALTER SYSTEM SET fsync = off")
                cursor.execute("SELECT pg_reload_conf()")
        finally:
            connection.close()
        yield server


@pytest.fixture(scope="session")
def bank_passwords(bank_server: PostgresServer) -> dict[str, str]:
    """Every role's password; the migrated template exists from here on."""
    passwords = {role: secrets.token_urlsafe(24) for role in ROLES}
    prepare_database(bank_server, passwords[OWNER], TEMPLATE)
    apply_migrations(bank_server, passwords[OWNER], dbname=TEMPLATE)
    set_role_passwords(bank_server, passwords)
    return passwords


@pytest.fixture(scope="session")
def make_bank(bank_server: PostgresServer, bank_passwords: dict[str, str]) -> Callable[[], Bank]:
    """Makes a fresh bank, with nothing in it but the schema and the offers."""

    def make() -> Bank:
        name = f"bank_{secrets.token_hex(6)}"
        connection = bank_server.connect("postgres")
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {TEMPLATE}")
                # A copy has all of its template but the rights on the database itself.
                cursor.execute(f"REVOKE TEMPORARY, CREATE ON DATABASE {name} FROM PUBLIC")
        finally:
            connection.close()
        return Bank(bank_server, name, dict(bank_passwords))

    return make


@pytest.fixture(scope="module")
def bank(make_bank: Callable[[], Bank]) -> Bank:
    return make_bank()
