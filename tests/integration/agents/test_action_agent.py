"""The action agent against the real database: a segment for everyone, an offer only where it may be made."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from tests.fakes.chat_models import FakeProvider, answer_of, first_of_each, obliging
from tests.integration.agents.conftest import PLENTY, Office, plan
from tests.integration.database.conftest import wait_until_blocked
from vigie.batches import complete_task
from vigie.errors import ConsentChangedError, PromptVersionError
from vigie.messages import BatchMessage
from vigie_llm.call_pool import SECONDS_TO_BEGIN
from vigie_llm.chat import ChatAnswer, ChatRequest
from vigie_llm.errors import AccountRefusedError, EgressBlockedError, ModelRefusedError, ModelUnavailableError

Hire = Callable[..., list[UUID]]
PURPOSE = "retention_offers"


@pytest.fixture
def predicted(office: Office, hire: Hire) -> Callable[..., list[UUID]]:
    """Customers of the office's run who have a prediction each: log-odds 0.25, which is Medium."""

    def make(many: int, **options: Any) -> list[UUID]:
        made = hire(many, feedback=False, **options)
        plan(office, made)
        office.predict()
        return made

    return make


def actions(office: Office) -> dict[UUID, tuple[Any, ...]]:
    rows = office.bank.query(
        "SELECT customer_id, segment, source, source_reason, offer_id, language FROM actions WHERE run_id = %s",
        office.run_id,
    )
    return {row[0]: row[1:] for row in rows}


def raising(error: Exception) -> Callable[[ChatRequest], ChatAnswer]:
    def reply(request: ChatRequest) -> ChatAnswer:
        raise error

    return reply


def test_who_may_be_made_an_offer_gets_one_worded_by_the_model(office: Office, predicted: Hire) -> None:
    [customer_id] = predicted(1, language="fr")
    assert office.act() == {"outcomes": {"done": 1}, "remaining": 0}
    assert actions(office) == {customer_id: ("Medium", "model", None, "advisor_call", "fr")}
    kinds = [
        row[0]
        for row in office.bank.query(
            "SELECT event_type FROM audit_log WHERE run_id = %s AND agent = 'action_agent' AND customer_id = %s"
            " ORDER BY seq",
            office.run_id,
            customer_id,
        )
    ]
    assert kinds == ["CONSENT_CHECK", "LLM_CALL_START", "LLM_CALL_END", "SEGMENTATION", "ACTION_SAVED"]


def test_who_may_not_gets_a_segment_and_no_call(office: Office, predicted: Hire) -> None:
    [customer_id] = predicted(1, consents=("profiling",))
    assert office.act()["outcomes"] == {"done": 1}
    assert actions(office) == {customer_id: ("Medium", "none", "NoConsent", None, "en")}
    assert office.model.asked == []
    assert office.ledger(customer_id) == []


def test_the_model_receives_nothing_that_identifies_the_customer(office: Office, predicted: Hire) -> None:
    predicted(1)
    office.act()
    [asked] = office.model.asked
    for identifier in ("Ada", "Byron", "612345678", "example.org", "CUST-"):
        assert identifier not in asked.user


@pytest.mark.parametrize(
    ("error", "reason", "outcome"),
    [
        (ModelUnavailableError("down"), "ModelUnavailable", "unavailable"),
        (ModelRefusedError(403), "ModelRefused", "refused"),
        (EgressBlockedError(["CUSTOMER_NAME"]), "EgressBlocked", "blocked"),
    ],
)
def test_without_the_model_the_catalogue_speaks_and_says_why(
    office: Office, predicted: Hire, error: Exception, reason: str, outcome: str
) -> None:
    [customer_id] = predicted(1)
    office.model.reply = raising(error)
    assert office.act()["outcomes"] == {"done": 1}
    assert actions(office) == {customer_id: ("Medium", "catalogue", reason, "advisor_call", "en")}
    assert office.ledger(customer_id) == [(1, outcome)]
    [(message,)] = office.bank.query("SELECT message FROM actions WHERE run_id = %s", office.run_id)
    assert message.startswith("You deserve a proper conversation")


@pytest.mark.parametrize(
    "content",
    [
        {"offer": "loyalty_thanks"},
        {"message": "Call us on 06 12 34 56 78."},
        "prose",
    ],
    ids=["an offer of another segment", "a number to call", "no JSON"],
)
def test_a_rejected_answer_becomes_the_catalogue_s_offer(office: Office, predicted: Hire, content: object) -> None:
    [customer_id] = predicted(1)
    office.model.reply = lambda request: answer_of(
        first_of_each(request) | content if isinstance(content, dict) else content
    )
    office.act()
    assert actions(office)[customer_id][1:3] == ("catalogue", "AnswerRejected")
    assert office.ledger(customer_id) == [(1, "rejected")]
    assert len(office.bank.events(office.run_id, "GUARD_REJECTED")) == 1


