"""What may come back as an analysis or an action, and what is rejected, by kind and never quoted."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from tests.fakes.chat_models import ANALYSIS, answer_of
from vigie.errors import PromptVersionError
from vigie.vocabulary import Sentiment
from vigie_llm.action import Case, Offer, WordedAction, ask_for_action, read_action
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
from vigie_llm.pseudonymise import KnownIdentity

OFFERS = (
    Offer("fee_review", "A review of your fees", "We will go through your fees.", ("High", "Medium"), ("fees",)),
    Offer("loan_review", "A review of your loan", "We will go through your loan.", ("High",), ("loan",)),
)
CASE = Case("en", "High", "0.7-0.8", ({"feature": "complaints", "direction": "up", "words": "Two complaints"},),
            "negative", ("fees",), "The fees are too high.")  # fmt: skip
ACTION = {"offer_id": "fee_review", "reason": "Fees drive the risk.", "message": "Let us review your fees together."}


@pytest.fixture
def analysis_request(known: KnownIdentity) -> ChatRequest:
    return ask_for_analysis("analysis-1", "The fees went up again.", "en", known)


@pytest.fixture
def action_request(known: KnownIdentity) -> ChatRequest:
    return ask_for_action("action-2", CASE, OFFERS, known)


def test_a_valid_analysis_is_read(analysis_request: ChatRequest) -> None:
    read = read_analysis(analysis_request, answer_of(ANALYSIS))
    assert read == Analysis(Sentiment.NEGATIVE, -0.6, ("fees",), True, "The customer finds the fees too high.")


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
        {"topics": ["weather"]}, {"topics": "fees"}, {"intent_to_leave": "yes"}, {"summary": "x" * 201},
        {"summary": None}, {"surprise": 1},
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
    bounds = {"score": -1, "topics": list(TOPICS[:4]), "summary": "fee " * 50}
    assert read_analysis(analysis_request, answer_of(ANALYSIS | bounds)).score == -1


@pytest.mark.parametrize(
    "text",
    [
        "Call 06 12 34 56 78.", "See https://example.com/offer", "Write to bank@example.org",
        "Dear Éloïse Vandermeulen, thank you.", "IBAN FR7630006000011234567890189",
    ],
)  # fmt: skip
def test_an_answer_with_what_may_not_be_stored_is_rejected_and_not_quoted(
    analysis_request: ChatRequest, action_request: ChatRequest, text: str
) -> None:
    for field in ("reason", "message"):
        with pytest.raises(AnswerRejectedError):
            read_action(action_request, answer_of(ACTION | {field: text}))
    with pytest.raises(AnswerRejectedError) as caught:
        read_analysis(analysis_request, answer_of(ANALYSIS | {"summary": text}))
    assert text not in str(caught.value)
    assert caught.value.found.keys().isdisjoint({"SCHEMA", "NOT_JSON"})


def test_a_valid_action_is_read(action_request: ChatRequest) -> None:
    assert read_action(action_request, answer_of(ACTION)) == WordedAction(**ACTION)


@pytest.mark.parametrize(
    "change",
    [
        {"offer_id": "savings_review"}, {"offer_id": "fee_review "}, {"offer_id": None}, {"reason": ""},
        {"reason": "x" * 301}, {"message": ""}, {"message": "x" * 601}, {"discount": 10},
    ],
    ids=str,
)  # fmt: skip
def test_an_action_that_breaks_its_schema_or_makes_another_offer_is_rejected(
    action_request: ChatRequest, change: dict[str, Any]
) -> None:
    with pytest.raises(AnswerRejectedError) as caught:
        read_action(action_request, answer_of(ACTION | change))
    assert caught.value.found == {"SCHEMA": 1}


def test_the_case_holds_nothing_that_identifies_the_customer(action_request: ChatRequest) -> None:
    told = action_request.user + action_request.system
    for identifier in ("Vandermeulen", "Éloïse", "+33612345678", "CUST-00481516"):
        assert identifier not in told
    assert "fee_review" in told
    assert "cost" not in told


def test_a_long_feedback_is_cut(known: KnownIdentity) -> None:
    request = ask_for_analysis("analysis-1", "é" * 9000, "fr", known)
    assert request.user.count("é") == MAX_FEEDBACK_CHARACTERS


def test_a_prompt_version_that_this_code_lacks_is_named_with_those_it_has(known: KnownIdentity) -> None:
    with pytest.raises(PromptVersionError, match="analysis prompt analysis-9 is unknown; this code has: analysis-1"):
        ask_for_analysis("analysis-9", "text", "en", known)
    with pytest.raises(PromptVersionError, match="action prompt action-9 is unknown; this code has: action-2"):
        ask_for_action("action-9", CASE, OFFERS, known)
