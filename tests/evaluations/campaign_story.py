"""Six months of a campaign with a known true effect, looked at every week, again and again: `make evaluate-campaigns`.

Each seed is a bank of its own. Every week a part of its customers joins, an arm is drawn for each, arbitration and the
week's budget decide as in a run, reviewers refuse some, the rest is handed over; four weeks later it is known who left.
Every week `vigie.lift` is asked, and its answer held against the truth: the mean effect over the treated with an
outcome. The same bank with offers that move nobody says how often an effect is claimed that is none.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.evaluations.story_bank import (
    CATALOGUE,
    TRUE_RATES,
    Bank,
    Floats,
    at_random,
    by_expected_value,
    by_risk,
    draw_bank,
)
from vigie.command_line import run_command
from vigie.lift import HARMS, HOLDOUT, LEAST_IN_STRATUM, SAVES, TREATMENT, Cell, Effect, Lift, measure, strata_of
from vigie.save_rates import update
from vigie.uplift import measure_uplift

CUSTOMERS, SEEDS, WEEKS, KNOWN_AFTER = 12_000, 100, 26, 4
HOLDOUT_SHARES = {"High": 0.25, "Medium": 0.15, "Low": 0.1}
BUDGET_FOR_EACH_EUR, APPROVED = 3.0, 0.85
ASSUMED = {offer.offer_id: offer.save_rate for offer in CATALOGUE}
# What an interval for one look allows itself, for comparison.
SINGLE_LOOK = 1.96
LEAST_COVERED, MOST_CLAIMED = 0.93, 0.05


@dataclass(frozen=True)
class Story:
    """What one seed came to. Each flag is about all weekly looks together; `*_last` about the last one."""

    seed: int
    looks: int
    covered: bool
    covered_last: bool
    parts_covered: bool
    claimed: bool
    claimed_part: bool
    single_look_covered: bool
    single_look_claimed: bool
    uplift_carried: bool
    first_claim_week: int | None
    truth: float
    estimate: float
    rates: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def play(seed: int, with_effect: bool, customers: int = CUSTOMERS) -> Story:
    """Live through six months."""
    rng = np.random.default_rng((seed, with_effect))
    bank = draw_bank(customers, rng)
    story = _Campaign(bank, rng, with_effect)
    story.run()
    looks = [(week, *story.look(week)) for week in range(KNOWN_AFTER, WEEKS + 1)]
    read = [(week, lift, truths) for week, lift, truths in looks if lift.overall.estimate is not None]
    effects = [(lift.overall, truths[""]) for _, lift, truths in read]
    parts = [
        (e, t[f"{kind}/{name}"]) for _, lift, t in read for kind, name, e in _parts(lift) if e.estimate is not None
    ]
    claims = [week for week, lift, _ in read if lift.overall.verdict in (SAVES, HARMS)]
    _, last, truths = read[-1]
    cells = story.cells(WEEKS)
    carried = [u for week, _, _ in read if (u := measure_uplift(strata_of(story.cells(week)))) and u.is_carried]
    rates = update(cells, last, ASSUMED)
    return Story(
        seed=seed,
        looks=len(read),
        covered=all(_covers(effect, truth) for effect, truth in effects),
        covered_last=_covers(last.overall, truths[""]),
        parts_covered=all(_covers(effect, truth) for effect, truth in parts),
        claimed=bool(claims),
        claimed_part=any(effect.verdict in (SAVES, HARMS) for effect, _ in parts),
        single_look_covered=all(abs(_z(effect, truth)) <= SINGLE_LOOK for effect, truth in effects),
        single_look_claimed=any(abs(_z(effect, 0.0)) > SINGLE_LOOK for effect, _ in effects),
        uplift_carried=bool(carried),
        first_claim_week=claims[0] if claims else None,
        truth=truths[""],
        estimate=last.overall.estimate or 0.0,
        rates={rate.offer_id: (rate.before, rate.after) for rate in rates if rate.measured is not None},
    )


class _Campaign:
    """The campaign of one seed: arms, hand-overs and outcomes by customer."""

    def __init__(self, bank: Bank, rng: np.random.Generator, with_effect: bool) -> None:
        self.bank, self.rng = bank, rng
        size = len(bank)
        self.joined = rng.integers(0, WEEKS - KNOWN_AFTER, size)
        self.held_out = rng.random(size) < np.array([HOLDOUT_SHARES[s] for s in bank.segment])
        self.handed = np.zeros(size, dtype=bool)
        rates = np.array([TRUE_RATES[best.offer_id] if best else 0.0 for best in bank.best]) * with_effect
        # By how much the best offer changes each customer's chance to stay.
        self.moves = bank.true_probability * rates
        self.cost = np.array([best.cost_eur if best else 0.0 for best in bank.best])
        self.assumed = np.array([ASSUMED[best.offer_id] if best else 0.0 for best in bank.best])
        self.left = np.zeros(size, dtype=bool)
        offers = [best.offer_id if best and bank.wants(i) else None for i, best in enumerate(bank.best)]
        groups = list(zip(map(str, bank.segment), self.held_out.tolist(), offers, strict=True))
        self.keys = sorted(set(groups), key=str)
        places = {key: place for place, key in enumerate(self.keys)}
        self.group = np.array([places[key] for key in groups])

    def run(self) -> None:
        """Decide week by week within the week's part of the budget; then see who leaves."""
        for week in range(WEEKS):
            among = [int(i) for i in np.flatnonzero((self.joined == week) & ~self.held_out)]
            for customer in by_expected_value(self.bank, among, BUDGET_FOR_EACH_EUR * len(among)):
                self.handed[customer] = self.rng.random() < APPROVED
        leaves = self.bank.true_probability - self.handed * self.moves
        self.left = self.rng.random(len(self.bank)) < leaves

    def look(self, week: int) -> tuple[Lift, dict[str, float]]:
        """What the lift is said to be after a week, and what it is: overall (""), by segment and by offer."""
        return measure(self.cells(week)), self._truths(week)

    def cells(self, week: int) -> list[Cell]:
        """The rows of `arm_outcomes` after a week."""
        known, members = self._known(week), self._added(self.joined < week)
        handed, risk = known * self.handed, self.bank.probability
        sums = zip(
            self.keys, members, self._added(known), self._added(known * self.left), self._added(handed),
            self._added(handed * self.cost), self._added(known * risk), self._added(handed * risk),
            self._added(handed * risk * self.assumed), strict=True,
        )  # fmt: skip
        return [
            Cell(
                segment,
                HOLDOUT if held_out else TREATMENT,
                offer,
                int(n),
                int(k),
                int(left),
                0,
                int(h),
                *map(float, rest),
            )
            for (segment, held_out, offer), n, k, left, h, *rest in sums
            if n
        ]

    def _known(self, week: int) -> Floats:
        return (self.joined + KNOWN_AFTER <= week).astype(np.float64)

    def _added(self, values: Any) -> Floats:
        return np.bincount(self.group, weights=values, minlength=len(self.keys))

    def _truths(self, week: int) -> dict[str, float]:
        known = self._known(week)
        counts, moved = self._added(known), self._added(known * self.handed * self.moves)
        names = {"": set(range(len(self.keys)))}
        for place, (segment, _, offer) in enumerate(self.keys):
            for name in (f"segments/{segment}", *([f"offers/{offer}"] if offer else [])):
                names.setdefault(name, set()).add(place)
        return {name: self._truth(places, counts, moved) for name, places in names.items()}

    def _truth(self, places: set[int], counts: Floats, moved: Floats) -> float:
        """The mean effect over the treated of the segments in which both arms can be read."""
        total = treated = 0.0
        for segment in HOLDOUT_SHARES:
            arms = [[p for p in places if self.keys[p][:2] == (segment, held_out)] for held_out in (False, True)]
            if min(sum(counts[arm]) for arm in arms) >= LEAST_IN_STRATUM:
                total += sum(moved[arms[0]])
                treated += sum(counts[arms[0]])
        return float(total / treated) if treated else 0.0


