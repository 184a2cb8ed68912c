"""Runs the calls of a batch, in parallel and bounded: outcomes come back in chunks as they end."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any

from aws_lambda_powertools import Logger

from vigie_llm.calls import Call, Outcome
from vigie_llm.causes import REMEDIES
from vigie_llm.chat import ChatAnswer, ChatModel
from vigie_llm.errors import (
    AccountRefusedError,
    AnswerRejectedError,
    EgressBlockedError,
    ModelRefusedError,
    ModelUnavailableError,
    NotNowError,
    TextTooLongError,
)
from vigie_llm.pacing import PROBE_SECONDS, Pacer
from vigie_llm.refusals import REFUSALS

logger = Logger(child=True)
CHUNK_SECONDS = 0.5
# A call that begins with less than this would end at the deadline instead of with an answer.
SECONDS_TO_BEGIN = 3.0
DOWN_AFTER = 5
EVERY_CALL = REFUSALS["every_call_refused"]
BUSY = ("rate_limit_exceeded", "the account's limits are used up: wait, or raise them")
# A slice is made ready while calls are under way, by a thread that shares the interpreter with theirs: begun any later
# than this many rounds ahead, it is not ready when the last waiting call has left.
ROUNDS_AHEAD = 2


class CallRunner:
    """Runs calls against one model, `concurrency` at a time. Its threads live as long as the environment.

    There are some threads more than that, for the answers that are being checked meanwhile.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.workers = concurrency + math.ceil(concurrency / 4)
        self.threads = ThreadPoolExecutor(self.workers, thread_name_prefix="call")
        self.places = threading.BoundedSemaphore(concurrency)
        # The models that have answered: of another, refusals in a row may concern every call.
        self.proven: set[str] = set()

    def run[T](
        self,
        model: ChatModel,
        slices: Iterable[Sequence[Call]],
        accept: Callable[[Call, ChatAnswer], tuple[T, dict[str, Any]]],
        seconds_left: Callable[[], float],
        pacer: Pacer | None = None,
    ) -> Iterator[list[Outcome[T]]]:
        """Yield outcomes in chunks, about twice a second; calls begin when the pacer says so.

        A slice is prepared in the caller's thread while calls of those before it are under way. What preparing one
        raises is raised when the outcomes of the calls entered before it have been yielded.

        Calls that could not begin well before the deadline yield nothing: they were never made, and the slices that
        would follow are never prepared. Once the provider has failed `DOWN_AFTER` calls in a row it counts as down
        for this batch, and the rest end as unavailable. When it refuses every call (`AccountRefusedError`), or asks
        everybody to wait longer than can be waited here, the rest are not made either: they yield nothing.
        """
        preparing = _Preparing(iter(slices))
        under_way: _UnderWay[T] = _UnderWay(
            lambda call: model.complete(call.request, seconds_left), lambda call, answer: _check(call, answer, accept),
            self, pacer, seconds_left, model.model,
        )  # fmt: skip
        chunk: list[Outcome[T]] = []
        due = time.monotonic() + CHUNK_SECONDS
        try:
            while True:
                is_over = preparing.is_over or under_way.is_halted or not in_time(seconds_left)
                if not is_over and under_way.wants_more:
                    under_way.add(preparing.next_slice())
                chunk += under_way.give_up()
                if is_over and under_way.is_idle:
                    break
                chunk += under_way.collect(due if is_over or not under_way.wants_more else 0.0)
                if time.monotonic() >= due:
                    if chunk:
                        yield chunk
                    chunk = []
                    due = time.monotonic() + CHUNK_SECONDS
        finally:
            under_way.stop()
        chunk += under_way.suspected()
        if chunk:
            yield chunk
        if preparing.error:
            raise preparing.error


@dataclass(slots=True)
class _Preparing:
    """The slices that are left, and what ended them early."""

    slices: Iterator[Sequence[Call]]
    is_over: bool = False
    error: Exception | None = None

    def next_slice(self) -> Sequence[Call]:
        """The next slice; none after the last, or when it cannot be prepared."""
        try:
            return next(self.slices)
        except StopIteration:
            self.is_over = True
        except Exception as error:
            self.is_over, self.error = True, error
        return ()


