"""A withdrawal, and then a search of every column of every table for a trace of what was derived."""

import json
from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg2
import pytest

from tests.integration.conftest import Bank
from tests.integration.database.conftest import (
    ANALYSED,
    CHOSEN,
    INSERT_ACTION,
    INSERT_ANALYSIS,
    INSERT_PREDICTION,
    UNREAD,
    WHY,
    claim_egress,
    consent_of,
)
from tests.review_bank import FIRST, SECOND, THIRD, ReviewBank

# What the bank itself knows of its customers, which no consent of theirs brought about, and the catalogue.
GIVEN = {"customers", "customer_features", "feedback", "consents", "offers"}
# What is noted of a proposal, and names no customer itself.
OF_PROPOSALS = ("proposal_versions", "decisions", "review_claims", "planted_proposals", "handed_over", "objections")
TRACE = "zanzibar"
TONE = "-0.7272"
ENTER = """
INSERT INTO egress_ledger (egress_id, run_id, customer_id, purpose, consent_id, attempt, recipient, country, retention,
                           model, prompt_version, redacted_prompt, prompt_sha256, entity_counts)
VALUES (%s, 'run', %s, %s, %s, 1, 'r', 'c', 'r', 'm', 'v', %s, repeat('0', 64), '{"EMAIL": 1}')
"""
END = "SELECT end_egress(%s, 'answered', %s, 5, 6, 7)"


def call(bank: Bank, customer_id: UUID, purpose: str, role: str, trace: str) -> UUID:
    egress_id = uuid4()
    bank.query(ENTER, egress_id, customer_id, purpose, consent_of(bank, customer_id, purpose), trace, role=role)
    claim_egress(bank, egress_id, role=role)
    bank.query(END, egress_id, answer(purpose), role=role)
    return egress_id


def answer(purpose: str) -> str:
    """An answer of a call: for an offer, sentences that say the traces; closed words leave no room for one."""
    if purpose == "feedback_analysis":
        return json.dumps(ANALYSED)
    said = {"opening": f"{TRACE}_feedback_analysis_o", "closing": f"{TRACE}_retention_offers_c"}
    return json.dumps(CHOSEN | said | {"reasons": [f"{TRACE}_r"]})


def derive(bank: Bank, customer_id: UUID, traces: dict[str, str]) -> None:
    """Everything a run derives about a customer, each value with the trace of the purpose that it rests on."""
    analysis, profile, offer = traces["feedback_analysis"], traces["profiling"], traces["retention_offers"]
    egress_id = call(bank, customer_id, "feedback_analysis", "nlp_agent", analysis)
    bank.query(INSERT_ANALYSIS, customer_id, egress_id, role="nlp_agent")
    prediction = INSERT_PREDICTION.replace("drivers)", "drivers, sentiment_score)").replace(
        "'{}', '[]')",
        f"'{{\"sentiment_score x age\": {TONE}, \"age\": 0.1}}',"
        f" '[{{\"feature\": \"sentiment_score & age\", \"text\": \"{analysis}\"}},"
        f" {{\"feature\": \"age\", \"text\": \"{profile}\"}}]', {TONE})",
    )  # fmt: skip
    bank.query(prediction, customer_id, role="prediction_agent")
    asked = call(bank, customer_id, "retention_offers", "action_agent", f"{analysis} {profile} {offer}")
    words = [f"{analysis}_o", "fee_review", f"{offer}_c"]
    why = sorted({f"{analysis}_r", f"{offer}_r"})
    bank.query(INSERT_ACTION, customer_id, "model", None, "fee_review", why, words, words, asked, role="action_agent")
    draft = "INSERT INTO drafts (run_id, customer_id, message) VALUES ('run', %s, %s)"
    bank.query(draft, customer_id, f"{analysis} {offer}", role="action_agent")


