"""The exported scorer gives what the trained model gives, on every row, gaps and strangers included."""

import random
from typing import Any

import numpy as np
import pytest

from model.candidates import find_candidate, fit
from model.design import design_matrix
from model.export import export_scorer, write_scorer
from model.train import labels_of, used_inputs
from model.validate import Table
from vigie_scoring import Scorer

Row = dict[str, Any]


def disturb(table: Table) -> list[Row]:
    """Every row with gaps, absent keys, words never seen and numbers far outside."""
    draw = random.Random(4)
    disturbed: list[Row] = []
    for row in table.rows:
        changed: Row = dict(row)
        for feature in table.contract.inputs:
            lot = draw.random()
            if lot < 0.1:
                changed[feature.name] = None
            elif lot < 0.15:
                changed.pop(feature.name, None)
            elif lot < 0.2:
                changed[feature.name] = draw.choice((-1e9, 1e9)) if feature.numeric else "never seen"
        disturbed.append(changed)
    return disturbed


def largest_gap(table: Table, key: str) -> float:
    inputs = used_inputs(table)
    matrix = design_matrix(table.rows, inputs)
    pipeline = fit(find_candidate(key), inputs, matrix, labels_of(table))
    exported = export_scorer(pipeline, table.contract, inputs, "v", key, matrix)
    scorer = Scorer.from_json(write_scorer(exported))
    gaps = []
    for rows in (list(table.rows), disturb(table)):
        expected = pipeline.predict_proba(design_matrix(rows, inputs))[:, 1]
        gaps.append(float(np.abs(scorer.score(rows).probability - expected).max()))
    return max(gaps)


@pytest.mark.parametrize("key", ["logistic_regression", "ebm", "ebm_pairs"])
def test_on_the_bank_every_row_agrees(history: Table, key: str) -> None:
    assert largest_gap(history, key) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("key", ["logistic_regression", "ebm", "ebm_pairs"])
def test_on_the_telecom_set_every_row_agrees(telecom: Table, key: str) -> None:
    assert largest_gap(telecom, key) < 1e-6
