"""What the database's own tests share."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.conftest import Bank

DEADLINE_SECONDS = 30
ENTER_EGRESS = """
INSERT INTO egress_ledger (egress_id, run_id, customer_id, purpose, consent_id, attempt, recipient, country, retention,
                           model, prompt_version, redacted_prompt, prompt_sha256, entity_counts)
VALUES (%s, 'run', %s, %s, %s, %s, 'r', 'c', 'r', 'm', 'v', 'p', repeat('0', 64), '{}')
"""
INSERT_ANALYSIS = """
INSERT INTO feedback_analyses (run_id, customer_id, feedback_ids, sentiment, score, topics, intent_to_leave,
                               egress_id)
VALUES ('run', %s, '{}', 'neutral', 0, '{other}', false, %s)
"""
INSERT_PREDICTION = """
INSERT INTO predictions (run_id, customer_id, model_version, probability, log_odds, intercept, contributions, drivers)
VALUES ('run', %s, 'tiny-1', 0.5, 0, 0, '{}', '[]')
"""
INSERT_ACTION = """
INSERT INTO actions (run_id, customer_id, segment, source, source_reason, offer_id, language, reason, phrase_ids,
                     message, egress_id)
SELECT 'run', %s, 'High', %s, %s, %s, 'en', %s, %s::text[],
       (SELECT string_agg(text_en, ' ' ORDER BY place)
        FROM unnest(%s::text[]) WITH ORDINALITY AS g (phrase_id, place) JOIN sentences USING (phrase_id)), %s
"""
# A model's answers, as the agents store them.
ANALYSED = {"sentiment": "negative", "score": -0.6, "topics": ["fees"], "intent_to_leave": True, "causes": ["price"]}
CHOSEN = {
    "opening": "thanks_for_message", "topic": "no", "cause": "no", "first": "topic", "offer": "fee_review",
    "assurance": "no", "closing": "listening", "reasons": ["why_high"],
}  # fmt: skip
# Sentences for a customer whose feedback is neutral, and for one without an analysis; and why.
WHY = ["why_high"]
NEUTRAL = ["thanks_for_message", "fee_review", "listening"]
UNREAD = ["thanks_for_trust", "fee_review", "listening"]


@pytest.fixture(scope="module")
def people(bank: Bank) -> Callable[[], UUID]:
    """Add one more customer with every consent to the run `run`."""
    bank.approve_model()
    bank.plan("run", [])
    numbers = iter(range(1, 1000))

    def add() -> UUID:
        customer_id = bank.add_customer(next(numbers))
        bank.query("INSERT INTO run_customers VALUES ('run', %s, 0)", customer_id)
        return customer_id

    return add


def consent_of(bank: Bank, customer_id: UUID, purpose: str) -> int:
    [(consent_id,)] = bank.query("SELECT consent_granted_now(%s, %s)", customer_id, purpose)
    return int(consent_id)


def enter_egress(
    bank: Bank, customer_id: UUID, purpose: str = "feedback_analysis", role: str = "nlp_agent", attempt: int = 1
) -> UUID:
    egress_id = uuid4()
    consent_id = consent_of(bank, customer_id, purpose)
    bank.query(ENTER_EGRESS, egress_id, customer_id, purpose, consent_id, attempt, role=role)
    return egress_id


def claim_egress(bank: Bank, *calls: UUID, role: str = "nlp_agent") -> list[str]:
    """Claim calls in one statement; what the database says to each."""
    verdicts = dict(bank.query("SELECT * FROM claim_egress(%s)", list(calls), role=role))
    return [verdicts[call] for call in calls]


def store_everything(bank: Bank, customer_id: UUID) -> None:
    """An analysis, a prediction and an action worded by the model, each step ended as done."""
    bank.query(INSERT_ANALYSIS, customer_id, enter_egress(bank, customer_id), role="nlp_agent")
    bank.query(INSERT_PREDICTION, customer_id, role="prediction_agent")
    offer = enter_egress(bank, customer_id, "retention_offers", "action_agent")
    bank.query(
        INSERT_ACTION, customer_id, "model", None, "fee_review", WHY, NEUTRAL, NEUTRAL, offer, role="action_agent"
    )
    for step in ("analyse", "predict", "decide"):
        bank.query("INSERT INTO run_steps VALUES ('run', %s, %s, 'done')", customer_id, step, role="nlp_agent")


def wait_until_blocked(bank: Bank) -> None:
    """Return once a session of this database waits for a lock."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    observer = bank.server.connect(bank.name)  # the superuser: others do not see what a session waits for
    observer.autocommit = True
    try:
        with observer.cursor() as cursor:
            while time.monotonic() < deadline:
                cursor.execute(sql)
                if cursor.fetchone() != (0,):
                    return
    finally:
        observer.close()
    raise AssertionError("nobody waits for a lock")


def count(bank: Bank, table: str, customer_id: UUID) -> int:
    [(found,)] = bank.query(f"SELECT count(*) FROM {table} WHERE customer_id = %s", customer_id)
    return int(found)


Rows = list[tuple[Any, ...]]
