"""The calls of a batch: bounded, in chunks, given up when the provider is down, left alone at the deadline."""

import itertools
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

import pytest

import vigie_llm.call_pool
from tests.fakes.chat_models import FakeChatModel, answer_of
from tests.fakes.model_calls import Words, chunks_of, free, outcomes_of, read_words, take_turns
from vigie.errors import ConsentChangedError
from vigie.ids import uuid7
from vigie.vocabulary import CallStatus
from vigie_llm.call_pool import DOWN_AFTER, SECONDS_TO_BEGIN, BatchCalls, CallPool
from vigie_llm.calls import Call, CallOutcome, CallPlan
from vigie_llm.chat import ChatAnswer, ChatRequest
from vigie_llm.errors import (
    AccountRefusedError,
    AnswerRejectedError,
    EgressBlockedError,
    ModelRefusedError,
    ModelUnavailableError,
    NotNowError,
)
from vigie_llm.pacing import Pacer

PLENTY = 1000.0


def calls_of(request: ChatRequest, count: int) -> list[Call]:
    return [Call(uuid7(), uuid7(), replace(request, user=str(number))) for number in range(count)]


def calls_to(
    model: FakeChatModel, concurrency: int = 1, seconds_left: Callable[[], float] = lambda: PLENTY
) -> BatchCalls[Words]:
    return BatchCalls(CallPool(concurrency), model, read_words, seconds_left, free)


def run_all(
    model: FakeChatModel, calls: list[Call], concurrency: int = 4, seconds_left: Callable[[], float] = lambda: PLENTY
) -> list[CallOutcome[Words]]:
    return outcomes_of(calls_to(model, concurrency, seconds_left), calls)


def run_sliced(
    model: FakeChatModel, plan: CallPlan[int], record: Callable[[Sequence[int]], list[Call]]
) -> list[CallOutcome[Words]]:
    return [outcome for chunk in take_turns(calls_to(model), plan, record) for outcome in chunk]


def failing_with(error: Exception) -> Callable[[ChatRequest], ChatAnswer]:
    def reply(request: ChatRequest) -> ChatAnswer:
        raise error

    return reply


def test_every_call_comes_back_once_with_its_result(request_about: ChatRequest) -> None:
    calls = calls_of(request_about, 50)
    outcomes = run_all(FakeChatModel(lambda request: answer_of(request.user)), calls)
    assert {outcome.call.egress_id for outcome in outcomes} == {call.egress_id for call in calls}
    for outcome in outcomes:
        assert (outcome.status, outcome.result) == ("answered", Words(outcome.call.request.user))
        assert outcome.content == {"content": outcome.call.request.user}
        assert outcome.answer is not None
    assert len(outcomes) == 50


def test_no_calls_need_no_model() -> None:
    assert run_all(FakeChatModel(failing_with(AssertionError("asked"))), []) == []


def test_as_many_calls_as_allowed_are_under_way_at_once_and_never_more(request_about: ChatRequest) -> None:
    together = threading.Barrier(3)
    lock = threading.Lock()
    under_way, most = 0, 0

    def reply(request: ChatRequest) -> ChatAnswer:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        together.wait(timeout=20)
        with lock:
            under_way -= 1
        return answer_of("done")

    assert len(run_all(FakeChatModel(reply), calls_of(request_about, 9), concurrency=3)) == 9
    assert most == 3


@pytest.mark.parametrize(
    ("error", "how", "found"),
    [
        (EgressBlockedError(["EMAIL", "EMAIL"]), "blocked", {"EMAIL": 2}),
        (ModelRefusedError(422), "refused", {}),
        (ModelUnavailableError("down"), "unavailable", {}),
    ],
)
def test_what_went_wrong_is_recorded_in_the_ledger_s_words(
    request_about: ChatRequest, error: Exception, how: str, found: dict[str, int]
) -> None:
    [outcome] = run_all(FakeChatModel(failing_with(error)), calls_of(request_about, 1))
    assert (outcome.status, outcome.violations, outcome.result, outcome.content) == (how, found, None, None)


def test_an_answer_that_is_not_accepted_keeps_its_cost_and_not_its_words(request_about: ChatRequest) -> None:
    def refuse(request: ChatRequest, answer: ChatAnswer) -> Words:
        raise AnswerRejectedError(["LINK"])

    calls = BatchCalls(CallPool(1), FakeChatModel(), refuse, lambda: PLENTY, free)
    [outcome] = outcomes_of(calls, calls_of(request_about, 1))
    assert (outcome.status, outcome.violations, outcome.content) == ("rejected", {"LINK": 1}, None)
    assert outcome.answer is not None


