"""What a hostile model, or whoever has the action agent's password, can have said to a customer: reviewed sentences."""

import io
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from aws_lambda_powertools import Metrics
from psycopg2.extras import execute_values

from action_agent.agent import ActionAgent
from tests.attacks.hostile_answers import STRATEGIES, TRACE, HostileModel
from tests.fakes.chat_models import FakeChatModel, FakeProvider, answer_of
from tests.fakes.step_functions import FakeStepFunctions
from tests.integration.conftest import Bank
from tests.integration.database.conftest import enter_egress
from tests.integration.database.test_phrase_bank import offers_of
from tests.phrase_language import LANGUAGES, Language, Subject, read_bank
from vigie.audit import Origin
from vigie.messages import BatchMessage
from vigie.runtime import Request
from vigie.task_tokens import TaskTokens

ANSWERS, BATCH = 10_000, 1000
FILL = """
INSERT INTO customers (customer_id, customer_number, language)
SELECT md5('customer ' || n)::uuid, 'CUST-' || n, CASE n %% 2 WHEN 0 THEN 'fr' ELSE 'en' END
FROM generate_series(1, %(many)s) AS n;
INSERT INTO consents (customer_id, purpose, granted, source, policy_version)
SELECT customer_id, purpose, true, 'test', '1' FROM customers,
    unnest('{feedback_analysis,profiling,retention_offers}'::text[]) AS purpose;
INSERT INTO run_customers SELECT 'hostile', md5('customer ' || n)::uuid, (n - 1) / %(batch)s
FROM generate_series(1, %(many)s) AS n;
INSERT INTO predictions (run_id, customer_id, model_version, probability, log_odds, intercept, contributions, drivers)
SELECT 'hostile', md5('customer ' || n)::uuid, 'tiny-1', (ARRAY[0.2, 0.5, 0.9])[1 + n %% 3], 0, 0, '{}', '[]'
FROM generate_series(1, %(many)s) AS n;
"""
ANALYSE = """
INSERT INTO egress_ledger (egress_id, run_id, customer_id, purpose, consent_id, attempt, recipient, country, retention,
    model, prompt_version, redacted_prompt, prompt_sha256, entity_counts)
SELECT uuidv7(), run_id, customer_id, 'feedback_analysis',
       consent_granted_now(customer_id, 'feedback_analysis'), 1, 'r', 'c', 'r', 'm', 'v', 'p', repeat('0', 64), '{}'
FROM run_customers WHERE run_id = 'hostile';
INSERT INTO feedback_analyses (run_id, customer_id, feedback_ids, sentiment, score, topics, intent_to_leave, causes,
    egress_id)
SELECT run_id, customer_id, '{}', (ARRAY['positive', 'negative', 'neutral', 'mixed'])[1 + n %% 4], 0,
       ARRAY[(%(topics)s::text[])[1 + n %% 16], (%(topics)s::text[])[1 + n * 7 %% 16]], n %% 5 = 0,
       ARRAY[(%(causes)s::text[])[1 + n %% 11]], egress_id
FROM (SELECT *, row_number() OVER (ORDER BY egress_id) AS n FROM own_answers) AS called WHERE n %% 9 > 0;
"""
STORED = """
SELECT a.message, a.language, a.source, a.reason, a.offer_id, a.segment, coalesce(f.sentiment, 'none'),
       coalesce(f.intent_to_leave, false), coalesce(f.topics, '{}'), coalesce(f.causes, '{}')
FROM actions a LEFT JOIN feedback_analyses f USING (run_id, customer_id) WHERE a.run_id = 'hostile'
"""


