"""What the action agent decides: segment, who may be asked about, and the catalogue's choice."""

from dataclasses import asdict, replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from action_agent.deciding import (
    Action,
    ActionCandidate,
    AnalysisFields,
    Prospect,
    SettledAction,
    best_offer,
    decide,
    offers_for,
    probability_band,
)
from tests.fakes.phrases import BANK, CHOICE, OFFERS
from vigie.decision import DEFAULT
from vigie.steps import StepEnd
from vigie.vocabulary import ActionSource, CallStatus, Reason, Segment, StepOutcome
from vigie_llm.action import choice_from
from vigie_llm.decisions import Ask
from vigie_llm.ledger import Earlier
from vigie_llm.phrases import Situation
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
PROSPECT = Prospect(CANDIDATE, 0.8, Segment.HIGH, OFFERS[:3], BANK)
ANALYSED = replace(CANDIDATE, analysis=AnalysisFields("negative", ("fees",), ("price",), True))


@pytest.mark.parametrize(
    ("probability", "band"),
    [(0.0, "0.0-0.1"), (0.0999, "0.0-0.1"), (0.1, "0.1-0.2"), (0.73, "0.7-0.8"), (0.9, "0.9-1.0"), (1.0, "0.9-1.0")],
)
def test_the_model_receives_a_band_and_not_the_probability(probability: float, band: str) -> None:
    assert probability_band(probability) == band


@given(st.floats(0, 1))
def test_every_probability_lies_in_its_band(probability: float) -> None:
    low, high = (float(bound) for bound in probability_band(probability).split("-"))
    assert low - 1e-9 <= probability <= high + 1e-9


def test_who_withdrew_from_profiling_gets_nothing_and_who_was_not_predicted_failed() -> None:
    withdrawn = StepEnd(CUSTOMER, StepOutcome.WITHDRAWN, Reason.CONSENT_WITHDRAWN)
    failed = StepEnd(CUSTOMER, StepOutcome.FAILED, Reason.NO_PREDICTION)
    assert decide(replace(CANDIDATE, probability=None), DEFAULT, OFFERS, BANK, None) == failed
    assert decide(replace(CANDIDATE, profiled=False), DEFAULT, OFFERS, BANK, None) == withdrawn
    assert decide(replace(CANDIDATE, profiled=False, probability=None), DEFAULT, OFFERS, BANK, None) == withdrawn


@pytest.mark.parametrize(("probability", "segment"), [(0.8, Segment.HIGH), (0.5, Segment.MEDIUM)])
def test_the_run_s_rule_puts_a_customer_in_a_segment_and_offers_are_that_segment_s(
    probability: float, segment: Segment
) -> None:
    decided = decide(replace(CANDIDATE, probability=probability), DEFAULT, OFFERS, BANK, None)
    assert isinstance(decided, Ask)
    assert (decided.candidate.segment, decided.candidate.probability) == (segment, probability)
    assert decided.candidate.offers == offers_for(Situation(segment), OFFERS)


def test_without_consent_to_offers_there_is_a_segment_and_no_question() -> None:
    unwilling = replace(CANDIDATE, consent_id=None)
    for earlier in (None, Earlier(EGRESS, 1, CallStatus.ANSWERED, CHOICE)):
        decided = decide(unwilling, DEFAULT, OFFERS, BANK, earlier)
        assert isinstance(decided, SettledAction)
        assert decided.action == Action(
            CUSTOMER, Segment.HIGH, 0.8, "fr", ActionSource.NONE, source_reason=Reason.NO_CONSENT
        )


def test_where_no_offer_may_be_made_no_one_is_asked() -> None:
    decided = decide(CANDIDATE, DEFAULT, OFFERS[3:], BANK, None)
    assert isinstance(decided, SettledAction)
    assert decided.action == Action(CUSTOMER, Segment.HIGH, 0.8, "fr", ActionSource.NONE, source_reason=Reason.NO_OFFER)


def test_the_first_time_the_model_is_asked() -> None:
    assert decide(CANDIDATE, DEFAULT, OFFERS, BANK, None) == Ask(PROSPECT, 1)


def test_an_answer_that_was_paid_for_is_used_again() -> None:
    decided = decide(CANDIDATE, DEFAULT, OFFERS, BANK, Earlier(EGRESS, 1, CallStatus.ANSWERED, CHOICE))
    assert isinstance(decided, SettledAction)
    assert (decided.action.source, decided.action.offer_id, decided.action.egress_id) == ("model", "fee_review", EGRESS)


def test_a_call_with_an_unknown_outcome_is_asked_again() -> None:
    decided = decide(CANDIDATE, DEFAULT, OFFERS, BANK, Earlier(EGRESS, 1, None, None))
    assert decided == Ask(PROSPECT, 2)


