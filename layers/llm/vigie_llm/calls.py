"""A call to the model, what came of it, and how far a batch's calls are recorded and stored."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from vigie.vocabulary import CallStatus
from vigie_llm.chat import ChatAnswer, ChatRequest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the ledger allows, for one customer."""

    customer_id: UUID
    egress_id: UUID
    request: ChatRequest


@dataclass(frozen=True, slots=True)
class CallOutcome[T: DataclassInstance]:
    """What came of a call; `result` when it was answered. `status` is the ledger's word for it.

    `cause` says why no answer came: one of `causes`, or the code of `refusals` with which the account was refused;
    `violations` what the guard found. `is_open`: the call has ended and its customer has not, who is asked about again
    in another round. `is_too_long`: a shorter text may pass. `is_withdrawn`: a consent that the call rests on was
    withdrawn before it could leave, for the first time or again.
    """

    call: Call
    status: CallStatus
    result: T | None = None
    answer: ChatAnswer | None = None
    violations: dict[str, int] = field(default_factory=dict)
    cause: str | None = None
    is_open: bool = False
    is_too_long: bool = False
    is_withdrawn: bool = False

    @property
    def content(self) -> dict[str, Any] | None:
        """The result as the ledger stores it."""
        return None if self.result is None else asdict(self.result)

    def without_content(self) -> "CallOutcome[T]":
        """Return the same outcome, with nothing kept of what was answered."""
        return replace(self, result=None)


class CallPlan[D]:
    """A batch's decisions in the order in which they are recorded, and what has become of their calls.

    The first slice is half a `size`: until it is recorded, no call is under way.
    """

    def __init__(self, decisions: Sequence[D], size: int) -> None:
        self._decisions = decisions
        self._size = size
        self._taken = 0
        self._open: dict[UUID, Call] = {}
        self._again = self._closed = 0
        self.failure: Exception | None = None

    @property
    def is_recorded(self) -> bool:
        """Whether no decision is left to record, or one could not be recorded."""
        return self.failure is not None or self._taken == len(self._decisions)

    def next_slice(self) -> Sequence[D]:
        """Take the decisions to record next."""
        size = self._size if self._taken else max(1, self._size // 2)
        some = self._decisions[self._taken : self._taken + size]
        self._taken += len(some)
        return some

    def mark_recorded(self, calls: Iterable[Call]) -> None:
        """Note the calls of a slice that is committed."""
        self._open |= {call.egress_id: call for call in calls}

    def mark_stored(self, outcomes: Iterable[CallOutcome[Any]]) -> None:
        """Note that these outcomes are committed."""
        for outcome in outcomes:
            del self._open[outcome.call.egress_id]
            self._again += outcome.is_open
            self._closed += not outcome.is_open

    @property
    def not_sent(self) -> list[Call]:
        """The calls that were recorded and have no outcome."""
        return list(self._open.values())

    @property
    def remaining(self) -> int:
        """How many customers have not come to an end, recorded or not."""
        return len(self._open) + self._again + len(self._decisions) - self._taken

    @property
    def answer(self) -> dict[str, Any]:
        """What the state machine needs to know: how many remain, and whether no call brought a customer to an end.

        Customers who end without a call are no sign that the model is back.
        """
        remaining = self.remaining
        is_stalled = self._closed == 0 and (self._again > 0 or remaining == len(self._decisions))
        return {"remaining": remaining} | ({"stalled": True} if remaining and is_stalled else {})
