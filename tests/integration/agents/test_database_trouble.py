"""What the database may do to an agent: restart, change passwords, refuse; and what is told of it."""

import json
from collections.abc import Callable
from uuid import UUID

import psycopg2
import pytest

from tests.integration.agents.conftest import Office, plan
from tests.integration.conftest import Bank
from vigie.audit import Event, Origin
from vigie.canonical import canonical_time
from vigie.database import Database
from vigie.errors import DatabaseUnavailableError, StatementRefusedError
from vigie.secrets import DatabaseSecret
from vigie.vocabulary import EventType
from vigie_local.secrets import set_role_passwords

Hire = Callable[..., list[UUID]]
ORIGIN = Origin("nlp_agent", None, "00000000-0000-7000-8000-000000000001")


def event_count(bank: Bank) -> int:
    return int(bank.query("SELECT count(*) FROM audit_log")[0][0])


def test_a_restart_between_batches_is_survived(office: Office, hire: Hire) -> None:
    plan(office, hire(1), hire(1))
    assert office.analyse(0)["outcomes"] == {"done": 1}
    office.bank.server.stop()
    office.bank.server.start()
    assert office.analyse(1)["outcomes"] == {"done": 1}


def test_while_the_database_is_down_work_is_transient_trouble(office: Office, hire: Hire) -> None:
    plan(office, hire(1))
    office.predict()
    office.bank.server.stop()
    try:
        with pytest.raises(DatabaseUnavailableError, match="cannot be reached"):
            office.act()
    finally:
        office.bank.server.start()
    assert office.act()["outcomes"] == {"done": 1}


def test_a_session_that_is_ended_in_the_middle_is_transient_and_nothing_is_half_done(bank: Bank) -> None:
    database = bank.database("nlp_agent")
    before = event_count(bank)
    killer = bank.server.connect(bank.name)
    killer.autocommit = True

    def work() -> None:
        with database.transaction(ORIGIN) as transaction:
            transaction.audit(Event(EventType.BATCH_START, details={"batch_no": 0, "customers": 1}))
            [(pid,)] = transaction.fetch("SELECT pg_backend_pid()")
            killer.cursor().execute("SELECT pg_terminate_backend(%s)", (pid,))
            transaction.fetch("SELECT 1")

    with pytest.raises(DatabaseUnavailableError):
        work()
    killer.close()
    assert event_count(bank) == before
    with database.transaction(ORIGIN) as transaction:
        assert transaction.fetch("SELECT 1") == [(1,)]
    database.close()


def test_a_password_that_was_rotated_is_read_afresh(bank: Bank) -> None:
    fetched: list[bool] = []
    old, rotated = bank.secret("nlp_agent"), "rotated-for-this-test"

    def credentials(afresh: bool) -> DatabaseSecret:
        fetched.append(afresh)
        current = DatabaseSecret(old.host, old.port, old.dbname, old.username, rotated)
        return current if afresh else old

    database = Database(credentials)
    with database.transaction(ORIGIN):
        pass
    assert fetched == [False]
    set_role_passwords(bank.server, {"nlp_agent": rotated})
    try:
        with database.transaction(ORIGIN):  # a session that is open stays so
            pass
        database.close()
        with database.transaction(ORIGIN) as transaction:
            assert transaction.fetch("SELECT session_user::text") == [("nlp_agent",)]
        assert fetched == [False, False, True]
    finally:
        database.close()
        set_role_passwords(bank.server, {"nlp_agent": old.password})


def test_what_is_rolled_back_leaves_no_event_and_no_log_line(bank: Bank, caplog: pytest.LogCaptureFixture) -> None:
    database = bank.database("nlp_agent")
    before = event_count(bank)

    def work() -> None:
        with database.transaction(ORIGIN) as transaction:
            transaction.audit(Event(EventType.BATCH_START, details={"batch_no": 0, "customers": 1}))
            raise RuntimeError("stop")

    with caplog.at_level("INFO"), pytest.raises(RuntimeError, match="stop"):
        work()
    assert event_count(bank) == before
    assert "audit event" not in caplog.messages
    database.close()