class _UnderWay[T]:
    """The calls of a batch that wait and those that run: each thread takes the next one as soon as it is free."""

    def __init__(
        self,
        ask: Callable[[Call], ChatAnswer],
        check: Callable[[Call, ChatAnswer], Outcome[T]],
        runner: CallRunner,
        pacer: Pacer | None,
        seconds_left: Callable[[], float],
        model_id: str,
    ) -> None:
        self._ask = ask
        self._check = check
        self._runner = runner
        self._pacer = pacer
        self._seconds_left = seconds_left
        self._lock = threading.Lock()
        # Held by the one thread that waits for the pacer; the others wait for the gate.
        self._gate = threading.Lock()
        self._waiting: deque[Call] = deque()
        self._ended: SimpleQueue[Outcome[T] | Exception] = SimpleQueue()
        self._takers = self._running = self._failures = 0
        self._told_down = False
        # Why the last call that was not answered was not: those that are given up for it are not for the same reason.
        self._cause: str | None = None
        self._model_id = model_id
        # Refusals before any answer, of which it is not known yet whom they concern.
        self._suspected: list[Outcome[T]] = []
        self.is_halted = False

    @property
    def wants_more(self) -> bool:
        """Whether fewer calls wait than `ROUNDS_AHEAD` times those that can be under way at once."""
        return len(self._waiting) < ROUNDS_AHEAD * self._runner.concurrency

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits, runs or is to be collected."""
        with self._lock:
            return not self._waiting and not self._running and self._ended.empty()

    def add(self, calls: Sequence[Call]) -> None:
        """Have these calls made after those that wait."""
        with self._lock:
            self._waiting.extend(calls)
            missing = min(len(self._waiting), self._runner.workers) - self._takers
            self._takers += max(0, missing)
        for _ in range(missing):
            self._runner.threads.submit(self._take_repeatedly)

    def give_up(self) -> list[Outcome[T]]:
        """Leave unmade what the deadline or a provider that is down does not allow."""
        with self._lock:
            # The deadline is looked at before the failures: at the deadline, calls fail whatever the provider does.
            if not in_time(self._seconds_left):
                self._waiting.clear()
            if self.is_halted:
                self._waiting.clear()
            if self._failures < DOWN_AFTER or not self._waiting:
                return []
            given_up: list[Outcome[T]] = [Outcome(call, "unavailable", cause=self._cause) for call in self._waiting]
            self._waiting.clear()
        if not self._told_down:
            logger.warning("model provider counts as down")
            self._told_down = True
        return given_up

    def suspected(self) -> list[Outcome[T]]:
        """Refusals before any answer: where every call is refused, their customers are asked about again."""
        return [replace(outcome, is_open=self.is_halted) for outcome in self._suspected]

    def collect(self, until: float) -> list[Outcome[T]]:
        """What has ended; the first is waited for."""
        found: list[Outcome[T]] = []
        with suppress(Empty):
            while True:
                wait = 0.0 if found else max(0.0, until - time.monotonic())
                ended = self._ended.get(timeout=wait)
                if isinstance(ended, Exception):
                    raise ended
                found.append(ended)
        return found

    def stop(self) -> None:
        """Begin no more calls."""
        with self._lock:
            self._waiting.clear()

    def _take_repeatedly(self) -> None:
        while True:
            with self._runner.places:
                call = self._take()
                if call is None:
                    return
                asked = _try(self._ask, call)
            ended = _try(self._check, call, asked) if isinstance(asked, ChatAnswer) else asked
            with self._lock:
                self._running -= 1
                self._judge(call, ended)

    def _judge(self, call: Call, ended: Outcome[T] | Exception) -> None:
        """Hand over what came of a call, and stop the others where it concerns them."""
        if isinstance(ended, AccountRefusedError):
            self._halt(ended.code, ended.remedy, ended.status)
        elif isinstance(ended, NotNowError) and self._is_too_busy(ended):
            self._halt(*BUSY)
        outcome = _outcome_of(call, ended) if isinstance(ended, Exception) else ended
        if self._pacer and isinstance(ended, AccountRefusedError):
            self._pacer.refused()
        elif self._pacer and not isinstance(outcome, Outcome):
            self._pacer.unsent()
        self._ended_as(outcome)

    def _ended_as(self, outcome: Outcome[T] | Exception) -> None:
        if isinstance(outcome, Outcome):
            self._failures = self._failures + 1 if outcome.how == "unavailable" else 0
            self._cause = outcome.cause or self._cause
            if outcome.how == "refused" and self._model_id not in self._runner.proven:
                self._suspect(outcome)
                return
            if outcome.answer is not None:
                self._runner.proven.add(self._model_id)
        self._ended.put(outcome)

    def _is_too_busy(self, error: NotNowError) -> bool:
        """Whether the provider asks for more patience than there is; a deadline of ours asks for none."""
        return error.seconds > PROBE_SECONDS or (error.seconds > 0 and self._failures + 1 >= DOWN_AFTER)

    def _suspect(self, outcome: Outcome[T]) -> None:
        """Keep a refusal until it is known whether it concerns every call."""
        self._suspected.append(outcome)
        if len(self._suspected) >= DOWN_AFTER and self._model_id not in self._runner.proven:
            self._halt(EVERY_CALL.code, EVERY_CALL.remedy)

    def _halt(self, code: str, remedy: str, status: int | None = None) -> None:
        """Make no more calls, and let the next round begin with one."""
        self._waiting.clear()
        if self._pacer:
            self._pacer.hold(0.0)
        if not self.is_halted:
            logger.error("model provider refuses every call", code=code, remedy=remedy, status=status)
        self.is_halted = True

    def _take(self) -> Call | None:
        """The next call once the pacer lets it go; None when there is none, or none that may begin."""
        with self._gate:
            while True:
                with self._lock:
                    is_over = self.is_halted or self._failures >= DOWN_AFTER or not in_time(self._seconds_left)
                    if is_over or not self._waiting:
                        self._takers -= 1
                        return None
                    pause = self._pacer.seconds_to_wait() if self._pacer else 0.0
                    if not pause:
                        if self._pacer:
                            self._pacer.sent()
                        self._running += 1
                        return self._waiting.popleft()
                time.sleep(pause)


def in_time(seconds_left: Callable[[], float]) -> bool:
    """Whether a call may still begin."""
    return seconds_left() >= SECONDS_TO_BEGIN


def _outcome_of(call: Call, error: Exception) -> "Outcome[Any] | Exception":
    """What an error says of a call, in the ledger's words; errors of ours are given back."""
    match error:
        case EgressBlockedError():
            return Outcome(call, "blocked", found=error.found)
        case AccountRefusedError():
            # Nothing about this call: its customer is asked about again once the account is mended.
            return Outcome(call, "unavailable", cause=error.code, is_open=True)
        case ModelRefusedError():
            logger.error("model provider refused a call", status=error.status, code=error.code)
            return Outcome(call, "refused", is_too_long=isinstance(error, TextTooLongError))
        case ModelUnavailableError():
            logger.warning("model provider gave no answer", cause=error.cause, remedy=REMEDIES[error.cause])
            return Outcome(call, "unavailable", cause=error.cause, is_open=isinstance(error, NotNowError))
    return error


def _check[T](
    call: Call, answer: ChatAnswer, accept: Callable[[Call, ChatAnswer], tuple[T, dict[str, Any]]]
) -> Outcome[T]:
    if answer.withheld:
        return Outcome(call, "rejected", answer=answer, found={answer.withheld: 1})
    try:
        result, content = accept(call, answer)
    except AnswerRejectedError as error:
        return Outcome(call, "rejected", answer=answer, found=error.found)
    return Outcome(call, "answered", result, content, answer)


def _try[**P, R](do: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R | Exception:
    """What it returns, or the exception it raises: a thread has nobody to raise it to."""
    try:
        return do(*arguments, **named)
    except Exception as error:
        return error
