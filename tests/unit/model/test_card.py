"""The model card says what the record says, with every plot drawn."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dashboard.card import find_card
from model.card import ROOT, Subject, default_card, main, write_card
from model.card_text import write_contract
from model.contract import load_contract
from model.plots import draw_reliability, draw_roc
from model.sources import evaluation_file
from model.train import Trained, train, write
from model.validate import Table
from vigie_scoring import Scorer
from vigie_scoring.drift import Drift


@pytest.fixture(scope="module")
def trained(history: Table) -> Trained:
    return train(history, quick=True)


@pytest.fixture
def subject(trained: Trained) -> Subject:
    return Subject(load_contract("bank"), trained.record, Scorer.from_json(trained.scorer), ("Ada", "2026-07-01"))


def test_the_card_states_the_records_figures_and_who_approved(subject: Subject, tmp_path: Path) -> None:
    text = write_card([subject], {}, {}, tmp_path)
    held = subject.record["held_out"]
    for figure in (f"AUC {held['auc']:.4f}", f"Brier {held['brier']:.4f}", f"calibration error {held['ece']:.4f}"):
        assert figure in text
    assert "approved by Ada on 2026-07-01" in text
    assert subject.record["scorer_sha256"] in text


def test_every_plot_the_card_shows_was_drawn(subject: Subject, bank_folder: Path, tmp_path: Path) -> None:
    text = write_card([subject], {"bank": str(bank_folder)}, {}, tmp_path)
    shown = [line.split("](")[1].rstrip(")") for line in text.splitlines() if line.startswith("![")]
    assert len(shown) == 4
    for place in shown:
        assert (tmp_path / place).read_bytes().startswith(b"\x89PNG")


def test_the_same_record_draws_the_same_bytes(subject: Subject, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_card([subject], {}, {}, tmp_path / name)
    first, second = ((tmp_path / n / "docs/model/bank-roc.png").read_bytes() for n in ("a", "b"))
    assert first == second


@pytest.mark.parametrize(("draw", "part"), [(draw_roc, "roc"), (draw_reliability, "reliability")])
def test_another_record_draws_another_picture(
    subject: Subject, tmp_path: Path, draw: Callable[[Mapping[str, Any], Path], None], part: str
) -> None:
    draw(subject.record, tmp_path / "all.png")
    draw({**subject.record, part: subject.record[part][:-1]}, tmp_path / "less.png")
    assert (tmp_path / "all.png").read_bytes() != (tmp_path / "less.png").read_bytes()


def test_without_a_run_the_card_says_so_and_shows_no_drift(subject: Subject, tmp_path: Path) -> None:
    text = write_card([subject], {}, {}, tmp_path)
    assert "No run has been measured yet" in text
    assert "drift.png" not in text


def test_drift_group_rates_and_outcomes_of_a_run_are_told_apart(subject: Subject) -> None:
    rate = {"low": 0.5, "high": 0.7, "customers": 90.0, "everybody": 0.3}
    found = [
        Drift("balance_eur", "psi", 0.31, "alarm"),
        Drift("gender: male", "missed_rate", 0.61, "warning", rate),
        Drift("outcomes", "live_auc", 0.8, "ok", {"customers": 1200.0}),
        Drift("outcomes", "live_ece", 0.2, "alarm", {"customers": 1200.0}),
    ]
    text = write_contract(subject.contract, subject.record, None, {"drift": "drift.png"}, found, {})
    assert "Above its level: balance_eur (psi 0.310, alarm)." in text
    assert "| gender: male | Leavers missed | 61.0% (50.0% to 70.0%) | 30.0% |" in text
    assert "Outcomes of 1,200 customers of that run have arrived: AUC 0.8000 (ok), calibration error 0.2000" in text


def test_sensitive_attributes_are_listed_as_no_inputs_with_their_groups(subject: Subject, tmp_path: Path) -> None:
    text = write_card([subject], {}, {}, tmp_path)
    assert "| Gender | `gender` | female, male, undisclosed | none |  | sensitive, not an input |  |" in text
    assert "| age_band: 66+ |" in text


def test_a_contract_without_sensitive_attributes_says_that_fairness_is_unknown(
    subject: Subject, tmp_path: Path
) -> None:
    blind = dataclasses.replace(subject, record={**subject.record, "fairness": {}})
    assert "declares no sensitive attribute" in write_card([blind], {}, {}, tmp_path)


def test_the_command_writes_from_a_training_folder(trained: Trained, tmp_path: Path) -> None:
    write(trained, tmp_path / "trained")
    json.loads((tmp_path / "trained" / "training.json").read_text())
    out = tmp_path / "MODEL_CARD.md"
    assert main(["--contract", "bank", "--folder", str(tmp_path / "trained"), "--out", str(out)]) == 0
    assert trained.version in out.read_text()
    assert main(["--contract", "bank", "--folder", str(tmp_path / "nothing"), "--out", str(out)]) == 1


def test_what_an_evaluation_left_behind_is_part_of_the_card(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path))
    write(trained, tmp_path / "model" / "bank")
    loss = {"log_loss": 0.41, "above_best": 0.0067}
    truth = {"customers": 20_000, "best_log_loss": 0.4, "with_sentiment": loss, "without_sentiment": loss}
    evaluation_file("bank").write_text(json.dumps({"contract": "bank", "known_truth": truth}), encoding="utf-8")
    out = tmp_path / "MODEL_CARD.md"
    assert main(["--contract", "bank", "--out", str(out)]) == 0
    assert "| This model | 0.4100 | 0.67% |" in out.read_text(encoding="utf-8")


def test_where_the_clone_is_read_only_the_card_goes_below_the_home_and_the_dashboard_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_card() == ROOT / "MODEL_CARD.md"
    assert find_card(ROOT) == ROOT / "MODEL_CARD.md"
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path))
    monkeypatch.setattr("model.card.os.access", lambda *_arguments: False)  # root may write everywhere
    card = default_card()
    assert card == tmp_path / "model-card" / "MODEL_CARD.md"
    assert find_card(ROOT) == ROOT / "MODEL_CARD.md"
    card.parent.mkdir()
    card.touch()
    assert find_card(ROOT) == card
