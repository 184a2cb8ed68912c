"""Roles that take more than their share: transactions held open, connections hoarded, whatever their own settings."""

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from tests.integration.audit.audit_environment import OWN_EVENTS, AuditEnvironment, an_event, request
from tests.template_database import MigratedServer
from vigie.audit import Event, Origin, insert_events
from vigie.vocabulary import EventType
from vigie_local.migrations import FUNCTION_ROLES

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# What a role may set otherwise for its own session, and does.
GREEDY = """
SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0; SET default_transaction_read_only = off
"""
WRITERS = ("planner", "nlp_agent", "prediction_agent", "action_agent", "dead_letters")


@pytest.fixture
def environment(migrated: MigratedServer) -> AuditEnvironment:
    return AuditEnvironment(migrated, migrated.copy())


@contextlib.contextmanager
def held_open(connection: "Connection", *statements: str) -> Iterator[Any]:
    """A session without limits of its own whose transaction did this and stays open."""
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(GREEDY)
        connection.commit()
        for statement in statements:
            cursor.execute(statement)
        yield cursor


def held_by(environment: AuditEnvironment, role: str, *statements: str) -> Any:
    return held_open(environment.connect(role), *statements)


@pytest.mark.parametrize("role", FUNCTION_ROLES)
@pytest.mark.parametrize(
    "statement", ["SELECT pg_current_xact_id()", "SELECT txid_current()", "LOCK runs IN ROW SHARE MODE"]
)
def test_a_transaction_that_a_role_holds_open_does_not_stop_the_sealer(
    environment: AuditEnvironment, role: str, statement: str
) -> None:
    with contextlib.suppress(psycopg2.errors.InsufficientPrivilege), held_by(environment, role, statement):
        written = environment.write(5)
        environment.sealer().seal(request())
        assert environment.sealed_ids() == written
        more = environment.write(5)
        environment.sealer().seal(request())
        assert set(more) < set(environment.sealed_ids())


def test_a_transaction_in_another_database_of_the_server_does_not_stop_the_sealer(
    environment: AuditEnvironment, migrated: MigratedServer
) -> None:
    with held_open(migrated.connect("postgres", "dashboard"), "SELECT pg_current_xact_id()"):
        written = environment.write(5)
        environment.sealer().seal(request())
        assert environment.sealed_ids() == written


@pytest.mark.parametrize("role", WRITERS)
def test_a_writer_that_does_not_commit_holds_up_its_own_events_alone(environment: AuditEnvironment, role: str) -> None:
    held = Event(OWN_EVENTS.get(role, EventType.BATCH_START))
    with held_by(environment, role) as cursor:
        insert_events(cursor, Origin(role), [held])
        written = [event_id for _ in range(4) for event_id in _written_and_sealed(environment)]
        assert set(written) <= set(environment.sealed_ids())
        assert held.event_id not in environment.sealed_ids()
        cursor.connection.commit()
    environment.sealer().seal(request())
    assert held.event_id in environment.sealed_ids()
    assert environment.verify().valid


def test_an_event_is_sealed_however_old_its_transaction_is_when_it_is_written(environment: AuditEnvironment) -> None:
    """A transaction that has its number from long ago, and comes to write when the sealer is past it."""
    late = an_event()
    with held_by(environment, "nlp_agent", "SELECT pg_current_xact_id()") as cursor:
        for _ in range(3):
            _written_and_sealed(environment)
        insert_events(cursor, Origin("nlp_agent"), [late])
        for _ in range(3):
            _written_and_sealed(environment)
        cursor.connection.commit()
    environment.sealer().seal(request())
    assert late.event_id in environment.sealed_ids()


def test_a_transaction_that_is_open_for_too_long_is_ended_whatever_its_session_says(
    environment: AuditEnvironment,
) -> None:
    for role in FUNCTION_ROLES:
        with held_by(environment, role, "SELECT 1") as cursor:
            environment.sealer().seal(request())
            cursor.execute("SELECT 1")  # not yet too long
            shorten(environment)
            environment.sealer().seal(request())
            with pytest.raises(psycopg2.OperationalError):
                cursor.execute("SELECT 1")
        lengthen(environment)


def test_a_statement_that_runs_for_too_long_is_ended_as_well(environment: AuditEnvironment) -> None:
    with contextlib.closing(environment.connect("dashboard")) as greedy, greedy.cursor() as cursor:
        cursor.execute(GREEDY)
        greedy.commit()
        backend = greedy.info.backend_pid
        shorten(environment)
        busy = threading.Thread(target=lambda: _run_until_ended(cursor))
        busy.start()
        while environment.fetch(
            "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state = 'active'", backend
        ) == [(0,)]:
            pass
        environment.sealer().seal(request())
        busy.join(20)
        assert not busy.is_alive()


def test_only_the_sealer_ends_other_sessions_and_only_old_ones_of_functions(environment: AuditEnvironment) -> None:
    for role in FUNCTION_ROLES:
        connection = environment.connect(role)
        with contextlib.closing(connection), connection.cursor() as cursor:
            if role != "audit_agent":
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    cursor.execute("SELECT end_long_transactions()")
            connection.rollback()
            for other in ("owner", "postgres"):
                with contextlib.closing(environment.connect(other)) as victim:
                    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                        cursor.execute("SELECT pg_terminate_backend(%s)", (victim.info.backend_pid,))
                    connection.rollback()
    shorten(environment)
    with held_by(environment, "owner", "SELECT 1") as cursor:
        environment.sealer().seal(request())
        cursor.execute("SELECT 1")


def test_all_roles_together_leave_connections_free(environment: AuditEnvironment) -> None:
    limits = dict(
        environment.fetch("SELECT rolname, rolconnlimit FROM pg_roles WHERE rolname = ANY (%s)", list(FUNCTION_ROLES))
    )
    assert set(limits) == set(FUNCTION_ROLES)
    assert min(limits.values()) > 0
    [(allowed,)] = environment.fetch(
        "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    )
    assert sum(limits.values()) < allowed


def shorten(environment: AuditEnvironment) -> None:
    """Let transactions be too long at once."""
    _set_longest(environment, "0 seconds")


def lengthen(environment: AuditEnvironment) -> None:
    _set_longest(environment, "6 minutes")


def _set_longest(environment: AuditEnvironment, interval: str) -> None:
    with contextlib.closing(environment.connect("owner")) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION longest_transaction() RETURNS interval LANGUAGE sql IMMUTABLE"
            " SET search_path = pg_catalog, public, pg_temp AS $$ SELECT %s::interval $$",
            (interval,),
        )


def _run_until_ended(cursor: Any) -> None:
    with contextlib.suppress(psycopg2.Error):
        cursor.execute("SELECT pg_sleep(60)")


def _written_and_sealed(environment: AuditEnvironment) -> list[Any]:
    written = environment.write(2)
    environment.sealer().seal(request())
    return list(written)
