"""The real agents analyse, score and address a customer, who then withdraws: what is left of what they derived.

`test_withdrawal_trace.py` writes the rows itself, each column with a trace. Here the agents write them, and their log
lines are read as well, which no withdrawal reaches.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from tests.fakes.chat_models import answer_of, obliging
from tests.integration.agents.conftest import Office, hire, numbers, office, plan  # noqa: F401 - fixtures
from tests.integration.conftest import Bank, customer
from vigie.vocabulary import Purpose
from vigie_llm.chat import ChatAnswer, ChatRequest

# What the bank itself knows of its customers, and the reviewed sentences that are there for everybody.
GIVEN = {"customers", "customer_features", "feedback", "consents", "offers", "phrases"}
WORD = "zanzibar"
# With so many complaints the log-odds are -1 + 3 + 0.739, which begins otherwise than any other figure.
SCORE, COMPLAINTS = -0.739, 3
FOUND = {
    "sentiment": "mixed",
    "score": SCORE,
    "topics": ["insurance", "onboarding"],
    "intent_to_leave": False,
    "causes": ["competitor"],
}


@dataclass(frozen=True)
class Canary:
    """A customer after a run: what was derived under each purpose, and what the agents logged meanwhile."""

    customer_id: UUID
    run_id: str
    # Found nowhere else in the database.
    own: dict[Purpose, set[str]]
    # Also in rows about others: words of closed lists, ids of sentences.
    shared: dict[Purpose, set[str]]
    logged: str

    def traces(self) -> set[str]:
        return set().union(*self.own.values(), *self.shared.values())


def reply(request: ChatRequest) -> ChatAnswer:
    """What only the canary's feedback is found to say, the usual for the others."""
    return answer_of(FOUND) if WORD in request.user else obliging(request)


@pytest.fixture
def bank(make_bank: Callable[[], Bank]) -> Bank:
    """A bank for each test: every canary is found to be the same."""
    made = make_bank()
    made.approve_model()
    return made


