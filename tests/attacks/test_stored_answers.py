"""What whoever has an agent's password can keep in the ledger as a model's answer: closed words and ids, no text."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg2
import pytest

from tests.integration.conftest import Bank
from tests.integration.database.conftest import ANALYSED, CHOSEN, claim_egress, enter_egress
from vigie.vocabulary import FeedbackCause, PhraseKind, Purpose, Sentiment, Topic

AGENTS = {Purpose.FEEDBACK_ANALYSIS: "nlp_agent", Purpose.RETENTION_OFFERS: "action_agent"}
TEXT = "Marie Durand, 06 12 34 56 78"
# An answer's fields changed in one place.
HOSTILE: list[tuple[Purpose, dict[str, Any]]] = [
    *((Purpose.FEEDBACK_ANALYSIS, {name: TEXT}) for name in (*ANALYSED, "summary", TEXT)),
    *((Purpose.RETENTION_OFFERS, {name: TEXT}) for name in (*CHOSEN, "draft", TEXT)),
    (Purpose.FEEDBACK_ANALYSIS, {"score": 0.612345678}),
    (Purpose.FEEDBACK_ANALYSIS, {"score": 612345678}),
    (Purpose.FEEDBACK_ANALYSIS, {"topics": ["fees", TEXT]}),
    (Purpose.FEEDBACK_ANALYSIS, {"topics": ["fees", "card"] * 3}),
    (Purpose.FEEDBACK_ANALYSIS, {"topics": {TEXT: "fees"}}),
    (Purpose.FEEDBACK_ANALYSIS, {"topics": [["fees", TEXT]]}),
    (Purpose.FEEDBACK_ANALYSIS, {"causes": ["price"] * 4}),
    (Purpose.FEEDBACK_ANALYSIS, {"causes": [{"price": TEXT}]}),
    (Purpose.RETENTION_OFFERS, {"reasons": ["why_high", TEXT]}),
    (Purpose.RETENTION_OFFERS, {"reasons": ["why_high"] * 5}),
    (Purpose.RETENTION_OFFERS, {"reasons": [{"why_high": TEXT}]}),
    (Purpose.RETENTION_OFFERS, {"reasons": {"why_high": TEXT}}),
    (Purpose.RETENTION_OFFERS, {"opening": {"thanks_for_message": TEXT}}),
    # A sentence in the place of another kind, and none where there has to be one.
    (Purpose.RETENTION_OFFERS, {"opening": "listening"}),
    (Purpose.RETENTION_OFFERS, {"closing": "no"}),
]
FORMLESS: list[Any] = [TEXT, [TEXT], 612345678, True, {}]


def answered(purpose: Purpose) -> dict[str, Any]:
    return dict(ANALYSED if purpose is Purpose.FEEDBACK_ANALYSIS else CHOSEN)


def keep(bank: Bank, customer_id: UUID, purpose: Purpose, answer: object) -> object:
    """Enter, claim and end a call with an answer; what the ledger holds then."""
    role = AGENTS[purpose]
    bank.record_consent(customer_id, purpose, True)
    egress_id = enter_egress(bank, customer_id, purpose, role)
    claim_egress(bank, egress_id, role=role)
    bank.query("SELECT end_egress(%s, 'answered', %s, 5, 6, 7)", egress_id, json.dumps(answer), role=role)
    [(kept,)] = bank.query("SELECT answer FROM egress_ledger WHERE egress_id = %s", egress_id)
    return kept


@pytest.mark.parametrize(("purpose", "changed"), HOSTILE, ids=str)
def test_an_answer_in_any_other_words_is_refused(
    bank: Bank, victim: Callable[[], UUID], purpose: Purpose, changed: dict[str, Any]
) -> None:
    customer_id = victim()
    with pytest.raises(psycopg2.Error) as caught:
        keep(bank, customer_id, purpose, answered(purpose) | changed)
    assert caught.value.pgcode == "VG005"
    assert TEXT not in str(caught.value)
    sql = "SELECT outcome, answer FROM egress_ledger WHERE customer_id = %s"
    assert bank.query(sql, customer_id) == [(None, None)]


@pytest.mark.parametrize("purpose", AGENTS, ids=str)
@pytest.mark.parametrize("answer", FORMLESS, ids=str)
def test_an_answer_without_the_form_of_one_is_refused(
    bank: Bank, victim: Callable[[], UUID], purpose: Purpose, answer: object
) -> None:
    with pytest.raises(psycopg2.Error) as caught:
        keep(bank, victim(), purpose, answer)
    assert caught.value.pgcode == "VG005"


@pytest.mark.parametrize("purpose", AGENTS, ids=str)
def test_an_answer_of_the_other_purpose_is_refused(bank: Bank, victim: Callable[[], UUID], purpose: Purpose) -> None:
    [other] = [each for each in AGENTS if each is not purpose]
    with pytest.raises(psycopg2.Error) as caught:
        keep(bank, victim(), purpose, answered(other))
    assert caught.value.pgcode == "VG005"


def test_every_word_that_an_analysis_may_hold_is_kept(bank: Bank, victim: Callable[[], UUID]) -> None:
    topics, causes = list(Topic), list(FeedbackCause)
    changes: list[dict[str, Any]] = [
        *({"sentiment": word} for word in Sentiment),
        *({"topics": topics[at : at + 4]} for at in range(0, len(topics), 4)),
        *({"causes": causes[at : at + 3]} for at in range(0, len(causes), 3)),
        *({"score": score} for score in (-1, -1.0, -0.125, -0.0, 0, 0.5, 0.999, 1, 1.0, 1e-3)),
        *({"intent_to_leave": said} for said in (True, False)),
        {"causes": []},
    ]
    for changed in changes:
        given = answered(Purpose.FEEDBACK_ANALYSIS) | changed
        assert keep(bank, victim(), Purpose.FEEDBACK_ANALYSIS, given) == given


def test_every_sentence_of_the_bank_is_kept_in_its_place(bank: Bank, victim: Callable[[], UUID]) -> None:
    """Retired ones as well: an answer may come after its sentence was retired."""
    bank.query("UPDATE phrases SET active = false WHERE phrase_id = 'listening'")
    sentences = bank.query("SELECT kind, phrase_id FROM phrases UNION ALL SELECT 'offer', offer_id FROM offers")
    places: dict[str, list[str]] = {kind: [] for kind in PhraseKind}
    for kind, phrase_id in sentences:
        places[kind].append(phrase_id)
    reasons = places.pop(PhraseKind.REASON)
    for kind in (PhraseKind.TOPIC, PhraseKind.CAUSE, PhraseKind.ASSURANCE):
        places[kind].append("no")
    for at in range(max(len(ids) for ids in (*places.values(), reasons))):
        given: dict[str, Any] = {str(kind): ids[at % len(ids)] for kind, ids in places.items()}
        given |= {"first": ("topic", "cause")[at % 2], "reasons": [reasons[at % len(reasons)]] * (1 + at % 4)}
        assert keep(bank, victim(), Purpose.RETENTION_OFFERS, given) == given
    bank.query("UPDATE phrases SET active = true WHERE phrase_id = 'listening'")