def _parts(lift: Lift) -> Iterable[tuple[str, str, Effect]]:
    yield from (("segments", name, effect) for name, effect in lift.segments.items())
    yield from (("offers", name, effect) for name, effect in lift.offers.items())


def _covers(effect: Effect, truth: float) -> bool:
    return effect.low is not None and effect.high is not None and effect.low <= truth <= effect.high


def _z(effect: Effect, truth: float) -> float:
    return ((effect.estimate or 0.0) - truth) / (effect.standard_error or 1.0)


@dataclass(frozen=True)
class Profits:
    """Euros that each policy brings in truth with one budget over one bank."""

    expected_value: float
    highest_risk: float
    random: float


def compare_policies(seed: int, customers: int = CUSTOMERS) -> Profits:
    """Spend the same budget in three orders."""
    rng = np.random.default_rng((seed, 2))
    bank = draw_bank(customers, rng)
    everybody, budget = range(customers), BUDGET_FOR_EACH_EUR * customers
    return Profits(
        bank.profit(by_expected_value(bank, everybody, budget)),
        bank.profit(by_risk(bank, everybody, budget)),
        bank.profit(at_random(bank, everybody, budget, rng)),
    )


def evaluate(seeds: int, customers: int, workers: int = 2) -> dict[str, Any]:
    """Play every seed with and without an effect, and compare the policies."""
    numbers = range(1, seeds + 1)
    with ProcessPoolExecutor(workers) as pool:
        effect = list(pool.map(play, numbers, [True] * seeds, [customers] * seeds))
        none = list(pool.map(play, numbers, [False] * seeds, [customers] * seeds))
        profits = list(pool.map(compare_policies, numbers, [customers] * seeds))
    return summary(effect, none, profits)