def test_a_call_begins_while_the_answer_before_it_is_checked(request_about: ChatRequest) -> None:
    model = FakeChatModel(lambda request: answer_of("done"))

    def check(request: ChatRequest, answer: ChatAnswer) -> Words:
        while len(model.asked) < 2:
            time.sleep(0.01)
        return read_words(request, answer)

    calls = BatchCalls(CallPool(1), model, check, lambda: PLENTY, free)
    assert len(outcomes_of(calls, calls_of(request_about, 2))) == 2


def test_after_so_many_failures_in_a_row_the_rest_is_not_asked(request_about: ChatRequest) -> None:
    model = FakeChatModel(failing_with(ModelUnavailableError("down")))
    outcomes = run_all(model, calls_of(request_about, 100), concurrency=1)
    assert [outcome.status for outcome in outcomes] == ["unavailable"] * 100
    assert len(model.asked) == DOWN_AFTER


def test_calls_that_are_given_up_name_why(request_about: ChatRequest) -> None:
    model = FakeChatModel(failing_with(ModelUnavailableError("down", "Tls")))
    assert {outcome.cause for outcome in run_all(model, calls_of(request_about, 20), concurrency=1)} == {"Tls"}


def test_failures_that_are_not_in_a_row_do_not_count_as_down(request_about: ChatRequest) -> None:
    def reply(request: ChatRequest) -> ChatAnswer:
        # Far from in a row: answers are checked by another thread, and may be counted late.
        if int(request.user) % 2:
            raise ModelUnavailableError("now and then")
        return answer_of("fine")

    model = FakeChatModel(reply)
    run_all(model, calls_of(request_about, 40), concurrency=1)
    assert len(model.asked) == 40


def test_the_next_batch_asks_again_after_the_provider_was_down(request_about: ChatRequest) -> None:
    pool = CallPool(2)
    down = FakeChatModel(failing_with(ModelUnavailableError("down")))
    outcomes_of(BatchCalls(pool, down, read_words, lambda: PLENTY, free), calls_of(request_about, 20))
    back = BatchCalls(pool, FakeChatModel(), read_words, lambda: PLENTY, free)
    [outcome] = outcomes_of(back, calls_of(request_about, 1))
    assert outcome.status == "answered"


def test_what_could_not_begin_before_the_deadline_was_never_made(request_about: ChatRequest) -> None:
    model = FakeChatModel(lambda request: answer_of("done"))
    calls = calls_of(request_about, 30)
    outcomes = run_all(model, calls, 2, lambda: PLENTY if len(model.asked) < 10 else SECONDS_TO_BEGIN - 0.1)
    assert len(outcomes) == len(model.asked) < 30
    assert {outcome.status for outcome in outcomes} == {"answered"}


def test_running_out_of_time_does_not_make_the_provider_count_as_down(request_about: ChatRequest) -> None:
    """Calls that end at the deadline fail as unavailable; the ones not begun are left for the next delivery."""
    all_begun = threading.Barrier(8)

    def reply(request: ChatRequest) -> ChatAnswer:
        all_begun.wait(timeout=20)
        raise ModelUnavailableError("no time left before the function's deadline")

    model = FakeChatModel(reply)
    outcomes = run_all(model, calls_of(request_about, 100), 8, lambda: PLENTY if len(model.asked) < 8 else 0.5)
    assert len(outcomes) == len(model.asked) == 8


def test_without_any_time_nothing_is_asked(request_about: ChatRequest) -> None:
    model = FakeChatModel()
    assert run_all(model, calls_of(request_about, 5), seconds_left=lambda: 0.0) == []
    assert model.asked == []


def test_outcomes_come_in_chunks_before_the_last_call_has_ended(
    request_about: ChatRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vigie_llm.call_pool, "CHUNK_SECONDS", 0.01)
    release = threading.Event()

    def reply(request: ChatRequest) -> ChatAnswer:
        if request.user == "9":
            assert release.wait(timeout=20)
        return answer_of("done")

    chunks = chunks_of(calls_to(FakeChatModel(reply), 4), calls_of(request_about, 10))
    first = next(chunks)
    assert 1 <= len(first) <= 9
    release.set()
    assert len(first) + sum(map(len, chunks)) == 10


def test_a_fault_of_ours_is_not_swallowed(request_about: ChatRequest) -> None:
    with pytest.raises(ZeroDivisionError):
        run_all(FakeChatModel(failing_with(ZeroDivisionError())), calls_of(request_about, 3))


