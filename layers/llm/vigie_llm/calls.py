"""The calls of a batch, in parallel and bounded: outcomes come back in chunks as they end."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
    ) -> Iterator[list[Outcome[T]]]:
        """Yield outcomes in chunks, about twice a second.

        Calls that could not begin well before the deadline yield nothing: they were never made. Once the provider
        has failed `DOWN_AFTER` calls in a row it counts as down for this batch, and the rest end as unavailable.
        """
        waiting = list(reversed(calls))
        ended: SimpleQueue[Future[Outcome[T]]] = SimpleQueue()
        running = failures = 0
        chunk: list[Outcome[T]] = []
        due = time.monotonic() + CHUNK_SECONDS
        while waiting or running:
            while waiting and running < self._concurrency and failures < DOWN_AFTER and in_time(seconds_left):
                call = self._threads.submit(_make_call, model, waiting.pop(), accept, seconds_left)
                call.add_done_callback(ended.put)
                running += 1
            if not in_time(seconds_left):
                # Before the failures are looked at: at the deadline, calls fail whatever the provider does.
                waiting.clear()
            elif waiting and failures >= DOWN_AFTER:
                logger.warning("model provider counts as down", unasked=len(waiting))
                chunk += [Outcome(call, "unavailable") for call in waiting]
                waiting.clear()
            for future in _ended_until(ended, due) if running else ():
                running -= 1
                outcome = future.result()
                failures = failures + 1 if outcome.how == "unavailable" else 0
                chunk.append(outcome)
            if chunk and (time.monotonic() >= due or not (waiting or running)):
                yield chunk
                chunk = []
            if time.monotonic() >= due:
                due = time.monotonic() + CHUNK_SECONDS


def _ended_until[T](ended: "SimpleQueue[Future[T]]", due: float) -> Iterator[Future[T]]:
    """What has ended: the first is waited for until `due`, the others are there already."""
    try:
        yield ended.get(timeout=max(0.0, due - time.monotonic()))
        while True:
            yield ended.get_nowait()
    except Empty:
        return


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
