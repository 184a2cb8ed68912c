"""The rules choose a permitted offer and sentences from the lists of the request."""

import json
from typing import Any

import pytest

from vigie_model_server.retention_answers import CaseError, listed_offers, marked_case, retention_action

OFFERS = [
    {"offer_id": "fees", "title": "Frais de tenue de compte offerts", "topics": ["fees"], "segments": ["High"]},
    {"offer_id": "advisor", "title": "Rendez-vous avec un conseiller", "topics": [], "segments": ["High", "Medium"]},
    {"offer_id": "card", "title": "Carte sans cotisation", "topics": ["card"], "segments": ["Low"]},
]
LISTED = json.dumps(OFFERS, ensure_ascii=False)


def case(**changes: Any) -> str:
    return json.dumps(
        {
            "language": "fr",
            "segment": "High",
            "probability_band": "0.7-0.8",
            "drivers": [{"feature": "activity", "direction": "up", "words": "moins d'opérations"}],
            "sentiment": "negative",
            "topics": ["fees"],
            "causes": [],
        }
        | changes,
        ensure_ascii=False,
    )


LISTS = {
    "opening": ["hello", "sorry"], "topic": ["on_fees", "no"], "cause": ["no"], "first": ["topic", "cause"],
    "offer": ["fees", "fees_look", "advisor", "card"], "assurance": ["free", "no"], "closing": ["bye"],
    "reasons": ["why_fees", "why_high", "why_negative", "why_driver_1"],
}  # fmt: skip


def test_the_offer_that_shares_a_topic_wins() -> None:
    assert retention_action(case(), LISTED, LISTS)["offer"] in ("fees", "fees_look")


def test_an_offer_outside_the_schema_is_never_chosen() -> None:
    assert retention_action(case(), LISTED, LISTS | {"offer": ["advisor"]})["offer"] == "advisor"


def test_a_case_without_permitted_offers_is_refused() -> None:
    with pytest.raises(CaseError, match="no offer"):
        retention_action(case(), LISTED, LISTS | {"offer": ["unknown"]})


@pytest.mark.parametrize("sentiment", ["positive", "negative", "neutral", "mixed", None])
def test_each_field_is_a_choice_from_its_list(sentiment: str | None) -> None:
    answer = retention_action(case(sentiment=sentiment), LISTED, LISTS)
    assert answer.keys() == LISTS.keys()
    for name, ids in LISTS.items():
        chosen = answer[name]
        assert set(chosen if isinstance(chosen, list) else [chosen]) <= set(ids)


def test_reasons_name_what_speaks_for_the_offer() -> None:
    assert retention_action(case(), LISTED, LISTS)["reasons"] == [
        "why_fees",
        "why_negative",
        "why_high",
        "why_driver_1",
    ]


def test_different_cases_get_different_sentences_and_the_same_case_the_same() -> None:
    said = [retention_action(case(probability_band=str(n)), LISTED, LISTS) for n in (*range(30), 0)]
    assert said[0] == said[-1]
    assert {answer["opening"] for answer in said} == {"hello", "sorry"}


def test_only_what_stands_between_matching_markers_is_a_case() -> None:
    assert marked_case(f'<case id="{"a" * 32}">\n{{}}\n</case id="{"a" * 32}">') == "{}"
    assert marked_case(f'<case id="{"a" * 32}">\n{{}}\n</case id="{"b" * 32}">') is None


def test_offers_are_read_from_the_instructions() -> None:
    assert listed_offers(f"Choose one.\n<offers>\n{LISTED}\n</offers>") == LISTED
    assert listed_offers("Choose one.") == "[]"
    with pytest.raises(CaseError, match="not JSON"):
        retention_action(case(), "[{", LISTS)
