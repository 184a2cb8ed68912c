"""Save rates as a campaign measured them, drawn towards those that its catalogue assumed.

An offer's save rate is the share of would-be leavers whom it keeps. Measured: of the customers for whom arbitration
put the offer first, how many more stayed than of the held-out for whom it did so too (intention to treat), all of it
owed to those to whom something was handed over (Bloom, Evaluation Review 8, 1984), divided by how many of these the
model expected to leave, corrected by how many of the held-out left for each that it expected.

Shrinkage: the assumed rate s counts as PRIOR_LEAVERS would-be leavers seen before, with the variance
s (1 - s) / (PRIOR_LEAVERS + 1) of a beta distribution; the measured one with the square of its standard error; their
mean is weighted by the inverse of these variances. A campaign that says little changes little. This is an update of
knowledge, not a test: no claim hangs on it, and how often it is looked at does not matter.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vigie.lift import HOLDOUT, TREATMENT, Cell, Lift

PRIOR_LEAVERS = 50


@dataclass(frozen=True)
class SaveRate:
    """An offer's save rate before and after; `weight` is how much of `after` was measured, 0 without a measure."""

    offer_id: str
    before: float
    measured: float | None
    after: float
    weight: float
    would_leave: float

    @property
    def source(self) -> str:
        """As the catalogue's `save_rate_source` says it."""
        return "assumed" if self.measured is None else "measured"


def update(cells: Iterable[Cell], lift: Lift, assumed: Mapping[str, float]) -> list[SaveRate]:
    """Every offer of the catalogue, with the rate for its next version.

    Without the held-out's own arbitration (`causal_offers`) nothing is measured: who got which offer was no chance.
    """
    known = [cell for cell in cells if cell.segment is not None]
    correction = _correction(known)
    return [_update_one(offer, before, known, lift, correction) for offer, before in sorted(assumed.items())]


def shrink(before: float, measured: float, variance: float) -> tuple[float, float]:
    """The rate after, and the weight of what was measured."""
    prior = before * (1 - before) / (PRIOR_LEAVERS + 1)
    weight = prior / (prior + variance) if prior else 0.0
    return min(max(weight * measured + (1 - weight) * before, 0.0), 1.0), weight


def as_toml(campaign: str, rates: Sequence[SaveRate]) -> str:
    """A fragment for the next version of the catalogue."""
    lines = [f"# Save rates after campaign {campaign}: put them into the next version of the catalogue."]
    for rate in rates:
        lines += [
            "", "[[offer]]", f"code = {json.dumps(rate.offer_id)}", f"save_rate = {rate.after:.4f}",
            f'save_rate_source = "{rate.source}"  # before: {rate.before:.4f}',
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _update_one(offer: str, before: float, cells: Sequence[Cell], lift: Lift, correction: float) -> SaveRate:
    effect = lift.offers.get(offer)
    treated = [cell for cell in cells if cell.offer_id == offer and cell.arm == TREATMENT]
    would_leave = correction * sum(cell.at_risk_handed for cell in treated)
    if not lift.causal_offers or effect is None or effect.estimate is None or would_leave <= 0:
        return SaveRate(offer, before, None, before, 0.0, would_leave)
    scale = effect.treated / would_leave
    measured, error = effect.estimate * scale, (effect.standard_error or 0.0) * scale
    after, weight = shrink(before, measured, error**2)
    return SaveRate(offer, before, measured, after, weight, would_leave)


def _correction(cells: Sequence[Cell]) -> float:
    """Held-out who left for each of them whom the model expected to leave; 1 where too few are known."""
    held_out = [cell for cell in cells if cell.arm == HOLDOUT]
    left, expected = sum(cell.churned for cell in held_out), sum(cell.at_risk for cell in held_out)
    return (left + PRIOR_LEAVERS) / (expected + PRIOR_LEAVERS)