@pytest.mark.parametrize("outcome", sorted(set(CallStatus) - {CallStatus.ANSWERED}))
def test_a_call_that_ended_without_an_answer_is_asked_again(outcome: CallStatus) -> None:
    assert decide(CANDIDATE, DEFAULT, OFFERS, BANK, Earlier(EGRESS, 2, outcome, None)) == Ask(PROSPECT, 3)


def test_offers_are_those_of_the_segment_and_the_tone() -> None:
    assert [offer.offer_id for offer in offers_for(Situation(Segment.HIGH), OFFERS)] == [
        "advisor_call",
        "fee_review",
        "card_check",
    ]
    assert [offer.offer_id for offer in offers_for(Situation(Segment.LOW), OFFERS)] == ["thanks"]
    assert offers_for(Situation(Segment.LOW, "negative"), OFFERS) == ()


def test_the_best_offer_shares_most_topics_and_of_equals_is_the_first() -> None:
    assert best_offer(("fees",), OFFERS).offer_id == "fee_review"
    assert best_offer(("card", "fees"), OFFERS).offer_id == "fee_review"
    assert best_offer(("other", "fees", "communication"), OFFERS).offer_id == "advisor_call"
    assert best_offer((), OFFERS).offer_id == "advisor_call"
    assert best_offer(("weather",), OFFERS).offer_id == "advisor_call"


def test_the_catalogue_speaks_where_the_model_could_not_and_says_why() -> None:
    analysed = replace(CANDIDATE, analysis=AnalysisFields("negative", ("card",), (), False))
    action = replace(PROSPECT, candidate=analysed).from_catalogue(Reason.MODEL_UNAVAILABLE)
    assert (action.source, action.source_reason, action.offer_id) == ("catalogue", "ModelUnavailable", "fee_review")
    assert (action.message, action.phrase_ids) == ("fee_review en français.", ("fee_review",))
    assert (action.reason, action.egress_id) == (None, None)


def test_the_message_is_composed_of_what_the_model_chose() -> None:
    action = PROSPECT.from_model(choice_from(CHOICE), EGRESS)
    assert action is not None
    assert action.phrase_ids == ("hello", "fee_review_look", "free", "reply")
    assert action.message == "hello en français. fee_review_look en français. free en français. reply en français."
    assert (action.source, action.source_reason, action.offer_id) == ("model", None, "fee_review")
    assert (action.egress_id, action.reason, action.probability) == (EGRESS, ("why_high",), 0.8)


@pytest.mark.parametrize(("first", "between"), [("topic", ("on_fees", "on_price")), ("cause", ("on_price", "on_fees"))])
def test_topic_and_cause_come_in_the_order_that_was_chosen(first: str, between: tuple[str, ...]) -> None:
    chosen = CHOICE | {"topic": "on_fees", "cause": "on_price", "first": first}
    action = replace(PROSPECT, candidate=ANALYSED).from_model(choice_from(chosen), EGRESS)
    assert action is not None
    assert action.phrase_ids == ("hello", *between, "fee_review_look", "free", "reply")


def test_what_does_not_fit_the_chosen_offer_gives_way() -> None:
    low = replace(PROSPECT, segment=Segment.LOW, offers=(OFFERS[3], OFFERS[1]))
    action = low.from_model(choice_from(CHOICE | {"offer": "thanks", "reasons": ["why_driver_1"]}), EGRESS)
    assert action is not None
    assert action.phrase_ids == ("hello", "thanks", "goodbye")


@pytest.mark.parametrize(
    "change",
    [{"opening": "sorry"}, {"topic": "on_fees"}, {"offer": "thanks"}, {"closing": "hello"}, {"reasons": ["hello"]}],
    ids=str,
)
def test_an_answer_that_was_kept_and_does_not_fit_any_more_gives_way_to_the_catalogue(change: dict[str, str]) -> None:
    kept = Earlier(EGRESS, 1, CallStatus.ANSWERED, CHOICE | change)
    decided = decide(CANDIDATE, DEFAULT, OFFERS, BANK, kept)
    assert isinstance(decided, SettledAction)
    assert (decided.action.source, decided.action.source_reason) == ("catalogue", "AnswerRejected")


def test_the_case_holds_three_drivers_and_words_of_closed_lists() -> None:
    case = asdict(replace(PROSPECT, candidate=ANALYSED).as_case())
    assert [driver["words"] for driver in case["drivers"]] == ["fr 0", "fr 1", "fr 2"]
    assert set(case["drivers"][0]) == {"feature", "direction", "words"}
    assert case["probability_band"] == "0.8-0.9"
    assert 0.8 not in case.values()
    assert (case["sentiment"], case["topics"], case["causes"]) == ("negative", ("fees",), ("price",))
    assert case["intent_to_leave"] is True


def test_without_an_analysis_the_case_says_nothing_of_feedback() -> None:
    case = PROSPECT.as_case()
    assert (case.sentiment, case.topics, case.causes, case.intent_to_leave) == (None, (), (), False)
