"""Choose how fine a glass-box may be by validation, inside the customers that it is trained on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.candidates import SEED, Candidate, EbmSettings, fit
from model.contract import Feature
from model.design import Matrix
from model.folds import split

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Rows = NDArray[np.intp]
# Settings are compared on a third of at most so many customers, each by a model of few bags: what counts is which
# of them is better, not how good it is.
ROWS, FOLDS, BAGS = 9_000, 3, 2
LEAST = 1e-15
RULE = (
    f"settings: on a held-out third of the training customers (at most {ROWS:,}, drawn by a fixed seed), the most "
    "readable whose log loss exceeds the best one's by at most one standard error of their paired difference"
)


def fit_tuned(
    candidate: Candidate, inputs: Sequence[Feature], matrix: Matrix, labels: Labels, groups: Labels
) -> tuple[Any, EbmSettings]:
    """Choose the settings inside these customers, then fit on all of them."""
    chosen = choose_settings(candidate, inputs, matrix, labels, groups)
    return fit(candidate, inputs, matrix, labels, chosen, groups=groups), chosen


def choose_settings(
    candidate: Candidate, inputs: Sequence[Feature], matrix: Matrix, labels: Labels, groups: Labels
) -> EbmSettings:
    """The settings that RULE gives; the same customers always give the same."""
    if len(candidate.settings) == 1:
        return candidate.settings[0]
    rows = sample_people(groups, ROWS)
    train, test = (rows[part] for part in split(labels[rows], groups[rows], FOLDS, 1, SEED)[0])
    if len(set(labels[train].tolist())) < 2:
        return candidate.settings[0]
    losses = [_losses(candidate, inputs, matrix, labels, groups, s, train, test) for s in candidate.settings]
    best = min(losses, key=lambda loss: float(loss.mean()))
    for settings, loss in zip(candidate.settings, losses, strict=True):
        gap = loss - best
        if gap.mean() <= gap.std(ddof=1) / len(gap) ** 0.5:
            return settings
    raise AssertionError("the best settings are within one standard error of themselves")


def sample_people(groups: Labels, most: int) -> Rows:
    """Row numbers of whole people, in the file's order, at most about `most` of them."""
    if len(groups) <= most:
        return np.arange(len(groups))
    order = np.random.default_rng(SEED).permutation(int(groups.max()) + 1)
    kept = order[groups] < len(order) * most / len(groups)
    return np.flatnonzero(kept)


def _losses(
    candidate: Candidate,
    inputs: Sequence[Feature],
    matrix: Matrix,
    labels: Labels,
    groups: Labels,
    settings: EbmSettings,
    train: Rows,
    test: Rows,
) -> Floats:
    model = fit(candidate, inputs, matrix[train], labels[train], settings, BAGS, groups[train])
    found = np.clip(model.predict_proba(matrix[test])[:, 1], LEAST, 1 - LEAST)
    losses: Floats = -np.log(np.where(labels[test] == 1, found, 1 - found))
    return losses
