"""A call to the model, what came of it, and how a batch's calls are entered slice by slice."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from vigie_llm.chat import ChatAnswer, ChatRequest


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the ledger allows, for one customer."""

    customer_id: UUID
    egress_id: UUID
    request: ChatRequest


@dataclass(frozen=True, slots=True)
class Outcome[T]:
    """What came of a call; `result` when it was answered. `how` is the ledger's word for it.

    `cause` says why no answer came: one of `causes`, or the code of `refusals` with which the account was refused.
    `is_open`: the call has ended and its customer has not, who is asked about again in another round. `is_too_long`:
    a shorter text may pass.
    """

    call: Call
    how: str
    result: T | None = None
    content: dict[str, Any] | None = None
    answer: ChatAnswer | None = None
    found: dict[str, int] = field(default_factory=dict)
    cause: str | None = None
    is_open: bool = False
    is_too_long: bool = False

    def without_content(self) -> "Outcome[T]":
        """The same outcome, with nothing kept of what was answered."""
        return replace(self, result=None, content=None)


class Slices[D]:
    """A batch's decisions, entered slice by slice while the calls of earlier ones are under way.

    `enter` commits some decisions and returns the calls that may leave after it. The first slice is half a `size`:
    until it is entered, nothing is under way.
    """

    def __init__(self, decisions: Sequence[D], size: int, enter: Callable[[Sequence[D]], list[Call]]) -> None:
        self._decisions = decisions
        self._size = size
        self._enter = enter
        self._entered = 0
        self._open: dict[UUID, Call] = {}
        self._again = self._closed = 0

    def __iter__(self) -> Iterator[list[Call]]:
        while self._entered < len(self._decisions):
            size = self._size if self._entered else max(1, self._size // 2)
            some = self._decisions[self._entered : self._entered + size]
            calls = self._enter(some)
            self._entered += len(some)
            self._open |= {call.egress_id: call for call in calls}
            yield calls

    def ended(self, outcomes: Iterable[Outcome[Any]]) -> None:
        """Note that these outcomes are stored."""
        for outcome in outcomes:
            del self._open[outcome.call.egress_id]
            self._again += outcome.is_open
            self._closed += not outcome.is_open

    @property
    def unsent(self) -> list[Call]:
        """The calls that were entered and have no outcome."""
        return list(self._open.values())

    @property
    def remaining(self) -> int:
        """How many customers have not come to an end, entered or not."""
        return len(self._open) + self._again + len(self._decisions) - self._entered

    @property
    def answer(self) -> dict[str, Any]:
        """What the state machine needs to know: how many remain, and whether no call brought anybody to an end.

        Those who end without a call are no sign that the model is back.
        """
        remaining = self.remaining
        is_stalled = self._closed == 0 and (self._again > 0 or remaining == len(self._decisions))
        return {"remaining": remaining} | ({"stalled": True} if remaining and is_stalled else {})
