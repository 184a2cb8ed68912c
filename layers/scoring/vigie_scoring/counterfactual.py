"""The smallest change of what a customer did that would have put them in a lower segment, exact on the score's tables.

A score that is a sum of tables changes only where a value crosses a cut, so every change worth trying can be listed:
for each feature the nearest value in each interval between cuts. One feature is preferred to two; within that, the
change whose cost is least. A change of a number costs its size, measured by how far apart the lowest and the highest
tenth of the customers of training are; another word costs 1. Numbers move in whole steps: 1 for integers, 0.01 else.
Along a line, the nearest step that suffices is found by halving.

Form of the question: Wachter, Mittelstadt and Russell, "Counterfactual explanations without opening the black box"
(2018); only what can be acted on: Ustun, Spangher and Liu, "Actionable recourse in linear classification" (2019).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vigie_scoring.columns import number_of, read_numbers, read_words, word_of
from vigie_scoring.scorer import ScoredFeature, Scorer, to_probability
from vigie_scoring.terms import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Row = Mapping[str, object]
SegmentOf = Callable[[float], str]
# From the least urgent to the most.
SEGMENTS = ("Low", "Medium", "High")
# Nobody can change these, or be asked to: attributes of a person, and what time alone changes. What the contract marks
# as sensitive is left out as well. Words of a feature's name, and why.
FIXED = {
    "age": "nobody changes their age",
    "birth": "nobody changes their birth",
    "senior": "nobody changes their age",
    "gender": "an attribute of the person",
    "sex": "an attribute of the person",
    "marital": "family is no lever of a bank",
    "partner": "family is no lever of a bank",
    "dependents": "family is no lever of a bank",
    "children": "family is no lever of a bank",
    "nationality": "an attribute of the person",
    "country": "where somebody lives is no lever of a bank",
    "region": "where somebody lives is no lever of a bank",
    "tenure": "only time changes it",
    "seniority": "only time changes it",
    "sentiment": "read by the analysis out of the customer's own words: nobody is asked to sound happier",
}


@dataclass(frozen=True)
class Change:
    """One feature's other value, and what the change costs (see above)."""

    feature: str
    before: object
    after: object
    cost: float


@dataclass(frozen=True)
class Counterfactual:
    """One or two changes, and the segment and probability that a customer would have had with them."""

    changes: tuple[Change, ...]
    segment_before: str
    segment: str
    probability: float

    @property
    def cost(self) -> float:
        """What all changes cost together."""
        return sum(change.cost for change in self.changes)


def is_actionable(feature: ScoredFeature) -> bool:
    """Whether a change of this feature may be named to a customer."""
    words = re.split(r"[^a-z]+", feature.name.lower())
    return not feature.sensitive and not any(word in FIXED for word in words)


def find_counterfactual(scorer: Scorer, row: Row, segment_of: SegmentOf) -> Counterfactual | None:
    """The smallest change that lowers the segment: of one feature, else of two; None when there is none.

    `segment_of` gives the segment of a probability, and never a lower one for a higher probability.
    """
    search = _Search(scorer, row, segment_of)
    if search.rank == 0:
        return None
    found = search.best_of_one() or search.best_of_two()
    if found is None:
        return None
    changed = {**row, **{change.feature: change.after for change in found}}
    probability = float(scorer.score([changed]).probability[0])
    return Counterfactual(found, SEGMENTS[search.rank], segment_of(probability), probability)


