"""Make calls as a batch does: record slices, take outcomes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vigie_llm.call_pool import BatchCalls
from vigie_llm.calls import Call, CallOutcome, CallPlan
from vigie_llm.chat import ChatAnswer, ChatRequest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class Words:
    """An answer as it came."""

    content: str


def free(*_egress_id: object) -> None:
    """Claim a call that no ledger holds."""


def read_words(request: ChatRequest, answer: ChatAnswer) -> Words:
    """Accept any answer."""
    return Words(answer.content)


def take_turns[D, T: DataclassInstance](
    calls: BatchCalls[T], plan: CallPlan[D], record: Callable[[Sequence[D]], list[Call]]
) -> Iterator[list[CallOutcome[T]]]:
    """Yield outcomes as they are to be stored; `record` makes calls of a slice, and may fail."""
    for turn in calls.turns(plan):
        if turn.decisions:
            try:
                recorded = record(turn.decisions)
            except Exception as error:
                plan.failure = error
                continue
            plan.mark_recorded(recorded)
            calls.add(recorded)
        else:
            plan.mark_stored(turn.outcomes)
            yield list(turn.outcomes)


def chunks_of[T: DataclassInstance](calls: BatchCalls[T], some: Sequence[Call]) -> Iterator[list[CallOutcome[T]]]:
    """Yield the outcomes of these calls, recorded all at once."""
    return take_turns(calls, CallPlan(some, 2 * len(some)), list)


def outcomes_of[T: DataclassInstance](calls: BatchCalls[T], some: Sequence[Call]) -> list[CallOutcome[T]]:
    """Return the outcomes of these calls."""
    return [outcome for chunk in chunks_of(calls, some) for outcome in chunk]
