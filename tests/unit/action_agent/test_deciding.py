"""What the action agent decides: segment, who may be asked about, and the catalogue's choice."""

from dataclasses import asdict, replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from action_agent.deciding import (
    Action,
    ActionCandidate,
    AnalysisSummary,
    Prospect,
    SettledAction,
    best_offer,
    decide,
    offers_for,
    probability_band,
)
from vigie.decision import DEFAULT
from vigie.steps import StepEnd
from vigie.vocabulary import ActionSource, CallStatus, Reason, Segment, StepOutcome
from vigie_llm.action import Offer, WordedAction
from vigie_llm.decisions import Ask
from vigie_llm.ledger import Earlier
from vigie_llm.pseudonymise import KnownIdentity

CUSTOMER = UUID("00000000-0000-4000-8000-000000000001")
EGRESS = UUID("00000000-0000-7000-8000-000000000002")
DRIVERS = tuple(
    {
        "feature": f"f{n}",
        "direction": "up",
        "value": n,
        "contribution": 0.5,
        "words_en": f"en {n}",
        "words_fr": f"fr {n}",
    }
    for n in range(5)
)
CANDIDATE = ActionCandidate(CUSTOMER, KnownIdentity("Ada", "Byron"), "fr", 500.0, 9, True, 0.8, DRIVERS, None)
OFFERS = (
    Offer("advisor_call", "A call", "We call.", ("High", "Medium"), ("other", "communication")),
    Offer("fee_review", "Fees", "We review fees.", ("High", "Medium"), ("fees", "card")),
    Offer("card_check", "Card", "We check.", ("High",), ("card", "fees")),
    Offer("thanks", "Thanks", "Thank you.", ("Low",), ()),
)
BY_LANGUAGE = {"fr": OFFERS, "en": ()}
PROSPECT = Prospect(CANDIDATE, 0.8, Segment.HIGH, OFFERS[:3])
WORDED = {"offer_id": "fee_review", "reason": "Fees.", "message": "Let us talk."}


@pytest.mark.parametrize(
    ("probability", "band"),
    [(0.0, "0.0-0.1"), (0.0999, "0.0-0.1"), (0.1, "0.1-0.2"), (0.73, "0.7-0.8"), (0.9, "0.9-1.0"), (1.0, "0.9-1.0")],
)
def test_the_model_is_told_a_band_and_not_the_probability(probability: float, band: str) -> None:
    assert probability_band(probability) == band


@given(st.floats(0, 1))
def test_every_probability_lies_in_its_band(probability: float) -> None:
    low, high = (float(bound) for bound in probability_band(probability).split("-"))
    assert low - 1e-9 <= probability <= high + 1e-9


def test_who_withdrew_from_profiling_gets_nothing_and_who_was_not_predicted_failed() -> None:
    withdrawn = StepEnd(CUSTOMER, StepOutcome.WITHDRAWN, Reason.CONSENT_WITHDRAWN)
    failed = StepEnd(CUSTOMER, StepOutcome.FAILED, Reason.NO_PREDICTION)
    assert decide(replace(CANDIDATE, probability=None), DEFAULT, BY_LANGUAGE, None) == failed
    assert decide(replace(CANDIDATE, profiled=False), DEFAULT, BY_LANGUAGE, None) == withdrawn
    assert decide(replace(CANDIDATE, profiled=False, probability=None), DEFAULT, BY_LANGUAGE, None) == withdrawn


@pytest.mark.parametrize(("probability", "segment"), [(0.8, Segment.HIGH), (0.5, Segment.MEDIUM)])
def test_the_run_s_rule_puts_a_customer_in_a_segment_and_offers_are_that_segment_s(
    probability: float, segment: Segment
) -> None:
    decided = decide(replace(CANDIDATE, probability=probability), DEFAULT, BY_LANGUAGE, None)
    assert isinstance(decided, Ask)
    assert (decided.candidate.segment, decided.candidate.probability) == (segment, probability)
    assert decided.candidate.offers == offers_for(segment, OFFERS)


def test_without_consent_to_offers_there_is_a_segment_and_no_question() -> None:
    unwilling = replace(CANDIDATE, consent_id=None)
    for earlier in (None, Earlier(EGRESS, 1, CallStatus.ANSWERED, WORDED)):
        decided = decide(unwilling, DEFAULT, BY_LANGUAGE, earlier)
        assert isinstance(decided, SettledAction)
        assert decided.action == Action(
            CUSTOMER, Segment.HIGH, 0.8, "fr", ActionSource.NONE, source_reason=Reason.NO_CONSENT
        )