@dataclass(frozen=True)
class _Search:
    """The changes of one row that lower its segment."""

    scorer: Scorer
    row: Row
    segment_of: SegmentOf
    fixed_rank: int | None = None

    @property
    def rank(self) -> int:
        """The place of the segment to leave: the row's own, where none is given."""
        if self.fixed_rank is not None:
            return self.fixed_rank
        return SEGMENTS.index(self.segment_of(float(self.scorer.score([self.row]).probability[0])))

    def best_of_one(self, but: str = "") -> tuple[Change, ...] | None:
        """The cheapest single change that suffices; of features of equal cost the first in the contract's order."""
        found = [c for f in self.features() if f.name != but and (c := self.cheapest(f))]
        return (min(found, key=lambda c: c.cost),) if found else None

    def best_of_two(self) -> tuple[Change, ...] | None:
        """The cheapest pair of changes that suffices."""
        best: tuple[Change, ...] | None = None
        least = math.inf
        for feature in self.features():
            for first in self.every_change(feature):
                if first.cost >= least:
                    continue
                changed = {**self.row, first.feature: first.after}
                rest = _Search(self.scorer, changed, self.segment_of, self.rank).best_of_one(but=feature.name)
                if rest and first.cost + rest[0].cost < least:
                    best, least = (first, *rest), first.cost + rest[0].cost
        return best

    def features(self) -> list[ScoredFeature]:
        """The features that may change, whose present value is known and readable."""
        return [f for f in self.scorer.features if is_actionable(f) and _is_known(f, self.row.get(f.name))]

    def cheapest(self, feature: ScoredFeature) -> Change | None:
        """The cheapest change of this feature that suffices."""
        tried = sorted(self.every_change(feature), key=lambda c: c.cost)
        enough = self.lowers(feature, [c.after for c in tried])
        found = [c for c, lowered in zip(tried, enough, strict=True) if lowered][:1]
        if self.is_line(feature):
            found += list(self.along_the_line(feature))
        return min(found, key=lambda c: c.cost) if found else None

    def lowers(self, feature: ScoredFeature, values: list[object]) -> list[bool]:
        """Whether each value of this feature alone puts the row in a lower segment."""
        probability = self.probabilities(feature, values)
        return [SEGMENTS.index(self.segment_of(float(p))) < self.rank for p in probability]

    def probabilities(self, feature: ScoredFeature, values: list[object]) -> Floats:
        """Scores with each of these values, summed exactly as the scorer sums them; shape (len(values),)."""
        if not values:
            return np.empty(0)
        contributions = np.repeat(self.scorer.score([self.row]).contributions, len(values), axis=0)
        for k, term in enumerate(self.scorer.terms):
            if feature.name in term.features:
                rows = [{**self.row, feature.name: value} for value in values]
                contributions[:, k] = term.contribute({n: self._column(n, rows) for n in term.features})
        return to_probability(self.scorer.intercept + contributions.sum(axis=1))

    def every_change(self, feature: ScoredFeature) -> list[Change]:
        """The nearest value of every interval between cuts, or every other word."""
        before = self.row.get(feature.name)
        if not feature.numeric:
            words = [True, False] if feature.type == "boolean" else list(feature.categories)
            return [Change(feature.name, before, w, 1.0) for w in words if word_of(w) != word_of(before)]
        return [
            self.change(feature, near)
            for near, far in self.intervals(feature)
            for near in (near, *self.ends(feature, far))
        ]

    def ends(self, feature: ScoredFeature, far: int) -> tuple[int, ...]:
        """The far end of an interval, which differs from its near end on a line only."""
        return (far,) if self.is_line(feature) else ()

    def along_the_line(self, feature: ScoredFeature) -> Iterator[Change]:
        """For each interval whose far end suffices and near end does not, the nearest step that does."""
        for near, far in self.intervals(feature):
            if self.lowers(feature, [_value(feature, near), _value(feature, far)]) == [False, True]:
                yield self.change(feature, self.halve(feature, near, far))

    def halve(self, feature: ScoredFeature, fails: int, suffices: int) -> int:
        """The step nearest to one that fails that still suffices, where the score moves one way between them."""
        while abs(suffices - fails) > 1:
            middle = (fails + suffices) // 2
            if self.lowers(feature, [_value(feature, middle)])[0]:
                suffices = middle
            else:
                fails = middle
        return suffices

    def change(self, feature: ScoredFeature, step: int) -> Change:
        """The change to a step of the grid, with its cost."""
        before, after = number_of(self.row.get(feature.name)) or 0.0, _value(feature, step)
        return Change(feature.name, self.row.get(feature.name), after, abs(after - before) / self.spread(feature))

    def spread(self, feature: ScoredFeature) -> float:
        """From the first to the last tenth of training; else the contract's range; else 1."""
        cuts = self.scorer.reference.get("features", {}).get(feature.name, {}).get("cuts", [])
        if len(cuts) > 1 and cuts[-1] > cuts[0]:
            return float(cuts[-1] - cuts[0])
        if feature.low is not None and feature.high is not None and feature.high > feature.low:
            return float(feature.high - feature.low)
        return 1.0

    def is_line(self, feature: ScoredFeature) -> bool:
        """Whether the score moves along a line with this feature."""
        return any(term.table is None and feature.name in term.features for term in self.scorer.terms)

    def intervals(self, feature: ScoredFeature) -> list[tuple[int, int]]:
        """Nearest and farthest step of every interval between cuts, below and above the present value, within range."""
        now = number_of(self.row.get(feature.name)) or 0.0
        cuts = sorted(
            {float(c) for t in self.scorer.terms for a in t.axes if a.feature == feature.name for c in a.cuts}
        )
        low, high = _bounds(feature, now, cuts)
        at_or_above = sorted(
            {_first_step(feature, c) for c in cuts if c > now} | {_first_step(feature, now, after=True)}
        )
        below = sorted({_first_step(feature, c) - 1 for c in cuts if c <= now} | {_first_step(feature, now) - 1})
        up = [(a, b - 1) for a, b in zip(at_or_above, [*at_or_above[1:], high + 1], strict=True)]
        down = [(b, a + 1) for a, b in zip([low - 1, *below[:-1]], below, strict=True)]
        kept = [(near, min(far, high)) for near, far in up if near <= high]
        return kept + [(near, max(far, low)) for near, far in down if near >= low]

    def _column(self, name: str, rows: list[dict[str, object]]) -> Column:
        numeric = next(f.numeric for f in self.scorer.features if f.name == name)
        return read_numbers(name, rows) if numeric else read_words(name, rows)


def _is_known(feature: ScoredFeature, value: object) -> bool:
    if not feature.numeric:
        return word_of(value) is not None
    number = number_of(value)
    return number is not None and math.isfinite(number)


def _size(feature: ScoredFeature) -> int:
    """Steps to one unit."""
    return 1 if feature.type == "integer" else 100


def _value(feature: ScoredFeature, step: int) -> float:
    return step if feature.type == "integer" else step / 100


def _first_step(feature: ScoredFeature, value: float, after: bool = False) -> int:
    """The first step at a value or above it (`after`: above it only)."""
    step = math.floor(value * _size(feature)) - 1
    while _value(feature, step) < value or (after and _value(feature, step) == value):
        step += 1
    return step


def _bounds(feature: ScoredFeature, now: float, cuts: list[float]) -> tuple[int, int]:
    """First and last step of the contract's range; without one, as far as there are cuts."""
    low = min([now, *cuts]) - 1 if feature.low is None else feature.low
    high = max([now, *cuts]) + 1 if feature.high is None else feature.high
    return _first_step(feature, low), _first_step(feature, high, after=True) - 1
