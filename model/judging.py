"""Judge a model by what it predicts of customers that it had not seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.base_rate_gate import describe_gate, describe_reach, measure_against_base_rate
from model.candidates import SEED, Candidate, fit
from model.compare import FOLDS, Comparison
from model.contract import Feature
from model.design import Matrix
from model.folds import People, split
from model.too_good import describe_carriers, find_carriers, is_too_good

Labels = NDArray[np.int64]
Progress = Callable[[str], None]
# Below this many rows a held-out fifth says too little, and five folds take seconds.
FEW_ROWS = 1000


@dataclass(frozen=True)
class HeldOut:
    """Row numbers, predictions made for them by a model that had not seen them, and that model's base rates."""

    rows: Any
    probability: Any
    base_rates: Any
    protocol: str
    folds: int


def hold_out(
    comparison: Comparison | None,
    compared: Any,
    candidate: Candidate,
    labels: Labels,
    matrix: Matrix,
    inputs: Sequence[Feature],
    people: People,
    progress: Progress,
) -> HeldOut:
    """Held-out predictions of a comparison, or, without one, of a fifth of the rows or of five folds."""
    if comparison:
        probability = comparison.result(candidate.key).held_out[0]
        return HeldOut(
            compared, probability, comparison.base_rates, "out-of-fold predictions of the first repeat", FOLDS
        )
    folds = split(labels, people.groups, FOLDS, 1, SEED)
    kept = folds if len(labels) < FEW_ROWS else folds[:1]
    protocol = "out-of-fold predictions of five folds" if len(kept) > 1 else "a held-out fifth"
    progress(f"measuring on {protocol}")
    found = [
        fit(candidate, inputs, matrix[known], labels[known], groups=people.groups[known]).predict_proba(matrix[unseen])[
            :, 1
        ]
        for known, unseen in kept
    ]
    bases = [np.full(len(unseen), labels[known].mean()) for known, unseen in kept]
    rows = np.concatenate([unseen for _, unseen in kept])
    return HeldOut(rows, np.concatenate(found), np.concatenate(bases), protocol, len(kept))


def judge(
    record: dict[str, Any],
    held_out: HeldOut,
    labels: Labels,
    matrix: Matrix,
    inputs: Sequence[Feature],
    people: People,
    progress: Progress,
) -> dict[str, Any]:
    """Against the base rate; too good; segments that no score reaches: said, and kept in the record."""
    rows, probability = held_out.rows, held_out.probability
    labels, groups = labels[rows], people.groups[rows]
    verdict = measure_against_base_rate(labels, probability, held_out.base_rates, groups, held_out.folds)
    progress(describe_gate(verdict))
    warnings = describe_reach(probability)
    if is_too_good(labels, probability):
        auc = record["held_out"]["auc"]
        carriers, reached = find_carriers(matrix[rows], labels, groups, inputs, record["importance"], auc)
        warnings = [*describe_carriers(auc, carriers, reached), *warnings]
    for warning in warnings:
        progress(warning)
    return {"base_rate": verdict, "warnings": warnings}