def test_a_message_is_composed_of_the_chosen_sentences_in_the_customer_s_language(office: Office, hire: Hire) -> None:
    [french], [english] = hire(1, feedback=False, language="fr"), hire(1, feedback=False)
    plan(office, [french, english])
    office.predict()
    office.act()
    sql = "SELECT message, phrase_ids, reason FROM actions WHERE run_id = %s AND customer_id = %s"
    [(said, ids, why)] = office.bank.query(sql, office.run_id, french)
    assert said.startswith("Bonjour, ")
    assert (len(ids), why) == (4, ["why_driver_1"])
    [(said, same, _)] = office.bank.query(sql, office.run_id, english)
    assert said.startswith("Hello, ")
    assert same == ids


def test_a_draft_is_kept_with_the_composed_message_and_nowhere_else(office: Office, predicted: Hire) -> None:
    first, second = predicted(2)
    office.bank.query("UPDATE runs SET wording = 'drafted' WHERE run_id = %s", office.run_id)
    drafts = iter(["Let us zigzag together.", "Call me on 06 12 34 56 78."])
    office.model.reply = lambda request: answer_of(first_of_each(request) | {"draft": next(drafts)})
    office.act()
    stored = dict(office.bank.query("SELECT message, findings FROM drafts WHERE run_id = %s", office.run_id))
    assert stored == {"Let us zigzag together.": [], None: ["PHONE", "NUMBER"]}
    tables = ("actions", "egress_ledger", "audit_log", "run_steps")
    assert [t for t in tables if office.bank.query(f"SELECT 1 FROM {t} AS t WHERE t::text LIKE '%%zigzag%%'")] == []
    assert {action[1] for action in actions(office).values()} == {"model"}
    # It goes with the action's words.
    for customer_id in (first, second):
        office.bank.record_consent(customer_id, PURPOSE, False)
    assert office.bank.query("SELECT * FROM drafts WHERE run_id = %s", office.run_id) == []
    assert office.bank.query("SELECT DISTINCT phrase_ids FROM actions WHERE run_id = %s", office.run_id) == [(None,)]


def test_where_the_bank_offers_nothing_in_a_segment_no_one_is_asked(office: Office, predicted: Hire) -> None:
    [customer_id] = predicted(1)
    office.bank.query("UPDATE offers SET active = false WHERE 'Medium' = ANY(segments)")
    try:
        assert office.act()["outcomes"] == {"done": 1}
    finally:
        office.bank.query("UPDATE offers SET active = true")
    assert actions(office) == {customer_id: ("Medium", "none", "NoOffer", None, "en")}
    assert office.model.asked == []


def test_a_batch_delivered_again_changes_nothing_and_asks_nothing(office: Office, predicted: Hire) -> None:
    predicted(3)
    first = office.act()
    before = actions(office)
    assert office.act() == first
    assert actions(office) == before
    assert len(office.model.asked) == 3


def test_after_a_crash_the_call_is_lost_and_asked_again(office: Office, predicted: Hire) -> None:
    [customer_id] = predicted(1)
    office.model.reply = raising(RuntimeError("the process died"))
    with pytest.raises(RuntimeError):
        office.act()
    office.model.reply = obliging
    assert office.act()["outcomes"] == {"done": 1}
    assert office.ledger(customer_id) == [(1, "lost"), (2, "answered")]


def test_an_answer_that_was_paid_for_is_used_by_the_next_delivery(office: Office, predicted: Hire) -> None:
    predicted(1)
    office.act()
    office.bank.query("DELETE FROM actions WHERE run_id = %s", office.run_id)
    office.bank.query("DELETE FROM run_steps WHERE run_id = %s AND step = 'decide'", office.run_id)
    office.act()
    assert len(office.model.asked) == 1
    assert [action[1] for action in actions(office).values()] == ["model"]


def test_without_a_prediction_the_step_fails_and_the_others_are_decided(
    office: Office, hire: Hire, predicted: Hire
) -> None:
    [known] = predicted(1)
    [late] = hire(1)
    office.bank.query("INSERT INTO run_customers VALUES (%s, %s, 0)", office.run_id, late)
    assert office.act()["outcomes"] == {"done": 1, "NoPrediction": 1}
    assert office.bank.steps(office.run_id, "decide") == {known: ("done", None), late: ("failed", "NoPrediction")}


