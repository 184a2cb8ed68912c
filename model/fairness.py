"""Error rates and segment rates across groups that the contract declares sensitive, with intervals."""

import re
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.metrics import share_interval
from model.validate import Table
from vigie.decision import DEFAULT, DecisionRule
from vigie_scoring.groups import name_groups


def measure_fairness(
    table: Table,
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
    probability: NDArray[np.float64],
    decision: DecisionRule = DEFAULT,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Per sensitive feature and group: size, segment rates, and error rates at the Medium threshold.

    `rows` are the table's rows that were predicted; `labels` and `probability` go with them. A miss
    is a leaver left in Low; a false alarm is a stayer in Medium or High.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for feature in (f for f in table.contract.features if f.sensitive):
        words = name_groups(feature.numeric, [table.rows[i].get(feature.name) for i in rows])
        found[feature.name] = {
            group: _measure_group(labels[words == group], probability[words == group], decision)
            for group in dict.fromkeys(sorted(words.tolist(), key=group_order))
        }
    return found


def group_order(group: str) -> tuple[float, str]:
    """Sort groups by their first number where they have one, then by their words."""
    try:
        return float(re.split(r" to |-|\+", group)[0]), group
    except ValueError:
        return float("inf"), group


def _measure_group(
    labels: NDArray[np.int64], probability: NDArray[np.float64], decision: DecisionRule
) -> dict[str, Any]:
    flagged = probability >= decision.medium
    left = labels == 1
    return {
        "customers": len(labels),
        "left": _share(left.sum(), len(labels)),
        "mean_probability": float(probability.mean()),
        "high": _share((probability >= decision.high).sum(), len(labels)),
        "medium_or_high": _share(flagged.sum(), len(labels)),
        "missed": _share((left & ~flagged).sum(), left.sum()),
        "false_alarm": _share((~left & flagged).sum(), (~left).sum()),
    }


def _share(count: Any, total: Any) -> dict[str, float | None]:
    estimate = asdict(share_interval(int(count), int(total)))
    return {k: None if v != v else v for k, v in estimate.items()}
