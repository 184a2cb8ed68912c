"""What the action agent decides: the segment, who may be made an offer, and in which reviewed sentences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vigie.arbitration import Arbitration
from vigie.decision import DecisionRule
from vigie.steps import StepEnd
from vigie.vocabulary import WANT_OF_CONSENT, ActionSource, Reason, Segment, StepOutcome, Verdict
from vigie_llm.action import Case, Draft, Offer, choice_from
from vigie_llm.decisions import Ask, Reuse, ask_or_reuse
from vigie_llm.ledger import Earlier
from vigie_llm.phrases import NO_ANALYSIS, Choice, Options, PhraseBank, Situation
from vigie_llm.pseudonymise import KnownIdentity

MAX_DRIVERS = 3
# Why a customer of a campaign is offered nothing, by what the arbitration came to.
REASONS = {
    Verdict.HELD_OUT: Reason.HELD_OUT,
    Verdict.BELOW_BREAK_EVEN: Reason.BELOW_BREAK_EVEN,
    Verdict.CONTACT_POLICY: Reason.CONTACT_POLICY,
    Verdict.NOT_ELIGIBLE: Reason.NO_OFFER,
}


@dataclass(frozen=True, slots=True)
class AnalysisFields:
    """The analysis of this run, when there is one: words of closed lists."""

    sentiment: str
    topics: tuple[str, ...]
    causes: tuple[str, ...]
    intent_to_leave: bool


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
    analysis: AnalysisFields | None
    analysis_lost: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """What is stored for a customer: composed as the model chose, the catalogue's for a reason, or none.

    `phrase_ids` are the message's sentences, `reason` those that say why.
    """

    customer_id: UUID
    segment: Segment
    probability: float
    language: str
    source: ActionSource
    source_reason: Reason | None = None
    offer_id: str | None = None
    phrase_ids: tuple[str, ...] | None = None
    message: str | None = None
    reason: tuple[str, ...] | None = None
    egress_id: UUID | None = None
    draft: Draft | None = None
    analysis_lost: bool = False
    arbitration: Arbitration | None = None


@dataclass(frozen=True, slots=True)
class Prospect:
    """A candidate with a prediction: the segment, the offers that may be made in it, and the sentences for them.

    In a campaign the offers are those that its arbitration leaves to choose from, the best first.
    """

    candidate: ActionCandidate
    probability: float
    segment: Segment
    offers: tuple[Offer, ...]
    phrases: PhraseBank
    arbitration: Arbitration | None = None

    @property
    def options(self) -> Options:
        """The sentences among which the model may choose."""
        return self.phrases.options(self._situation, self._offer_ids)

    def from_model(self, choice: Choice, egress_id: UUID, draft: Draft | None = None) -> Action | None:
        """Return the action that the model chose; None where a sentence does not fit, or no more."""
        chosen = self.phrases.settle(choice, self._situation, self._offer_ids)
        if chosen is None:
            return None
        return self._action(
            ActionSource.MODEL,
            offer_id=chosen.offer_id,
            phrase_ids=chosen.sentences,
            message=self.phrases.compose(chosen.sentences, self.candidate.language),
            reason=chosen.reasons,
            egress_id=egress_id,
            draft=draft,
        )

    def from_catalogue(self, reason: Reason) -> Action:
        """Return the catalogue's own words for the best offer: of a campaign the one of the highest expected value.

        Without one, it is the offer that answers most of the customer's topics.
        """
        analysis = self.candidate.analysis
        topics = analysis.topics if analysis and not self.arbitration else ()
        offer_id = best_offer(topics, self.offers).offer_id
        message = self.phrases.compose([offer_id], self.candidate.language)
        return self._action(
            ActionSource.CATALOGUE, source_reason=reason, offer_id=offer_id, phrase_ids=(offer_id,), message=message
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
            causes=analysis.causes if analysis else (),
            intent_to_leave=analysis.intent_to_leave if analysis else False,
        )

    @property
    def _situation(self) -> Situation:
        return situation_of(self.segment, self.candidate.analysis)

    @property
    def _offer_ids(self) -> tuple[str, ...]:
        return tuple(offer.offer_id for offer in self.offers)

    def _action(self, source: ActionSource, **more: Any) -> Action:
        candidate, offer_id = self.candidate, more.get("offer_id")
        ruling = None if more.get("source_reason") in WANT_OF_CONSENT else self.arbitration
        return Action(
            candidate.customer_id,
            self.segment,
            self.probability,
            candidate.language,
            source,
            analysis_lost=candidate.analysis_lost,
            arbitration=ruling.choosing(offer_id) if ruling and offer_id else ruling,
            **more,
        )


@dataclass(frozen=True, slots=True)
class SettledAction:
    """The action is known without asking the model."""

    candidate: Prospect
    action: Action


type Decision = StepEnd | SettledAction | Ask[Prospect]


def decide(
    candidate: ActionCandidate,
    rule: DecisionRule,
    offers: Sequence[Offer],
    phrases: PhraseBank,
    earlier: Earlier | None,
    ruling: Arbitration | None = None,
) -> Decision:
    """Decide about a customer: an action at once, where no offer may be made or the answer is paid for; else ask.

    `ruling` is the arbitration of the run's campaign; without one, the offers of the segment may be made.
    """
    if not candidate.profiled:
        return StepEnd(candidate.customer_id, StepOutcome.WITHDRAWN, Reason.CONSENT_WITHDRAWN)
    if candidate.probability is None:
        return StepEnd(candidate.customer_id, StepOutcome.FAILED, Reason.NO_PREDICTION)
    segment = rule.segment(candidate.probability, candidate.annual_value_eur)
    permitted = (
        offers_within(ruling, offers) if ruling else offers_for(situation_of(segment, candidate.analysis), offers)
    )
    prospect = Prospect(candidate, candidate.probability, segment, permitted, phrases, ruling)
    if candidate.consent_id is None:
        return SettledAction(prospect, prospect.without_offer(Reason.NO_CONSENT))
    if ruling and ruling.verdict is not Verdict.PROPOSED:
        return SettledAction(prospect, prospect.without_offer(REASONS[ruling.verdict]))
    if not prospect.offers:
        return SettledAction(prospect, prospect.without_offer(Reason.NO_OFFER))
    match ask_or_reuse(prospect, earlier):
        case Reuse(_, egress_id, answer):
            action = prospect.from_model(choice_from(answer), egress_id)
            return SettledAction(prospect, action or prospect.from_catalogue(Reason.ANSWER_REJECTED))
        case ask:
            return ask


def situation_of(segment: Segment, analysis: AnalysisFields | None) -> Situation:
    """Return what decides which offers and sentences fit."""
    if analysis is None:
        return Situation(segment, NO_ANALYSIS)
    return Situation(segment, analysis.sentiment, analysis.intent_to_leave, analysis.topics, analysis.causes)


def offers_for(case: Situation, offers: Sequence[Offer]) -> tuple[Offer, ...]:
    """Return the offers that may be made in a segment, to a customer of that tone."""
    return tuple(o for o in offers if case.segment in o.segments and (not o.tones or case.tone in o.tones))


def offers_within(ruling: Arbitration, offers: Sequence[Offer]) -> tuple[Offer, ...]:
    """Return the offers that an arbitration leaves to choose from, the best first."""
    known = {offer.offer_id: offer for offer in offers}
    return tuple(known[choice.offer_id] for choice in ruling.choices)


def probability_band(probability: float) -> str:
    """Return a tenth: 0.73 is in 0.7-0.8, and 1.0 in 0.9-1.0."""
    low = min(9, math.floor(probability * 10))
    return f"{low / 10:.1f}-{(low + 1) / 10:.1f}"


def best_offer(topics: Sequence[str], offers: Sequence[Offer]) -> Offer:
    """Return the offer that shares most topics; of equals, the first in the catalogue."""
    return max(offers, key=lambda offer: len(set(topics) & set(offer.topics)))
