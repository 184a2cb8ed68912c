"""Measure what leaving the sensitive columns out costs, for the person who decides."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from model.candidates import SEED, find_candidate, fit
from model.contract import Contract, Feature
from model.design import design_matrix
from model.metrics import measure
from model.row_faults import DataError
from model.validate import Table, read_table

# Quick settings: they compare two sets of columns, and say nothing of the model that is trained later.
CANDIDATE, FOLDS, MOST_ROWS = "gradient_boosting", 3, 10_000
# From here on `make contract` leaves the measuring to `make evaluate`.
LARGE = 200_000
FEWEST = 20


@dataclass(frozen=True)
class SensitiveCost:
    """AUC and Brier score without the sensitive columns and with them, cross-validated on `rows` rows."""

    columns: tuple[str, ...]
    rows: int
    auc_without: float
    auc_with: float
    brier_without: float
    brier_with: float
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Plain figures."""
        return asdict(self)

    def describe(self) -> Iterator[str]:
        """The figures in words."""
        yield (
            f"leaving {', '.join(self.columns)} out: AUC {self.auc_without:.4f} without, {self.auc_with:.4f} with; "
            f"Brier {self.brier_without:.4f} without, {self.brier_with:.4f} with"
        )
        yield (
            f"({FOLDS}-fold cross-validation on {self.rows:,} rows, quick settings, {self.seconds:.0f} s); "
            "used = true in the contract lets the model read a column: you decide, and answer for it"
        )


def measure_sensitive_cost(table: Table) -> SensitiveCost | None:
    """Cross-validate with and without; None where nothing is sensitive or there are too few outcomes."""
    sensitive = tuple(f for f in table.contract.from_file if f.sensitive and not f.used)
    labels = table.labels
    if not sensitive or labels is None or min(labels.sum(), len(labels) - labels.sum()) < FEWEST:
        return None
    begun = time.monotonic()
    chosen = _choose_rows(table)
    inputs = tuple(f for f in table.contract.inputs if f not in sensitive)
    without = (
        _cross_validate(table, chosen, inputs)
        if inputs
        else {"auc": 0.5, "brier": float(labels.mean() * (1 - labels.mean()))}
    )
    together = _cross_validate(table, chosen, (*inputs, *sensitive))
    return SensitiveCost(
        tuple(f.column for f in sensitive), len(chosen), without["auc"], together["auc"], without["brier"],
        together["brier"], time.monotonic() - begun,
    )  # fmt: skip


def describe_cost_of_file(data: Path, out: Path, contract: Contract, rows: int) -> Iterator[str]:
    """What `make contract` says of the cost, measured on the file it has just drafted from."""
    if not any(f.sensitive and not f.used for f in contract.features):
        return
    if rows > LARGE:
        remedy = f"make evaluate DATA={data} CONTRACT={out} measures it"
        yield f"what leaving them out costs is not measured here on {rows:,} rows: {remedy}"
        return
    try:
        found = measure_sensitive_cost(read_table(data, contract, labelled=True))
    except DataError as exc:
        yield f"what leaving them out costs could not be measured: {exc.faults[0]}"
        return
    if found is None:
        yield "what leaving them out costs could not be measured: too few who left or stayed"
    else:
        yield from found.describe()


def _choose_rows(table: Table) -> Any:
    """At most MOST_ROWS rows, whole customers."""
    customers = np.unique(np.array(table.ids, dtype=object).astype(str), return_inverse=True)[1]
    if len(table) <= MOST_ROWS:
        return np.arange(len(table))
    order = np.random.default_rng(SEED).permutation(customers.max() + 1)
    return np.flatnonzero(order[customers] < (customers.max() + 1) * MOST_ROWS // len(table))


def _cross_validate(table: Table, chosen: Any, inputs: Sequence[Feature]) -> dict[str, float]:
    assert table.labels is not None  # noqa: S101 - checked by the caller
    labels = table.labels[chosen]
    rows = [table.rows[i] for i in chosen]
    inputs = [f for f in inputs if any(r.get(f.name) is not None for r in rows)]
    matrix = design_matrix(rows, inputs)
    # One customer's rows stay together: a model that recognises people would look better than it is.
    customers = np.array([table.ids[i] for i in chosen], dtype=str)
    splitter = StratifiedGroupKFold(n_splits=FOLDS, shuffle=True, random_state=SEED)
    probability = np.zeros(len(labels))
    with threadpool_limits(limits=1):
        for known, unseen in splitter.split(matrix, labels, customers):
            model = fit(find_candidate(CANDIDATE), inputs, matrix[known], labels[known])
            probability[unseen] = model.predict_proba(matrix[unseen])[:, 1]
    return measure(labels, probability)
