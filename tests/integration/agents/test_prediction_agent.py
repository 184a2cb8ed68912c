"""The prediction agent against the real database: the registered scorer or none, one transaction or none."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from prediction_agent.agent import PredictionAgent
from tests.fakes.scorers import SCORER_BYTES, SCORER_SHA256
from tests.integration.agents.conftest import Office, fresh_metrics, plan
from tests.integration.database.conftest import wait_until_blocked
from vigie.errors import ModelNotApprovedError, UnknownRunError

Hire = Callable[..., list[UUID]]


def predictions(office: Office) -> list[tuple[Any, ...]]:
    return office.bank.query(
        "SELECT customer_id, log_odds, sentiment_score FROM predictions WHERE run_id = %s ORDER BY customer_id",
        office.run_id,
    )


def test_a_batch_is_scored_with_the_sentiment_just_found_missing_where_there_is_none(
    office: Office, hire: Hire
) -> None:
    [analysed], [silent] = hire(1), hire(1, feedback=False)
    plan(office, [analysed, silent])
    office.analyse()
    assert office.predict() == {"outcomes": {"done": 2}, "remaining": 0}
    assert predictions(office) == [
        (analysed, pytest.approx(-1 + 1 + 0.6), -0.6),
        (silent, pytest.approx(-1 + 1 + 0.25), None),
    ]
    saved = [(event[0], event[2]["with_sentiment"]) for event in office.bank.events(office.run_id, "PREDICTION_SAVED")]
    assert saved == [(analysed, True), (silent, False)]


def test_contributions_and_drivers_are_stored_with_the_score(office: Office, hire: Hire) -> None:
    plan(office, hire(1, feedback=False))
    office.predict()
    [row] = office.bank.query(
        "SELECT intercept, contributions, drivers, probability, log_odds, model_version FROM predictions"
        " WHERE run_id = %s",
        office.run_id,
    )
    intercept, contributions, drivers, probability, log_odds, version = row
    assert intercept + sum(contributions.values()) == pytest.approx(log_odds)
    assert [driver["feature"] for driver in drivers] == ["complaints", "sentiment_score"]
    assert 0.5 < probability < 0.6
    assert version == "tiny-1"


def test_each_customer_s_consent_is_checked_and_audited_when_acting(office: Office, hire: Hire) -> None:
    staying, going = hire(2)
    plan(office, [staying, going])
    office.bank.record_consent(going, "profiling", False)
    assert office.predict()["outcomes"] == {"done": 1, "ConsentWithdrawn": 1}
    assert office.bank.steps(office.run_id, "predict")[going] == ("withdrawn", "ConsentWithdrawn")
    checks = [(event[0], event[1]) for event in office.bank.events(office.run_id, "CONSENT_CHECK")]
    assert checks == [(staying, "ok"), (going, "refused")]


def test_without_features_the_step_fails_and_the_others_are_scored(office: Office, hire: Hire) -> None:
    known, unknown = hire(2)
    office.bank.query("DELETE FROM customer_features WHERE customer_id = %s", unknown)
    plan(office, [known, unknown])
    assert office.predict()["outcomes"] == {"done": 1, "NoFeatures": 1}
    assert office.bank.steps(office.run_id, "predict")[unknown] == ("failed", "NoFeatures")


def test_the_newest_features_count(office: Office, hire: Hire) -> None:
    [customer_id] = hire(1, feedback=False)
    office.bank.query(
        "INSERT INTO customer_features VALUES (%s, 'tiny', '2026-02-01', '{\"complaints\": 9}'),"
        " (%s, 'another', '2026-03-01', '{\"complaints\": 0}')",
        customer_id,
        customer_id,
    )
    plan(office, [customer_id])
    office.predict()
    assert predictions(office) == [(customer_id, pytest.approx(-1 + 3 + 0.25), None)]


def test_a_batch_delivered_again_changes_nothing(office: Office, hire: Hire) -> None:
    plan(office, hire(3, feedback=False))
    first = office.predict()
    before = predictions(office)
    assert office.predict() == first
    assert predictions(office) == before
    assert len(office.bank.events(office.run_id, "PREDICTION_SAVED")) == 3


def test_two_deliveries_at_once_predict_once(office: Office, hire: Hire) -> None:
    plan(office, hire(3, feedback=False))
    others = [office.bank.database("prediction_agent") for _ in range(2)]
    holder = office.bank.connect("prediction_agent")
    try:
        with ThreadPoolExecutor(2) as threads:
            # Both are held up where a second delivery waits for the first, then let go together.
            key = f"predict/{office.run_id}/0"
            holder.cursor().execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (key,))
            done = [threads.submit(office.predict, 0, database) for database in others]
            wait_until_blocked(office.bank)
            holder.close()
            assert [future.result(timeout=60)["outcomes"] for future in done] == [{"done": 3}] * 2
    finally:
        for database in others:
            database.close()
    assert office.counts()["predictions"] == office.counts()["run_steps"] == 3
    assert len(office.bank.events(office.run_id, "PREDICTION_SAVED")) == 3


def test_a_scorer_that_is_not_the_registered_one_is_refused_and_audited(office: Office, hire: Hire) -> None:
    plan(office, hire(1))
    office.bank.query("UPDATE model_registry SET scorer = scorer || ' '::bytea")
    try:
        with pytest.raises(ModelNotApprovedError, match="the scorer of model tiny-1 was refused"):
            office.predict()
    finally:
        office.bank.query("UPDATE model_registry SET scorer = %s", SCORER_BYTES)
    assert office.counts() == dict.fromkeys(office.counts(), 0)
    expected = {"model_version": "tiny-1", "scorer_sha256": SCORER_SHA256}
    assert office.bank.events(office.run_id, "MODEL_LOADED") == [(None, "refused", expected)]


def test_a_scorer_is_loaded_once_for_all_batches_of_an_environment(office: Office, hire: Hire) -> None:
    plan(office, hire(1), hire(1))
    agent = PredictionAgent(office.database("prediction_agent"))
    for batch_no in (0, 1):
        agent.work(office.message(batch_no), office.request("prediction_agent"), fresh_metrics())
    assert [event[1] for event in office.bank.events(office.run_id, "MODEL_LOADED")] == ["ok"]


def test_a_run_continues_with_the_model_it_was_planned_with_after_that_is_retired(office: Office, hire: Hire) -> None:
    plan(office, hire(1))
    office.bank.query("UPDATE model_registry SET state = 'retired'")
    try:
        assert office.predict()["outcomes"] == {"done": 1}
    finally:
        office.bank.query("UPDATE model_registry SET state = 'approved'")


def test_a_model_that_was_never_approved_is_not_used(office: Office, hire: Hire) -> None:
    plan(office, hire(1))
    office.bank.query("UPDATE model_registry SET state = 'candidate'")
    try:
        with pytest.raises(ModelNotApprovedError, match="model tiny-1 is not approved: approve it with make promote"):
            office.predict()
    finally:
        office.bank.query("UPDATE model_registry SET state = 'approved'")


def test_a_run_that_was_never_planned_fails_for_good(office: Office) -> None:
    with pytest.raises(UnknownRunError, match="was never planned"):
        office.predict()
