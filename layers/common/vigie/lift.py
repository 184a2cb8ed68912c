"""Lift: how many more customers stayed because of a campaign, measured against its hold-out.

Intention to treat: everybody whom the draw did not hold out counts as treated, whether or not anything was proposed,
approved or handed over; so nothing that was decided after the draw can bend the figure. Compared within segments, the
strata of the draw, whose hold-out shares differ, and averaged over the treated: a held-out customer of a segment
counts n1 / n0 times (treated and held-out customers with an outcome there). That is the inverse-probability weight of
the effect on the treated, with the shares as they turned out (Hirano, Imbens, Ridder, Econometrica 71, 2003: more exact
than with the shares as drawn). With w = the segment's share of the treated, d = its difference, v = p (1 - p) of each
arm and n, n1 all and treated outcomes, the variance of one customer's part is

    s² = n · Σ w² (v1 / n1 + v0 / n0) + (n / n1) · Σ w (d - Σ w d)²        v1 / n1 and v0 / n0 of the segment

where p is (stayed + 1) / (known + 2), Laplace's rule: an arm of which nobody left does not look certain. The interval
is `vigie.confidence_sequence` with s and n, so it may be looked at every week. Several segments, or several offers,
share the 5 % (Bonferroni): all of their intervals hold together.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vigie.confidence_sequence import ALPHA, PLANNED, half_width, values_needed

TREATMENT, HOLDOUT = "treatment", "holdout"
# Outcomes in each arm of a stratum, and in each arm altogether, below which nothing is said of them.
LEAST_IN_STRATUM, LEAST_IN_ARM = 10, 50
# Standard errors by which the arms' shares of known outcomes may differ before it is said.
ODD = 3.0
SAVES, HARMS, CANNOT_TELL, TOO_FEW = "saves", "harms", "cannot_tell", "too_few"


@dataclass(frozen=True)
class Cell:
    """Customers of one segment, arm and intended offer, added up: a row of `arm_outcomes`.

    The offer is the one that arbitration put first when it first looked, in both arms; None where it put none. Money,
    risk and hand-overs are those of customers with an outcome: `at_risk` adds up predicted probabilities of leaving,
    `at_risk_handed` those of customers to whom something was handed over, `expected_saved` these times the catalogue's
    save rate.
    """

    segment: str | None
    arm: str
    offer_id: str | None
    members: int
    with_outcome: int
    churned: int
    accepted: int = 0
    handed_over: int = 0
    cost_eur: float = 0.0
    at_risk: float = 0.0
    at_risk_handed: float = 0.0
    expected_saved: float = 0.0

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Cell":
        """A cell of a row of the database, whose money is decimal."""
        return cls(**{**row, "cost_eur": float(row["cost_eur"])})


@dataclass(frozen=True)
class Arm:
    """Customers of an arm with an outcome, and how many of them stayed."""

    known: int = 0
    stayed: int = 0

    @property
    def share(self) -> float:
        """The share who stayed."""
        return self.stayed / self.known

    @property
    def variance(self) -> float:
        """Of one outcome, by Laplace's rule."""
        share = (self.stayed + 1) / (self.known + 2)
        return share * (1 - share)


@dataclass(frozen=True)
class Stratum:
    """The two arms of a segment."""

    name: str
    treated: Arm
    held_out: Arm

    @property
    def is_readable(self) -> bool:
        """Whether both arms have outcomes enough to be compared."""
        return min(self.treated.known, self.held_out.known) >= LEAST_IN_STRATUM

    @property
    def difference(self) -> float:
        """How much larger the share who stayed is among the treated."""
        return self.treated.share - self.held_out.share

    @property
    def variance(self) -> float:
        """Of the difference."""
        return self.treated.variance / self.treated.known + self.held_out.variance / self.held_out.known


@dataclass(frozen=True)
class Effect:
    """What a comparison says.

    `low` and `high` hold at every look; `standard_error` is that of a single look. `saved` and `cost_per_saved_eur`
    are of the treated with an outcome: lower end, estimate, upper end; None where there is none. `more` customers with
    an outcome are needed to see an effect of `looked_for`.
    """

    verdict: str
    treated: int = 0
    held_out: int = 0
    estimate: float | None = None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    stayed_treated: float | None = None
    stayed_held_out: float | None = None
    cost_eur: float = 0.0
    saved: tuple[float, float, float] | None = None
    cost_per_saved_eur: tuple[float | None, float | None, float | None] | None = None
    looked_for: float | None = None
    more: int | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lift:
    """The lift of a campaign: overall, by segment and by intended offer; and what to know when reading it."""

    overall: Effect
    segments: Mapping[str, Effect]
    offers: Mapping[str, Effect]
    causal_offers: bool
    notes: tuple[str, ...] = field(default=())


def measure(cells: Iterable[Cell], alpha: float = ALPHA, planned: float = PLANNED) -> Lift:
    """The lift that these cells show, and its parts."""
    known = [cell for cell in cells if cell.segment is not None]
    by_segment = _grouped(known, lambda cell: cell.segment)
    by_offer = _grouped(known, lambda cell: cell.offer_id)
    causal = any(cell.arm == HOLDOUT and cell.offer_id for cell in known)
    if not causal:  # the held-out of a segment stand in for those who would have been meant to have this offer
        held = [replace(cell, offer_id=None) for cell in known if cell.arm == HOLDOUT]
        by_offer = {offer: [*group, *held] for offer, group in by_offer.items()}
    return Lift(
        overall=compare(known, alpha, planned),
        segments=_all_of(by_segment, alpha, planned),
        offers=_all_of(by_offer, alpha, planned),
        causal_offers=causal,
        notes=tuple(_notes(known)),
    )