@pytest.fixture(scope="module", autouse=True)
def sentences_with_traces(bank: Bank, victim: Callable[[], UUID]) -> None:
    """Sentences that say the trace, and a run that keeps drafts: nothing else can be said in an action."""
    bank.query("UPDATE runs SET wording = 'drafted'")
    traces = (TRACE, f"{TRACE}_feedback_analysis", f"{TRACE}_retention_offers")
    for trace in traces:
        for kind in ("opening", "closing", "reason"):
            bank.query(
                "INSERT INTO phrases (phrase_id, kind, text_fr, text_en) VALUES (%s, %s, %s, %s)",
                f"{trace}_{kind[0]}", kind, *[f"A sentence that says {trace}."] * 2,
            )  # fmt: skip


def columns_with(bank: Bank, customer_id: UUID, trace: str) -> set[str]:
    """Every column of every table in which a row about this customer holds the trace."""
    tables = bank.query(
        "SELECT DISTINCT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'customer_id'"
    )
    found = {
        f"{table}.{column}"
        for table in OF_PROPOSALS
        for (column,) in bank.query(
            f"SELECT DISTINCT field.key FROM {table} t JOIN proposals p USING (proposal_id),"
            " jsonb_each_text(to_jsonb(t)) AS field WHERE p.customer_id = %s AND field.value ILIKE %s",
            customer_id, f"%{trace}%",
        )
    }  # fmt: skip
    for (table,) in tables:
        if table not in GIVEN:
            rows = bank.query(
                f"SELECT DISTINCT field.key FROM {table} t, jsonb_each_text(to_jsonb(t)) AS field"
                " WHERE t.customer_id = %s AND field.value ILIKE %s",
                customer_id, f"%{trace}%",
            )  # fmt: skip
            found |= {f"{table}.{column}" for (column,) in rows}
    return found


@pytest.mark.parametrize("purpose", ["feedback_analysis", "profiling", "retention_offers"])
def test_no_column_keeps_a_trace_of_what_was_derived_under_a_withdrawn_purpose(
    bank: Bank, victim: Callable[[], UUID], purpose: str
) -> None:
    customer_id = victim()
    traces = {name: f"{TRACE}_{name}" for name in ("feedback_analysis", "profiling", "retention_offers")}
    for name in traces:
        bank.record_consent(customer_id, name, True)
    derive(bank, customer_id, traces)
    assert len(columns_with(bank, customer_id, traces[purpose])) >= 2
    bank.record_consent(customer_id, purpose, False)
    assert columns_with(bank, customer_id, traces[purpose]) == set()
    if purpose == "feedback_analysis":
        assert columns_with(bank, customer_id, TONE) == set()


def test_the_evidence_of_a_call_outlives_the_withdrawal(bank: Bank, victim: Callable[[], UUID]) -> None:
    customer_id = victim()
    bank.record_consent(customer_id, "feedback_analysis", True)
    egress_id = call(bank, customer_id, "feedback_analysis", "nlp_agent", TRACE)
    bank.record_consent(customer_id, "feedback_analysis", False)
    sql = "SELECT outcome, tokens_in, length(prompt_sha256), entity_counts, redacted_prompt FROM egress_ledger"
    assert bank.query(f"{sql} WHERE egress_id = %s", egress_id) == [("answered", 5, 64, {"EMAIL": 1}, None)]


def test_another_customer_keeps_everything(bank: Bank, victim: Callable[[], UUID]) -> None:
    withdrawing, other = victim(), victim()
    traces = dict.fromkeys(("feedback_analysis", "profiling", "retention_offers"), TRACE)
    for customer_id in (withdrawing, other):
        for name in traces:
            bank.record_consent(customer_id, name, True)
        derive(bank, customer_id, traces)
    before = columns_with(bank, other, TRACE)
    for name in traces:
        bank.record_consent(withdrawing, name, False)
    assert columns_with(bank, other, TRACE) == before