def test_where_no_offer_may_be_made_nobody_is_asked() -> None:
    decided = decide(CANDIDATE, DEFAULT, {"fr": OFFERS[3:]}, None)
    assert isinstance(decided, SettledAction)
    assert decided.action == Action(CUSTOMER, Segment.HIGH, 0.8, "fr", ActionSource.NONE, source_reason=Reason.NO_OFFER)


def test_the_first_time_the_model_is_asked() -> None:
    assert decide(CANDIDATE, DEFAULT, BY_LANGUAGE, None) == Ask(PROSPECT, 1)


def test_an_answer_that_was_paid_for_is_used_again() -> None:
    decided = decide(CANDIDATE, DEFAULT, BY_LANGUAGE, Earlier(EGRESS, 1, CallStatus.ANSWERED, WORDED))
    assert isinstance(decided, SettledAction)
    assert (decided.action.source, decided.action.offer_id, decided.action.egress_id) == ("model", "fee_review", EGRESS)


def test_a_call_with_an_unknown_outcome_is_asked_again() -> None:
    decided = decide(CANDIDATE, DEFAULT, BY_LANGUAGE, Earlier(EGRESS, 1, None, None))
    assert decided == Ask(PROSPECT, 2)


@pytest.mark.parametrize("outcome", sorted(set(CallStatus) - {CallStatus.ANSWERED}))
def test_a_call_that_ended_without_an_answer_is_asked_again(outcome: CallStatus) -> None:
    assert decide(CANDIDATE, DEFAULT, BY_LANGUAGE, Earlier(EGRESS, 2, outcome, None)) == Ask(PROSPECT, 3)


def test_offers_are_those_of_the_segment() -> None:
    assert [offer.offer_id for offer in offers_for(Segment.HIGH, OFFERS)] == [
        "advisor_call",
        "fee_review",
        "card_check",
    ]
    assert [offer.offer_id for offer in offers_for(Segment.LOW, OFFERS)] == ["thanks"]


def test_the_best_offer_shares_most_topics_and_of_equals_is_the_first() -> None:
    assert best_offer(("fees",), OFFERS).offer_id == "fee_review"
    assert best_offer(("card", "fees"), OFFERS).offer_id == "fee_review"
    assert best_offer(("other", "fees", "communication"), OFFERS).offer_id == "advisor_call"
    assert best_offer((), OFFERS).offer_id == "advisor_call"
    assert best_offer(("weather",), OFFERS).offer_id == "advisor_call"


def test_the_catalogue_speaks_where_the_model_could_not_and_says_why() -> None:
    analysed = replace(CANDIDATE, analysis=AnalysisSummary("negative", ("card",), "Card trouble."))
    action = replace(PROSPECT, candidate=analysed).from_catalogue(Reason.MODEL_UNAVAILABLE)
    assert (action.source, action.source_reason, action.offer_id) == ("catalogue", "ModelUnavailable", "fee_review")
    assert action.message == "We review fees."
    assert (action.reason, action.egress_id) == (None, None)


def test_the_model_s_words_are_stored_with_the_call_they_came_from() -> None:
    action = PROSPECT.from_model(WordedAction(**WORDED), EGRESS)
    assert (action.source, action.source_reason, action.message) == ("model", None, "Let us talk.")
    assert (action.egress_id, action.language, action.probability) == (EGRESS, "fr", 0.8)


def test_the_case_tells_three_drivers_in_the_customer_s_language_and_no_value() -> None:
    analysed = replace(CANDIDATE, analysis=AnalysisSummary("negative", ("fees",), "Trop cher."))
    case = asdict(replace(PROSPECT, candidate=analysed).as_case())
    assert [driver["words"] for driver in case["drivers"]] == ["fr 0", "fr 1", "fr 2"]
    assert set(case["drivers"][0]) == {"feature", "direction", "words"}
    assert case["probability_band"] == "0.8-0.9"
    assert 0.8 not in case.values()
    assert (case["sentiment"], case["topics"], case["summary"]) == ("negative", ("fees",), "Trop cher.")


def test_without_an_analysis_the_case_says_nothing_of_feedback() -> None:
    case = PROSPECT.as_case()
    assert (case.sentiment, case.topics, case.summary) == (None, (), None)
