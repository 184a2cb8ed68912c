"""What the action agent decides: the segment, who may be made an offer, and what the catalogue says otherwise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vigie.vocabulary import ActionSource, CallStatus, Reason, Segment, StepOutcome
from vigie_llm.action import Case, Offer, WordedAction
from vigie_llm.ledger import Earlier
from vigie_llm.pseudonymise import KnownIdentity

DRIVERS_TOLD = 3


@dataclass(frozen=True, slots=True)
class Found:
    """The analysis of this run, when there is one."""

    sentiment: str
    topics: tuple[str, ...]
    summary: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer of the batch without an action yet. `probability` is missing when the prediction failed.

    `analysis_lost` says that the analysis failed or was given up, or had done so when the prediction was made.
    """

    customer_id: UUID
    known: KnownIdentity
    language: str
    annual_value_eur: float | None
    consent_id: int | None
    profiled: bool
    probability: float | None
    drivers: tuple[dict[str, Any], ...]
    found: Found | None
    analysis_lost: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """What is stored for a customer: worded by the model, from the catalogue for a reason, or none."""

    customer_id: UUID
    segment: Segment
    probability: float
    language: str
    source: ActionSource
    source_reason: Reason | None = None
    offer_id: str | None = None
    reason: str | None = None
    message: str | None = None
    egress_id: UUID | None = None
    analysis_lost: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """The model is to be asked; `lost` is an earlier call whose outcome nobody knows."""

    candidate: Candidate
    segment: Segment
    attempt: int
    lost: UUID | None = None


def why_not(candidate: Candidate) -> tuple[StepOutcome, Reason] | None:
    """Outcome and reason when there is nothing to decide on, or None."""
    if not candidate.profiled:
        return StepOutcome.WITHDRAWN, Reason.CONSENT_WITHDRAWN
    return (StepOutcome.FAILED, Reason.NO_PREDICTION) if candidate.probability is None else None


def decide(candidate: Candidate, segment: Segment, earlier: Earlier | None, offers: Sequence[Offer]) -> Action | Ask:
    """An action at once, where no offer may be made or the answer is paid for; else the model is to be asked."""
    if candidate.consent_id is None:
        return without_offer(candidate, segment, Reason.NO_CONSENT)
    if not offers_for(segment, offers):
        return without_offer(candidate, segment, Reason.NO_OFFER)
    if earlier is None:
        return Ask(candidate, segment, attempt=1)
    if earlier.outcome is CallStatus.ANSWERED and earlier.answer is not None:
        return from_model(candidate, segment, WordedAction(**earlier.answer), earlier.egress_id)
    lost = earlier.egress_id if earlier.outcome is None else None
    return Ask(candidate, segment, earlier.attempt + 1, lost)


def offers_for(segment: Segment, offers: Sequence[Offer]) -> tuple[Offer, ...]:
    """The offers that may be made in a segment."""
    return tuple(offer for offer in offers if segment in offer.segments)


def as_case(candidate: Candidate, segment: Segment) -> Case:
    """What the model is told: nothing that identifies the customer, no exact probability."""
    assert candidate.probability is not None  # noqa: S101  (see why_not)
    found = candidate.found
    words = f"words_{candidate.language}"
    return Case(
        language=candidate.language,
        segment=segment,
        probability_band=probability_band(candidate.probability),
        drivers=tuple(
            {"feature": d["feature"], "direction": d["direction"], "words": d[words]}
            for d in candidate.drivers[:DRIVERS_TOLD]
        ),
        sentiment=found.sentiment if found else None,
        topics=found.topics if found else (),
        summary=found.summary if found else None,
    )


def probability_band(probability: float) -> str:
    """A tenth wide: 0.73 is in 0.7-0.8, and 1.0 in 0.9-1.0."""
    low = min(9, math.floor(probability * 10))
    return f"{low / 10:.1f}-{(low + 1) / 10:.1f}"


def from_model(candidate: Candidate, segment: Segment, worded: WordedAction, egress_id: UUID) -> Action:
    """The action that the model chose and worded."""
    return Action(
        candidate.customer_id,
        segment,
        _known(candidate.probability),
        candidate.language,
        source=ActionSource.MODEL,
        offer_id=worded.offer_id,
        reason=worded.reason,
        message=worded.message,
        egress_id=egress_id,
        analysis_lost=candidate.analysis_lost,
    )


def from_catalogue(candidate: Candidate, segment: Segment, why: Reason, offers: Sequence[Offer]) -> Action:
    """The catalogue's own words for the offer that answers most of the customer's topics, marked as such."""
    offer = best_offer(candidate.found.topics if candidate.found else (), offers_for(segment, offers))
    return Action(
        candidate.customer_id,
        segment,
        _known(candidate.probability),
        candidate.language,
        source=ActionSource.CATALOGUE,
        source_reason=why,
        offer_id=offer.offer_id,
        reason=None,
        message=offer.message,
        analysis_lost=candidate.analysis_lost,
    )


def without_offer(candidate: Candidate, segment: Segment, why: Reason) -> Action:
    """A segment and nothing else."""
    return Action(
        candidate.customer_id,
        segment,
        _known(candidate.probability),
        candidate.language,
        source=ActionSource.NONE,
        source_reason=why,
        analysis_lost=candidate.analysis_lost,
    )


def best_offer(topics: Sequence[str], offers: Sequence[Offer]) -> Offer:
    """The offer that shares most topics; of equals, the one that comes first in the catalogue."""
    return max(offers, key=lambda offer: len(set(topics) & set(offer.topics)))


def _known(probability: float | None) -> float:
    assert probability is not None  # noqa: S101  (see why_not)
    return probability