def test_the_next_slice_is_prepared_while_calls_are_under_way(request_about: ChatRequest) -> None:
    prepared_two = threading.Event()

    def reply(request: ChatRequest) -> ChatAnswer:
        assert prepared_two.wait(timeout=20)
        return answer_of("done")

    def record(some: Sequence[int]) -> list[Call]:
        if 1 in some:
            prepared_two.set()
        return calls_of(request_about, len(some))

    chunks = take_turns(calls_to(FakeChatModel(reply), 2), CallPlan(range(2), 1), record)
    assert sum(map(len, chunks)) == 2


def test_no_slice_is_prepared_that_could_not_leave_before_the_deadline(request_about: ChatRequest) -> None:
    model = FakeChatModel(lambda request: answer_of("done"))
    plan = CallPlan(range(40), 5)

    def seconds_left() -> float:
        return PLENTY if len(model.asked) < 10 else 0.0

    list(take_turns(calls_to(model, 2, seconds_left), plan, lambda some: calls_of(request_about, len(some))))
    assert len(model.asked) + plan.remaining == 40
    assert len(plan.not_sent) < plan.remaining


def test_a_provider_that_is_down_is_not_asked_for_later_slices_either(request_about: ChatRequest) -> None:
    model = FakeChatModel(failing_with(ModelUnavailableError("down")))
    outcomes = run_sliced(model, CallPlan(range(50), 10), lambda some: calls_of(request_about, len(some)))
    assert [outcome.status for outcome in outcomes] == ["unavailable"] * 50
    assert len(model.asked) == DOWN_AFTER


def test_what_was_entered_is_handed_over_before_a_slice_s_error_is_raised(request_about: ChatRequest) -> None:
    begun = threading.Event()

    def reply(request: ChatRequest) -> ChatAnswer:
        begun.set()
        return answer_of("done")

    def record(some: Sequence[int]) -> list[Call]:
        if 0 in some:
            return calls_of(request_about, len(some))
        assert begun.wait(timeout=20)
        raise ConsentChangedError("a consent is no longer in force")

    outcomes: list[CallOutcome[Words]] = []
    chunks = take_turns(calls_to(FakeChatModel(reply), 4), CallPlan(range(9), 6), record)
    with pytest.raises(ConsentChangedError):
        outcomes.extend(itertools.chain.from_iterable(chunks))
    assert [outcome.status for outcome in outcomes] == ["answered"] * 3


def test_no_call_begins_once_no_one_takes_the_outcomes(
    request_about: ChatRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vigie_llm.call_pool, "CHUNK_SECONDS", 0.01)

    def reply(request: ChatRequest) -> ChatAnswer:
        time.sleep(0.02)
        return answer_of("done")

    model = FakeChatModel(reply)
    pool = CallPool(1)
    chunks = chunks_of(BatchCalls(pool, model, read_words, lambda: PLENTY, free), calls_of(request_about, 200))
    next(chunks)
    assert isinstance(chunks, Generator)
    chunks.close()
    pool.threads.shutdown()
    assert len(model.asked) < 200


def test_what_is_left_of_a_batch_is_known(request_about: ChatRequest) -> None:
    plan = CallPlan(range(8), 4)
    first, second = (calls_of(request_about, len(plan.next_slice()) - 1) for _ in range(2))
    plan.mark_recorded(first + second)
    outcome: CallOutcome[Words] = CallOutcome(first[0], CallStatus.ANSWERED)
    plan.mark_stored([outcome])
    # Of eight, four are recorded as calls, one of them has ended, two ended at once, two were never looked at.
    assert (len(plan.not_sent), plan.remaining) == (3, 5)


def refusing(error: Exception, numbers: set[int]) -> Callable[[ChatRequest], ChatAnswer]:
    def reply(request: ChatRequest) -> ChatAnswer:
        if int(request.user) in numbers:
            raise error
        return answer_of("done")

    return reply


def test_what_concerns_the_account_stops_every_call_and_ends_none(
    request_about: ChatRequest, caplog: pytest.LogCaptureFixture
) -> None:
    model = FakeChatModel(failing_with(AccountRefusedError(401, "invalid_api_key", "check api_key")))
    plan = CallPlan(range(40), 8)
    outcomes = run_sliced(model, plan, lambda some: calls_of(request_about, len(some)))
    assert [(outcome.status, outcome.is_open) for outcome in outcomes] == [("unavailable", True)]
    assert len(model.asked) == 1
    assert plan.answer == {"remaining": 40, "stalled": True}
    [line] = [record for record in caplog.records if record.message == "model provider refuses every call"]
    assert line.__dict__.items() >= {"code": "invalid_api_key", "remedy": "check api_key", "status": 401}.items()


