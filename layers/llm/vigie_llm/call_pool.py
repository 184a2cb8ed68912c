"""Run the calls of a batch, in parallel and bounded: outcomes come back in chunks as they end."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from aws_lambda_powertools import Logger

from vigie.vocabulary import CallStatus
from vigie_llm.calls import Call, CallOutcome, CallPlan
from vigie_llm.causes import REMEDIES
from vigie_llm.chat import ChatAnswer, ChatModel, ChatRequest
from vigie_llm.errors import (
    AccountRefusedError,
    AnswerRejectedError,
    CallWithdrawnError,
    EgressBlockedError,
    ModelRefusedError,
    ModelUnavailableError,
    NotNowError,
    TextTooLongError,
)
from vigie_llm.pacing import PROBE_SECONDS, Pacer
from vigie_llm.refusals import REFUSALS

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

logger = Logger(child=True)
CHUNK_SECONDS = 0.5
# A call that begins with less than this would end at the deadline instead of with an answer.
SECONDS_TO_BEGIN = 3.0
DOWN_AFTER = 5
EVERY_CALL = REFUSALS["every_call_refused"]
BUSY = ("rate_limit_exceeded", "the account's limits are used up: wait, or raise them")
# A slice is recorded while calls are under way, by a thread that shares the interpreter with theirs: begun any later
# than this many rounds ahead, it is not recorded when the last waiting call has left.
ROUNDS_AHEAD = 2

type ReadAnswer[T] = Callable[[ChatRequest, ChatAnswer], T]


class CallPool:
    """The threads that make calls, `concurrency` calls at a time. They live as long as the environment.

    There are some threads more than that, for the answers that are being checked meanwhile.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.workers = concurrency + math.ceil(concurrency / 4)
        self.threads = ThreadPoolExecutor(self.workers, thread_name_prefix="call")
        self.places = threading.BoundedSemaphore(concurrency)
        # The models that have answered: of another, refusals in a row may concern every call.
        self.proven: set[str] = set()

    @property
    def calls_ahead(self) -> int:
        """How many calls are best recorded ahead of those under way."""
        return ROUNDS_AHEAD * self.concurrency


class Turn[D, T: DataclassInstance](NamedTuple):
    """What is to be done next: decisions to record, or outcomes to store."""

    decisions: Sequence[D] = ()
    outcomes: Sequence[CallOutcome[T]] = ()


