"""What is written once stays: refused by privilege for the agents, by trigger for the owner."""

from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg2
import pytest

from tests.integration.conftest import Bank
from tests.integration.database.conftest import enter_egress

APPEND_ONLY = ("audit_log", "audit_leaf", "audit_checkpoint", "consents")
CHANGES = ("UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0} CASCADE")
A_COLUMN = {
    "audit_log": "details", "audit_leaf": "leaf_hash", "audit_checkpoint": "note", "consents": "granted",
    "egress_ledger": "model",
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def something_in_each_table(bank: Bank, people: Callable[[], UUID]) -> UUID:
    event = uuid4()
    bank.query(
        "INSERT INTO audit_log (event_id, occurred_at, agent, event_type, status)"
        " VALUES (%s, clock_timestamp(), 'planner', 'RUN_PLANNED', 'ok')",
        event, role="planner",
    )  # fmt: skip
    bank.query("INSERT INTO audit_leaf VALUES (0, %s, repeat('x', 32)::bytea)", event, role="audit_agent")
    bank.query("INSERT INTO audit_checkpoint VALUES (1, repeat('x', 32)::bytea, 'note')", role="audit_agent")
    return enter_egress(bank, people())


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_owner_is_stopped_by_the_trigger(bank: Bank, table: str, change: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match=r"on \w+ is refused: it is append-only"):
        bank.query(change.format(table, A_COLUMN[table]))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", [*APPEND_ONLY, "egress_ledger"])
def test_an_agent_has_not_even_the_right(bank: Bank, table: str, change: str) -> None:
    for role in ("nlp_agent", "audit_agent"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="permission denied"):
            bank.query(change.format(table, A_COLUMN[table]), role=role)


@pytest.mark.parametrize("change", CHANGES[1:])
def test_a_ledger_row_cannot_be_deleted_by_its_owner_either(bank: Bank, change: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="append-only"):
        bank.query(change.format("egress_ledger"))


@pytest.mark.parametrize(
    "change",
    ["model = 'another'", "redacted_prompt = 'nicer', outcome = 'lost'", "outcome = NULL", "sent_at = now()"],
)
def test_a_ledger_row_takes_its_outcome_and_no_other_change(bank: Bank, change: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="outcome is written once"):
        bank.query(f"UPDATE egress_ledger SET {change}")


def test_an_audit_event_is_never_inserted_twice(bank: Bank) -> None:
    [(event,)] = bank.query("SELECT event_id FROM audit_log LIMIT 1")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        bank.query(
            "INSERT INTO audit_log (event_id, occurred_at, agent, event_type, status)"
            " VALUES (%s, clock_timestamp(), 'planner', 'RUN_PLANNED', 'ok')",
            event, role="planner",
        )  # fmt: skip
