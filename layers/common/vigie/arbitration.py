"""Which offer a customer is made, and why no other: code decides about money, and says why in closed words.

The expected value of an offer is probability × yearly value × save rate − cost, in euros to the cent. Among the offers
that may be made, the one of the highest value is chosen; of equals the cheaper one, then the first by its code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from vigie.catalogue import CatalogueOffer, Policy, meets
from vigie.vocabulary import OfferVerdict, Segment, Verdict

DAYS_OF_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class Contact:
    """An offer that was handed over, so many whole days ago; what was offered may be erased since."""

    offer_id: str | None
    channel: str | None
    days: int


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of the customer who is decided about; `tone` is a sentiment, or `none` without an analysis."""

    segment: Segment
    probability: float
    yearly_value_eur: float | None
    language: str
    tone: str
    topics: tuple[str, ...] = ()
    features: Mapping[str, Any] = field(default_factory=dict)
    contacts: tuple[Contact, ...] = ()
    complaint_days: int | None = None


@dataclass(frozen=True, slots=True)
class Considered:
    """One offer as it was looked at. `days`, `feature` and `rule` say what a verdict rests on."""

    offer_id: str
    verdict: OfferVerdict
    cost_eur: float
    expected_value_eur: float | None = None
    channel: str | None = None
    days: int | None = None
    feature: str | None = None
    rule: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what the database keeps of it."""
        names = ("offer_id", "verdict", "cost_eur", "expected_value_eur", "channel", "days", "feature", "rule")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class Arbitration:
    """What became of a customer's offers; those considered stand best first, those that cannot be made after them."""

    verdict: Verdict
    considered: tuple[Considered, ...]

    @property
    def choices(self) -> tuple[Considered, ...]:
        """The offers that are worth as much as the best one, within the margin: the best first."""
        wanted = (OfferVerdict.CHOSEN, OfferVerdict.WITHIN_MARGIN)
        return tuple(sorted((c for c in self.considered if c.verdict in wanted), key=_rank))

    @property
    def chosen(self) -> Considered | None:
        """The offer that is made."""
        return next((c for c in self.considered if c.verdict is OfferVerdict.CHOSEN), None)

    def choosing(self, offer_id: str) -> "Arbitration":
        """Return the same with another one of `choices` chosen.

        Raises:
            ValueError: it is not among them.
        """
        if offer_id not in {choice.offer_id for choice in self.choices}:
            raise ValueError(f"offer {offer_id} is not within the margin of the best one")
        changed = {c.offer_id: OfferVerdict.WITHIN_MARGIN for c in self.choices} | {offer_id: OfferVerdict.CHOSEN}
        return replace(
            self, considered=tuple(replace(c, verdict=changed.get(c.offer_id, c.verdict)) for c in self.considered)
        )

    def held_out(self) -> "Arbitration":
        """Return what is kept of a customer whom the campaign holds out: what would have been offered."""
        return replace(self, verdict=Verdict.HELD_OUT)


def arbitrate(subject: Subject, offers: Sequence[CatalogueOffer], policy: Policy, today: date) -> Arbitration:
    """Decide among a catalogue's offers for one customer, without regard to budget and hold-out."""
    looked = [_look(subject, offer, policy, today) for offer in offers]
    open_ones = [c for c in looked if c.verdict is OfferVerdict.CHOSEN]
    others = sorted((c for c in looked if c.verdict is not OfferVerdict.CHOSEN), key=_rank)
    if not open_ones:
        unprofitable = any(c.verdict is OfferVerdict.BELOW_BREAK_EVEN for c in others)
        return Arbitration(Verdict.BELOW_BREAK_EVEN if unprofitable else Verdict.NOT_ELIGIBLE, tuple(others))
    if rest := _contact_rule(subject, policy):
        rule, days = rest
        held_back = [replace(c, verdict=OfferVerdict.CONTACT_POLICY, rule=rule, days=days) for c in open_ones]
        return Arbitration(Verdict.CONTACT_POLICY, (*sorted(held_back, key=_rank), *others))
    ranked = sorted(open_ones, key=_rank)
    best = _cents(ranked[0].expected_value_eur)
    judged = [
        replace(c, verdict=OfferVerdict.WITHIN_MARGIN if _is_near(c, best, policy) else OfferVerdict.LOWER_VALUE)
        for c in ranked[1:]
    ]
    return Arbitration(Verdict.PROPOSED, (ranked[0], *judged, *others))


