"""Attacks on the database's gate by an agent that has its own role's password and nothing else."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, ISOLATION_LEVEL_SERIALIZABLE
from psycopg2.extensions import connection as Connection

from tests.integration.conftest import Bank
from tests.integration.database.conftest import (
    ANALYSED,
    ENTER_EGRESS,
    INSERT_ANALYSIS,
    claim_egress,
    enter_egress,
    wait_until_blocked,
)
from tests.template_database import TEMPLATE
from vigie_local.migrations import FUNCTION_ROLES

ARGUMENTS = {
    "text": "'feedback_analysis'",
    "boolean": "true",
    "integer": "1",
    "bigint": "1",
    "jsonb": "'{}'",
    "campaigns": "NULL::public.campaigns",
    "proposal_marks": "NULL::public.proposal_marks",
    "text[]": "ARRAY['reviewer']",
    "uuid[]": "ARRAY[uuidv7()]",
    "bytea": "'abc'",
    "numeric": "1",
    "date": "'2026-01-01'",
    "double precision": "0.5",
    "timestamp with time zone": "'2026-01-01'",
    "interval": "'1 day'",
}
SEARCH_PATH = ["search_path=pg_catalog, public, pg_temp"]
SNAPSHOTS = [ISOLATION_LEVEL_REPEATABLE_READ, ISOLATION_LEVEL_SERIALIZABLE]


@pytest.fixture
def customer_id(victim: Callable[[], UUID]) -> UUID:
    return victim()


def functions(bank: Bank) -> list[tuple[str, list[str], bool, list[str] | None]]:
    """Every function of ours: its name, its arguments' types, whether it runs as its owner, its settings."""
    return bank.query(
        "SELECT proname, ARRAY(SELECT format_type(t, NULL) FROM unnest(proargtypes) AS t), prosecdef, proconfig"
        " FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1"
    )


def test_every_function_looks_into_temporary_schemas_last(bank: Bank) -> None:
    found = functions(bank)
    assert sum(is_definer for _, _, is_definer, _ in found) >= 4
    assert {name: settings for name, _, _, settings in found if settings != SEARCH_PATH} == {}


@pytest.mark.parametrize("role", FUNCTION_ROLES)
def test_the_migrations_take_the_right_to_temporary_objects(bank: Bank, role: str) -> None:
    """In the database that they were applied to; the other tests run in copies of it."""
    for right in ("TEMPORARY", "CREATE"):
        assert bank.query("SELECT has_database_privilege(%s, %s, %s)", role, TEMPLATE, right) == [(False,)]


@pytest.mark.parametrize("role", FUNCTION_ROLES)
def test_no_role_makes_temporary_objects(bank: Bank, role: str) -> None:
    attempts = (
        "CREATE TEMP TABLE consents (customer_id uuid)",
        "CREATE TEMP VIEW consents AS SELECT 1",
        "CREATE TEMP SEQUENCE consents_seq",
        "CREATE FUNCTION pg_temp.trap() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE FUNCTION public.trap() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE public.trap AS (a int)",
        "CREATE SCHEMA trap",
    )
    connection = bank.connect(role)
    connection.set_session(readonly=False, autocommit=True)
    with connection.cursor() as cursor:
        for attempt in attempts:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(attempt)
    connection.close()