class BatchCalls[T: DataclassInstance]:
    """The calls of a batch that wait and those under way: each thread takes the next one as soon as it is free.

    Calls that could not begin well before the deadline, or once `may_begin` says no, are never made. Once the provider
    has failed `DOWN_AFTER` calls in a row it counts as down for this batch, and the rest end as unavailable. When it
    refuses every call (`AccountRefusedError`), or asks everybody to wait longer than can be waited here, the rest are
    not made either.
    """

    def __init__(
        self,
        pool: CallPool,
        model: ChatModel,
        read: ReadAnswer[T],
        seconds_left: Callable[[], float],
        claim: Callable[[UUID], None],
        pacer: Pacer | None = None,
        may_begin: Callable[[], bool] = lambda: True,
    ) -> None:
        self._pool = pool
        self._model = model
        self._model_id = model.model
        self._read = read
        self._seconds_left = seconds_left
        self._claim = claim
        self._pacer = pacer
        self._may_begin = may_begin
        self._lock = threading.Lock()
        # Held by the one thread that waits for the pacer; the others wait for the gate.
        self._gate = threading.Lock()
        self._waiting: deque[Call] = deque()
        self._ended: SimpleQueue[CallOutcome[T] | Exception] = SimpleQueue()
        self._takers = self._running = self._failures = 0
        self._is_down_logged = False
        # Why the last call without an answer had none: those that are given up for it have none for the same reason.
        self._cause: str | None = None
        # Refusals before any answer, of which it is not known yet whom they concern.
        self._suspected: list[CallOutcome[T]] = []
        self._is_halted = False

    def turns[D](self, plan: CallPlan[D]) -> Iterator[Turn[D, T]]:
        """Yield what to do next, until every call has ended: record a slice of decisions, or store outcomes.

        A slice is due while calls of those before it are under way; outcomes come about twice a second. When a slice
        could not be recorded, its error is raised once the outcomes of the calls recorded before it are stored.
        """
        chunk: list[CallOutcome[T]] = []
        due = time.monotonic() + CHUNK_SECONDS
        try:
            while True:
                is_over = plan.is_recorded or self._is_halted or not self._in_time()
                if not is_over and self._wants_more:
                    yield Turn(decisions=plan.next_slice())
                chunk += self._give_up()
                if is_over and self._is_idle:
                    break
                chunk += self.collect(due if is_over or not self._wants_more else 0.0)
                if time.monotonic() >= due:
                    if chunk:
                        yield Turn(outcomes=chunk)
                    chunk = []
                    due = time.monotonic() + CHUNK_SECONDS
        finally:
            self.stop()
        # Where every call is refused, the customers of the first refusals are asked about again, too.
        chunk += [replace(outcome, is_open=self._is_halted) for outcome in self._suspected]
        if chunk:
            yield Turn(outcomes=chunk)
        if plan.failure:
            raise plan.failure

    def add(self, calls: Sequence[Call]) -> None:
        """Have these calls made after those that wait."""
        with self._lock:
            self._waiting.extend(calls)
            missing = min(len(self._waiting), self._pool.workers) - self._takers
            self._takers += max(0, missing)
        for _ in range(missing):
            self._pool.threads.submit(self._take_repeatedly)

    def collect(self, until: float) -> list[CallOutcome[T]]:
        """Return what has ended; wait for the first."""
        found: list[CallOutcome[T]] = []
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

    @property
    def _wants_more(self) -> bool:
        return len(self._waiting) < self._pool.calls_ahead

    @property
    def _is_idle(self) -> bool:
        """Whether nothing waits, runs or is to be collected."""
        with self._lock:
            return not self._waiting and not self._running and self._ended.empty()

    def _in_time(self) -> bool:
        """Whether a call may still begin."""
        return self._seconds_left() >= SECONDS_TO_BEGIN and self._may_begin()

    def _give_up(self) -> list[CallOutcome[T]]:
        """Leave unmade what the deadline or a provider that is down does not allow."""
        with self._lock:
            # The deadline is looked at before the failures: at the deadline, calls fail whatever the provider does.
            if self._is_halted or not self._in_time():
                self._waiting.clear()
            if self._failures < DOWN_AFTER or not self._waiting:
                return []
            given_up: list[CallOutcome[T]] = [
                CallOutcome(call, CallStatus.UNAVAILABLE, cause=self._cause) for call in self._waiting
            ]
            self._waiting.clear()
        if not self._is_down_logged:
            logger.warning("model provider counts as down")
            self._is_down_logged = True
        return given_up

    def _take_repeatedly(self) -> None:
        while True:
            with self._pool.places:
                call = self._take()
                if call is None:
                    return
                asked = _try(
                    self._model.complete, call.request, self._seconds_left, partial(self._claim, call.egress_id)
                )
            ended = _try(self._check, call, asked) if isinstance(asked, ChatAnswer) else asked
            with self._lock:
                self._running -= 1
                self._judge(call, ended)

    def _take(self) -> Call | None:
        """Return the next call once the pacer lets it go; None when there is none, or none that may begin."""
        with self._gate:
            while True:
                with self._lock:
                    is_over = self._is_halted or self._failures >= DOWN_AFTER or not self._in_time()
                    if is_over or not self._waiting:
                        self._takers -= 1
                        return None
                    pause = self._pacer.seconds_to_wait() if self._pacer else 0.0
                    if not pause:
                        if self._pacer:
                            self._pacer.record_sent()
                        self._running += 1
                        return self._waiting.popleft()
                time.sleep(pause)

    def _check(self, call: Call, answer: ChatAnswer) -> CallOutcome[T]:
        if answer.withheld:
            return CallOutcome(call, CallStatus.REJECTED, answer=answer, violations={answer.withheld: 1})
        try:
            return CallOutcome(call, CallStatus.ANSWERED, self._read(call.request, answer), answer)
        except AnswerRejectedError as error:
            return CallOutcome(call, CallStatus.REJECTED, answer=answer, violations=error.found)

    def _judge(self, call: Call, ended: CallOutcome[T] | Exception) -> None:
        """Queue what came of a call, and stop the others where it concerns them."""
        if isinstance(ended, AccountRefusedError):
            self._halt(ended.code, ended.remedy, ended.status)
        elif isinstance(ended, NotNowError) and self._is_too_busy(ended):
            self._halt(*BUSY)
        outcome = _outcome_of(call, ended) if isinstance(ended, Exception) else ended
        if self._pacer and isinstance(ended, AccountRefusedError):
            self._pacer.record_refusal()
        elif self._pacer and not isinstance(outcome, CallOutcome):
            self._pacer.record_not_sent()
        self._queue(outcome)

    def _queue(self, outcome: CallOutcome[T] | Exception) -> None:
        if isinstance(outcome, CallOutcome) and not outcome.is_withdrawn:
            self._failures = self._failures + 1 if outcome.status is CallStatus.UNAVAILABLE else 0
            self._cause = outcome.cause or self._cause
            if outcome.status is CallStatus.REFUSED and self._model_id not in self._pool.proven:
                self._suspect(outcome)
                return
            if outcome.answer is not None:
                self._pool.proven.add(self._model_id)
        self._ended.put(outcome)

    def _is_too_busy(self, error: NotNowError) -> bool:
        """Whether the provider asks for more patience than there is; a deadline of ours asks for none."""
        return error.seconds > PROBE_SECONDS or (error.seconds > 0 and self._failures + 1 >= DOWN_AFTER)

    def _suspect(self, outcome: CallOutcome[T]) -> None:
        """Keep a refusal until it is known whether it concerns every call."""
        self._suspected.append(outcome)
        if len(self._suspected) >= DOWN_AFTER and self._model_id not in self._pool.proven:
            self._halt(EVERY_CALL.code, EVERY_CALL.remedy)

    def _halt(self, code: str, remedy: str, status: int | None = None) -> None:
        """Make no more calls, and let the next round begin with one."""
        self._waiting.clear()
        if self._pacer:
            self._pacer.hold(0.0)
        if not self._is_halted:
            logger.error("model provider refuses every call", code=code, remedy=remedy, status=status)
        self._is_halted = True


