"""The closed words that Python knows are those that the database's constraints allow."""

import re
from enum import StrEnum

import pytest

from tests.integration.conftest import Bank
from vigie.vocabulary import (
    CLOSE_AUDIT,
    ActionSource,
    CallStatus,
    Channel,
    DeadLetterReason,
    DeliveryAnswer,
    Duty,
    EventStatus,
    FeedbackCause,
    ObjectionAnswer,
    PhraseKind,
    Purpose,
    ReviewDecision,
    RunStatus,
    SaveRateSource,
    Segment,
    Sentiment,
    Step,
    StepOutcome,
    Topic,
    Verdict,
    Wording,
)
from vigie_llm.phrases import NO_ANALYSIS
from vigie_local.event_rules import rows

TONES = {*Sentiment, NO_ANALYSIS}
WORDS: dict[tuple[str, str], set[str]] = {
    ("consents", "purpose"): set(Purpose),
    ("egress_ledger", "purpose"): {Purpose.FEEDBACK_ANALYSIS, Purpose.RETENTION_OFFERS},
    ("egress_ledger", "outcome"): set(CallStatus),
    ("run_steps", "step"): set(Step),
    ("run_steps", "outcome"): set(StepOutcome),
    ("runs", "status"): set(RunStatus),
    ("feedback_analyses", "sentiment"): set(Sentiment),
    ("feedback_analyses", "topics"): set(Topic),
    ("feedback_analyses", "causes"): set(FeedbackCause),
    ("phrases", "kind"): set(PhraseKind),
    ("phrases", "tones"): TONES,
    ("phrases", "segments"): set(Segment),
    ("offers", "tones"): TONES,
    ("runs", "wording"): set(Wording),
    ("actions", "segment"): set(Segment),
    ("actions", "source"): set(ActionSource),
    ("offers", "segments"): set(Segment),
    ("audit_log", "status"): set(EventStatus),
    ("people", "duty"): set(Duty),
    ("decisions", "decision"): set(ReviewDecision),
    ("handed_over", "answer"): set(DeliveryAnswer),
    ("objections", "answer"): set(ObjectionAnswer),
    ("catalogue_offers", "segments"): set(Segment),
    ("catalogue_offers", "tones"): TONES,
    ("campaign_members", "segment"): set(Segment),
    ("arbitrations", "verdict"): set(Verdict),
    ("arbitrations", "channel"): set(Channel),
    ("proposal_versions", "channel"): set(Channel),
    ("catalogue_offers", "channels"): set(Channel),
    ("catalogue_offers", "save_rate_source"): set(SaveRateSource),
    ("dead_letters", "step"): {*Step, CLOSE_AUDIT},
    ("dead_letters", "reason"): set(DeadLetterReason),
}
# Columns of constraints over closed words that the functions do not write.
OTHERS = {("customers", "language"), ("feedback", "language"), ("actions", "language"), ("run_drift", "level"),
          ("model_registry", "state"), ("catalogue_offers", "languages"),
          ("proposal_versions", "language"), ("proposal_versions", "wording"),
          ("planted_proposals", "kind"), ("proposals", "stage"), ("outcomes", "outcome")}  # fmt: skip
OF_ONE_COLUMN = """
SELECT conrelid::regclass::text, attname, pg_get_constraintdef(c.oid)
FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1]
WHERE contype = 'c' AND cardinality(conkey) = 1 AND connamespace = 'public'::regnamespace
"""


@pytest.fixture(scope="module")
def allowed(bank: Bank) -> dict[tuple[str, str], set[str]]:
    """The words of each column that a constraint limits to a list."""
    return {
        (table, column): set(re.findall(r"'([^']*)'::text", definition))
        for table, column, definition in bank.query(OF_ONE_COLUMN)
        if "ARRAY[" in definition
    }


@pytest.mark.parametrize("column", WORDS)
def test_python_and_the_database_have_the_same_words(
    allowed: dict[tuple[str, str], set[str]], column: tuple[str, str]
) -> None:
    assert allowed[column] == WORDS[column]


def test_every_list_of_words_in_the_database_is_compared(allowed: dict[tuple[str, str], set[str]]) -> None:
    assert set(allowed) == {*WORDS, *OTHERS}


@pytest.mark.parametrize("word", [Step.ANALYSE, Purpose.PROFILING, CallStatus.LOST])
def test_a_word_is_stored_as_its_text(bank: Bank, word: StrEnum) -> None:
    assert bank.query("SELECT %s, %s", word, [word]) == [(word.value, [word.value])]


def test_the_rules_of_events_are_those_of_python(bank: Bank) -> None:
    found = bank.query("SELECT writer, event_type, detail, kind, words, pattern FROM audit_rules")
    assert sorted((*row[:4], tuple(row[4]), row[5]) for row in found) == rows(), (
        "a new migration takes what `python -m vigie_local.event_rules` prints"
    )