@pytest.mark.parametrize("role", FUNCTION_ROLES)
@pytest.mark.parametrize("call", ["lo_creat(-1)", "lo_create(0)", "lo_from_bytea(0, 'x')"])
def test_no_role_keeps_large_objects(bank: Bank, role: str, call: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        bank.query(f"SELECT {call}", role=role)


@pytest.fixture
def lenient(make_bank: Callable[[], Bank]) -> Bank:
    """A database in which somebody has let everybody make temporary objects again."""
    bank = make_bank()
    bank.query(f"GRANT TEMPORARY ON DATABASE {bank.name} TO PUBLIC")
    return bank


def test_a_shadowing_view_is_read_by_no_function(lenient: Bank) -> None:
    """Shadow every relation by a view that springs a trap when it is read; then call every function there is."""
    customer_id = lenient.add_customer(1)
    relations = [name for (name,) in lenient.query(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
    )]  # fmt: skip
    for role in FUNCTION_ROLES:
        connection = lenient.connect(role)
        connection.set_session(readonly=False, autocommit=True)
        with connection.cursor() as cursor:
            _set_traps(cursor, lenient, relations)
            for name, types, _, _ in functions(lenient):
                assert "SPRUNG" not in _said(cursor, name, types, customer_id), (role, name)
        connection.close()


def _set_traps(cursor: Any, bank: Bank, relations: list[str]) -> None:
    cursor.execute(
        "CREATE FUNCTION pg_temp.trap() RETURNS boolean LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'SPRUNG as %', current_user; END $$"
    )
    for relation in relations:
        columns = [name for (name,) in bank.query(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            f"public.{relation}",
        )]  # fmt: skip
        listed = ", ".join(f'NULL::text AS "{column}"' for column in columns)
        cursor.execute(f'CREATE TEMP VIEW "{relation}" AS SELECT {listed} WHERE pg_temp.trap()')


def _said(cursor: Any, name: str, types: list[str], customer_id: UUID) -> str:
    """What the database answers to a call with plausible arguments; triggers refuse to be called at all."""
    given = [f"'{customer_id}'" if of == "uuid" else ARGUMENTS[of] for of in types]
    try:
        cursor.execute(f"SELECT {name}({', '.join(given)})")
        return ""
    except psycopg2.Error as error:
        return str(error)


def test_a_shadowing_table_lets_no_call_in(lenient: Bank) -> None:
    """A temporary table of consents with the grant that the customer never gave."""
    lenient.approve_model()
    lenient.plan("run", [])
    customer_id = lenient.add_customer(1, consents=())
    lenient.query("INSERT INTO run_customers VALUES ('run', %s, 0)", customer_id)
    others = lenient.record_consent(lenient.add_customer(2, consents=()), "feedback_analysis", True)
    connection = lenient.connect("nlp_agent")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE consents AS SELECT * FROM public.consents WHERE consent_id = %s", (others,))
        cursor.execute("UPDATE pg_temp.consents SET customer_id = %s", (customer_id,))
        with pytest.raises(psycopg2.Error) as caught:
            cursor.execute(ENTER_EGRESS, (uuid4(), customer_id, "feedback_analysis", others, 1))
    assert caught.value.pgcode == "VG001"
    connection.close()


def _in_an_old_snapshot(bank: Bank, role: str, level: int) -> Connection:
    """A transaction whose snapshot is taken now."""
    connection = bank.connect(role)
    connection.set_isolation_level(level)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM consents")
    return connection


@pytest.mark.parametrize("level", SNAPSHOTS)
def test_a_snapshot_older_than_the_withdrawal_lets_no_call_in(bank: Bank, customer_id: UUID, level: int) -> None:
    consent_id = bank.record_consent(customer_id, "feedback_analysis", True)
    connection = _in_an_old_snapshot(bank, "nlp_agent", level)
    bank.record_consent(customer_id, "feedback_analysis", False)
    with pytest.raises(psycopg2.Error), connection, connection.cursor() as cursor:
        cursor.execute(ENTER_EGRESS, (uuid4(), customer_id, "feedback_analysis", consent_id, 1))
    connection.close()
    assert bank.query("SELECT count(*) FROM egress_ledger WHERE customer_id = %s", customer_id) == [(0,)]


@pytest.mark.parametrize("level", SNAPSHOTS)
def test_a_snapshot_older_than_the_withdrawal_stores_no_result(bank: Bank, customer_id: UUID, level: int) -> None:
    bank.record_consent(customer_id, "feedback_analysis", True)
    egress_id = enter_egress(bank, customer_id)
    connection = _in_an_old_snapshot(bank, "nlp_agent", level)
    bank.record_consent(customer_id, "feedback_analysis", False)
    with pytest.raises(psycopg2.Error), connection, connection.cursor() as cursor:
        cursor.execute(INSERT_ANALYSIS, (customer_id, egress_id))
    connection.close()
    assert bank.query("SELECT count(*) FROM feedback_analyses WHERE customer_id = %s", customer_id) == [(0,)]


@pytest.mark.parametrize("level", SNAPSHOTS)
def test_a_withdrawal_with_an_old_snapshot_leaves_no_result_behind(bank: Bank, customer_id: UUID, level: int) -> None:
    """A result that is committed after the withdrawal's snapshot would be invisible to what it erases."""
    bank.record_consent(customer_id, "feedback_analysis", True)
    connection = _in_an_old_snapshot(bank, "owner", level)
    bank.query(INSERT_ANALYSIS, customer_id, enter_egress(bank, customer_id), role="nlp_agent")
    with pytest.raises(psycopg2.Error) as caught, connection, connection.cursor() as cursor:
        cursor.execute("SELECT record_consent(%s, 'feedback_analysis', false, 'test', '1')", (customer_id,))
    assert caught.value.pgcode == "VG004"
    connection.close()


@pytest.mark.parametrize(
    ("role", "purpose"),
    [("action_agent", "feedback_analysis"), ("nlp_agent", "retention_offers"), ("owner", "feedback_analysis")],
)
def test_no_agent_enters_a_call_for_another_agent_s_purpose(
    bank: Bank, customer_id: UUID, role: str, purpose: str
) -> None:
    consent_id = bank.record_consent(customer_id, purpose, True)
    with pytest.raises(psycopg2.Error) as caught:
        bank.query(ENTER_EGRESS, uuid4(), customer_id, purpose, consent_id, 1, role=role)
    assert caught.value.pgcode == "VG002"


@pytest.mark.parametrize("ahead", [timedelta(seconds=2), timedelta(minutes=4, seconds=50)])
def test_a_grant_dated_in_the_future_does_not_outlive_a_withdrawal(
    bank: Bank, customer_id: UUID, ahead: timedelta
) -> None:
    """As a bank's own file would bring it, whose clock is ahead of the database's."""
    bank.query(
        "INSERT INTO consents (customer_id, purpose, granted, source, policy_version, recorded_at)"
        " VALUES (%s, 'profiling', true, 'file', '1', clock_timestamp() + %s)",
        customer_id, ahead,
    )  # fmt: skip
    assert bank.query("SELECT consent_granted_now(%s, 'profiling') IS NOT NULL", customer_id) == [(True,)]
    bank.record_consent(customer_id, "profiling", False)
    assert bank.query("SELECT consent_granted_now(%s, 'profiling')", customer_id) == [(None,)]


def test_a_grant_dated_far_in_the_future_is_refused(bank: Bank, customer_id: UUID) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation):
        bank.query(
            "INSERT INTO consents (customer_id, purpose, granted, source, policy_version, recorded_at)"
            " VALUES (%s, 'profiling', true, 'file', '1', clock_timestamp() + interval '1 hour')",
            customer_id,
        )


