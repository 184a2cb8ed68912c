"""The nlp agent against the real database: idempotent, honest about what left, and stopped by a withdrawal."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

import vigie.database
from tests.fakes.chat_models import ANALYSIS, FakeProvider, answer_of, obliging
from tests.integration.agents.conftest import PLENTY, Office, plan
from tests.integration.conftest import Bank
from tests.integration.database.conftest import wait_until_blocked
from vigie.batches import complete_task
from vigie.errors import BatchBusyError, ConsentChangedError, PromptVersionError, UnknownRunError
from vigie_llm.call_pool import DOWN_AFTER, SECONDS_TO_BEGIN
from vigie_llm.chat import ChatAnswer, ChatRequest
from vigie_llm.errors import EgressBlockedError, ModelRefusedError, ModelUnavailableError

Hire = Callable[..., list[UUID]]
PURPOSE = "feedback_analysis"


def raising(error: Exception) -> Callable[[ChatRequest], ChatAnswer]:
    def reply(request: ChatRequest) -> ChatAnswer:
        raise error

    return reply


def test_a_batch_is_analysed_and_everyone_is_accounted_for(office: Office, hire: Hire) -> None:
    willing, [unwilling], [silent] = hire(2), hire(1, consents=("profiling",)), hire(1, feedback=False)
    plan(office, [*willing, unwilling, silent])
    assert office.analyse() == {"outcomes": {"done": 2, "NoConsent": 1, "NoFeedback": 1}, "remaining": 0}
    assert office.bank.steps(office.run_id, "analyse") == {
        **dict.fromkeys(willing, ("done", None)),
        unwilling: ("skipped", "NoConsent"),
        silent: ("skipped", "NoFeedback"),
    }
    rows = office.bank.query("SELECT sentiment, score, topics, intent_to_leave, causes FROM feedback_analyses"
                             " WHERE run_id = %s", office.run_id)  # fmt: skip
    assert rows == [("negative", -0.6, ["fees"], True, ["price"])] * 2
    assert office.step_functions.heartbeats


def test_each_step_leaves_its_event(office: Office, hire: Hire) -> None:
    [willing], [unwilling] = hire(1), hire(1, consents=())
    plan(office, [willing, unwilling])
    office.analyse()
    events = office.bank.query(
        "SELECT event_type, status, customer_id FROM audit_log WHERE run_id = %s ORDER BY seq", office.run_id
    )
    assert [event for event in events if event[2] == willing] == [
        (kind, "ok", willing)
        for kind in ("CONSENT_CHECK", "PSEUDONYMISATION", "LLM_CALL_START", "LLM_CALL_END", "ANALYSIS_SAVED")
    ]
    assert [event[:2] for event in events if event[2] == unwilling] == [
        ("CONSENT_CHECK", "refused"),
        ("STEP_ENDED", "refused"),
    ]
    assert [event[0] for event in events if event[2] is None] == ["BATCH_START", "BATCH_END"]


def test_what_leaves_is_pseudonymised_and_is_what_the_ledger_says(office: Office, hire: Hire) -> None:
    [customer_id] = hire(1)
    plan(office, [customer_id])
    office.analyse()
    [asked] = office.model.asked
    assert "Ada" not in asked.user
    assert "Byron" not in asked.user
    [(prompt,)] = office.bank.query("SELECT redacted_prompt FROM egress_ledger WHERE run_id = %s", office.run_id)
    assert prompt == asked.user


def test_a_batch_delivered_again_changes_nothing_and_asks_nothing(office: Office, hire: Hire) -> None:
    plan(office, hire(3))
    first = office.analyse()
    before = office.counts()
    office.model.reply = raising(AssertionError("asked again"))
    assert office.analyse() == first
    assert office.counts() == before
    assert len(office.model.asked) == 3


def test_after_a_crash_between_ledger_and_answer_the_call_is_lost_and_asked_again(office: Office, hire: Hire) -> None:
    [customer_id] = hire(1)
    plan(office, [customer_id])
    office.model.reply = raising(RuntimeError("the process died"))
    with pytest.raises(RuntimeError):
        office.analyse()
    assert office.ledger(customer_id) == [(1, None)]
    office.model.reply = obliging
    assert office.analyse()["outcomes"] == {"done": 1}
    assert office.ledger(customer_id) == [(1, "lost"), (2, "answered")]
    ended = [details["outcome"] for _, _, details in office.bank.events(office.run_id, "LLM_CALL_END")]
    assert ended == ["lost", "answered"]


def test_after_a_crash_and_a_withdrawal_the_call_is_lost_and_not_left_open(office: Office, hire: Hire) -> None:
    [customer_id] = hire(1)
    plan(office, [customer_id])
    office.model.reply = raising(RuntimeError("the process died"))
    with pytest.raises(RuntimeError):
        office.analyse()
    office.bank.record_consent(customer_id, PURPOSE, False)
    assert office.analyse()["outcomes"] == {"NoConsent": 1}
    assert office.ledger(customer_id) == [(1, "lost")]


def test_an_answer_that_was_paid_for_is_used_by_the_next_delivery(office: Office, hire: Hire) -> None:
    """The ledger has the answer, but the result is missing: a state that only a repair by hand can leave behind."""
    [customer_id] = hire(1)
    plan(office, [customer_id])
    office.analyse()
    for table in ("feedback_analyses", "run_steps"):
        office.bank.query(f"DELETE FROM {table} WHERE run_id = %s", office.run_id)
    assert office.analyse()["outcomes"] == {"done": 1}
    assert len(office.model.asked) == 1
    assert office.counts()["feedback_analyses"] == 1


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (ModelUnavailableError("down"), "unavailable", "ModelUnavailable"),
        (ModelRefusedError(401), "refused", "ModelRefused"),
        (EgressBlockedError(["EMAIL"]), "blocked", "EgressBlocked"),
    ],
)
def test_a_call_without_an_answer_fails_the_step_with_its_reason(
    office: Office, hire: Hire, error: Exception, outcome: str, reason: str
) -> None:
    [customer_id] = hire(1)
    plan(office, [customer_id])
    office.model.reply = raising(error)
    assert office.analyse() == {"outcomes": {reason: 1}, "remaining": 0}
    assert office.ledger(customer_id) == [(1, outcome)]
    assert office.bank.steps(office.run_id, "analyse") == {customer_id: ("failed", reason)}


def test_with_the_provider_down_the_batch_ends_without_asking_for_everyone(office: Office, hire: Hire) -> None:
    plan(office, hire(12))
    office.provider = FakeProvider(office.model, concurrency=1)
    office.model.reply = raising(ModelUnavailableError("down"))
    assert office.analyse() == {"outcomes": {"ModelUnavailable": 12}, "remaining": 0}
    assert len(office.model.asked) == DOWN_AFTER


@pytest.mark.parametrize(
    "content",
    [ANALYSIS | {"causes": ["Call Ada Byron on 06 12 34 56 78."]}, ANALYSIS | {"score": 7}, "no JSON",
     '{"score": NaN}', ANALYSIS | {"summary": "nul \x00 inside"}],
    ids=["identifier", "schema", "prose", "NaN", "NUL"],
)  # fmt: skip
def test_a_rejected_answer_is_not_stored_and_the_others_of_the_batch_are(
    office: Office, hire: Hire, content: object
) -> None:
    plan(office, hire(3))
    lock, first = threading.Lock(), iter([answer_of(content)])

    def reply(request: ChatRequest) -> ChatAnswer:
        with lock:
            return next(first, None) or obliging(request)

    office.model.reply = reply
    assert office.analyse()["outcomes"] == {"AnswerRejected": 1, "done": 2}
    [(_, status, details)] = office.bank.events(office.run_id, "GUARD_REJECTED")
    assert (status, details["purpose"]) == ("refused", PURPOSE)
    stored = office.bank.query(
        "SELECT answer FROM egress_ledger WHERE run_id = %s AND outcome = 'rejected'", office.run_id
    )
    assert stored == [(None,)]


def test_a_consent_withdrawn_before_the_ledger_is_written_stops_the_call(office: Office, hire: Hire) -> None:
    staying, going = hire(2)
    plan(office, [staying, going])
    withdrawn = office.bank.record_consent
    office.provider = FakeProvider(office.model, before_ledger=lambda: withdrawn(going, PURPOSE, False))
    with pytest.raises(ConsentChangedError):
        office.analyse()
    assert office.model.asked == []
    assert office.counts()["egress_ledger"] == 0
    complete_task("token", office.tokens, office.analyse, office.seconds_left)
    assert office.step_functions.answered["token"]["output"]["outcomes"] == {"NoConsent": 1, "done": 1}
    assert office.ledger(going) == []


def test_a_consent_withdrawn_while_the_call_is_out_leaves_nothing_stored(office: Office, hire: Hire) -> None:
    staying, going = hire(2)
    plan(office, [staying, going])

    def withdraw() -> None:
        office.bank.record_consent(going, PURPOSE, False)

    withdrawn = threading.Barrier(2, action=withdraw)

    def reply(request: ChatRequest) -> ChatAnswer:
        withdrawn.wait(timeout=30)
        return obliging(request)

    office.model.reply = reply
    assert office.analyse()["outcomes"] == {"ConsentWithdrawn": 1, "done": 1}
    assert office.bank.steps(office.run_id, "analyse")[going] == ("withdrawn", "ConsentWithdrawn")
    rows = office.bank.query(
        "SELECT customer_id, outcome, answer IS NULL FROM egress_ledger WHERE run_id = %s", office.run_id
    )
    assert sorted(rows) == sorted([(staying, "answered", False), (going, "answered", True)])
    assert office.counts()["feedback_analyses"] == 1


def test_what_the_deadline_leaves_is_reported_and_done_by_the_next_delivery(office: Office, hire: Hire) -> None:
    """One call at a time: the deadline comes during the first one, when two slices, of one and two, are entered."""
    plan(office, hire(10))
    office.provider = FakeProvider(office.model, concurrency=1)
    late = threading.Event()

    def reply(request: ChatRequest) -> ChatAnswer:
        while len(office.bank.events(office.run_id, "LLM_CALL_START")) < 3:
            time.sleep(0.01)
        late.set()
        return obliging(request)

    office.model.reply = reply
    office.seconds_left = lambda: SECONDS_TO_BEGIN - 1 if late.is_set() else PLENTY
    assert office.analyse() == {"outcomes": {"done": 1}, "remaining": 9}
    ends = [details["outcome"] for _, _, details in office.bank.events(office.run_id, "LLM_CALL_END")]
    assert sorted(ends) == ["answered", "unsent", "unsent"]
    office.seconds_left = lambda: PLENTY
    assert office.analyse() == {"outcomes": {"done": 10}, "remaining": 0}
    assert len(office.model.asked) == 10


def test_two_deliveries_at_once_do_the_work_once(office: Office, hire: Hire) -> None:
    plan(office, hire(3))

    def reply(request: ChatRequest) -> ChatAnswer:
        wait_until_blocked(office.bank)
        return obliging(request)

    office.model.reply = reply
    mine, other = office.bank.database("nlp_agent"), office.bank.database("nlp_agent")
    try:
        with ThreadPoolExecutor(2) as threads:
            done = [threads.submit(office.analyse, 0, database) for database in (mine, other)]
            assert [future.result(timeout=60)["outcomes"] for future in done] == [{"done": 3}] * 2
    finally:
        mine.close()
        other.close()
    assert len(office.model.asked) == 3
    assert office.counts() | {"predictions": 0} == {
        "feedback_analyses": 3, "predictions": 0, "actions": 0, "egress_ledger": 3, "run_steps": 3,
    }  # fmt: skip


def test_a_batch_that_somebody_else_works_on_is_busy_and_the_connection_lives(
    office: Office, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(office, hire(1))
    other = office.bank.database("nlp_agent")
    monkeypatch.setattr(vigie.database, "LOCK_SECONDS", 0.1)
    with other.exclusive(office.request("nlp_agent").origin, "analyse", office.run_id, 0):
        with pytest.raises(BatchBusyError):
            office.analyse()
        assert office.database("nlp_agent")._connection is not None
    other.close()
    assert office.analyse()["outcomes"] == {"done": 1}


def test_batches_are_worked_on_one_by_one(office: Office, hire: Hire) -> None:
    plan(office, hire(2), hire(1))
    assert office.analyse(1) == {"outcomes": {"done": 1}, "remaining": 0}
    assert office.analyse(0) == {"outcomes": {"done": 2}, "remaining": 0}
    assert office.analyse(7) == {"outcomes": {}, "remaining": 0}


def test_a_run_that_was_never_planned_fails_for_good(office: Office) -> None:
    with pytest.raises(UnknownRunError, match="was never planned"):
        office.analyse()


def test_a_prompt_version_that_this_code_lacks_fails_for_good_and_nothing_leaves(office: Office, hire: Hire) -> None:
    plan(office, hire(1))
    office.bank.query(
        'UPDATE runs SET prompt_versions = \'{"analysis": "analysis-9"}\' WHERE run_id = %s', office.run_id
    )
    with pytest.raises(PromptVersionError):
        office.analyse()
    assert office.counts() == dict.fromkeys(office.counts(), 0)


def test_no_event_and_no_log_line_holds_what_a_customer_wrote_or_who_they_are(
    office: Office, hire: Hire, bank: Bank, caplog: pytest.LogCaptureFixture
) -> None:
    plan(office, hire(2))
    with caplog.at_level("DEBUG"):
        office.analyse()
    events = str(bank.query("SELECT details FROM audit_log WHERE run_id = %s", office.run_id))
    logged = str([record.__dict__ for record in caplog.records])
    assert "ANALYSIS_SAVED" in logged
    for personal in ("Ada", "Byron", "612345678", "example.org", "fees are too high"):
        assert personal not in events
        assert personal not in logged
