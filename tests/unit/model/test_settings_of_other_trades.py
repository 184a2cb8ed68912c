"""How fine a glass-box may be is chosen by validation on every contract, not for the one file it was tuned on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss  # type: ignore[import-untyped]
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

from model.candidates import find_candidate, fit
from model.contract import parse_contract
from model.design import design_matrix
from model.draft import Asked, draft
from model.folds import split
from model.train import labels_of, train, used_inputs
from model.tuning import fit_tuned
from model.validate import Table, read_table
from tests.unit.model.trades import write_trade

ROWS, MOST_PAIRS = 1_800, 20
# By how much the chosen settings lower the Brier score against curves alone, on customers that neither has seen.
LOWERED_BY = {"telecom": 0.3, "shop": 0.15, "energy": 0.3}


@pytest.fixture
def drafted(tmp_path: Path) -> Callable[..., Table]:
    """A trade's file, read under the contract that is drafted from it."""

    def read(trade: str, rows: int = ROWS) -> Table:
        path = write_trade(trade, tmp_path / f"{trade}.csv", rows)
        asked = Asked(f"{trade}_own", "customer", "left", "yes", 90, "", "", "", "")
        return read_table(path, parse_contract(draft(path, asked).text), labelled=True)

    return read


@pytest.mark.parametrize("trade", LOWERED_BY)
def test_the_chosen_settings_find_what_curves_alone_cannot_say(drafted: Callable[..., Table], trade: str) -> None:
    table = drafted(trade)
    inputs, labels = used_inputs(table), labels_of(table)
    matrix, people = design_matrix(table.rows, inputs), np.arange(len(table))
    known, unseen = split(labels, people, 3, 1, 7)[0]
    curves = fit(find_candidate("ebm"), inputs, matrix[known], labels[known])
    tuned, settings = fit_tuned(find_candidate("ebm_pairs"), inputs, matrix[known], labels[known], people[known])
    plain, fine = (brier_score_loss(labels[unseen], m.predict_proba(matrix[unseen])[:, 1]) for m in (curves, tuned))
    terms = tuned.steps[-1][1].term_features_
    assert sum(len(term) == 2 for term in terms) <= min(settings.pairs, MOST_PAIRS)
    assert max(map(len, terms)) <= 2
    assert fine <= (1 - LOWERED_BY[trade]) * plain, f"Brier {plain:.4f} by curves, {fine:.4f} by {settings}"


def test_training_keeps_to_one_thread_and_gives_the_others_back(drafted: Callable[..., Table]) -> None:
    before, seen = _threads(), list[set[int]]()
    train(drafted("energy", rows=300), quick=True, progress=lambda _: seen.append(_threads()))
    assert seen
    assert set().union(*seen) == {1}
    assert _threads() == before


def _threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info()}
