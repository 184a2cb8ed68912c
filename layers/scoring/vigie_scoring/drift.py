"""Compare the customers of a run with those of training: stability, gaps, values out of range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie_scoring.columns import NumberColumn
from vigie_scoring.scorer import ScoredFeature, Scorer
from vigie_scoring.terms import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WARNS, ALARMS = 0.1, 0.25
OUT_OF_RANGE_ALARMS = 0.01
BINS = 10
# Stands for an empty bin, whose logarithm would be infinite.
LEAST_SHARE = 1e-4
# As many customers as in training are added to a run: a bin that a small run happens to leave empty
# says little, one that a large run leaves empty says much.
PRIOR = 5
SCORE = "score"


@dataclass(frozen=True)
class Drift:
    """One measure of one subject (a feature, or `score`), with its level: ok, warning or alarm."""

    subject: str
    measure: str  # psi, missing_rate or out_of_range
    value: float
    level: str
    details: Mapping[str, float] = field(default_factory=dict)


def build_reference(
    features: Sequence[ScoredFeature], columns: Mapping[str, Column], probability: Floats
) -> dict[str, Any]:
    """What training looked like: shares per bin of every feature and of the score (missing first)."""
    described = {f.name: _describe(f, columns[f.name]) for f in features}
    cuts = _choose_cuts(probability)
    shares = _shares(np.searchsorted(cuts, probability, side="right") + 1, len(cuts) + 2)
    score = {"cuts": cuts.tolist(), "shares": shares.tolist()}
    return {"rows": len(probability), "features": described, SCORE: score}


def measure_drift(scorer: Scorer, rows: Sequence[Mapping[str, object]], probability: Floats) -> list[Drift]:
    """Every measure of every feature and of the score; empty when there is nothing to compare.

    `rows` are the raw features scored (with the sentiment filled in), `probability` (n,) their scores.
    """
    if not rows or not scorer.reference:
        return []
    columns, trained_on = scorer.read_columns(rows), int(scorer.reference["rows"])
    found: list[Drift] = []
    for feature in scorer.features:
        known = scorer.reference["features"][feature.name]
        found += _measure_feature(feature, columns[feature.name], known, trained_on)
    reference = scorer.reference[SCORE]
    places = np.searchsorted(np.array(reference["cuts"]), probability, side="right") + 1
    return [*found, _stability(SCORE, places, reference["shares"], trained_on)]


def stability_index(expected: Floats, found: Floats) -> float:
    """Population stability index of two sets of shares: the sum of (f - e) ln(f / e).

    Siddiqi, Credit Risk Scorecards (2006); empty bins count as a share of 0.0001.
    """
    expected, found = np.maximum(expected, LEAST_SHARE), np.maximum(found, LEAST_SHARE)
    return float(((found - expected) * np.log(found / expected)).sum())


def level_of(value: float) -> str:
    """0.1 warns, 0.25 alarms."""
    return "alarm" if value >= ALARMS else "warning" if value >= WARNS else "ok"


def _describe(feature: ScoredFeature, column: Column) -> dict[str, Any]:
    if isinstance(column, NumberColumn):
        known = column.values[~np.isnan(column.values)]
        said: dict[str, Any] = {"cuts": _choose_cuts(known).tolist()}
    else:
        said = {"words": sorted({w for w in column if w is not None} | set(feature.categories))}
    places, size = _locate(column, said)
    return said | {"shares": _shares(places, size).tolist()}


def _choose_cuts(values: Floats) -> Floats:
    if not len(values):
        return np.empty(0)
    return np.unique(np.quantile(values, np.arange(1, BINS) / BINS))


def _locate(column: Column, reference: Mapping[str, Any]) -> tuple[NDArray[np.intp], int]:
    if isinstance(column, NumberColumn):
        cuts = np.array(reference["cuts"], dtype=np.float64)
        places: NDArray[np.intp] = np.searchsorted(cuts, column.values, side="right") + 1
        places[np.isnan(column.values)] = 0
        return places, len(cuts) + 2
    known = {None: 0} | {w: i for i, w in enumerate(reference["words"], start=1)}
    size = len(known) + 1
    return np.array([known.get(w, size - 1) for w in column], dtype=np.intp), size


def _shares(places: NDArray[np.intp], size: int) -> Floats:
    return np.bincount(places, minlength=size) / max(1, len(places))


def _measure_feature(
    feature: ScoredFeature, column: Column, reference: Mapping[str, Any], trained_on: int
) -> list[Drift]:
    places, _ = _locate(column, reference)
    missing, was_missing = float(np.mean(places == 0)), float(reference["shares"][0])
    outside = _count_outside(feature, column)
    share = outside / len(places)
    level = "ok" if outside == 0 else "alarm" if share >= OUT_OF_RANGE_ALARMS else "warning"
    return [
        _stability(feature.name, places, reference["shares"], trained_on),
        Drift(feature.name, "missing_rate", missing, level_of(abs(missing - was_missing)), {"trained": was_missing}),
        Drift(feature.name, "out_of_range", float(outside), level, {"share": share}),
    ]


def _stability(subject: str, places: NDArray[np.intp], trained: Sequence[float], trained_on: int) -> Drift:
    expected = np.array(trained, dtype=np.float64)
    found = np.bincount(places, minlength=len(expected)) + PRIOR * expected
    value = stability_index(expected, found / (len(places) + PRIOR))
    # Two samples of the same customers differ too: the index then is near a chi-square over the size.
    freedom = max(1, int(np.count_nonzero(expected)) - 1)
    chance = (freedom + 2 * (2 * freedom) ** 0.5) * (1 / len(places) + 1 / trained_on)
    return Drift(subject, "psi", value, level_of(value - chance), {"by_chance": chance, "rows": float(len(places))})


def _count_outside(feature: ScoredFeature, column: Column) -> int:
    if not isinstance(column, NumberColumn):
        allowed = set(feature.categories) or {"true", "false"}
        return sum(word is not None and word not in allowed for word in column)
    low = -np.inf if feature.low is None else feature.low
    high = np.inf if feature.high is None else feature.high
    outside = (column.values < low) | (column.values > high)
    if column.unknown is not None:
        outside |= column.unknown
    return int(outside.sum())