@pytest.fixture(scope="module")
def ran(make_bank: Callable[[], Bank]) -> tuple[Bank, HostileModel]:
    """A run of the real action agent against a real database, whose model is hostile in every answer."""
    bank = make_bank()
    bank.approve_model()
    bank.plan("hostile", [])
    causes = bank.query("SELECT array_agg(DISTINCT c) FROM phrases, unnest(causes) AS c")[0][0]
    topics = [*bank.query("SELECT array_agg(DISTINCT t) FROM phrases, unnest(topics) AS t")[0][0], "other"]
    named = {"many": ANSWERS, "batch": BATCH, "topics": topics, "causes": causes}
    for role, sql in (("owner", FILL), ("nlp_agent", ANALYSE), ("owner", "ANALYZE")):
        connection = bank.connect(role)
        with connection, connection.cursor() as cursor:
            cursor.execute(sql, named)
        connection.close()
    model = HostileModel(read_bank(), seed=13)
    provider = FakeProvider(FakeChatModel(lambda request: answer_of(model.answer(request))), concurrency=1)
    agent = ActionAgent(bank.database("action_agent"), provider)
    tokens = TaskTokens(FakeStepFunctions({"token"}))
    for batch_no in range(ANSWERS // BATCH):
        message = BatchMessage("hostile", batch_no, "token")
        agent.work(message, Request(Origin("action_agent", "hostile"), lambda: 600.0), tokens, Metrics())
    return bank, model


@pytest.mark.slow
def test_ten_thousand_hostile_answers_store_only_messages_of_the_finite_language(
    ran: tuple[Bank, HostileModel],
) -> None:
    bank, model = ran
    language = Language(offers_of(bank))
    rows = bank.query(STORED)
    assert len(rows) == len(model.drawn) == ANSWERS
    assert set(model.drawn) == {strategy.__name__ for strategy in STRATEGIES}
    own = {(name, of): offer[of] for name, offer in language.offers.items() for of in LANGUAGES}
    outside = [
        row
        for row in rows
        if not language.holds(row[0], row[1], Subject(*row[4:]))
        and (row[2] != "catalogue" or row[0] != own[row[4], row[1]])
    ]
    assert outside == []
    assert {each for row in rows for each in row[3] or ()} <= set(language.kinds["reason"])
    by_source = Counter(row[2] for row in rows)
    # A fair choice now and then, and a hostile one that comes to the same, are composed; the rest is the catalogue's.
    assert by_source["model"] > ANSWERS / 20
    assert by_source["catalogue"] > ANSWERS / 2


@pytest.mark.slow
def test_no_column_of_the_database_keeps_a_word_of_a_hostile_answer(ran: tuple[Bank, HostileModel]) -> None:
    bank, _ = ran
    tables = bank.query("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
    kept = [
        table
        for (table,) in tables
        if bank.query(f"SELECT 1 FROM {table} AS t WHERE t::text ILIKE %s LIMIT 1", f"%{TRACE}%")
    ]
    assert kept == []


def test_the_recogniser_refuses_what_is_not_of_the_language(bank: Bank) -> None:
    language = Language(offers_of(bank))
    subject = Subject("fee_review", "High", "negative", topics=("fees",))
    kinds = language.kinds
    said = (kinds["opening"]["apology"], kinds["topic"]["fees_regret"], language.offers["fee_review"])
    good = " ".join(sentence["en"] for sentence in (*said, kinds["closing"]["regards"]))
    assert language.holds(good, "en", subject)
    assert not language.holds(good, "fr", subject)
    assert not language.holds(good.replace("fees", "fee"), "en", subject)
    assert not language.holds(good + " We promise.", "en", subject)
    assert not language.holds(good, "en", Subject("loan_review", "High", "negative", topics=("fees",)))
    assert not language.holds(good, "en", Subject("fee_review", "High", "positive", topics=("fees",)))
    assert not language.holds(good, "en", Subject("fee_review", "Low", "negative", topics=("fees",)))


# Whoever has the action agent's password, in a run about a neutral customer in the segment High.
GOOD = ["thanks_for_message", "fee_review_line", "your_choice", "regards"]
INSERT = """
INSERT INTO actions (run_id, customer_id, segment, source, source_reason, offer_id, language, phrase_ids, message,
                     reason, egress_id)
VALUES ('run', %(customer)s, %(segment)s, %(source)s, %(why)s, %(offer)s, %(language)s, %(ids)s, %(message)s,
        %(reason)s, %(call)s)
"""
ATTACKS: dict[str, dict[str, Any]] = {
    "prose": {"message": "We promise you that all your fees will be paid back."},
    "prose after the sentences": {"append": " Call me."},
    "one letter more": {"append": "."},
    "prose without ids": {"message": "You have won.", "ids": None},
    "no message": {"message": None},
    "an empty message": {"message": "", "ids": []},
    "the other language": {"language": "fr"},
    "ids in another order": {"ids": [*GOOD[1:], GOOD[0]]},
    "an id that is not there": {"ids": [*GOOD, "we_promise"]},
    "without an opening": {"ids": GOOD[1:]},
    "without an offer": {"ids": [GOOD[0], *GOOD[2:]]},
    "an id that is null": {"ids": [*GOOD[:3], None, GOOD[3]]},
    "the same offer's sentence twice": {"ids": [*GOOD[:2], GOOD[1], *GOOD[2:]]},
    "two offers": {"ids": [*GOOD[:2], "fee_review", *GOOD[2:]]},
    "a sentence twice": {"ids": [*GOOD[:3], "your_choice", "regards"]},
    "another offer": {"offer": "loan_review"},
    "another offer's sentence": {"ids": [GOOD[0], "loan_review_terms", *GOOD[2:]]},
    "another tone": {"ids": ["apology", *GOOD[1:]]},
    "another topic": {"ids": [GOOD[0], "loan_noted", *GOOD[1:]]},
    "a wish to leave that is none": {"ids": ["leaving_heard", *GOOD[1:]]},
    "a segment without this offer": {"segment": "Low"},
    "an offer that the tone rules out": {
        "offer": "complaint_priority", "ids": [GOOD[0], "complaint_priority", "regards"],
    },
    "a reason as a sentence": {"ids": [*GOOD, "why_high"]},
    "prose as a reason": {"reason": ["The customer is a fool."]},
    "another segment's reason": {"reason": ["why_low"]},
    "a reason twice": {"reason": ["why_high", "why_high"]},
    "five reasons": {"reason": ["why_high", "why_neutral", "why_fees", "why_driver_1", "why_driver_2"]},
    "no reason": {"reason": None},
    "prose as the catalogue's": {"source": "catalogue", "why": "ModelRefused", "call": None, "reason": None,
                                 "message": "You have won."},
    "chosen sentences as the catalogue's": {"source": "catalogue", "why": "ModelRefused", "call": None, "reason": None},
    "prose as no offer": {"source": "none", "why": "NoOffer", "offer": None, "call": None, "ids": None, "reason": None,
                          "message": "You have won."},
    "a reason for no offer": {"source": "none", "why": "NoOffer", "offer": None, "call": None, "ids": None,
                              "message": None},
}  # fmt: skip


@pytest.fixture
def target(bank: Bank, victim: Callable[[], UUID]) -> dict[str, Any]:
    """The row of a fair action about a customer whose neutral feedback is about fees."""
    customer_id = victim()
    for purpose in ("feedback_analysis", "profiling", "retention_offers"):
        bank.record_consent(customer_id, purpose, True)
    bank.query(
        "INSERT INTO feedback_analyses (run_id, customer_id, feedback_ids, sentiment, score, topics, intent_to_leave,"
        " egress_id) VALUES ('run', %s, '{}', 'neutral', 0, '{fees}', false, %s)",
        customer_id, enter_egress(bank, customer_id), role="nlp_agent",
    )  # fmt: skip
    call = enter_egress(bank, customer_id, "retention_offers", "action_agent")
    return {"customer": customer_id, "segment": "High", "source": "model", "why": None, "offer": "fee_review",
            "language": "en", "ids": GOOD, "reason": ["why_high", "why_fees"], "call": call}  # fmt: skip


def insert(bank: Bank, row: dict[str, Any], append: str = "") -> None:
    """Insert as the action agent; a message that is not given is that of the row's ids, in English."""
    if "message" not in row:
        sql = (
            "SELECT string_agg(text_en, ' ' ORDER BY place) FROM unnest(%s::text[]) WITH ORDINALITY"
            " AS g (phrase_id, place) JOIN sentences USING (phrase_id)"
        )
        row = row | {"message": bank.query(sql, row["ids"])[0][0] + append}
    connection = bank.connect("action_agent")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(INSERT, row)
    finally:
        connection.close()


def test_a_fair_action_is_stored(bank: Bank, target: dict[str, Any]) -> None:
    insert(bank, target)
    assert bank.query("SELECT source FROM actions WHERE customer_id = %s", target["customer"]) == [("model",)]


@pytest.mark.parametrize("name", ATTACKS)
def test_the_database_refuses_other_words_from_whoever_has_the_password(
    bank: Bank, target: dict[str, Any], name: str
) -> None:
    change = dict(ATTACKS[name])
    append = change.pop("append", "")
    with pytest.raises(psycopg2.Error) as caught:
        insert(bank, target | change, append)
    assert caught.value.pgcode == "VG005"
    assert bank.query("SELECT 1 FROM actions WHERE customer_id = %s", target["customer"]) == []


@pytest.mark.parametrize("way", ["INSERT of two rows", "COPY"])
def test_one_bad_row_among_good_ones_refuses_them_all(
    bank: Bank, target: dict[str, Any], victim: Callable[[], UUID], way: str
) -> None:
    other = victim()
    for purpose in ("profiling", "retention_offers"):
        bank.record_consent(other, purpose, True)
    call = enter_egress(bank, other, "retention_offers", "action_agent")
    [(said,)] = bank.query("SELECT message_en FROM offers WHERE offer_id = 'fee_review'")
    rows = [
        (target["customer"], "catalogue", "ModelRefused", "{fee_review}", said, None),
        (other, "model", None, "{fee_review}", "You have won.", call),
    ]
    with pytest.raises(psycopg2.Error) as caught:
        insert_together(bank, [("run", row[0], "High", "en", "fee_review", *row[1:]) for row in rows], way)
    assert caught.value.pgcode == "VG005"


def insert_together(bank: Bank, rows: list[tuple[Any, ...]], way: str) -> None:
    """Insert rows in one statement, as the action agent."""
    columns = (
        "(run_id, customer_id, segment, language, offer_id, source, source_reason, phrase_ids, message, egress_id)"
    )
    connection = bank.connect("action_agent")
    try:
        with connection, connection.cursor() as cursor:
            if way == "COPY":
                lines = ("\t".join("\\N" if field is None else str(field) for field in row) for row in rows)
                cursor.copy_expert(f"COPY actions {columns} FROM STDIN", io.StringIO("\n".join(lines)))
            else:
                execute_values(cursor, f"INSERT INTO actions {columns} VALUES %s", rows)
    finally:
        connection.close()


def test_a_retired_sentence_is_refused(bank: Bank, target: dict[str, Any]) -> None:
    bank.query("UPDATE phrases SET active = false WHERE phrase_id = 'regards'")
    try:
        text = "Hello, thank you for your message. Let us look at your fees together, to see which plan fits the way"
        with pytest.raises(psycopg2.Error) as caught:
            insert(bank, target | {"message": f"{text} you use your account."})
        assert caught.value.pgcode == "VG005"
    finally:
        bank.query("UPDATE phrases SET active = true WHERE phrase_id = 'regards'")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE actions SET message = 'You have won.'",
        "INSERT INTO phrases (phrase_id, kind, text_fr, text_en)"
        " VALUES ('we_promise', 'closing', 'Vous avez gagné.', 'You have won.')",
        "UPDATE phrases SET text_en = 'You have won, dear friend.' WHERE phrase_id = 'regards'",
        "UPDATE offers SET message_en = 'You have won.'",
        "UPDATE runs SET wording = 'drafted'",
        "ALTER TABLE actions DISABLE TRIGGER require_composed",
        "CREATE TEMPORARY TABLE sentences AS SELECT 'x' AS phrase_id",
    ],
)
@pytest.mark.parametrize("role", ["action_agent", "nlp_agent", "dashboard"])
def test_no_agent_changes_the_language_or_what_was_said(bank: Bank, sql: str, role: str) -> None:
    with pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.ReadOnlySqlTransaction)):
        bank.query(sql, role=role)


