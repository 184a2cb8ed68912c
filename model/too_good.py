"""Find the columns behind a result that is too good to be true: alone, or as a rule over several."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped]
from sklearn.metrics import log_loss, roc_auc_score  # type: ignore[import-untyped]

from model.contract import Feature
from model.design import Matrix
from model.folds import split
from model.leaks import NEAR_PERFECT

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
# A log loss below this share of the base rate's leaves next to nothing unexplained.
NEAR_ZERO = 0.15
# Columns are tried by importance; this many in pairs, this many rows.
TRIED, ROWS, MOST = 10, 2500, 4
SEED = 7


def is_too_good(labels: Labels, probability: Floats) -> bool:
    """Whether held-out predictions know nearly everything."""
    share = float(labels.mean())
    base = float(log_loss(labels, np.full(len(labels), share)))
    return bool(roc_auc_score(labels, probability) > NEAR_PERFECT or log_loss(labels, probability) < NEAR_ZERO * base)


def find_carriers(
    matrix: Matrix, labels: Labels, groups: Labels, inputs: Sequence[Feature], importance: dict[str, float], auc: float
) -> tuple[list[str], float]:
    """The fewest columns that come close to `auc` by themselves, and the AUC they reach."""
    order = [k for name in importance for k, f in enumerate(inputs) if f.name == name][:TRIED]
    rows = np.random.default_rng(SEED).permutation(len(labels))[:ROWS]
    columns = {k: _as_number(matrix[rows, k]) for k in order}
    wanted = min(auc, 1.0) - 0.01

    def reach(chosen: tuple[int, ...]) -> float:
        return _auc_of(np.stack([columns[k] for k in chosen], axis=1), labels[rows], groups[rows])

    found: tuple[int, ...]
    best, found = max((reach((k,)), (k,)) for k in order)
    if best < wanted and len(order) > 1:
        best, found = max((reach(pair), pair) for pair in itertools.combinations(order, 2))
    while best < wanted and len(found) < min(MOST, len(order)):
        best, found = max((reach((*found, k)), (*found, k)) for k in order if k not in found)
    return [inputs[k].column for k in found], best


def describe_carriers(auc: float, columns: Sequence[str], reached: float) -> Iterator[str]:
    """The warning, in two lines."""
    yield f"WARNING too good to be true: AUC {auc:.4f} on customers the model had not seen"
    if reached > NEAR_PERFECT or reached >= auc - 0.01:
        carried = f"column {columns[0]} gives" if len(columns) == 1 else f"a rule over {_join(columns)} gives"
        remedy = "was it known" if len(columns) == 1 else "were they all known"
        yield f"  {carried} the answer away (AUC {reached:.4f}): {remedy} before they left? If not: used = false"
    else:
        yield f"  no few columns carry it; the strongest are {_join(columns)} (AUC {reached:.4f} together)"


def _join(columns: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(columns[:-1]), columns[-1])))


def _as_number(cells: Any) -> Floats:
    words = {w: i for i, w in enumerate(dict.fromkeys(c for c in cells if isinstance(c, str)))}
    return np.array([-1.0 if c is None else words[c] if isinstance(c, str) else _filled(c) for c in cells])


def _filled(cell: float) -> float:
    return -1e18 if np.isnan(cell) else float(cell)


def _auc_of(columns: Floats, labels: Labels, groups: Labels) -> float:
    predicted = np.zeros(len(labels))
    for train, test in split(labels, groups, 3, 1, SEED):
        forest = RandomForestClassifier(15, min_samples_leaf=2, random_state=SEED, n_jobs=1)
        predicted[test] = forest.fit(columns[train], labels[train]).predict_proba(columns[test])[:, 1]
    return float(roc_auc_score(labels, predicted))