def summary(effect: Sequence[Story], none: Sequence[Story], profits: Sequence[Profits]) -> dict[str, Any]:
    """The figures, in numbers of seeds and euros."""
    rates = [rate for story in effect for rate in story.rates.items()]
    errors = [(abs(before - TRUE_RATES[o]), abs(after - TRUE_RATES[o])) for o, (before, after) in rates]
    weeks = sorted(story.first_claim_week for story in effect if story.first_claim_week is not None)
    return {
        "seeds": len(effect),
        "looks": effect[0].looks,
        "with_effect": _counts(effect)
        | {
            "true_lift": float(np.mean([s.truth for s in effect])),
            "estimate": float(np.mean([s.estimate for s in effect])),
        }
        | {"median_week_of_first_claim": weeks[len(weeks) // 2] if weeks else None},
        "without_effect": _counts(none),
        "save_rate_error": {
            "before": float(np.mean([before for before, _ in errors])),
            "after": float(np.mean([after for _, after in errors])),
        },
        "profit_eur": {name: float(np.mean([getattr(p, name) for p in profits])) for name in vars(profits[0])},
        "beats_highest_risk": sum(p.expected_value > p.highest_risk for p in profits),
        "beats_random": sum(p.expected_value > p.random for p in profits),
    }


def _counts(stories: Sequence[Story]) -> dict[str, Any]:
    flags = (
        "covered", "covered_last", "parts_covered", "claimed", "claimed_part", "single_look_covered",
        "single_look_claimed", "uplift_carried",
    )  # fmt: skip
    return {flag: sum(bool(getattr(story, flag)) for story in stories) for flag in flags}


def misses(found: Mapping[str, Any]) -> list[str]:
    """What is not as it has to be."""
    seeds, wanted = found["seeds"], []
    if found["with_effect"]["covered"] < LEAST_COVERED * seeds:
        wanted.append("the interval misses the truth at some look in too many seeds")
    if found["without_effect"]["claimed"] > MOST_CLAIMED * seeds:
        wanted.append("an effect is claimed where there is none in too many seeds")
    profit = found["profit_eur"]
    if profit["expected_value"] <= max(profit["highest_risk"], profit["random"]):
        wanted.append("another policy earns more")
    return wanted


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print and judge; 1 when a figure is not as it has to be."""
    parser = argparse.ArgumentParser(prog="python -m tests.evaluations.campaign_story", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--json", type=Path, help="write the same figures here")
    given = parser.parse_args(arguments)
    started = time.monotonic()
    found = evaluate(given.seeds, given.customers) | {"customers": given.customers}
    found["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(found, indent=1))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for miss in misses(found):
        print(miss, file=sys.stderr)
    return 1 if misses(found) else 0


if __name__ == "__main__":
    run_command(main)
