"""The claim of a call, which the database grants, and what a withdrawal makes of calls that have none yet."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg2
import pytest
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, ISOLATION_LEVEL_SERIALIZABLE

from tests.integration.conftest import Bank
from tests.integration.database.conftest import ENTER_EGRESS, claim_egress, consent_of, enter_egress, wait_until_blocked
from vigie.vocabulary import Purpose


@pytest.fixture
def customer_id(people: Callable[[], UUID]) -> UUID:
    return people()


def end(bank: Bank, call: UUID, how: str, role: str = "nlp_agent") -> bool:
    [(written,)] = bank.query("SELECT end_egress(%s, %s, NULL, 1, 2, 3)", call, how, role=role)
    return bool(written)


def test_a_call_that_was_never_claimed_has_no_answer(bank: Bank, customer_id: UUID) -> None:
    call = enter_egress(bank, customer_id)
    for how in ("answered", "rejected", "refused"):
        with pytest.raises(psycopg2.Error) as caught:
            end(bank, call, how)
        assert caught.value.pgcode == "VG002"
    assert end(bank, call, "unsent")


def test_a_call_that_was_claimed_is_never_called_unsent(bank: Bank, customer_id: UUID) -> None:
    call = enter_egress(bank, customer_id)
    assert claim_egress(bank, call) == ["claimed"]
    with pytest.raises(psycopg2.Error) as caught:
        end(bank, call, "unsent")
    assert caught.value.pgcode == "VG002"
    assert end(bank, call, "lost")


def test_a_withdrawal_closes_what_is_not_claimed_and_drops_what_is(bank: Bank, customer_id: UUID) -> None:
    waiting, in_the_air = enter_egress(bank, customer_id), enter_egress(bank, customer_id, attempt=2)
    assert claim_egress(bank, in_the_air) == ["claimed"]
    bank.record_consent(customer_id, "feedback_analysis", False)
    sql = "SELECT outcome, redacted_prompt, ended_at IS NOT NULL FROM egress_ledger WHERE egress_id = %s"
    assert bank.query(sql, waiting) == [("unsent", None, True)]
    assert bank.query(sql, in_the_air) == [(None, None, False)]
    assert claim_egress(bank, waiting, in_the_air) == ["withdrawn", "withdrawn"]
    assert not end(bank, waiting, "answered")
    assert end(bank, in_the_air, "answered")


@pytest.mark.parametrize("withdrawn", Purpose)
def test_a_call_for_an_offer_rests_on_all_three_consents(bank: Bank, customer_id: UUID, withdrawn: Purpose) -> None:
    call = enter_egress(bank, customer_id, "retention_offers", "action_agent")
    bank.record_consent(customer_id, withdrawn, False)
    assert claim_egress(bank, call, role="action_agent") == ["withdrawn"]
    assert bank.query("SELECT outcome FROM egress_ledger WHERE egress_id = %s", call) == [("unsent",)]


def test_a_consent_given_again_lets_no_old_call_leave(bank: Bank, customer_id: UUID) -> None:
    first, second = enter_egress(bank, customer_id), enter_egress(bank, customer_id, attempt=2)
    claim_egress(bank, first)
    bank.record_consent(customer_id, "feedback_analysis", False)
    bank.record_consent(customer_id, "feedback_analysis", True)
    assert claim_egress(bank, first, second) == ["withdrawn", "withdrawn"]


def test_each_time_a_call_is_sent_it_is_claimed_and_counted(bank: Bank, customer_id: UUID) -> None:
    call = enter_egress(bank, customer_id)
    assert claim_egress(bank, call) == claim_egress(bank, call) == ["claimed"]
    assert bank.query("SELECT claims FROM egress_ledger WHERE egress_id = %s", call) == [(2,)]
    end(bank, call, "unavailable")
    assert claim_egress(bank, call) == ["ended"]


def test_no_agent_claims_another_s_call_or_one_that_is_not_there(bank: Bank, customer_id: UUID) -> None:
    call = enter_egress(bank, customer_id)
    assert claim_egress(bank, call, uuid4(), role="action_agent") == ["unknown", "unknown"]
    assert bank.query("SELECT claims FROM egress_ledger WHERE egress_id = %s", call) == [(0,)]


@pytest.mark.parametrize("level", [ISOLATION_LEVEL_REPEATABLE_READ, ISOLATION_LEVEL_SERIALIZABLE])
def test_a_snapshot_older_than_the_withdrawal_claims_nothing(bank: Bank, customer_id: UUID, level: int) -> None:
    call = enter_egress(bank, customer_id)
    connection = bank.connect("nlp_agent")
    connection.set_isolation_level(level)
    with pytest.raises(psycopg2.Error) as caught, connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM claim_egress(%s)", ([call],))
    assert caught.value.pgcode == "VG004"
    connection.close()


def test_while_a_withdrawal_is_under_way_nothing_is_claimed_and_nobody_else_waits(
    bank: Bank, customer_id: UUID, people: Callable[[], UUID]
) -> None:
    call, others = enter_egress(bank, customer_id), enter_egress(bank, people())
    withdrawing = bank.connect()
    with withdrawing, withdrawing.cursor() as cursor:
        cursor.execute("SELECT record_consent(%s, 'feedback_analysis', false, 'test', '1')", (customer_id,))
        assert claim_egress(bank, call, others) == ["busy", "claimed"]
    withdrawing.close()
    assert claim_egress(bank, call) == ["withdrawn"]


def test_a_withdrawal_waits_for_a_claim_under_way_and_leaves_it_open(bank: Bank, customer_id: UUID) -> None:
    call = enter_egress(bank, customer_id)
    claiming = bank.connect("nlp_agent")
    with ThreadPoolExecutor(1) as other:
        with claiming, claiming.cursor() as cursor:
            cursor.execute("SELECT * FROM claim_egress(%s)", ([call],))
            withdrawing = other.submit(bank.record_consent, customer_id, "feedback_analysis", False)
            wait_until_blocked(bank)
        withdrawing.result()
    claiming.close()
    assert bank.query("SELECT outcome, claims FROM egress_ledger WHERE egress_id = %s", call) == [(None, 1)]
    assert claim_egress(bank, call) == ["withdrawn"]


@pytest.mark.parametrize("columns", ["claims, claimed_at", "claims"])
def test_no_call_is_entered_as_claimed(bank: Bank, customer_id: UUID, columns: str) -> None:
    values = {"claims": "1", "claimed_at": "clock_timestamp()"}
    given = ", ".join(values[column] for column in columns.split(", "))
    statement = ENTER_EGRESS.replace("(egress_id", f"({columns}, egress_id").replace(
        "(%s, 'run'", f"({given}, %s, 'run'"
    )
    consent_id = consent_of(bank, customer_id, "feedback_analysis")
    with pytest.raises(psycopg2.Error) as caught:
        bank.query(statement, uuid4(), customer_id, "feedback_analysis", consent_id, 1, role="nlp_agent")
    assert caught.value.pgcode == "VG002"


def test_the_owner_cannot_take_a_claim_back(bank: Bank, customer_id: UUID) -> None:
    call = enter_egress(bank, customer_id)
    claim_egress(bank, call)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        bank.query("UPDATE egress_ledger SET claims = 0, claimed_at = NULL WHERE egress_id = %s", call)
