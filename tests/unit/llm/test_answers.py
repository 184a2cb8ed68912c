"""What may come back as an analysis or an action, and what is rejected, by kind and never quoted."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from tests.fakes.chat_models import ANALYSIS, answer_of
from tests.fakes.phrases import BANK, CHOICE, OFFERS
from vigie.errors import PromptVersionError
from vigie.vocabulary import Segment, Sentiment
from vigie_llm.action import Case, Draft, ask_for_action, choice_from, read_action, read_draft
from vigie_llm.analysis import (
    MAX_FEEDBACK_CHARACTERS,
    TOPICS,
    Analysis,
    analysis_from,
    ask_for_analysis,
    read_analysis,
)
from vigie_llm.chat import ChatRequest
from vigie_llm.errors import AnswerRejectedError
from vigie_llm.phrases import Situation
from vigie_llm.pseudonymise import KnownIdentity

CASE = Case("en", "High", "0.7-0.8", ({"feature": "complaints", "direction": "up", "words": "Two complaints"},),
            "negative", ("fees",), ("price",), False)  # fmt: skip
SITUATION = Situation(Segment.HIGH, "negative", topics=("fees",), causes=("price",))
OPTIONS = BANK.options(SITUATION, ("advisor_call", "fee_review"))
PROSE = (
    "Call 06 12 34 56 78.", "See https://example.com/offer", "Dear Éloïse Vandermeulen, thank you.",
    "We promise you that your fees will be gone.", "Your loan is granted.", "",
)  # fmt: skip


@pytest.fixture
def analysis_request(known: KnownIdentity) -> ChatRequest:
    return ask_for_analysis("analysis-2", "The fees went up again.", "en", known)


@pytest.fixture
def action_request(known: KnownIdentity) -> ChatRequest:
    return ask_for_action("action-3", CASE, OFFERS[:2], OPTIONS, known)


def test_a_valid_analysis_is_read(analysis_request: ChatRequest) -> None:
    read = read_analysis(analysis_request, answer_of(ANALYSIS))
    assert read == Analysis(Sentiment.NEGATIVE, -0.6, ("fees",), True, ("price",))


def test_a_topic_named_twice_counts_once(analysis_request: ChatRequest) -> None:
    read = read_analysis(analysis_request, answer_of(ANALYSIS | {"topics": ["fees", "card", "fees"]}))
    assert read.topics == ("fees", "card")


def test_what_the_ledger_stores_is_read_back_the_same(analysis_request: ChatRequest) -> None:
    read = read_analysis(analysis_request, answer_of(ANALYSIS))
    assert analysis_from(json.loads(json.dumps(asdict(read)))) == read


@pytest.mark.parametrize(
    "change",
    [
        {"sentiment": "furious"}, {"sentiment": None}, {"score": 1.01}, {"score": -1.01}, {"score": "-0.6"},
        {"score": True}, {"topics": []}, {"topics": ["fees", "card", "loan", "branch", "other"]},
        {"topics": ["weather"]}, {"topics": "fees"}, {"intent_to_leave": "yes"}, {"causes": ["envy"]},
        {"causes": None}, {"causes": ["price", "error", "waiting", "easy"]}, {"surprise": 1}, {"summary": "Fees."},
    ],
    ids=str,
)  # fmt: skip
def test_an_analysis_that_breaks_its_schema_is_rejected(analysis_request: ChatRequest, change: dict[str, Any]) -> None:
    with pytest.raises(AnswerRejectedError) as caught:
        read_analysis(analysis_request, answer_of(ANALYSIS | change))
    assert caught.value.found == {"SCHEMA": 1}


@pytest.mark.parametrize("field", ANALYSIS)
def test_an_analysis_that_lacks_a_field_is_rejected(analysis_request: ChatRequest, field: str) -> None:
    with pytest.raises(AnswerRejectedError, match="SCHEMA"):
        read_analysis(analysis_request, answer_of({key: value for key, value in ANALYSIS.items() if key != field}))


@pytest.mark.parametrize("content", ["null", "[]", "1", '"negative"'])
def test_an_answer_that_is_no_object_is_rejected(
    analysis_request: ChatRequest, action_request: ChatRequest, content: str
) -> None:
    with pytest.raises(AnswerRejectedError, match="SCHEMA"):
        read_analysis(analysis_request, answer_of(content))
    with pytest.raises(AnswerRejectedError, match="SCHEMA"):
        read_action(action_request, answer_of(content))


def test_bounds_themselves_are_allowed(analysis_request: ChatRequest) -> None:
    bounds = {"score": -1, "topics": list(TOPICS[:4]), "causes": ["price", "error", "waiting"]}
    assert read_analysis(analysis_request, answer_of(ANALYSIS | bounds)).score == -1


@pytest.mark.parametrize("text", PROSE)
@pytest.mark.parametrize("field", [*ANALYSIS, "summary"])
def test_no_field_of_an_analysis_takes_prose(analysis_request: ChatRequest, field: str, text: str) -> None:
    for said in (text, [text]):
        with pytest.raises(AnswerRejectedError) as caught:
            read_analysis(analysis_request, answer_of(ANALYSIS | {field: said}))
        assert caught.value.found == {"SCHEMA": 1}


@pytest.mark.parametrize("text", PROSE)
@pytest.mark.parametrize("field", [*CHOICE, "message", "draft"])
def test_no_field_of_an_action_takes_prose(action_request: ChatRequest, field: str, text: str) -> None:
    for said in (text, [text]):
        with pytest.raises(AnswerRejectedError) as caught:
            read_action(action_request, answer_of(CHOICE | {field: said}))
        assert caught.value.found == {"SCHEMA": 1}


def test_a_valid_action_is_read(action_request: ChatRequest) -> None:
    assert read_action(action_request, answer_of(CHOICE)) == choice_from(CHOICE)


@pytest.mark.parametrize(
    "change",
    [
        {"offer": "card_check"}, {"offer": "fee_review "}, {"offer": None}, {"reasons": []}, {"opening": "no"},
        {"reasons": ["why_high"] * 5}, {"reasons": ["why_low"]}, {"discount": 10}, {"first": "offer"},
        {"opening": "goodbye"}, {"topic": "on_cards"}, {"opening": "hеllo"}, {"closing": ["reply"]},
    ],
    ids=str,
)  # fmt: skip
def test_an_action_that_breaks_its_schema_or_makes_another_offer_is_rejected(
    action_request: ChatRequest, change: dict[str, Any]
) -> None:
    with pytest.raises(AnswerRejectedError) as caught:
        read_action(action_request, answer_of(CHOICE | change))
    assert caught.value.found == {"SCHEMA": 1}


def test_a_draft_is_read_where_it_was_asked_for_and_withheld_where_the_guard_finds_something(
    known: KnownIdentity, action_request: ChatRequest
) -> None:
    asked = ask_for_action("action-3", CASE, OFFERS, OPTIONS, known, drafted=True)
    assert read_draft(asked, answer_of(CHOICE | {"draft": "Let us talk."})) == Draft("Let us talk.")
    assert read_draft(asked, answer_of(CHOICE | {"draft": "Call 06 12 34 56 78."})) == Draft(None, ("PHONE", "NUMBER"))
    assert read_action(asked, answer_of(CHOICE | {"draft": "Let us talk."})) == choice_from(CHOICE)
    assert read_draft(action_request, answer_of(CHOICE)) is None


def test_the_case_holds_nothing_that_identifies_the_customer(action_request: ChatRequest) -> None:
    told = action_request.user + action_request.system
    for identifier in ("Vandermeulen", "Éloïse", "+33612345678", "CUST-00481516"):
        assert identifier not in told
    assert "fee_review" in told
    assert "cost" not in told


def test_a_long_feedback_is_cut(known: KnownIdentity) -> None:
    request = ask_for_analysis("analysis-2", "é" * 9000, "fr", known)
    assert request.user.count("é") == MAX_FEEDBACK_CHARACTERS


def test_a_prompt_version_that_this_code_lacks_is_named_with_those_it_has(known: KnownIdentity) -> None:
    with pytest.raises(PromptVersionError, match="analysis prompt analysis-9 is unknown; this code has: analysis-2"):
        ask_for_analysis("analysis-9", "text", "en", known)
    with pytest.raises(PromptVersionError, match="action prompt action-9 is unknown; this code has: action-3"):
        ask_for_action("action-9", CASE, OFFERS, OPTIONS, known)
