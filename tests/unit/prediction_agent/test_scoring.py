"""What the prediction agent decides: who is scored, with which row, and what is kept of the scores."""

import math
from uuid import UUID

import pytest

from prediction_agent.agent import _ended_without
from prediction_agent.scoring import ScoringCandidate, as_row, score_candidates, skip_reason
from tests.fakes.scorers import SCORER_BYTES
from vigie.steps import StepEnd
from vigie.vocabulary import Reason, StepOutcome
from vigie_scoring import Scorer

CUSTOMER = UUID("00000000-0000-4000-8000-000000000001")
OTHER = UUID("00000000-0000-4000-8000-000000000002")


@pytest.fixture
def scorer() -> Scorer:
    return Scorer.from_json(SCORER_BYTES)


def test_who_did_not_consent_is_not_scored_whatever_else_is_missing() -> None:
    assert skip_reason(ScoringCandidate(CUSTOMER, None, {"complaints": 1}, None)) == "NoConsent"
    assert skip_reason(ScoringCandidate(CUSTOMER, None, None, None)) == "NoConsent"


def test_without_features_there_is_no_score() -> None:
    assert skip_reason(ScoringCandidate(CUSTOMER, 7, None, 0.5)) == "NoFeatures"


def test_no_features_known_is_not_the_same_as_no_features_loaded() -> None:
    assert skip_reason(ScoringCandidate(CUSTOMER, 7, {}, None)) is None


def test_the_sentiment_just_found_is_part_of_the_row_and_replaces_a_loaded_one() -> None:
    assert as_row(ScoringCandidate(CUSTOMER, 7, {"a": 1, "sentiment_score": 0.9}, -0.5)) == {
        "a": 1,
        "sentiment_score": -0.5,
    }


def test_without_an_analysis_the_sentiment_is_missing_and_not_zero(scorer: Scorer) -> None:
    assert as_row(ScoringCandidate(CUSTOMER, 7, {"sentiment_score": 0.9}, None)) == {"sentiment_score": None}
    missing, neutral = score_candidates(
        scorer,
        [ScoringCandidate(CUSTOMER, 7, {"complaints": 0}, None), ScoringCandidate(OTHER, 8, {"complaints": 0}, 0.0)],
    )
    assert (missing.log_odds, neutral.log_odds) == (-0.75, -1.0)


def test_a_prediction_adds_up(scorer: Scorer) -> None:
    [prediction] = score_candidates(scorer, [ScoringCandidate(CUSTOMER, 7, {"complaints": 4}, -0.5)])
    assert prediction.contributions == {"complaints": 3.0, "sentiment_score": 0.5}
    assert prediction.intercept + sum(prediction.contributions.values()) == pytest.approx(prediction.log_odds)
    assert prediction.probability == pytest.approx(1 / (1 + math.exp(-2.5)))
    assert (prediction.customer_id, prediction.sentiment_score) == (CUSTOMER, -0.5)


def test_each_customer_s_prediction_is_their_own(scorer: Scorer) -> None:
    first = ScoringCandidate(CUSTOMER, 7, {"complaints": 0}, 1.0)
    second = ScoringCandidate(OTHER, 8, {"complaints": 9}, -1.0)
    together = score_candidates(scorer, [first, second])
    assert together == [*score_candidates(scorer, [first]), *score_candidates(scorer, [second])]
    assert together[0].probability < together[1].probability


def test_drivers_are_worded_in_both_languages_the_strongest_first(scorer: Scorer) -> None:
    [prediction] = score_candidates(scorer, [ScoringCandidate(CUSTOMER, 7, {"complaints": 4}, -0.5)])
    strongest, weaker = prediction.drivers
    assert (strongest["feature"], weaker["feature"]) == ("complaints", "sentiment_score")
    assert "Four complaints" in strongest["words_en"]
    assert "Quatre réclamations" in strongest["words_fr"]
    assert strongest["direction"] == "raises"
    assert "words" not in strongest


def test_a_consent_that_is_gone_was_withdrawn_during_the_run() -> None:
    gone = ScoringCandidate(CUSTOMER, None, {}, None)
    assert _ended_without(gone, Reason.NO_CONSENT) == StepEnd(CUSTOMER, StepOutcome.WITHDRAWN, Reason.CONSENT_WITHDRAWN)
    assert _ended_without(gone, Reason.NO_FEATURES) == StepEnd(CUSTOMER, StepOutcome.FAILED, Reason.NO_FEATURES)
