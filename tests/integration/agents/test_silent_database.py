"""A database whose connections a firewall or a proxy cut without a word: no function waits for ever."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator

import pytest

from dashboard import connection as dashboard_connection
from dashboard.connection import Database as DashboardDatabase
from dashboard.errors import DatabaseUnreachableError
from tests.integration.agents.silent_proxy import SilentProxy, silent_proxy
from tests.integration.conftest import Bank
from vigie import database as database_module
from vigie.audit import Event, Origin
from vigie.database import Database, DatabaseCursor
from vigie.errors import DatabaseUnavailableError
from vigie.vocabulary import EventType

ORIGIN = Origin("nlp_agent", None, "00000000-0000-7000-8000-000000000001")


@pytest.fixture
def proxy(bank: Bank) -> Iterator[SilentProxy]:
    with silent_proxy(bank.server.port) as running:
        yield running


@pytest.fixture
def database(bank: Bank, proxy: SilentProxy) -> Database:
    secret = dataclasses.replace(bank.secret("nlp_agent"), port=str(proxy.port))
    return Database(lambda _afresh: secret)


def ask(database: Database, sql: str = "SELECT 1") -> None:
    with database.transaction(ORIGIN) as transaction:
        transaction.fetch(sql)


def test_an_idle_connection_that_was_cut_is_replaced(database: Database, proxy: SilentProxy) -> None:
    ask(database)
    proxy.fall_silent()
    began = time.monotonic()
    ask(database)
    assert time.monotonic() - began < 15
    assert proxy.accepted == 2


def test_a_server_that_accepts_and_says_nothing_is_unavailable(database: Database, proxy: SilentProxy) -> None:
    proxy.fall_silent(newcomers_too=True)
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailableError, match="cannot be reached"):
        ask(database)
    assert time.monotonic() - began < 30


def test_a_statement_whose_answer_never_comes_ends(
    database: Database, proxy: SilentProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DatabaseCursor, "seconds", 2)

    def work() -> None:
        with database.transaction(ORIGIN) as transaction:
            transaction.fetch("SELECT 1")
            proxy.fall_silent()
            transaction.fetch("SELECT 1")

    with pytest.raises(DatabaseUnavailableError, match="was lost"):
        work()
    ask(database)


@pytest.mark.parametrize("streamed", [True, False])
def test_rows_and_a_commit_that_never_come_end(
    database: Database, proxy: SilentProxy, monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    monkeypatch.setattr(DatabaseCursor, "seconds", 2)
    monkeypatch.setattr(database_module, "SILENT_SECONDS", 2)
    began = time.monotonic()

    def work() -> None:
        with database.transaction(ORIGIN) as transaction:
            transaction.audit(Event(EventType.BATCH_START, details={"batch_no": 0, "customers": 1}))
            rows = transaction.stream("SELECT generate_series(1, 9000)", at_once=1000)
            next(rows)
            proxy.fall_silent()
            for _ in rows if streamed else ():
                pass

    with pytest.raises(DatabaseUnavailableError):
        work()
    assert time.monotonic() - began < 20
    ask(database)


def test_a_long_statement_and_many_quick_ones_are_not_disturbed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DatabaseCursor, "seconds", 2)
    with database.transaction(ORIGIN) as transaction:
        for _ in range(300):
            transaction.fetch("SELECT 1")
        transaction.fetch("SELECT pg_sleep(1.2)")
        transaction.fetch("SELECT pg_sleep(1.2)")


def test_the_server_gives_up_what_a_lost_client_holds(database: Database) -> None:
    shown = {}
    with database.transaction(ORIGIN) as transaction:
        for name in ("tcp_keepalives_idle", "idle_in_transaction_session_timeout", "idle_session_timeout"):
            [(shown[name],)] = transaction.fetch(f"SELECT current_setting('{name}')")
    assert shown == {
        "tcp_keepalives_idle": "30",
        "idle_in_transaction_session_timeout": "5min",
        "idle_session_timeout": "20min",
    }


def test_the_dashboard_replaces_a_connection_that_was_cut_and_says_when_nothing_answers(
    bank: Bank, proxy: SilentProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = dataclasses.replace(bank.secret("dashboard"), port=str(proxy.port))
    reader = DashboardDatabase(lambda: secret)
    assert reader.fetch("SELECT 1 AS one") == [{"one": 1}]
    proxy.fall_silent()
    began = time.monotonic()
    assert reader.fetch("SELECT 1 AS one") == [{"one": 1}]
    assert time.monotonic() - began < 10
    monkeypatch.setattr(dashboard_connection, "_SILENT_S", 1)
    proxy.fall_silent(newcomers_too=True)
    with pytest.raises(DatabaseUnreachableError):
        reader.fetch("SELECT 1 AS one")
