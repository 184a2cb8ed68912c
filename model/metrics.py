"""How good probabilities are: log loss, AUC, Brier, calibration error, each with an interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student  # type: ignore[import-untyped]
from sklearn.metrics import log_loss, roc_auc_score, roc_curve  # type: ignore[import-untyped]

from vigie_scoring.groups import wilson

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
BINS = 10


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def measure(labels: Labels, probability: Floats) -> dict[str, float]:
    """The four figures of one set of predictions; AUC is 0.5 where one outcome is missing."""
    both = len(np.unique(labels)) == 2
    return {
        "auc": float(roc_auc_score(labels, probability)) if both else 0.5,
        "brier": float(np.mean((probability - labels) ** 2)),
        "log_loss": float(log_loss(labels, probability, labels=[0, 1])),
        "ece": calibration_error(labels, probability),
    }


def calibration_error(labels: Labels, probability: Floats, bins: int = BINS) -> float:
    """Expected calibration error: mean gap between predicted and observed share over equal-width bins."""
    return float(sum(abs(p - o) * n for p, o, n in reliability(labels, probability, bins)) / len(labels))


def reliability(labels: Labels, probability: Floats, bins: int = BINS) -> list[tuple[float, float, int]]:
    """Per filled bin: mean predicted, observed share, count."""
    place = np.minimum((probability * bins).astype(int), bins - 1)
    filled = [place == b for b in range(bins) if np.any(place == b)]
    return [(float(probability[m].mean()), float(labels[m].mean()), int(m.sum())) for m in filled]


def roc_points(labels: Labels, probability: Floats, most: int = 200) -> list[tuple[float, float]]:
    """The ROC curve as at most `most` points (false positive rate, true positive rate)."""
    false_rate, true_rate, _ = roc_curve(labels, probability)
    kept = np.unique(np.linspace(0, len(false_rate) - 1, most).astype(int))
    return [(round(float(false_rate[i]), 5), round(float(true_rate[i]), 5)) for i in kept]


def interval_over_folds(values: Sequence[float], test_share: float) -> Estimate:
    """Mean over cross-validation folds, with Nadeau and Bengio's correction for shared training data.

    `test_share` is test size over training size: 0.25 for five folds.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return Estimate(mean, mean, mean)
    error = float(np.std(values, ddof=1)) * (1 / len(values) + test_share) ** 0.5
    reach = float(student.ppf(0.975, len(values) - 1)) * error
    return Estimate(mean, mean - reach, mean + reach)


def interval_by_bootstrap(labels: Labels, probability: Floats, draws: int = 200, seed: int = 7) -> Estimate:
    """Calibration error with a basic bootstrap interval, which allows for the error's upward bias."""
    value = calibration_error(labels, probability)
    rng = np.random.default_rng(seed)
    size = len(labels)
    picks = (rng.integers(0, size, size) for _ in range(draws))
    again = [calibration_error(labels[pick], probability[pick]) for pick in picks]
    low, high = np.quantile(again, (0.025, 0.975))
    return Estimate(value, max(0.0, float(2 * value - high)), float(max(value, 2 * value - low)))


def share_interval(count: int, total: int) -> Estimate:
    """A share with Wilson's 95 % interval; zero of zero is unknown, from 0 to 1."""
    low, high = wilson(count, total)
    return Estimate(count / total if total else float("nan"), low, high)