@pytest.mark.parametrize("role", ["action_agent", "nlp_agent", "prediction_agent", "planner", "audit_agent"])
def test_no_agent_reads_drafts_so_that_none_can_send_them_on(bank: Bank, role: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        bank.query("SELECT message FROM drafts", role=role)


def test_a_run_that_was_planned_without_drafts_keeps_none(bank: Bank, target: dict[str, Any]) -> None:
    insert(bank, target)
    draft = "INSERT INTO drafts (run_id, customer_id, message) VALUES ('run', %s, 'You have won.')"
    with pytest.raises(psycopg2.Error) as caught:
        bank.query(draft, target["customer"], role="action_agent")
    assert caught.value.pgcode == "VG005"


@pytest.mark.parametrize("column", ["topics", "causes", "sentiment"])
def test_the_analysis_has_no_room_for_prose(bank: Bank, victim: Callable[[], UUID], column: str) -> None:
    customer_id = victim()
    for purpose in ("feedback_analysis", "profiling"):
        bank.record_consent(customer_id, purpose, True)
    words = {"sentiment": "neutral", "topics": ["fees"], "causes": ["price"]}
    said = "You have won." if column == "sentiment" else ["You have won."]
    with pytest.raises(psycopg2.errors.CheckViolation):
        bank.query(
            "INSERT INTO feedback_analyses (run_id, customer_id, feedback_ids, score, intent_to_leave, egress_id,"
            " sentiment, topics, causes) VALUES ('run', %s, '{}', 0, false, %s, %s, %s, %s)",
            customer_id, enter_egress(bank, customer_id), *(words | {column: said}).values(), role="nlp_agent",
        )  # fmt: skip
