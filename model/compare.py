"""Compares the candidates by repeated cross-validation and chooses one by a stated rule."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed  # type: ignore[import-untyped]
from numpy.typing import NDArray
from sklearn.model_selection import RepeatedStratifiedKFold  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from model.candidates import CANDIDATES, SEED, Candidate, fit
from model.contract import Feature
from model.design import Matrix
from model.metrics import Estimate, calibration_error, interval_by_bootstrap, interval_over_folds, measure

FOLDS, REPEATS = 5, 2
PATIENCE_SECONDS = 10
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
    """One candidate's figures, and its held-out prediction for every row, shape (repeats, n)."""

    candidate: Candidate
    figures: Mapping[str, Estimate]
    fold_log_loss: tuple[float, ...]
    fold_ece: float
    held_out: Floats

    def as_json(self) -> dict[str, Any]:
        """Plain figures, and their intervals under `interval`."""
        plain = {name: estimate.value for name, estimate in self.figures.items()}
        intervals = {name: [e["low"], e["high"]] for name, e in ((n, asdict(f)) for n, f in self.figures.items())}
        return {"title": self.candidate.title, **plain, "interval": intervals, "ece_within_folds": self.fold_ece}


@dataclass(frozen=True)
class Comparison:
    """Every candidate's result, the best one's key, and the chosen one's."""

    results: tuple[Result, ...]
    best: str
    chosen: str

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
) -> Comparison:
    """Five folds, two repeats, the same splits for every candidate."""
    results = []
    for candidate in candidates:
        progress(f"cross-validating {candidate.title.lower()} ({FOLDS} folds, {REPEATS} repeats)")
        results.append(_cross_validate(candidate, matrix, labels, inputs, progress))
    best = min(results, key=lambda r: r.figures["log_loss"].value)
    return Comparison(tuple(results), best.candidate.key, choose(results).candidate.key)


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
    candidate: Candidate, matrix: Matrix, labels: Labels, inputs: Sequence[Feature], progress: Progress
) -> Result:
    held_out = np.zeros((REPEATS, len(labels)))
    folds: list[dict[str, float]] = []
    splitter = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=SEED)
    splits = list(splitter.split(matrix, labels))
    predict = delayed(_fit_and_predict)
    # Starting a second process takes longer than fitting a small table twice.
    workers = Parallel(n_jobs=2 if len(labels) > 2000 else 1, return_as="generator")
    found = list(_told(workers(predict(candidate, inputs, matrix, labels, *s) for s in splits), progress, len(splits)))
    for number, ((_, test), probability) in enumerate(zip(splits, found, strict=True)):
        held_out[number // FOLDS, test] = probability
        folds.append(measure(labels[test], probability))
    figures = {k: interval_over_folds([f[k] for f in folds], 1 / (FOLDS - 1)) for k in ("auc", "brier", "log_loss")}
    return Result(
        candidate=candidate,
        figures=figures | {"ece": _pooled_ece(labels, held_out)},
        fold_log_loss=tuple(f["log_loss"] for f in folds),
        fold_ece=float(np.mean([f["ece"] for f in folds])),
        held_out=held_out,
    )


def _told(folds: Iterable[Floats], progress: Progress, total: int) -> Iterator[Floats]:
    """The folds as they end, with a line about every ten seconds."""
    told = time.monotonic()
    for done, fold in enumerate(folds, start=1):
        if done < total and time.monotonic() - told > PATIENCE_SECONDS:
            told = time.monotonic()
            progress(f"  {done} of {total}")
        yield fold


def _fit_and_predict(
    candidate: Candidate, inputs: Sequence[Feature], matrix: Matrix, labels: Labels, train: Rows, test: Rows
) -> Floats:
    # Folds run side by side, so each keeps to one thread: more would only wait for each other.
    with threadpool_limits(limits=1):
        model = fit(candidate, inputs, matrix[train], labels[train])
        return np.asarray(model.predict_proba(matrix[test])[:, 1], dtype=np.float64)


def _pooled_ece(labels: Labels, held_out: Floats) -> Estimate:
    # Over all rows of a repeat at once: within a fold, chance alone makes the error look larger.
    interval = interval_by_bootstrap(labels, held_out[0])
    mean = float(np.mean([calibration_error(labels, repeat) for repeat in held_out]))
    shift = mean - interval.value
    return Estimate(mean, max(0.0, interval.low + shift), interval.high + shift)
