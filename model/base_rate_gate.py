"""Whether a model is better than the base rate, which says of everybody what is true of the average."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student  # type: ignore[import-untyped]

from vigie.decision import DEFAULT, DecisionRule

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
# Two measures are tried, so that each has half of the 5 % by which chance may pass.
CONFIDENCE = 0.975
LEAST = 1e-15
# Test over training customers of a fold. Folds share their training customers, so that what one of them finds by chance
# the others find too: the variance grows by folds * test / training (Nadeau and Bengio, 2003). Without it noise passed.
SHARED = 1 / 4
# The share of customers with the highest scores that a segment is for, where no score reaches it.
SEGMENT_SHARES = {"High": 0.01, "Medium": 0.05}


def measure_against_base_rate(
    labels: Labels, probability: Floats, base: Floats, groups: Labels, folds: int = 1
) -> dict[str, Any]:
    """How much Brier score and log loss are gained over the base rate, with 95 % intervals over people.

    `base` (n,) is the share of leavers among the customers that each prediction was trained on; `folds` is how many
    models of SHARED the predictions come from. A model is better when one of the two gains is above zero beyond
    chance, and the other is above zero.
    """
    wider = (1 + folds * SHARED) ** 0.5
    brier = _gain((base - labels) ** 2 - (probability - labels) ** 2, groups, wider)
    loss = _gain(_log_loss(labels, base) - _log_loss(labels, probability), groups, wider)
    better = min(brier["value"], loss["value"]) > 0 and max(brier["low"], loss["low"]) > 0
    return {
        "better": better,
        "brier": float(((probability - labels) ** 2).mean()),
        "brier_of_base_rate": float(((base - labels) ** 2).mean()),
        "brier_gain": brier,
        "log_loss_gain": loss,
    }


def describe_gate(found: dict[str, Any]) -> str:
    """The verdict in a sentence."""
    gain = found["brier_gain"]
    figures = (
        f"Brier {found['brier']:.4f}, base rate {found['brier_of_base_rate']:.4f}, "
        f"gain {gain['value']:.4f} ({gain['low']:.4f} to {gain['high']:.4f})"
    )
    if found["better"]:
        return f"better than the base rate: {figures}"
    worse = "worse than the base rate" if gain["value"] <= 0 else "no better than the base rate beyond chance"
    return f"{worse}: {figures}"


def describe_reach(probability: Floats, decision: DecisionRule = DEFAULT) -> list[str]:
    """A warning per segment that no score reaches, with a threshold that would be reached."""
    thresholds = {"High": decision.high, "Medium": decision.medium}
    highest = float(probability.max())
    return [
        f"WARNING no customer would be in segment {name}: the highest score is {highest:.3f}, the threshold "
        f"{thresholds[name]:.2f}; {name}Threshold {_reached(probability, share)} in template.yaml would hold "
        f"{share:.0%} of these customers ({max(1, round(share * len(probability))):,})"
        for name, share in SEGMENT_SHARES.items()
        if highest < thresholds[name]
    ]


def _reached(probability: Floats, share: float) -> str:
    return f"{np.quantile(probability, 1 - share):.2g}"


def _log_loss(labels: Labels, probability: Floats) -> Floats:
    safe = np.clip(probability, LEAST, 1 - LEAST)
    return np.asarray(-(labels * np.log(safe) + (1 - labels) * np.log(1 - safe)), dtype=np.float64)


def _gain(differences: Floats, groups: Labels, wider: float) -> dict[str, float]:
    """Mean difference with its interval; rows of one person count as one observation."""
    mean, rows = float(differences.mean()), len(differences)
    sums = np.bincount(groups, weights=differences - mean)
    people = len(np.unique(groups))
    if people < 2:
        return {"value": mean, "low": -1.0, "high": 1.0}
    error = float(np.sqrt((sums**2).sum() * people / (people - 1))) / rows
    reach = float(student.ppf(CONFIDENCE, people - 1)) * error * wider
    return {"value": mean, "low": mean - reach, "high": mean + reach}