def expected_value(offer: CatalogueOffer, probability: float, yearly_value_eur: float) -> float:
    """Euros that making an offer is expected to bring, to the cent."""
    return (_cents(probability * yearly_value_eur * offer.save_rate) - _cents(offer.cost_eur)) / 100


def _look(subject: Subject, offer: CatalogueOffer, policy: Policy, today: date) -> Considered:
    """Judge one offer by itself: `chosen` stands for one that may be made."""
    seen = Considered(offer.offer_id, OfferVerdict.CHOSEN, offer.cost_eur)
    if verdict := _condition(subject, offer, today):
        return replace(seen, verdict=verdict)
    for feature, requirement in offer.requires.items():
        if not (met := meets(requirement, subject.features.get(feature))):
            verdict = OfferVerdict.MISSING_FEATURE if met is None else OfferVerdict.REQUIREMENT
            return replace(seen, verdict=verdict, feature=feature)
    used = min((c.days for c in subject.contacts if c.offer_id == offer.offer_id), default=None)
    if used is not None and used < offer.cooldown_days:
        return replace(seen, verdict=OfferVerdict.COOLDOWN, days=used)
    channel = next((name for name in offer.channels if not _is_resting(name, subject, policy)), None)
    if channel is None:
        return replace(seen, verdict=OfferVerdict.CHANNEL_REST)
    value = policy.default_yearly_value_eur if subject.yearly_value_eur is None else subject.yearly_value_eur
    if value is None:
        return replace(seen, verdict=OfferVerdict.MISSING_VALUE)
    euros = expected_value(offer, subject.probability, value)
    verdict = OfferVerdict.CHOSEN if euros > 0 else OfferVerdict.BELOW_BREAK_EVEN
    return replace(seen, verdict=verdict, expected_value_eur=euros, channel=channel)


def _condition(subject: Subject, offer: CatalogueOffer, today: date) -> OfferVerdict | None:
    """The first condition that does not hold. Who wrote about nothing fits no offer that is bound to topics."""
    broken = {
        OfferVerdict.NOT_VALID_TODAY: not offer.is_valid_on(today),
        OfferVerdict.WRONG_SEGMENT: subject.segment not in offer.segments,
        OfferVerdict.WRONG_TONE: bool(offer.tones) and subject.tone not in offer.tones,
        OfferVerdict.WRONG_TOPIC: bool(offer.topics) and set(offer.topics).isdisjoint(subject.topics),
        OfferVerdict.WRONG_LANGUAGE: bool(offer.languages) and subject.language not in offer.languages,
    }
    return next((verdict for verdict, is_broken in broken.items() if is_broken), None)


def _is_resting(channel: str, subject: Subject, policy: Policy) -> bool:
    rest = policy.per_channel_days.get(channel, 0)
    return any(c.channel == channel and c.days < rest for c in subject.contacts)


def _contact_rule(subject: Subject, policy: Policy) -> tuple[str, int] | None:
    """The rule by which the customer is left alone, and the days since what it counts from."""
    if subject.complaint_days is not None and subject.complaint_days < policy.quiet_days_after_complaint:
        return "quiet_days_after_complaint", subject.complaint_days
    days = sorted(contact.days for contact in subject.contacts)
    if days and days[0] < policy.per_customer_days:
        return "per_customer_days", days[0]
    in_a_year = sum(each < DAYS_OF_A_YEAR for each in days)
    if in_a_year >= policy.most_per_year:
        return "most_per_year", days[0] if days else 0
    return None


def _is_near(considered: Considered, best_cents: int, policy: Policy) -> bool:
    return _cents(considered.expected_value_eur) >= best_cents - _cents(policy.margin_eur)


def _rank(considered: Considered) -> tuple[bool, int, int, str]:
    value = considered.expected_value_eur
    return (value is None, -_cents(value), _cents(considered.cost_eur), considered.offer_id)


def _cents(euros: float | None) -> int:
    return round((euros or 0.0) * 100)
