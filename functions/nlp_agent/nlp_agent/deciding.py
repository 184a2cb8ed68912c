"""What the nlp agent decides for each customer of a batch, before anything leaves."""

from dataclasses import dataclass
from uuid import UUID

from vigie.vocabulary import Reason
from vigie_llm.analysis import MAX_FEEDBACK_CHARACTERS
from vigie_llm.decisions import Ask, Reuse, ask_or_reuse
from vigie_llm.ledger import Earlier
from vigie_llm.pseudonymise import KnownIdentity

SEPARATOR = "\n\n"
# How often a text that was refused for its length is shortened, to a quarter each time.
SHORTENED = 2


@dataclass(frozen=True, slots=True)
class AnalysisCandidate:
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

    candidate: AnalysisCandidate
    reason: Reason


type Decision = Skip | Reuse[AnalysisCandidate] | Ask[AnalysisCandidate]


def decide(candidate: AnalysisCandidate, earlier: Earlier | None) -> Decision:
    """Decide about a customer: consent first, then feedback, then what was paid for already."""
    if candidate.consent_id is None:
        return Skip(candidate, Reason.NO_CONSENT)
    if not candidate.feedback:
        return Skip(candidate, Reason.NO_FEEDBACK)
    return ask_or_reuse(candidate, earlier)


def most_characters(ask: Ask[AnalysisCandidate]) -> int:
    """How much of the feedback to ask about: a quarter after each refusal."""
    return MAX_FEEDBACK_CHARACTERS >> 2 * min(ask.refused, SHORTENED)


def can_be_shorter(ask: Ask[AnalysisCandidate]) -> bool:
    """Whether another attempt may have a shorter text."""
    return ask.refused < SHORTENED


def join_feedback(texts: tuple[str, ...], most_characters: int) -> str:
    """Join the newest texts that fit, the oldest of them first.

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