@pytest.fixture
def canary(
    bank: Bank,
    office: Office,  # noqa: F811 - the fixture
    hire: Callable[..., list[UUID]],  # noqa: F811
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> Canary:
    number = next(numbers)
    customer_id = bank.add_customer(number)
    bank.add_feedback(number, f"My insurer in {WORD} is cheaper, says Ada Byron.")
    features = json.dumps({"complaints": COMPLAINTS})
    bank.query("INSERT INTO customer_features VALUES (%s, 'tiny', '2026-02-01', %s)", customer_id, features)
    # Others in the same batch: what is theirs is none of the canary's, and stays.
    plan(office, [customer(number), *hire(2)])
    office.model.reply = reply
    with caplog.at_level("DEBUG"):
        for work in (office.analyse, office.predict, office.act):
            assert work()["outcomes"] == {"done": 3}
    printed = "".join(capfd.readouterr())
    return seen(office, customer_id, "\n".join(str(record.__dict__) for record in caplog.records) + printed)


def seen(office: Office, customer_id: UUID, logged: str) -> Canary:  # noqa: F811
    """What a run derived about a customer, read from where it stands."""
    bank, run_id = office.bank, office.run_id
    prompts = bank.query(
        "SELECT purpose, redacted_prompt FROM egress_ledger WHERE run_id = %s AND customer_id = %s", run_id, customer_id
    )
    markers = {purpose: set(re.findall(r'id="([0-9a-f]{32})"', prompt)) for purpose, prompt in prompts}
    assert [len(found) for found in markers.values()] == [1, 1]
    [(probability, log_odds)] = bank.query(
        "SELECT probability, log_odds FROM predictions WHERE run_id = %s AND customer_id = %s", run_id, customer_id
    )
    [(offer_id, phrases, reasons, message, segment)] = bank.query(
        "SELECT offer_id, phrase_ids, reason, message, segment FROM actions WHERE run_id = %s AND customer_id = %s",
        run_id, customer_id,
    )  # fmt: skip
    offered = {offer_id, message, *phrases, *reasons}
    question = markers[Purpose.RETENTION_OFFERS]
    figures = {digits(probability), digits(log_odds)}
    assert figures == {"0.9392", "2.739"}
    return Canary(
        customer_id,
        run_id,
        own={
            Purpose.FEEDBACK_ANALYSIS: {WORD, digits(SCORE)} | markers[Purpose.FEEDBACK_ANALYSIS] | question,
            Purpose.PROFILING: figures | question,
            Purpose.RETENTION_OFFERS: question,
        },
        shared={
            Purpose.FEEDBACK_ANALYSIS: {"mixed", "insurance", "onboarding", "competitor"} | offered,
            Purpose.PROFILING: {segment} | offered,
            Purpose.RETENTION_OFFERS: offered,
        },
        logged=logged,
    )


def digits(value: float) -> str:
    """A number to four digits, without its sign, as every way of writing the whole number begins."""
    return repr(abs(value))[:6].rstrip("0")


def columns_with(bank: Bank, traces: Iterable[str], *about: object) -> set[str]:
    """Every column of every table that holds one of the traces, in rows that name all of `about`."""
    names = bank.query(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    )
    conditions = [f"%{each}%" for each in about]
    found = set()
    for (table,) in names:
        if table not in GIVEN:
            rows: list[tuple[Any, ...]] = bank.query(
                f"SELECT DISTINCT field.key FROM {table} AS t, jsonb_each_text(to_jsonb(t)) AS field"
                " WHERE to_jsonb(t)::text LIKE ALL (%s::text[]) AND field.value ILIKE ANY (%s::text[])",
                conditions, [f"%{trace}%" for trace in traces],
            )  # fmt: skip
            found |= {f"{table}.{column}" for (column,) in rows}
    return found


def left_of(bank: Bank, canary: Canary, purpose: Purpose) -> set[str]:
    """The columns that hold what was derived about the canary under a purpose."""
    own = columns_with(bank, canary.own[purpose])
    return own | columns_with(bank, canary.own[purpose] | canary.shared[purpose], canary.customer_id)


@pytest.mark.parametrize("purpose", list(Purpose), ids=str)
def test_no_column_keeps_what_the_agents_derived_under_a_withdrawn_purpose(
    bank: Bank, canary: Canary, purpose: Purpose
) -> None:
    where = left_of(bank, canary, purpose)
    assert where >= {"egress_ledger.redacted_prompt", "actions.message", "actions.phrase_ids", "actions.reason"}
    bank.record_consent(canary.customer_id, purpose, False)
    assert left_of(bank, canary, purpose) == set()


def test_after_every_withdrawal_nothing_is_left_of_any_purpose(bank: Bank, canary: Canary) -> None:
    where = set().union(*(left_of(bank, canary, purpose) for purpose in Purpose))
    assert where >= {
        *("feedback_analyses.sentiment", "feedback_analyses.score", "feedback_analyses.topics"),
        *("feedback_analyses.causes", "predictions.probability", "predictions.log_odds"),
        *("predictions.contributions", "predictions.sentiment_score", "egress_ledger.answer"),
        *("actions.segment", "actions.offer_id"),
    }
    for purpose in Purpose:
        bank.record_consent(canary.customer_id, purpose, False)
    assert set().union(*(left_of(bank, canary, purpose) for purpose in Purpose)) == set()


def test_neither_the_trail_nor_a_log_line_ever_held_it(bank: Bank, canary: Canary) -> None:
    """No withdrawal reaches either: what is not in them before one is not in them after it."""
    events = bank.query("SELECT details::text FROM audit_log WHERE run_id = %s", canary.run_id)
    assert len(events) > 10
    assert "ACTION_SAVED" in canary.logged
    assert str(canary.customer_id) in canary.logged
    texts = [canary.logged, *(details for (details,) in events)]
    assert {trace for trace in canary.traces() for text in texts if trace.casefold() in text.casefold()} == set()


def test_the_others_of_the_batch_keep_everything(bank: Bank, canary: Canary) -> None:
    [(others,)] = bank.query(
        "SELECT array_agg(customer_id) FROM run_customers WHERE run_id = %s AND customer_id <> %s",
        canary.run_id, canary.customer_id,
    )  # fmt: skip
    before = [columns_with(bank, canary.traces(), other) for other in others]
    assert all("actions.message" in held for held in before)
    for purpose in Purpose:
        bank.record_consent(canary.customer_id, purpose, False)
    assert [columns_with(bank, canary.traces(), other) for other in others] == before