def test_an_account_that_is_refused_in_mid_run_keeps_what_was_answered(request_about: ChatRequest) -> None:
    model = FakeChatModel(refusing(AccountRefusedError(403), set(range(5, 100))))
    calls = [Call(uuid7(), uuid7(), replace(request_about, user=str(number))) for number in range(30)]
    plan = CallPlan(calls, 8)
    list(take_turns(calls_to(model), plan, list))
    assert plan.answer == {"remaining": 25}
    assert len(model.asked) == 6


def test_refusals_of_everything_without_a_word_stop_after_so_many_and_end_no_customer(
    request_about: ChatRequest,
) -> None:
    model = FakeChatModel(failing_with(ModelRefusedError(400)))
    plan = CallPlan(range(40), 8)
    outcomes = run_sliced(model, plan, lambda some: calls_of(request_about, len(some)))
    assert [(outcome.status, outcome.is_open) for outcome in outcomes] == [("refused", True)] * DOWN_AFTER
    assert plan.answer == {"remaining": 40, "stalled": True}


def test_refusals_of_a_model_that_answers_are_of_their_calls(request_about: ChatRequest) -> None:
    model = FakeChatModel(refusing(ModelRefusedError(400), {0, 1, 2, 5, 6, 7, 8, 9, 10}))
    outcomes = run_all(model, calls_of(request_about, 12), concurrency=1)
    assert sorted(outcome.status for outcome in outcomes) == ["answered"] * 3 + ["refused"] * 9
    assert not any(outcome.is_open for outcome in outcomes)


@pytest.mark.parametrize(("seconds", "asked"), [(432.0, 1), (2.0, DOWN_AFTER)])
def test_a_provider_that_asks_for_patience_is_left_alone_and_ends_no_customer(
    request_about: ChatRequest, seconds: float, asked: int
) -> None:
    model = FakeChatModel(failing_with(NotNowError("busy", seconds)))
    plan = CallPlan(range(40), 8)
    run_sliced(model, plan, lambda some: calls_of(request_about, len(some)))
    assert (len(model.asked), plan.answer) == (asked, {"remaining": 40, "stalled": True})


def test_waiting_for_slow_calls_takes_no_cpu(request_about: ChatRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue is asked about twice a second, and not without a pause once a chunk is due."""
    asked = 0
    original = vigie_llm.call_pool.BatchCalls.collect

    def counted(self: Any, until: float) -> list[Any]:
        nonlocal asked
        asked += 1
        return original(self, until)

    monkeypatch.setattr(vigie_llm.call_pool.BatchCalls, "collect", counted)

    def reply(request: ChatRequest) -> ChatAnswer:
        time.sleep(2.0)
        return answer_of("done")

    assert len(run_all(FakeChatModel(reply), calls_of(request_about, 16), concurrency=16)) == 16
    assert asked < 60


def test_while_a_pacer_probes_one_call_is_under_way(request_about: ChatRequest) -> None:
    """After an account's refusal the next round begins with one call, and goes on when it is answered."""
    pacer, pool = Pacer(), CallPool(8)
    lock, under_way, most_before = threading.Lock(), 0, []
    state = {"mended": False}

    def reply(request: ChatRequest) -> ChatAnswer:
        nonlocal under_way
        with lock:
            under_way += 1
            most_before.append(under_way)
        time.sleep(0.05)
        with lock:
            under_way -= 1
        if not state["mended"]:
            raise AccountRefusedError(401)
        pacer.record_response(pacer.now(), {})
        return answer_of("done")

    model = FakeChatModel(reply)
    for _ in range(3):
        outcomes_of(BatchCalls(pool, model, read_words, lambda: PLENTY, free, pacer), calls_of(request_about, 20))
    assert most_before == [1, 1, 1]
    state["mended"] = True
    again = BatchCalls(pool, model, read_words, lambda: PLENTY, free, pacer)
    assert len(outcomes_of(again, calls_of(request_about, 20))) == 20
    assert max(most_before) > 1


def test_who_ends_without_a_call_is_no_sign_that_the_model_is_back(request_about: ChatRequest) -> None:
    model = FakeChatModel(failing_with(AccountRefusedError(401)))
    plan = CallPlan(range(10), 20)
    run_sliced(model, plan, lambda some: calls_of(request_about, len(some) - 2))
    assert plan.answer["stalled"]
    assert plan.answer["remaining"] < 10