def test_a_committed_event_is_logged_with_the_same_id(bank: Bank, caplog: pytest.LogCaptureFixture) -> None:
    database = bank.database("nlp_agent")
    event = Event(EventType.BATCH_START, details={"batch_no": 3, "customers": 1})
    with caplog.at_level("INFO"), database.transaction(ORIGIN) as transaction:
        transaction.audit(event)
    database.close()
    [row] = bank.query(
        "SELECT run_id, agent, event_type, status, details, request_id, occurred_at FROM audit_log WHERE event_id = %s",
        event.event_id,
    )
    logged = [record.__dict__["audit"] for record in caplog.records if record.getMessage() == "audit event"]
    assert [one["event_id"] for one in logged] == [str(event.event_id)]
    for value, name in zip(row, ("run_id", "agent", "event_type", "status", "details", "request_id"), strict=False):
        assert logged[0][name] == value
    assert logged[0]["occurred_at"] == canonical_time(row[6])


def test_what_the_database_refuses_is_reported_without_the_row(bank: Bank, hire: Hire) -> None:
    [customer_id] = hire(1)
    database = bank.database("nlp_agent")
    with pytest.raises(StatementRefusedError) as caught, database.transaction(ORIGIN) as transaction:
        transaction.cursor.execute("UPDATE customers SET first_name = 'Ada' WHERE customer_id = %s", (customer_id,))
    assert caught.value.code == "42501"
    with pytest.raises(StatementRefusedError) as caught, database.transaction(ORIGIN) as transaction:
        transaction.insert(
            "INSERT INTO run_steps (run_id, customer_id, step, outcome) VALUES %s",
            [("Ada Byron", customer_id, "analyse", "done")],
        )
    database.close()
    assert "Ada" not in str(caught.value)
    assert "run_steps" in str(caught.value)
    assert caught.value.__cause__ is None


def test_statements_and_locks_end_after_a_while_and_times_are_in_utc(bank: Bank) -> None:
    database = bank.database("nlp_agent")
    with database.transaction(ORIGIN) as transaction:
        found = [transaction.fetch(f"SHOW {name}")[0][0] for name in ("statement_timeout", "lock_timeout", "timezone")]
    database.close()
    assert found == ["1min", "20s", "UTC"]


def test_a_lock_ends_with_the_connection_that_holds_it(bank: Bank) -> None:
    holder, other = bank.database("nlp_agent"), bank.database("nlp_agent")
    with holder.exclusive(ORIGIN, "analyse", "run-x", 0):
        holder.close()
        with other.exclusive(ORIGIN, "analyse", "run-x", 0):
            pass
    with holder.exclusive(ORIGIN, "analyse", "run-x", 0):
        pass
    holder.close()
    other.close()


def test_an_agent_that_reaches_for_what_is_not_its_own_is_refused(bank: Bank) -> None:
    for role, statement in (
        ("prediction_agent", "SELECT text FROM feedback"),
        ("prediction_agent", "SELECT last_name FROM customers"),
        ("action_agent", "SELECT text FROM feedback"),
        ("planner", "SELECT features FROM customer_features"),
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            bank.query(statement, role=role)


def test_details_are_stored_as_they_are_given(bank: Bank) -> None:
    database = bank.database("nlp_agent")
    details = {"batch_no": 1, "outcomes": {"done": 2, "NoConsent": 1}, "remaining": 0}
    event = Event(EventType.BATCH_END, details=details)
    with database.transaction(ORIGIN) as transaction:
        transaction.audit(event)
    database.close()
    [(stored,)] = bank.query("SELECT details::text FROM audit_log WHERE event_id = %s", event.event_id)
    assert json.loads(stored) == details
