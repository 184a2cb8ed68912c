"""Training: leaks reported first, a stated rule, the same inputs the same version, an honest record."""

import dataclasses
import hashlib
import json
from pathlib import Path

import joblib  # type: ignore[import-untyped]
import numpy as np
import pytest

from model.candidates import CANDIDATES, find_candidate
from model.compare import Result, choose, compare
from model.design import design_matrix
from model.leaks import find_leaks
from model.metrics import Estimate, calibration_error, interval_by_bootstrap, share_interval
from model.train import Trained, TrainingError, default_folder, labels_of, main, name_version, train, used_inputs, write
from model.validate import Table
from vigie_scoring import Scorer, load_verified


@pytest.fixture(scope="module")
def trained(history: Table) -> Trained:
    return train(history, quick=True)


def test_the_same_inputs_give_the_same_version_and_the_same_scorer(history: Table, trained: Trained) -> None:
    again = train(history, quick=True)
    assert (again.version, again.scorer) == (trained.version, trained.scorer)
    assert trained.version.startswith("bank-2025-12-31-")


def test_other_data_gives_another_version(history: Table, trained: Trained) -> None:
    other = dataclasses.replace(history, sha256="0" * 64)
    assert name_version(other, find_candidate("ebm")) != trained.version
    assert name_version(history, find_candidate("ebm")) == trained.version
    assert name_version(history, find_candidate("ebm"), compared=True) != trained.version


def test_what_is_written_belongs_together(trained: Trained, history: Table, tmp_path: Path) -> None:
    write(trained, tmp_path)
    record = json.loads((tmp_path / "training.json").read_text())
    scorer = load_verified((tmp_path / "scorer.json").read_bytes(), record["scorer_sha256"])
    pipeline = (tmp_path / "pipeline.joblib").read_bytes()
    assert hashlib.sha256(pipeline).hexdigest() == record["pipeline_sha256"]
    expected = joblib.load(tmp_path / "pipeline.joblib").predict_proba(
        design_matrix(history.rows, used_inputs(history))
    )[:, 1]
    assert np.abs(scorer.score(history.rows).probability - expected).max() < 1e-6


def test_a_monotone_feature_never_turns_round(trained: Trained) -> None:
    scorer = Scorer.from_json(trained.scorer)
    rows = [{"complaints_90d": n} for n in range(12)]
    assert np.all(np.diff(scorer.score(rows).log_odds) >= 0)


def test_held_out_predictions_are_not_training_predictions(trained: Trained) -> None:
    assert trained.record["held_out"]["rows"] == 300
    assert 0.7 < trained.record["held_out"]["auc"] < 0.95


def test_fairness_covers_every_group_with_intervals(trained: Trained) -> None:
    groups = trained.record["fairness"]["gender"]
    assert set(groups) == {"female", "male", "undisclosed"}
    share = groups["female"]["medium_or_high"]
    assert share["low"] < share["value"] < share["high"]


def with_column(table: Table, name: str, values: list[object]) -> Table:
    rows = tuple({**r, name: v} for r, v in zip(table.rows, values, strict=True))
    return dataclasses.replace(table, rows=rows)  # type: ignore[arg-type]


def test_a_column_that_knows_the_answer_is_reported_and_refused(history: Table) -> None:
    assert history.labels is not None
    leaky = with_column(history, "balance_eur", [float(v) for v in history.labels])
    assert [leak.column for leak in find_leaks(leaky)] == ["balance_eur"]
    with pytest.raises(TrainingError, match="balance_eur"):
        train(leaky, quick=True)


def test_a_column_whose_gaps_know_the_answer_is_a_leak_too(history: Table) -> None:
    assert history.labels is not None
    leaky = with_column(history, "logins_30d", [None if v else 3 for v in history.labels])
    assert [leak.column for leak in find_leaks(leaky)] == ["logins_30d"]


def test_a_column_recorded_after_the_label_is_reported(history: Table) -> None:
    features = tuple(
        dataclasses.replace(f, recorded_after_label=f.name == "products") for f in history.contract.features
    )
    late = dataclasses.replace(history, contract=dataclasses.replace(history.contract, features=features))
    assert "recorded after the label" in str(find_leaks(late)[0])


def test_the_sound_bank_has_no_leak(history: Table) -> None:
    assert find_leaks(history) == []


def test_one_outcome_only_is_nothing_to_learn_from(history: Table) -> None:
    assert history.labels is not None
    with pytest.raises(TrainingError, match="check the contract's label"):
        train(dataclasses.replace(history, labels=history.labels * 0), quick=True)


def result(key: str, *losses: float) -> Result:
    candidate = next(c for c in CANDIDATES if c.key == key)
    mean = float(np.mean(losses))
    return Result(candidate, {"log_loss": Estimate(mean, mean, mean)}, losses, 0.0, np.zeros((2, 1)))


def test_a_readable_model_within_one_standard_error_is_chosen() -> None:
    close = result("logistic_regression", 0.411, 0.400, 0.422, 0.398)
    best = result("ebm", 0.410, 0.401, 0.420, 0.398)
    assert choose([close, best]).candidate.key == "logistic_regression"


def test_a_readable_model_that_is_clearly_worse_is_not_chosen() -> None:
    worse = result("logistic_regression", 0.421, 0.411, 0.431, 0.409)
    best = result("ebm", 0.410, 0.401, 0.420, 0.398)
    assert choose([worse, best]).candidate.key == "ebm"


def test_a_model_that_cannot_be_read_is_never_deployed() -> None:
    results = [
        result("logistic_regression", 0.5, 0.51),
        result("ebm", 0.45, 0.46),
        result("gradient_boosting", 0.3, 0.31),
    ]
    assert choose(results).candidate.key == "ebm"


def test_a_long_comparison_says_how_far_it_is(history: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.waiting.PATIENCE_SECONDS", 0)
    said: list[str] = []
    compare(
        design_matrix(history.rows, used_inputs(history)), labels_of(history), used_inputs(history), said.append,
        [find_candidate("logistic_regression")],
    )  # fmt: skip
    assert said[0].startswith("cross-validating logistic regression")
    assert [line.strip().split(" fits, about ")[0] for line in said[1:]] == [f"{done} of 10" for done in range(1, 10)]
    assert all(line.endswith(" s left") for line in said[1:])


def test_calibration_error_is_none_when_shares_are_as_predicted() -> None:
    labels = np.array([0] * 80 + [1] * 20 + [0] * 20 + [1] * 80)
    predicted = np.array([0.2] * 100 + [0.8] * 100)
    assert calibration_error(labels, predicted) == pytest.approx(0)
    assert calibration_error(labels, np.clip(predicted + 0.1, 0, 1)) == pytest.approx(0.1)
    interval = interval_by_bootstrap(labels, np.clip(predicted + 0.1, 0, 1))
    assert interval.low < interval.value <= interval.high


def test_a_shares_interval_is_wilsons() -> None:
    share = share_interval(5, 10)
    assert (round(share.low, 4), round(share.high, 4)) == (0.2366, 0.7634)
    assert share_interval(0, 0).high == 1.0


def test_the_command_refuses_a_contract_that_does_not_fit(
    bank_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--contract", "telecom", "--data", str(bank_folder), "--quick", "--no-register"]) == 1
    assert "customerID" in capsys.readouterr().err


def test_training_writes_beside_the_local_state(monkeypatch: pytest.MonkeyPatch, history: Table) -> None:
    monkeypatch.setenv("VIGIE_HOME", "/somewhere")
    assert default_folder(history.contract) == Path("/somewhere/model/bank")
