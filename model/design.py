"""Turn feature dicts into the matrix that the candidate models are trained on."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from model.contract import Feature
from vigie_scoring.columns import number_of, word_of

Matrix = NDArray[np.object_]


def design_matrix(rows: Sequence[Mapping[str, object]], inputs: Sequence[Feature]) -> Matrix:
    """Rows by inputs, shape (n, k): numbers as float (NaN missing), everything else as text or None."""
    matrix = np.empty((len(rows), len(inputs)), dtype=object)
    for k, feature in enumerate(inputs):
        matrix[:, k] = [_cell(feature, row.get(feature.name)) for row in rows]
    return matrix


def _cell(feature: Feature, value: object) -> float | str | None:
    return number_of(value) if feature.numeric else word_of(value)
