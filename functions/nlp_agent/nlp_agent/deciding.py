"""What the nlp agent decides for each customer of a batch, before anything leaves."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vigie.vocabulary import CallStatus, Reason
from vigie_llm.analysis import MAX_FEEDBACK_CHARACTERS
from vigie_llm.ledger import Earlier
from vigie_llm.pseudonymise import KnownIdentity

SEPARATOR = "\n\n"
# How often a text that was refused for its length is shortened, to a quarter each time.
SHORTENED = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer of the batch whose analysis is not ended yet. `feedback` is newest first."""

    customer_id: UUID
    known: KnownIdentity
    language: str
    consent_id: int | None
    feedback_ids: tuple[UUID, ...]
    feedback: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing is to be analysed, for this reason."""

    candidate: Candidate
    reason: Reason


@dataclass(frozen=True, slots=True)
class Reuse:
    """An earlier delivery of this batch has the answer already."""

    candidate: Candidate
    egress_id: UUID
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """The model is to be asked; `lost` is an earlier call whose outcome nobody knows.

    `refused`: how many calls of this run about the customer were refused, for their length where they are made again.
    """

    candidate: Candidate
    attempt: int
    lost: UUID | None = None
    refused: int = 0

    @property
    def most_characters(self) -> int:
        """How much of the feedback to ask about: a quarter after each refusal."""
        return MAX_FEEDBACK_CHARACTERS >> 2 * min(self.refused, SHORTENED)

    @property
    def can_be_shorter(self) -> bool:
        """Whether another attempt may have a shorter text."""
        return self.refused < SHORTENED


type Decision = Skip | Reuse | Ask


def decide(candidate: Candidate, earlier: Earlier | None) -> Decision:
    """What to do about a customer: consent first, then feedback, then what was paid for already."""
    if candidate.consent_id is None:
        return Skip(candidate, Reason.NO_CONSENT)
    if not candidate.feedback:
        return Skip(candidate, Reason.NO_FEEDBACK)
    if earlier is None:
        return Ask(candidate, attempt=1)
    if earlier.outcome is CallStatus.ANSWERED and earlier.answer is not None:
        return Reuse(candidate, earlier.egress_id, earlier.answer)
    lost = earlier.egress_id if earlier.outcome is None else None
    return Ask(candidate, attempt=earlier.attempt + 1, lost=lost, refused=earlier.refused)


def in_turn(decisions: list[Decision]) -> list[Decision]:
    """Those first who were asked about least often: what stops one customer's calls keeps nobody else waiting."""
    return sorted(decisions, key=lambda decision: decision.attempt if isinstance(decision, Ask) else 0)


def join_feedback(texts: tuple[str, ...], most_characters: int) -> str:
    """The newest texts that fit, oldest of them first.

    The newest is there whole even when it does not fit: it may be cut only once it is masked, because half an
    identifier is not recognised as one.
    """
    chosen: list[str] = []
    room = most_characters
    for text in texts:
        if chosen and len(text) > room:
            break
        chosen.append(text)
        room -= len(text) + len(SEPARATOR)
    return SEPARATOR.join(reversed(chosen))