def test_who_withdrew_from_profiling_gets_nothing(office: Office, predicted: Hire) -> None:
    staying, going = predicted(2)
    office.bank.record_consent(going, "profiling", False)
    assert office.act()["outcomes"] == {"done": 1, "ConsentWithdrawn": 1}
    assert set(actions(office)) == {staying}


def test_a_withdrawal_before_the_ledger_is_written_stops_the_call(office: Office, predicted: Hire) -> None:
    [customer_id] = predicted(1)
    withdraw = office.bank.record_consent
    office.provider = FakeProvider(office.model, before_ledger=lambda: withdraw(customer_id, PURPOSE, False))
    with pytest.raises(ConsentChangedError):
        office.act()
    assert office.ledger(customer_id) == []
    complete_task("token", office.tokens, office.act, office.time_left)
    assert actions(office) == {customer_id: ("Medium", "none", "NoConsent", None, "en")}
    assert office.model.asked == []


@pytest.mark.parametrize(
    ("purpose", "outcome", "action"),
    [
        (PURPOSE, "done", ("Medium", "none", "ConsentWithdrawn", None, "en")),
        ("profiling", "ConsentWithdrawn", None),
    ],
)
def test_a_withdrawal_while_the_call_is_out_leaves_no_offer_and_without_profiling_nothing(
    office: Office, predicted: Hire, purpose: str, outcome: str, action: tuple[Any, ...] | None
) -> None:
    staying, going = predicted(2)

    def withdraw() -> None:
        office.bank.record_consent(going, purpose, False)

    withdrawn = threading.Barrier(2, action=withdraw)

    def reply(request: ChatRequest) -> ChatAnswer:
        withdrawn.wait(timeout=30)
        return obliging(request)

    office.model.reply = reply
    outcomes = office.act()["outcomes"]
    assert sum(outcomes.values()) == 2
    assert outcomes[outcome] >= 1
    assert actions(office).get(going) == action
    assert actions(office)[staying][1] == "model"
    rows = office.bank.query(
        "SELECT answer FROM egress_ledger WHERE run_id = %s AND customer_id = %s", office.run_id, going
    )
    assert rows == [(None,)]


def test_what_the_deadline_leaves_is_reported_and_done_by_the_next_delivery(office: Office, predicted: Hire) -> None:
    predicted(6)
    office.provider = FakeProvider(office.model, concurrency=1)
    office.seconds_left = lambda: PLENTY if len(office.model.asked) < 2 else SECONDS_TO_BEGIN - 1
    assert office.act() == {"outcomes": {"done": 2}, "remaining": 4}
    office.seconds_left = lambda: PLENTY
    assert office.act() == {"outcomes": {"done": 6}, "remaining": 0}
    assert len(office.model.asked) == 6


def test_two_deliveries_at_once_do_the_work_once(office: Office, predicted: Hire) -> None:
    predicted(3)

    def reply(request: ChatRequest) -> ChatAnswer:
        wait_until_blocked(office.bank)
        return obliging(request)

    office.model.reply = reply
    others = [office.bank.database("action_agent") for _ in range(2)]
    try:
        with ThreadPoolExecutor(2) as threads:
            done = [threads.submit(office.act, 0, database) for database in others]
            assert [future.result(timeout=60)["outcomes"] for future in done] == [{"done": 3}] * 2
    finally:
        for database in others:
            database.close()
    assert len(office.model.asked) == len(actions(office)) == 3


def test_a_prompt_version_that_this_code_lacks_fails_for_good(office: Office, predicted: Hire) -> None:
    predicted(1)
    office.bank.query('UPDATE runs SET prompt_versions = \'{"action": "action-9"}\' WHERE run_id = %s', office.run_id)
    with pytest.raises(PromptVersionError):
        office.act()
    assert actions(office) == {}


def test_a_refused_account_leaves_decisions_open_until_the_catalogue_is_to_decide(
    office: Office, predicted: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted(6)
    office.provider = FakeProvider(office.model, concurrency=1)
    office.model.reply = raising(AccountRefusedError(401, "invalid_api_key", "check api_key"))
    assert office.act() == {"outcomes": {}, "remaining": 6, "stalled": True}
    assert len(office.model.asked) == 1
    message = replace(office.message(), without_model=True)
    monkeypatch.setattr(office, "message", lambda _batch_no: message)
    assert office.act() == {"outcomes": {"done": 6}, "remaining": 0}
    assert len(office.model.asked) == 1
    assert {row[1:3] for row in actions(office).values()} == {("catalogue", "ModelUnavailable")}


def test_only_the_message_s_attribute_leaves_the_model_out() -> None:
    body = '{"run_id": "r", "batch_no": 0, "task_token": "t", "without_model": true}'
    assert not BatchMessage.parse(body).without_model
    assert BatchMessage.parse(body, without_model=True).without_model
