"""What is decided about a customer before the model is called: to ask it, or to use an answer that was paid for."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vigie.vocabulary import CallStatus
from vigie_llm.ledger import Earlier


@dataclass(frozen=True, slots=True)
class Ask[C]:
    """The model is to be asked.

    `refused`: how many calls of this run about the customer were refused; `left`: how many may have left.
    """

    candidate: C
    attempt: int
    refused: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Reuse[C]:
    """An earlier delivery of this batch has the answer already."""

    candidate: C
    egress_id: UUID
    answer: dict[str, Any]


def ask_or_reuse[C](candidate: C, earlier: Earlier | None) -> Ask[C] | Reuse[C]:
    """Ask again only where no answer was kept."""
    if earlier is None:
        return Ask(candidate, attempt=1)
    if earlier.outcome is CallStatus.ANSWERED and earlier.answer is not None:
        return Reuse(candidate, earlier.egress_id, earlier.answer)
    return Ask(candidate, attempt=earlier.attempt + 1, refused=earlier.refused, left=earlier.left)


def in_turn[D](decisions: list[D]) -> list[D]:
    """Put those first who were asked about least often: what stops one customer's calls then delays no other."""
    return sorted(decisions, key=lambda decision: decision.left + 1 if isinstance(decision, Ask) else 0)