def _outcome_of(call: Call, error: Exception) -> "CallOutcome[Any] | Exception":
    """What an error says of a call, in the ledger's words; errors of ours are returned as they are."""
    match error:
        case EgressBlockedError():
            return CallOutcome(call, CallStatus.BLOCKED, violations=error.found)
        case CallWithdrawnError():
            # The outcome of a call that left before; the withdrawal has closed one that did not.
            return CallOutcome(call, CallStatus.UNAVAILABLE, is_withdrawn=True)
        case AccountRefusedError():
            # Nothing about this call: its customer is asked about again once the account is mended.
            return CallOutcome(call, CallStatus.UNAVAILABLE, cause=error.code, is_open=True)
        case ModelRefusedError():
            logger.error("model provider refused a call", status=error.status, code=error.code)
            return CallOutcome(call, CallStatus.REFUSED, is_too_long=isinstance(error, TextTooLongError))
        case ModelUnavailableError():
            logger.warning("model provider gave no answer", cause=error.cause, remedy=REMEDIES[error.cause])
            is_open = isinstance(error, NotNowError)
            return CallOutcome(call, CallStatus.UNAVAILABLE, cause=error.cause, is_open=is_open)
    return error


def _try[**P, R](do: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R | Exception:
    """Return the result, or the exception: a thread has no caller to raise it to."""
    try:
        return do(*arguments, **named)
    except Exception as error:
        return error
