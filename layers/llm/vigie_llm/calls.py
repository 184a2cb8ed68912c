"""The calls of a batch, in parallel and bounded: outcomes come back in chunks as they end."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Any
from uuid import UUID

from aws_lambda_powertools import Logger

from vigie_llm.chat import ChatAnswer, ChatModel, ChatRequest
from vigie_llm.errors import (
    AnswerRejectedError,
    EgressBlockedError,
    ModelRefusedError,
    ModelUnavailableError,
)
from vigie_llm.pacing import Pacer

logger = Logger(child=True)
CHUNK_SECONDS = 0.5
# A call that begins with less than this would end at the deadline instead of with an answer.
SECONDS_TO_BEGIN = 3.0
DOWN_AFTER = 5


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the ledger allows, for one customer."""

    customer_id: UUID
    egress_id: UUID
    request: ChatRequest


@dataclass(frozen=True, slots=True)
class Outcome[T]:
    """What came of a call; `result` when it was answered. `how` is the ledger's word for it."""

    call: Call
    how: str
    result: T | None = None
    content: dict[str, Any] | None = None
    answer: ChatAnswer | None = None
    found: dict[str, int] = field(default_factory=dict)

    def without_content(self) -> "Outcome[T]":
        """The same outcome, with nothing kept of what was answered."""
        return replace(self, result=None, content=None)


class CallRunner:
    """Runs calls against one model, `concurrency` at a time. Its threads live as long as the environment."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="call")

    def run[T](
        self,
        model: ChatModel,
        calls: Sequence[Call],
        accept: Callable[[Call, ChatAnswer], tuple[T, dict[str, Any]]],
        seconds_left: Callable[[], float],
        pacer: Pacer | None = None,
    ) -> Iterator[list[Outcome[T]]]:
        """Yield outcomes in chunks, about twice a second; calls begin when the pacer says so.

        Calls that could not begin well before the deadline yield nothing: they were never made. Once the provider
        has failed `DOWN_AFTER` calls in a row it counts as down for this batch, and the rest end as unavailable.
        """
        under_way: _UnderWay[T] = _UnderWay(list(reversed(calls)))
        chunk: list[Outcome[T]] = []
        due = time.monotonic() + CHUNK_SECONDS

        def begin(call: Call) -> Future[Outcome[T]]:
            return self._threads.submit(_make_call, model, call, accept, seconds_left)

        while under_way.waiting or under_way.running:
            pause = under_way.begin_some(begin, self._concurrency, seconds_left, pacer)
            chunk += under_way.give_up(seconds_left)
            chunk += under_way.collect(min(due, time.monotonic() + pause) if pause else due)
            if time.monotonic() >= due or not (under_way.waiting or under_way.running):
                if chunk:
                    yield chunk
                chunk = []
                due = time.monotonic() + CHUNK_SECONDS


@dataclass(slots=True)
class _UnderWay[T]:
    """The calls of a batch that wait (the next one last), those that run, and how many failed in a row."""

    waiting: list[Call]
    running: int = 0
    failures: int = 0
    ended: "SimpleQueue[Future[Outcome[T]]]" = field(default_factory=SimpleQueue)

    def begin_some(
        self,
        begin: Callable[[Call], Future[Outcome[T]]],
        concurrency: int,
        seconds_left: Callable[[], float],
        pacer: Pacer | None,
    ) -> float:
        """Begin what may begin now; returns the seconds after which the pacer is to be asked again, or 0."""
        while self.waiting and self.running < concurrency and self.failures < DOWN_AFTER and in_time(seconds_left):
            if pacer and (pause := pacer.seconds_to_wait()):
                return pause
            if pacer:
                pacer.sent()
            begin(self.waiting.pop()).add_done_callback(self.ended.put)
            self.running += 1
        return 0.0

    def give_up(self, seconds_left: Callable[[], float]) -> list[Outcome[T]]:
        """Leave unmade what the deadline or a provider that is down does not allow."""
        given_up: list[Outcome[T]] = []
        # The deadline is looked at before the failures: at the deadline, calls fail whatever the provider does.
        if in_time(seconds_left):
            if self.failures < DOWN_AFTER or not self.waiting:
                return []
            logger.warning("model provider counts as down", unasked=len(self.waiting))
            given_up = [Outcome(call, "unavailable") for call in self.waiting]
        self.waiting.clear()
        return given_up

    def collect(self, until: float) -> list[Outcome[T]]:
        """What has ended; the first is waited for, unless nothing runs or waits."""
        found: list[Outcome[T]] = []
        wait = max(0.0, until - time.monotonic()) if self.running or self.waiting else 0.0
        with suppress(Empty):
            while True:
                found.append(self.ended.get(timeout=wait).result())
                wait = 0.0
        self.running -= len(found)
        for outcome in found:
            self.failures = self.failures + 1 if outcome.how == "unavailable" else 0
        return found


def in_time(seconds_left: Callable[[], float]) -> bool:
    """Whether a call may still begin."""
    return seconds_left() >= SECONDS_TO_BEGIN


def _make_call[T](
    model: ChatModel,
    call: Call,
    accept: Callable[[Call, ChatAnswer], tuple[T, dict[str, Any]]],
    seconds_left: Callable[[], float],
) -> Outcome[T]:
    answer = None
    try:
        answer = model.complete(call.request, seconds_left)
        result, content = accept(call, answer)
    except EgressBlockedError as error:
        return Outcome(call, "blocked", found=error.found)
    except ModelRefusedError as error:
        logger.error("model provider refused a call", status=error.status)
        return Outcome(call, "refused")
    except ModelUnavailableError:
        return Outcome(call, "unavailable")
    except AnswerRejectedError as error:
        return Outcome(call, "rejected", answer=answer, found=error.found)
    return Outcome(call, "answered", result, content, answer)