@pytest.mark.parametrize("purpose", ["feedback_analysis", "profiling"])
def test_a_call_that_rests_on_a_consent_withdrawn_meanwhile_leaves_no_trace(
    bank: Bank, victim: Callable[[], UUID], purpose: str
) -> None:
    """A call for an offer states what the analysis and the prediction concluded; its own consent stays in force."""
    customer_id = victim()
    for name in ("feedback_analysis", "profiling", "retention_offers"):
        bank.record_consent(customer_id, name, True)
    egress_id = uuid4()
    consent_id = consent_of(bank, customer_id, "retention_offers")
    bank.query(ENTER, egress_id, customer_id, "retention_offers", consent_id, TRACE, role="action_agent")
    bank.record_consent(customer_id, purpose, False)
    bank.query(END, egress_id, answer("retention_offers"), role="action_agent")
    with pytest.raises(psycopg2.Error) as caught:
        bank.query(
            INSERT_ACTION, customer_id, "model", None, "fee_review", WHY, UNREAD, UNREAD, egress_id, role="action_agent"
        )
    assert caught.value.pgcode == "VG001"
    assert columns_with(bank, customer_id, TRACE) == set()


@pytest.mark.parametrize(
    ("role", "event_type", "details"),
    [
        ("nlp_agent", "ANALYSIS_SAVED", {"sentiment": "negative"}),
        ("nlp_agent", "ANALYSIS_SAVED", {"topics": 2}),
        ("nlp_agent", "ANALYSIS_SAVED", {"summary": TRACE}),
        ("prediction_agent", "PREDICTION_SAVED", {"probability": 0.73}),
        ("action_agent", "SEGMENTATION", {"segment": "High"}),
        ("action_agent", "SEGMENTATION", {"probability": 0.73}),
        ("action_agent", "ACTION_SAVED", {"offer_id": "fee_review"}),
        ("action_agent", "ACTION_SAVED", {"source": "model"}),
    ],
    ids=str,
)
def test_an_event_takes_nothing_of_what_was_derived(
    bank: Bank, victim: Callable[[], UUID], role: str, event_type: str, details: dict[str, object]
) -> None:
    """What no event holds, no withdrawal leaves there: earlier versions' agents wrote each of these."""
    with pytest.raises(psycopg2.Error) as caught:
        bank.query(
            "INSERT INTO audit_log (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details)"
            " VALUES (uuidv7(), clock_timestamp(), 'run', %s, %s, 'ok', %s, %s)",
            role, event_type, victim(), json.dumps(details), role=role,
        )  # fmt: skip
    assert caught.value.pgcode == "VG005"


@pytest.mark.parametrize("purpose", ["feedback_analysis", "profiling", "retention_offers"])
def test_a_review_leaves_no_trace_of_what_was_proposed(make_bank: Callable[[], Bank], purpose: str) -> None:
    """Arbitration, every version, what the reviewer saw and wrote, the claim: whichever consent is withdrawn."""
    review = ReviewBank(make_bank())
    proposal = review.proposal("loan_review", draft=f"Words that say {TRACE}.")
    [(customer_id,)] = review.bank.query("SELECT customer_id FROM proposals WHERE proposal_id = %s", proposal)
    review.bank.query(
        "UPDATE arbitrations SET considered = jsonb_build_array(%s::text) WHERE customer_id = %s", TRACE, customer_id
    )
    review.decide(FIRST, proposal, "approve")
    review.edit(SECOND, proposal, f"Other words that say {TRACE}.", "loan_review")
    review.decide(FIRST, proposal, "approve")
    review.claim(THIRD, proposal)
    found = columns_with(review.bank, customer_id, TRACE)
    assert found >= {"proposal_versions.message", "decisions.seen", "arbitrations.considered"}
    review.bank.record_consent(customer_id, purpose, False)
    # The draft goes with the analysis that it rests on: there is none here.
    kept = {"drafts.message"} if purpose == "feedback_analysis" else set()
    assert columns_with(review.bank, customer_id, TRACE) - kept == set()
    for derived in ("loan_review", "fits", "email", "Medium", "High"):
        assert not {column for column in columns_with(review.bank, customer_id, derived)
                    if column.split(".")[0] in (*OF_PROPOSALS, "proposals", "arbitrations")}, derived  # fmt: skip
    assert review.bank.query("SELECT count(*) FROM review_claims") == [(0,)]
    assert review.bank.query("SELECT expected_value_eur, bound_eur, bound_line FROM proposals") == [(None, None, None)]
    hashes = "SELECT count(*) FROM decisions d JOIN proposal_versions v USING (proposal_id, version, content_sha256)"
    assert review.bank.query(hashes) == [(2,)]
