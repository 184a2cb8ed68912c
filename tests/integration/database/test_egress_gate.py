"""Nothing is entered in the egress ledger without the consent that is in force now."""

import json
from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg2
import pytest

from tests.integration.conftest import Bank
from tests.integration.database.conftest import ANALYSED, ENTER_EGRESS, claim_egress, consent_of, enter_egress

PURPOSE = "feedback_analysis"


def refused_code(bank: Bank, *row: object, role: str = "nlp_agent") -> str | None:
    """The code with which the database refuses a ledger row."""
    with pytest.raises(psycopg2.Error) as caught:
        bank.query(ENTER_EGRESS, uuid4(), *row, role=role)
    return caught.value.pgcode


def test_with_consent_a_call_is_entered_by_who_makes_it(bank: Bank, people: Callable[[], UUID]) -> None:
    egress_id = enter_egress(bank, people())
    [row] = bank.query("SELECT agent, outcome, answer, ended_at FROM egress_ledger WHERE egress_id = %s", egress_id)
    assert row == ("nlp_agent", None, None, None)


def test_a_consent_that_was_never_given_lets_nothing_out(bank: Bank, people: Callable[[], UUID]) -> None:
    consenting, silent = people(), bank.add_customer(5000, consents=())
    bank.query("INSERT INTO run_customers VALUES ('run', %s, 0)", silent)
    others = consent_of(bank, consenting, PURPOSE)
    assert refused_code(bank, silent, PURPOSE, others, 1) == "VG001"


def test_a_withdrawn_consent_lets_nothing_out(bank: Bank, people: Callable[[], UUID]) -> None:
    customer_id = people()
    granted = consent_of(bank, customer_id, PURPOSE)
    withdrawn = bank.record_consent(customer_id, PURPOSE, False)
    assert refused_code(bank, customer_id, PURPOSE, granted, 1) == "VG001"
    assert refused_code(bank, customer_id, PURPOSE, withdrawn, 1) == "VG001"


def test_an_older_grant_is_not_the_one_in_force(bank: Bank, people: Callable[[], UUID]) -> None:
    customer_id = people()
    first = consent_of(bank, customer_id, PURPOSE)
    second = bank.record_consent(customer_id, PURPOSE, True)
    assert refused_code(bank, customer_id, PURPOSE, first, 1) == "VG001"
    bank.query(ENTER_EGRESS, uuid4(), customer_id, PURPOSE, second, 1, role="nlp_agent")


def test_the_consent_of_another_purpose_does_not_count(bank: Bank, people: Callable[[], UUID]) -> None:
    customer_id = people()
    assert refused_code(bank, customer_id, PURPOSE, consent_of(bank, customer_id, "retention_offers"), 1) == "VG001"


def test_no_agent_enters_a_call_in_another_s_name(bank: Bank, people: Callable[[], UUID]) -> None:
    customer_id = people()
    statement = ENTER_EGRESS.replace("(egress_id", "(agent, egress_id").replace(
        "(%s, 'run'", "('action_agent', %s, 'run'"
    )
    with pytest.raises(psycopg2.Error) as caught:
        bank.query(
            statement, uuid4(), customer_id, PURPOSE, consent_of(bank, customer_id, PURPOSE), 1, role="nlp_agent"
        )
    assert caught.value.pgcode == "VG002"


def test_no_call_is_entered_with_its_outcome(bank: Bank, people: Callable[[], UUID]) -> None:
    customer_id = people()
    statement = ENTER_EGRESS.replace("(egress_id", "(outcome, egress_id").replace(
        "(%s, 'run'", "('answered', %s, 'run'"
    )
    with pytest.raises(psycopg2.Error) as caught:
        bank.query(
            statement, uuid4(), customer_id, PURPOSE, consent_of(bank, customer_id, PURPOSE), 1, role="nlp_agent"
        )
    assert caught.value.pgcode == "VG002"


def test_an_attempt_is_entered_once(bank: Bank, people: Callable[[], UUID]) -> None:
    customer_id = people()
    enter_egress(bank, customer_id)
    assert refused_code(bank, customer_id, PURPOSE, consent_of(bank, customer_id, PURPOSE), 1) == "23505"
    enter_egress(bank, customer_id, attempt=2)


def end(bank: Bank, egress_id: UUID, how: str, role: str = "nlp_agent") -> bool:
    sql = "SELECT end_egress(%s, %s, %s, 1, 2, 3)"
    [(written,)] = bank.query(sql, egress_id, how, json.dumps(ANALYSED), role=role)
    return bool(written)


def test_an_outcome_is_written_once_and_the_first_one_stays(bank: Bank, people: Callable[[], UUID]) -> None:
    egress_id = enter_egress(bank, people())
    claim_egress(bank, egress_id)
    assert end(bank, egress_id, "answered")
    assert not end(bank, egress_id, "lost")
    [row] = bank.query("SELECT outcome, answer, tokens_in, tokens_out, latency_ms, ended_at IS NOT NULL"
                       " FROM egress_ledger WHERE egress_id = %s", egress_id)  # fmt: skip
    assert row == ("answered", ANALYSED, 1, 2, 3, True)


def test_no_agent_ends_another_s_call(bank: Bank, people: Callable[[], UUID]) -> None:
    egress_id = enter_egress(bank, people())
    claim_egress(bank, egress_id)
    assert not end(bank, egress_id, "answered", role="action_agent")
    assert end(bank, egress_id, "answered")


def test_an_outcome_is_one_of_the_ledger_s_words(bank: Bank, people: Callable[[], UUID]) -> None:
    egress_id = enter_egress(bank, people())
    with pytest.raises(psycopg2.errors.CheckViolation):
        end(bank, egress_id, "fine")
