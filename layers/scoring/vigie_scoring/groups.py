"""Watches whom a run flags: segment rates across the groups that the contract declares sensitive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vigie_scoring.columns import number_of, word_of
from vigie_scoring.drift import Drift, measure_drift
from vigie_scoring.scorer import Scorer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MISSING = "(missing)"
# A group's rate is worth a look when its interval lies outside everybody's rate by this factor.
FOUR_FIFTHS = 0.8


def watch(
    scorer: Scorer, rows: Sequence[Mapping[str, object]], probability: Floats, high: float, medium: float
) -> list[Drift]:
    """Everything a run stores about its customers as a whole: drift, and segment rates by group.

    `rows` are raw features (with the sentiment filled in), `probability` (n,) their scores, `high` and
    `medium` the run's thresholds.
    """
    return measure_drift(scorer, rows, probability) + measure_groups(scorer, rows, probability, high, medium)


def measure_groups(
    scorer: Scorer, rows: Sequence[Mapping[str, object]], probability: Floats, high: float, medium: float
) -> list[Drift]:
    """Per sensitive feature and group, the shares in High, and in Medium or High, with 95 % intervals.

    A warning marks a group flagged four fifths as often as everybody or less, or five fourths as often
    or more, beyond what chance explains. It is a question to ask, not a verdict.
    """
    found: list[Drift] = []
    for feature in scorer.groups if rows else ():
        names = name_groups(feature.numeric, [row.get(feature.name) for row in rows])
        for group in sorted(set(names.tolist())):
            inside = names == group
            for measure, limit in (("high_rate", high), ("medium_or_high_rate", medium)):
                flagged = probability >= limit
                found.append(rate_of(f"{feature.name}: {group}", measure, flagged[inside], float(flagged.mean())))
    return found


def name_groups(numeric: bool, values: Sequence[object]) -> NDArray[np.object_]:
    """Each row's group: its word, or for numbers the quarter of these rows that it falls in."""
    if not numeric:
        return np.array([word_of(v) or MISSING for v in values], dtype=object)
    read = [number_of(v) for v in values]
    numbers = np.array([np.nan if n is None else n for n in read], dtype=np.float64)
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return np.full(len(numbers), MISSING, dtype=object)
    cuts = np.unique(np.quantile(known, (0.25, 0.5, 0.75)))
    edges = [known.min(), *cuts, known.max()]
    names = np.array([f"{low:g} to {high:g}" for low, high in pairwise(edges)], dtype=object)
    named = names[np.minimum(np.searchsorted(cuts, numbers, side="right"), len(names) - 1)]
    return np.where(np.isnan(numbers), MISSING, named)


def wilson(count: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; from 0 to 1 for an empty group."""
    if total == 0:
        return 0.0, 1.0
    z, share = 1.959964, count / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    reach = z * ((share * (1 - share) + z * z / (4 * total)) / total) ** 0.5 / (1 + z * z / total)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def rate_of(subject: str, measure: str, flagged: NDArray[np.bool_], everybody: float) -> Drift:
    """A group's rate with its interval; a warning when it is far from everybody's beyond what chance explains."""
    low, high = wilson(int(flagged.sum()), len(flagged))
    apart = high < everybody * FOUR_FIFTHS or low > everybody / FOUR_FIFTHS
    details = {"low": low, "high": high, "customers": float(len(flagged)), "everybody": everybody}
    return Drift(subject, measure, float(flagged.mean()), "warning" if apart else "ok", details)
