"""Compare the candidates by repeated cross-validation and choose one by a stated rule."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed  # type: ignore[import-untyped]
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from model.candidates import CANDIDATES, SEED, Candidate, EbmSettings
from model.contract import Feature
from model.design import Matrix
from model.folds import split
from model.metrics import Estimate, calibration_error, interval_by_bootstrap, interval_over_folds, measure
from model.tuning import fit_tuned
from model.waiting import Budget, watch

FOLDS, REPEATS = 5, 2
RULE = (
    "the most readable model whose mean log loss exceeds the best one's by at most one standard error "
    "of their paired difference over the folds"
)
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Rows = NDArray[np.intp]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """One candidate's figures, and its held-out prediction for every row, shape (repeats, n).

    `settings` are those that validation chose inside each fold's training customers.
    """

    candidate: Candidate
    figures: Mapping[str, Estimate]
    fold_log_loss: tuple[float, ...]
    fold_ece: float
    held_out: Floats
    settings: tuple[EbmSettings, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain figures, and their intervals under `interval`."""
        plain = {name: estimate.value for name, estimate in self.figures.items()}
        intervals = {name: [e["low"], e["high"]] for name, e in ((n, asdict(f)) for n, f in self.figures.items())}
        said = {"title": self.candidate.title, **plain, "interval": intervals, "ece_within_folds": self.fold_ece}
        if len(self.candidate.settings) > 1:
            said["settings"] = dict(Counter(str(s) for s in self.settings).most_common())
        return said


@dataclass(frozen=True)
class Comparison:
    """Every candidate's result, the best one's key, the chosen one's, and the folds' own base rates (n,)."""

    results: tuple[Result, ...]
    best: str
    chosen: str
    base_rates: Floats

    def result(self, key: str) -> Result:
        """One candidate's result."""
        return {r.candidate.key: r for r in self.results}[key]

    def as_json(self) -> dict[str, Any]:
        """What `make evaluate` writes."""
        models = {r.candidate.key: r.as_json() for r in self.results}
        protocol = {"folds": FOLDS, "repeats": REPEATS, "resampling": "none", "class_weights": "none"}
        return {"models": models, "best": self.best, "chosen": self.chosen, "rule": RULE, "protocol": protocol}


def compare(
    matrix: Matrix,
    labels: Labels,
    inputs: Sequence[Feature],
    progress: Progress = lambda _: None,
    candidates: Sequence[Candidate] = CANDIDATES,
    groups: Labels | None = None,
    budget: Budget | None = None,
) -> Comparison:
    """Five folds, two repeats, the same splits for every candidate; `groups` (n,) says which rows are one person.

    Raises OutOfTimeError as soon as it shows that the budget will not do.
    """
    groups = np.arange(len(labels)) if groups is None else groups
    splits = split(labels, groups, FOLDS, REPEATS, SEED)
    titles = ", ".join(c.title.lower() for c in candidates)
    progress(f"cross-validating {titles} ({FOLDS} folds, {REPEATS} repeats)")
    results = _cross_validate(candidates, matrix, labels, groups, inputs, splits, progress, budget or Budget())
    best = min(results, key=lambda r: r.figures["log_loss"].value)
    return Comparison(tuple(results), best.candidate.key, choose(results).candidate.key, base_rates(labels, splits))


def base_rates(labels: Labels, splits: Sequence[tuple[Rows, Rows]]) -> Floats:
    """For each row, the share of leavers among the customers that its first held-out prediction was trained on."""
    found = np.full(len(labels), np.nan)
    for train, test in splits[:FOLDS]:
        found[test] = labels[train].mean()
    return found


def choose(results: Sequence[Result]) -> Result:
    """Apply RULE; `results` go from the most readable to the least.

    A model that cannot be exported is never chosen: the next best glass-box stands in for it.
    """
    best = np.array(min(results, key=lambda r: r.figures["log_loss"].value).fold_log_loss)
    glass = [r for r in results if r.candidate.glass_box]
    for result in glass:
        gap = np.array(result.fold_log_loss) - best
        if gap.mean() <= gap.std(ddof=1) / len(gap) ** 0.5:
            return result
    return min(glass, key=lambda r: r.figures["log_loss"].value)


def _cross_validate(
    candidates: Sequence[Candidate],
    matrix: Matrix,
    labels: Labels,
    groups: Labels,
    inputs: Sequence[Feature],
    splits: Sequence[tuple[Rows, Rows]],
    progress: Progress,
    budget: Budget,
) -> list[Result]:
    predict = delayed(_fit_and_predict)
    # Starting a second process takes longer than fitting a small table twice.
    workers = Parallel(n_jobs=2 if len(labels) > 2000 else 1, return_as="generator")
    # Fold by fold, so that what is left can be estimated from what is done.
    fits = workers(predict(c, inputs, matrix, labels, groups, *pair) for pair in splits for c in candidates)
    with closing(fits):  # a comparison that is given up leaves no worker behind
        found = list(watch(fits, len(splits) * len(candidates), len(candidates), progress, budget))
    return [_summarise(c, labels, splits, found[k :: len(candidates)]) for k, c in enumerate(candidates)]


def _summarise(
    candidate: Candidate,
    labels: Labels,
    splits: Sequence[tuple[Rows, Rows]],
    found: Sequence[tuple[Floats, EbmSettings]],
) -> Result:
    held_out = np.zeros((REPEATS, len(labels)))
    for number, ((_, test), (probability, _)) in enumerate(zip(splits, found, strict=True)):
        held_out[number // FOLDS, test] = probability
    folds = [measure(labels[test], p) for (_, test), (p, _) in zip(splits, found, strict=True)]
    figures = {k: interval_over_folds([f[k] for f in folds], 1 / (FOLDS - 1)) for k in ("auc", "brier", "log_loss")}
    return Result(
        candidate=candidate,
        figures=figures | {"ece": _pooled_ece(labels, held_out)},
        fold_log_loss=tuple(f["log_loss"] for f in folds),
        fold_ece=float(np.mean([f["ece"] for f in folds])),
        held_out=held_out,
        settings=tuple(settings for _, settings in found),
    )


def _fit_and_predict(
    candidate: Candidate,
    inputs: Sequence[Feature],
    matrix: Matrix,
    labels: Labels,
    groups: Labels,
    train: Rows,
    test: Rows,
) -> tuple[Floats, EbmSettings]:
    # Folds run side by side, so each keeps to one thread: more would only wait for each other.
    with threadpool_limits(limits=1):
        model, settings = fit_tuned(candidate, inputs, matrix[train], labels[train], groups[train])
        return np.asarray(model.predict_proba(matrix[test])[:, 1], dtype=np.float64), settings


def _pooled_ece(labels: Labels, held_out: Floats) -> Estimate:
    # Over all rows of a repeat at once: within a fold, chance alone makes the error look larger.
    interval = interval_by_bootstrap(labels, held_out[0])
    mean = float(np.mean([calibration_error(labels, repeat) for repeat in held_out]))
    shift = mean - interval.value
    return Estimate(mean, max(0.0, interval.low + shift), interval.high + shift)