def strata_of(cells: Iterable[Cell]) -> list[Stratum]:
    """The segments of these cells with both arms."""
    return [
        Stratum(name, _arm(group, TREATMENT), _arm(group, HOLDOUT))
        for name, group in sorted(_grouped(cells, lambda cell: cell.segment).items())
    ]


def compare(cells: Sequence[Cell], alpha: float = ALPHA, planned: float = PLANNED) -> Effect:
    """Treatment against hold-out over the segments of these cells that can be read."""
    strata = strata_of(cells)
    read = [stratum for stratum in strata if stratum.is_readable]
    left_out = tuple(s.name for s in strata if not s.is_readable and s.treated.known + s.held_out.known)
    treated, held_out = sum(s.treated.known for s in read), sum(s.held_out.known for s in read)
    if min(treated, held_out) < LEAST_IN_ARM:
        every = sum(s.treated.known for s in strata), sum(s.held_out.known for s in strata)
        return Effect(TOO_FEW, treated=every[0], held_out=every[1], left_out=left_out, more=_until_readable(*every))
    known = treated + held_out
    weights = {s.name: s.treated.known / treated for s in read}
    estimate = sum(weights[s.name] * s.difference for s in read)
    deviation = math.sqrt(
        known * sum(weights[s.name] ** 2 * s.variance for s in read)
        + known / treated * sum(weights[s.name] * (s.difference - estimate) ** 2 for s in read)
    )
    half = deviation * half_width(known, alpha, planned)
    effect = Effect(
        verdict=SAVES if estimate > half else HARMS if estimate < -half else CANNOT_TELL,
        treated=treated,
        held_out=held_out,
        estimate=estimate,
        standard_error=deviation / math.sqrt(known),
        low=max(estimate - half, -1.0),
        high=min(estimate + half, 1.0),
        stayed_treated=sum(weights[s.name] * s.treated.share for s in read),
        stayed_held_out=sum(weights[s.name] * s.held_out.share for s in read),
        left_out=left_out,
    )
    counted = [cell for cell in cells if cell.arm == TREATMENT and cell.segment in weights]
    return _with_more(_with_money(effect, counted), counted, deviation, alpha, planned)


def _with_money(effect: Effect, treated: Sequence[Cell]) -> Effect:
    """Customers saved, and what each cost: the cost is known, so its interval is that of the lift, turned over."""
    cost = sum(cell.cost_eur for cell in treated)
    low, estimate, high = (effect.treated * (end or 0.0) for end in (effect.low, effect.estimate, effect.high))
    least = cost / high if high > 0 else None
    middle = cost / estimate if estimate > 0 else None
    most = cost / low if low > 0 else None
    money = (least, middle, most) if cost else None
    return replace(effect, cost_eur=cost, saved=(low, estimate, high), cost_per_saved_eur=money)


def _with_more(effect: Effect, treated: Sequence[Cell], deviation: float, alpha: float, planned: float) -> Effect:
    """How many more outcomes would show the lift that the catalogue assumes, or else the one seen so far."""
    if effect.verdict != CANNOT_TELL or effect.estimate is None:
        return effect
    assumed = sum(cell.expected_saved for cell in treated) / effect.treated
    looked_for = assumed or abs(effect.estimate)
    needed = values_needed(looked_for, deviation, alpha, planned) if looked_for else None
    more = None if needed is None else max(needed - effect.treated - effect.held_out, 0)
    return replace(effect, looked_for=looked_for or None, more=more)


def _until_readable(treated: int, held_out: int) -> int | None:
    """About how many more outcomes until both arms can be read, as the arms have grown so far."""
    if not treated or not held_out:
        return None
    short = max(LEAST_IN_ARM / held_out, LEAST_IN_ARM / treated, 1.0)
    return math.ceil((treated + held_out) * (short - 1)) or None


def _all_of(groups: Mapping[str, Sequence[Cell]], alpha: float, planned: float) -> dict[str, Effect]:
    each = alpha / max(len(groups), 1)
    return {name: compare(group, each, planned) for name, group in sorted(groups.items())}


def _grouped(cells: Iterable[Cell], key: Callable[[Cell], str | None]) -> dict[str, list[Cell]]:
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        if (name := key(cell)) is not None:
            groups.setdefault(name, []).append(cell)
    return groups


def _arm(cells: Iterable[Cell], arm: str) -> Arm:
    found = [cell for cell in cells if cell.arm == arm]
    known = sum(cell.with_outcome for cell in found)
    return Arm(known, known - sum(cell.churned for cell in found))


def _notes(cells: Sequence[Cell]) -> Iterable[str]:
    """What bends the figures: outcomes that are known more often in one arm than in the other."""
    arms = [[cell for cell in cells if cell.arm == arm] for arm in (TREATMENT, HOLDOUT)]
    members = [sum(cell.members for cell in arm) for arm in arms]
    known = [sum(cell.with_outcome for cell in arm) for arm in arms]
    if not min(members):
        return
    shares = [known[i] / members[i] for i in (0, 1)]
    pooled = sum(known) / sum(members)
    error = math.sqrt(pooled * (1 - pooled) * (1 / members[0] + 1 / members[1]))
    if error and abs(shares[0] - shares[1]) > ODD * error:
        yield (
            f"outcomes are known of {shares[0]:.1%} of the treated and {shares[1]:.1%} of the held-out, more apart than"
            " chance would have it: load those of both arms alike, or the lift is bent"
        )
