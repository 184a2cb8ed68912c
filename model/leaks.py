"""Report columns that leak the label: near-perfect alone, or recorded after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata  # type: ignore[import-untyped]

from model.contract import Feature
from model.validate import Table, Value
from vigie_scoring.columns import number_of, word_of

NEAR_PERFECT = 0.98


@dataclass(frozen=True)
class Leak:
    """A suspicious column and why."""

    column: str
    reason: str

    def __str__(self) -> str:
        return f"column {self.column}: {self.reason}"


def find_leaks(table: Table) -> list[Leak]:
    """Suspicious inputs of a labelled table, in the contract's order."""
    assert table.labels is not None  # noqa: S101 - only labelled tables are trained on
    leaks = []
    for feature in table.contract.inputs:
        if feature.recorded_after_label:
            leaks.append(Leak(feature.column, "recorded after the label, says the contract; set used = false"))
            continue
        auc = auc_alone(feature, [r.get(feature.name) for r in table.rows], table.labels)
        if auc > NEAR_PERFECT:
            why = f"predicts the outcome almost by itself (AUC {auc:.3f}); was it known before they left?"
            leaks.append(Leak(feature.column, why))
    return leaks


def auc_alone(feature: Feature, values: Sequence[Value], labels: NDArray[np.int64]) -> float:
    """How well one column separates the labels, in any direction and by being missing too (0.5 to 1)."""
    if len(set(labels.tolist())) < 2:
        return 0.5
    if not feature.numeric:
        return _auc_of_words([word_of(v) for v in values], labels)
    numbers = np.array([number_of(v) for v in values], dtype=np.float64)
    gaps = np.isnan(numbers)
    if not gaps.any():
        return _fold(_auc(labels, numbers))
    best = _fold(_auc(labels, gaps))
    if (known := ~gaps).any() and len(set(labels[known].tolist())) == 2:
        low, high = numbers[known].min() - 1, numbers[known].max() + 1
        filled = [np.where(gaps, end, numbers) for end in (low, high)]
        best = max(best, *(_fold(_auc(labels, f)) for f in filled))
    return best


def _auc_of_words(words: Sequence[str | None], labels: NDArray[np.int64]) -> float:
    distinct = {w: i for i, w in enumerate(dict.fromkeys(words))}
    places = np.array([distinct[w] for w in words])
    left = np.bincount(places, weights=labels) / np.bincount(places)
    return _fold(_auc(labels, left[places]))


def _auc(labels: NDArray[np.int64], scores: NDArray[Any]) -> float:
    """The Mann-Whitney statistic: what roc_auc_score gives, whose checks take far longer on a thousand columns."""
    left = int(labels.sum())
    ranks = float(rankdata(scores)[labels == 1].sum())
    return (ranks - left * (left + 1) / 2) / (left * (len(labels) - left))


def _fold(auc: float) -> float:
    return max(auc, 1 - auc)
