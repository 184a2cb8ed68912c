"""The evaluation's figures: by model, with the choice, and against the truth where it is known."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from model.candidates import find_candidate
from model.contract import load_contract
from model.evaluate import main
from model.known_truth import expected_log_loss, measure_known_truth
from model.sources import evaluation_file
from model.synthesise import draw_history, synthesise
from vigie_model_server.feedback_analysis import read_feedback


def test_no_prediction_beats_the_truth() -> None:
    truth = draw_history(2000, seed=1).true_probability
    best = expected_log_loss(truth, truth)
    for other in (np.full_like(truth, truth.mean()), np.clip(truth + 0.05, 0, 1), truth**1.1):
        assert expected_log_loss(truth, other) > best
    assert expected_log_loss(np.array([0.5]), np.array([0.5])) == pytest.approx(math.log(2))


@pytest.mark.slow
def test_at_twenty_thousand_customers_the_model_is_within_two_percent_of_the_best() -> None:
    found = measure_known_truth(load_contract("bank"), find_candidate("ebm"), 20_000, read_feedback)
    assert found["with_sentiment"]["above_best"] < 0.02
    assert found["without_sentiment"]["above_best"] > 0.04
    read = found["sentiment_found"]
    assert read["as_drawn"] < read["as_read"] < read["unread"]


def test_the_figures_are_written_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.compare.FOLDS", 2)
    monkeypatch.setattr("model.compare.REPEATS", 1)
    monkeypatch.setattr("model.candidates.MAX_ROUNDS", 100)  # how good they are is not asked here
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path / "home"))
    synthesise(tmp_path, customers=1, seed=2, history=300)
    out = tmp_path / "figures.json"
    assert main(["--contract", "bank", "--data", str(tmp_path), "--json", str(out)]) == 0
    figures = json.loads(out.read_text())
    assert json.loads(evaluation_file("bank").read_text()) == figures
    assert figures["chosen"] in figures["models"]
    for key in ("logistic_regression", "ebm", "gradient_boosting"):
        assert set(figures["models"][key]) >= {"auc", "brier", "log_loss", "ece"}


def test_what_cannot_be_measured_is_an_error(tmp_path: Path) -> None:
    assert main(["--contract", "bank", "--data", str(tmp_path / "nothing.csv")]) == 1
