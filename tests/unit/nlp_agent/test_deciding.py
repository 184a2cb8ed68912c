"""What the nlp agent decides before anything leaves."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_agent.agent import _entry
from nlp_agent.deciding import SEPARATOR, AnalysisCandidate, Skip, decide, join_feedback
from tests.fakes.chat_models import ANALYSIS
from vigie.vocabulary import CallStatus, Reason
from vigie_llm.analysis import MAX_FEEDBACK_CHARACTERS
from vigie_llm.decisions import Ask, Reuse
from vigie_llm.ledger import Earlier
from vigie_llm.model_batch import REASONS
from vigie_llm.pseudonymise import KnownIdentity

CUSTOMER = UUID("00000000-0000-4000-8000-000000000001")
EGRESS = UUID("00000000-0000-7000-8000-000000000002")
WILLING = AnalysisCandidate(CUSTOMER, KnownIdentity("Ada", "Byron"), "en", 7, (EGRESS,), ("Too expensive.",))


def test_without_consent_nothing_is_asked_even_where_there_is_feedback_and_an_answer() -> None:
    unwilling = replace(WILLING, consent_id=None)
    for earlier in (None, Earlier(EGRESS, 1, CallStatus.ANSWERED, ANALYSIS)):
        assert decide(unwilling, earlier) == Skip(unwilling, Reason.NO_CONSENT)


def test_without_feedback_nothing_is_asked() -> None:
    silent = replace(WILLING, feedback=(), feedback_ids=())
    assert decide(silent, None) == Skip(silent, Reason.NO_FEEDBACK)


def test_the_first_time_the_model_is_asked() -> None:
    assert decide(WILLING, None) == Ask(WILLING, attempt=1)


def test_an_answer_that_was_paid_for_is_used() -> None:
    assert decide(WILLING, Earlier(EGRESS, 2, CallStatus.ANSWERED, ANALYSIS)) == Reuse(WILLING, EGRESS, ANALYSIS)


def test_a_call_that_was_never_answered_is_asked_again() -> None:
    assert decide(WILLING, Earlier(EGRESS, 1, None, None)) == Ask(WILLING, attempt=2)


@pytest.mark.parametrize("outcome", sorted(set(CallStatus) - {CallStatus.ANSWERED}))
def test_a_call_that_ended_without_an_answer_is_asked_again_and_is_not_lost(outcome: CallStatus) -> None:
    assert decide(WILLING, Earlier(EGRESS, 3, outcome, None)) == Ask(WILLING, attempt=4)


def test_an_answer_whose_words_were_not_kept_is_asked_for_again() -> None:
    assert decide(WILLING, Earlier(EGRESS, 1, CallStatus.ANSWERED, None)) == Ask(WILLING, attempt=2)


def test_texts_are_joined_the_oldest_first() -> None:
    assert join_feedback(("new", "middle", "old"), 100) == SEPARATOR.join(["old", "middle", "new"])


def test_texts_that_do_not_fit_are_left_out_the_oldest_first() -> None:
    assert join_feedback(("12345", "12345", "12345"), 12) == SEPARATOR.join(["12345", "12345"])
    assert join_feedback(("12345", "12345"), 11) == "12345"


def test_the_newest_is_never_cut_for_half_an_identifier_could_not_be_recognised() -> None:
    assert join_feedback(("x" * 50, "y"), 20) == "x" * 50


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=4), st.integers(1, 80))
def test_what_is_joined_holds_the_newest_whole_and_fits_when_it_does(texts: list[str], room: int) -> None:
    joined = join_feedback(tuple(texts), room)
    assert joined.endswith(texts[0])
    assert len(joined) <= max(room, len(texts[0]))


def test_an_identifier_across_the_length_limit_is_masked_before_the_text_is_cut() -> None:
    iban = "FR76 3000 6000 0112 3456 7890 189"
    filler = ("The fees are too high. " * 400)[: MAX_FEEDBACK_CHARACTERS - 20]
    known = KnownIdentity("Ada", "Byron", iban=iban.replace(" ", ""))
    entry = _entry(Ask(replace(WILLING, known=known, feedback=(filler + iban,)), 1), "analysis-2")
    assert "3000" not in entry.request.user
    assert entry.entity_counts


def test_what_leaves_holds_no_identifier_and_counts_what_was_masked() -> None:
    text = "I am Ada Byron, call me on 06 12 34 56 78 or ada.byron@example.org."
    entry = _entry(Ask(replace(WILLING, feedback=(text,)), 1), "analysis-2")
    for identifier in ("Ada", "Byron", "06 12", "example.org"):
        assert identifier not in entry.request.user
    assert sum(entry.entity_counts.values()) >= 3
    assert (entry.consent_id, entry.attempt) == (7, 1)


def test_every_outcome_without_an_answer_has_its_reason() -> None:
    assert set(REASONS) == {"rejected", "blocked", "refused", "unavailable"}
