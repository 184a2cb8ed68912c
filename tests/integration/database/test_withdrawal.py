"""A withdrawal erases what was derived, blocks what would be derived, and meets results under way in some order."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest

from tests.integration.conftest import Bank
from tests.integration.database.conftest import (
    ANALYSED,
    ENTER_EGRESS,
    INSERT_ACTION,
    INSERT_ANALYSIS,
    INSERT_PREDICTION,
    UNREAD,
    WHY,
    claim_egress,
    consent_of,
    count,
    enter_egress,
    store_everything,
    wait_until_blocked,
)
from vigie.vocabulary import Purpose

RESULTS = ("feedback_analyses", "predictions", "actions")
PURPOSES = tuple(Purpose)
Statement = tuple[str, tuple[Any, ...], str]


def erased(bank: Bank, customer_id: UUID) -> list[tuple[Any, ...]]:
    return bank.query(
        "SELECT details ->> 'purpose', details ->> 'step', status, run_id FROM audit_log"
        " WHERE customer_id = %s AND event_type = 'DERIVED_DATA_ERASED' ORDER BY seq",
        customer_id,
    )


def steps(bank: Bank, customer_id: UUID) -> dict[str, tuple[str, str | None]]:
    rows = bank.query("SELECT step, outcome, reason FROM run_steps WHERE customer_id = %s", customer_id)
    return {step: (outcome, reason) for step, outcome, reason in rows}


def test_withdrawing_feedback_analysis_erases_the_analyses(bank: Bank, people: Callable[[], UUID]) -> None:
    customer_id = people()
    store_everything(bank, customer_id)
    bank.record_consent(customer_id, "feedback_analysis", False)
    assert [count(bank, table, customer_id) for table in RESULTS] == [0, 1, 1]
    assert sorted(erased(bank, customer_id)) == [
        ("feedback_analysis", "analyse", "ok", "run"),
        ("feedback_analysis", "decide", "ok", "run"),
    ]
    assert steps(bank, customer_id) == {
        "analyse": ("withdrawn", "ConsentWithdrawn"),
        "predict": ("done", None),
        "decide": ("done", None),
    }


def test_withdrawing_profiling_erases_predictions_and_actions(bank: Bank, people: Callable[[], UUID]) -> None:
    customer_id = people()
    store_everything(bank, customer_id)
    bank.record_consent(customer_id, "profiling", False)
    assert [count(bank, table, customer_id) for table in RESULTS] == [1, 0, 0]
    assert sorted(erased(bank, customer_id)) == [
        ("profiling", "decide", "ok", "run"),
        ("profiling", "predict", "ok", "run"),
    ]
    assert (
        steps(bank, customer_id)["predict"] == steps(bank, customer_id)["decide"] == ("withdrawn", "ConsentWithdrawn")
    )


def test_withdrawing_offers_leaves_the_segment_and_takes_the_offer(bank: Bank, people: Callable[[], UUID]) -> None:
    customer_id = people()
    store_everything(bank, customer_id)
    bank.record_consent(customer_id, "retention_offers", False)
    rows = bank.query(
        "SELECT segment, source, source_reason, offer_id, reason, message, egress_id FROM actions"
        " WHERE customer_id = %s",
        customer_id,
    )
    assert rows == [("High", "none", "ConsentWithdrawn", None, None, None, None)]
    assert erased(bank, customer_id) == [("retention_offers", "decide", "ok", "run")]
    assert steps(bank, customer_id)["decide"] == ("done", None)


def test_what_the_model_answered_goes_with_the_consent_and_the_call_stays_recorded(
    bank: Bank, people: Callable[[], UUID]
) -> None:
    customer_id = people()
    store_everything(bank, customer_id)
    egress_id = enter_egress(bank, customer_id, attempt=7)
    claim_egress(bank, egress_id)
    end = "SELECT end_egress(%s, 'answered', %s, 5, 6, 7)"
    bank.query(end, egress_id, json.dumps(ANALYSED), role="nlp_agent")
    bank.query(
        'UPDATE predictions SET sentiment_score = -0.5, drivers = \'[{"feature": "sentiment_score"},'
        ' {"feature": "products"}]\' WHERE customer_id = %s',
        customer_id,
    )
    bank.record_consent(customer_id, "feedback_analysis", False)
    kept = bank.query("SELECT outcome, answer, tokens_in FROM egress_ledger WHERE egress_id = %s", egress_id)
    assert kept == [("answered", None, 5)]
    tone = bank.query("SELECT sentiment_score, drivers FROM predictions WHERE customer_id = %s", customer_id)
    assert tone == [(None, [{"feature": "products"}])]


def test_every_consent_that_is_recorded_is_audited(bank: Bank, people: Callable[[], UUID]) -> None:
    customer_id = people()
    withdrawn = bank.record_consent(customer_id, "profiling", False)
    rows = bank.query(
        "SELECT details, agent FROM audit_log WHERE customer_id = %s AND event_type = 'CONSENT_RECORDED'"
        " ORDER BY seq DESC LIMIT 1",
        customer_id,
    )
    expected = {"consent_id": withdrawn, "purpose": "profiling", "granted": False, "policy_version": "1"}
    assert rows == [(expected, "owner")]


def insert_of(bank: Bank, table: str, customer_id: UUID) -> Statement:
    """The insert of a result; its ledger row, where it needs one, is there."""
    if table == "feedback_analyses":
        return INSERT_ANALYSIS, (customer_id, enter_egress(bank, customer_id)), "nlp_agent"
    if table == "predictions":
        return INSERT_PREDICTION, (customer_id,), "prediction_agent"
    if table == "egress_ledger":
        consent_id = consent_of(bank, customer_id, "feedback_analysis")
        return ENTER_EGRESS, (uuid4(), customer_id, "feedback_analysis", consent_id, 1), "nlp_agent"
    egress_id = enter_egress(bank, customer_id, "retention_offers", "action_agent")
    return INSERT_ACTION, (customer_id, "model", None, "fee_review", WHY, UNREAD, UNREAD, egress_id), "action_agent"


NEEDS = [
    ("feedback_analyses", "feedback_analysis"),
    ("predictions", "profiling"),
    ("actions", "retention_offers"),
    ("actions", "profiling"),
    ("egress_ledger", "feedback_analysis"),
]


@pytest.mark.parametrize(("table", "purpose"), NEEDS)
def test_after_a_withdrawal_nothing_is_derived(
    bank: Bank, people: Callable[[], UUID], table: str, purpose: str
) -> None:
    customer_id = people()
    sql, parameters, role = insert_of(bank, table, customer_id)
    before = count(bank, table, customer_id)
    bank.record_consent(customer_id, purpose, False)
    with pytest.raises(psycopg2.Error) as caught:
        bank.query(sql, *parameters, role=role)
    assert caught.value.pgcode == "VG001"
    assert count(bank, table, customer_id) == before


def test_an_action_without_an_offer_needs_profiling_and_nothing_else(bank: Bank, people: Callable[[], UUID]) -> None:
    first, second = people(), people()
    bank.record_consent(first, "retention_offers", False)
    bank.query(INSERT_ACTION, first, "none", "NoConsent", None, None, None, None, None, role="action_agent")
    bank.record_consent(second, "profiling", False)
    with pytest.raises(psycopg2.Error) as caught:
        bank.query(INSERT_ACTION, second, "none", "NoConsent", None, None, None, None, None, role="action_agent")
    assert caught.value.pgcode == "VG001"


@pytest.mark.parametrize(("table", "purpose"), NEEDS)
def test_a_withdrawal_waits_for_a_result_under_way_and_then_erases_it(
    bank: Bank, people: Callable[[], UUID], table: str, purpose: str
) -> None:
    customer_id = people()
    sql, parameters, role = insert_of(bank, table, customer_id)
    agent = bank.connect(role)
    with ThreadPoolExecutor(1) as threads:
        try:
            agent.cursor().execute(sql, parameters)
            withdrawal = threads.submit(bank.record_consent, customer_id, purpose, False)
            wait_until_blocked(bank)
            assert not withdrawal.done()
            agent.commit()
            withdrawal.result(timeout=30)
        finally:
            agent.close()
    if table == "egress_ledger":
        assert count(bank, table, customer_id) == 1  # what left stays on the record
    elif purpose == "retention_offers":
        assert bank.query("SELECT source FROM actions WHERE customer_id = %s", customer_id) == [("none",)]
    else:
        assert count(bank, table, customer_id) == 0


@pytest.mark.parametrize(("table", "purpose"), NEEDS)
def test_a_result_waits_for_a_withdrawal_under_way_and_is_then_refused(
    bank: Bank, people: Callable[[], UUID], table: str, purpose: str
) -> None:
    customer_id = people()
    sql, parameters, role = insert_of(bank, table, customer_id)
    before = count(bank, table, customer_id)
    owner = bank.connect()
    with ThreadPoolExecutor(1) as threads:
        try:
            owner.cursor().execute("SELECT record_consent(%s, %s, false, 'test', '1')", (customer_id, purpose))
            insert = threads.submit(bank.query, sql, *parameters, role=role)
            wait_until_blocked(bank)
            owner.commit()
            with pytest.raises(psycopg2.Error) as caught:
                insert.result(timeout=30)
        finally:
            owner.close()
    assert caught.value.pgcode == "VG001"
    assert count(bank, table, customer_id) == before


def record_at(bank: Bank, customer_id: UUID, purpose: str, granted: bool, days_ago: int) -> None:
    bank.query(
        "INSERT INTO consents (customer_id, purpose, granted, source, policy_version, recorded_at)"
        " VALUES (%s, %s, %s, 'import', '1', clock_timestamp() - %s * interval '1 day')",
        customer_id, purpose, granted, days_ago,
    )  # fmt: skip


def in_force(bank: Bank, customer_id: UUID) -> bool:
    return bank.query("SELECT consent_granted_now(%s, 'profiling') IS NOT NULL", customer_id) == [(True,)]


def test_the_newest_consent_wins_whatever_the_order_of_arrival(bank: Bank) -> None:
    customer_id = bank.add_customer(6000, consents=())
    assert not in_force(bank, customer_id)
    record_at(bank, customer_id, "profiling", False, days_ago=1)
    record_at(bank, customer_id, "profiling", True, days_ago=2)
    assert not in_force(bank, customer_id)
    record_at(bank, customer_id, "profiling", True, days_ago=0)
    assert in_force(bank, customer_id)
    assert bank.query("SELECT granted FROM current_consents WHERE customer_id = %s", customer_id) == [(True,)]


def test_of_two_at_the_same_moment_the_one_recorded_last_wins(bank: Bank) -> None:
    customer_id = bank.add_customer(6001, consents=())
    for granted in (True, False):
        bank.query(
            "INSERT INTO consents (customer_id, purpose, granted, source, policy_version, recorded_at)"
            " VALUES (%s, 'profiling', %s, 'import', '1', '2026-01-01')", customer_id, granted,
        )  # fmt: skip
    assert not in_force(bank, customer_id)


def test_an_older_withdrawal_that_arrives_late_undoes_nothing(bank: Bank, people: Callable[[], UUID]) -> None:
    customer_id = people()
    store_everything(bank, customer_id)
    for purpose in PURPOSES:
        record_at(bank, customer_id, purpose, False, days_ago=30)
    assert [count(bank, table, customer_id) for table in RESULTS] == [1, 1, 1]
    assert erased(bank, customer_id) == []
    assert in_force(bank, customer_id)


def test_a_consent_from_the_future_is_refused(bank: Bank, people: Callable[[], UUID]) -> None:
    customer_id = people()
    with pytest.raises(psycopg2.errors.CheckViolation):
        record_at(bank, customer_id, "profiling", True, days_ago=-1)


@pytest.mark.parametrize("purpose", ["marketing", "", "PROFILING"])
def test_a_purpose_that_does_not_exist_is_refused(bank: Bank, people: Callable[[], UUID], purpose: str) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation):
        bank.record_consent(people(), purpose, True)