def test_a_withdrawal_counts_though_the_clock_was_set_back(bank: Bank, customer_id: UUID) -> None:
    """As if the machine's clock had been ahead by a day when the grant was recorded."""
    bank.query("ALTER TABLE consents DROP CONSTRAINT IF EXISTS consents_recorded_at_check")
    bank.query("ALTER TABLE consents DISABLE TRIGGER USER")
    bank.query(
        "INSERT INTO consents (customer_id, purpose, granted, source, policy_version, recorded_at)"
        " VALUES (%s, 'profiling', true, 'file', '1', clock_timestamp() + interval '1 day')",
        customer_id,
    )
    bank.query("ALTER TABLE consents ENABLE TRIGGER USER")
    bank.record_consent(customer_id, "profiling", False)
    assert bank.query("SELECT consent_granted_now(%s, 'profiling')", customer_id) == [(None,)]


def test_an_answer_that_arrives_after_the_withdrawal_is_dropped(bank: Bank, customer_id: UUID) -> None:
    bank.record_consent(customer_id, "feedback_analysis", True)
    egress_id = enter_egress(bank, customer_id)
    claim_egress(bank, egress_id)
    bank.record_consent(customer_id, "feedback_analysis", False)
    end = "SELECT end_egress(%s, 'answered', %s, 5, 6, 7)"
    assert bank.query(end, egress_id, json.dumps(ANALYSED), role="nlp_agent") == [(True,)]
    sql = "SELECT outcome, answer, tokens_in FROM egress_ledger WHERE egress_id = %s"
    assert bank.query(sql, egress_id) == [("answered", None, 5)]


def test_an_answer_and_a_withdrawal_at_once_leave_no_answer(bank: Bank, customer_id: UUID) -> None:
    """The withdrawal, not yet committed, has cleared what it saw; the answer comes meanwhile and must wait for it."""
    bank.record_consent(customer_id, "feedback_analysis", True)
    egress_id = enter_egress(bank, customer_id)
    claim_egress(bank, egress_id)
    withdrawing = bank.connect()
    end = "SELECT end_egress(%s, 'answered', %s, 5, 6, 7)"
    with ThreadPoolExecutor(1) as other:
        with withdrawing, withdrawing.cursor() as cursor:
            cursor.execute("SELECT record_consent(%s, 'feedback_analysis', false, 'test', '1')", (customer_id,))
            ended = other.submit(bank.query, end, egress_id, json.dumps(ANALYSED), role="nlp_agent")
            wait_until_blocked(bank)
        ended.result()
    withdrawing.close()
    assert bank.query("SELECT answer FROM egress_ledger WHERE egress_id = %s", egress_id) == [(None,)]
