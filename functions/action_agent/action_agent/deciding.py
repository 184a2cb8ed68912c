"""What the action agent decides: the segment, who may be made an offer, and what the catalogue says otherwise."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vigie.decision import DecisionRule
from vigie.steps import StepEnd
from vigie.vocabulary import ActionSource, Reason, Segment, StepOutcome
from vigie_llm.action import Case, Offer, WordedAction
from vigie_llm.decisions import Ask, Reuse, ask_or_reuse
from vigie_llm.ledger import Earlier
from vigie_llm.pseudonymise import KnownIdentity

MAX_DRIVERS = 3


@dataclass(frozen=True, slots=True)
class AnalysisSummary:
    """The analysis of this run, when there is one."""

    sentiment: str
    topics: tuple[str, ...]
    summary: str


@dataclass(frozen=True, slots=True)
class ActionCandidate:
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
    analysis: AnalysisSummary | None
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
class Prospect:
    """A candidate with a prediction: the segment, and the offers that may be made in it."""

    candidate: ActionCandidate
    probability: float
    segment: Segment
    offers: tuple[Offer, ...]

    def from_model(self, worded: WordedAction, egress_id: UUID) -> Action:
        """Return the action that the model chose and worded."""
        return self._action(
            ActionSource.MODEL,
            offer_id=worded.offer_id,
            reason=worded.reason,
            message=worded.message,
            egress_id=egress_id,
        )

    def from_catalogue(self, reason: Reason) -> Action:
        """Return the catalogue's own words for the offer that answers most of the customer's topics."""
        analysis = self.candidate.analysis
        offer = best_offer(analysis.topics if analysis else (), self.offers)
        return self._action(
            ActionSource.CATALOGUE, source_reason=reason, offer_id=offer.offer_id, message=offer.message
        )

    def without_offer(self, reason: Reason) -> Action:
        """Return a segment and nothing else."""
        return self._action(ActionSource.NONE, source_reason=reason)

    def as_case(self) -> Case:
        """Return the model's view of the customer: nothing that identifies them, no exact probability."""
        candidate, analysis = self.candidate, self.candidate.analysis
        words = f"words_{candidate.language}"
        return Case(
            language=candidate.language,
            segment=self.segment,
            probability_band=probability_band(self.probability),
            drivers=tuple(
                {"feature": d["feature"], "direction": d["direction"], "words": d[words]}
                for d in candidate.drivers[:MAX_DRIVERS]
            ),
            sentiment=analysis.sentiment if analysis else None,
            topics=analysis.topics if analysis else (),
            summary=analysis.summary if analysis else None,
        )

    def _action(self, source: ActionSource, **more: Any) -> Action:
        candidate = self.candidate
        return Action(
            candidate.customer_id,
            self.segment,
            self.probability,
            candidate.language,
            source,
            analysis_lost=candidate.analysis_lost,
            **more,
        )


@dataclass(frozen=True, slots=True)
class SettledAction:
    """The action is known without asking the model."""

    candidate: Prospect
    action: Action


type Decision = StepEnd | SettledAction | Ask[Prospect]
type Offers = Mapping[str, Sequence[Offer]]


def decide(candidate: ActionCandidate, rule: DecisionRule, offers: Offers, earlier: Earlier | None) -> Decision:
    """Decide about a customer: an action at once, where no offer may be made or the answer is paid for; else ask."""
    if not candidate.profiled:
        return StepEnd(candidate.customer_id, StepOutcome.WITHDRAWN, Reason.CONSENT_WITHDRAWN)
    if candidate.probability is None:
        return StepEnd(candidate.customer_id, StepOutcome.FAILED, Reason.NO_PREDICTION)
    segment = rule.segment(candidate.probability, candidate.annual_value_eur)
    prospect = Prospect(candidate, candidate.probability, segment, offers_for(segment, offers[candidate.language]))
    if candidate.consent_id is None:
        return SettledAction(prospect, prospect.without_offer(Reason.NO_CONSENT))
    if not prospect.offers:
        return SettledAction(prospect, prospect.without_offer(Reason.NO_OFFER))
    match ask_or_reuse(prospect, earlier):
        case Reuse(_, egress_id, answer):
            return SettledAction(prospect, prospect.from_model(WordedAction(**answer), egress_id))
        case ask:
            return ask


def offers_for(segment: Segment, offers: Sequence[Offer]) -> tuple[Offer, ...]:
    """Return the offers that may be made in a segment."""
    return tuple(offer for offer in offers if segment in offer.segments)


def probability_band(probability: float) -> str:
    """Return a tenth: 0.73 is in 0.7-0.8, and 1.0 in 0.9-1.0."""
    low = min(9, math.floor(probability * 10))
    return f"{low / 10:.1f}-{(low + 1) / 10:.1f}"


def best_offer(topics: Sequence[str], offers: Sequence[Offer]) -> Offer:
    """Return the offer that shares most topics; of equals, the first in the catalogue."""
    return max(offers, key=lambda offer: len(set(topics) & set(offer.topics)))
