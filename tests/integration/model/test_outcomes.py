"""Outcomes, when they arrive, give live figures that are kept with the run."""

import csv
import json
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from model.load import main as load
from model.outcomes import main as compare_outcomes
from model.synthesise import synthesise
from tests.integration.model.test_registry import make_artefacts

CUSTOMERS = 400


@pytest.fixture
def run(dsn: str, tmp_path: Path) -> str:
    """A run that predicted every customer of a small bank by their true probability."""
    synthesise(tmp_path, customers=CUSTOMERS, seed=4, history=40)
    agreed = (tmp_path / "consents.csv").read_text(encoding="utf-8").replace(",false,", ",true,")
    (tmp_path / "consents.csv").write_text(agreed, encoding="utf-8")
    load(["--data", str(tmp_path), "--dsn", dsn])
    artefacts = make_artefacts("v1")
    with (tmp_path / "truth.csv").open(encoding="utf-8", newline="") as stream:
        truth = [(r["customer_id"], float(r["true_probability"])) for r in csv.DictReader(stream)]
    with closing(psycopg2.connect(dsn)) as conn, conn, conn.cursor() as cursor:
        cursor.execute(
            "INSERT INTO model_registry (version, contract, algorithm, scorer, scorer_sha256, contract_toml,"
            " contract_sha256, training_sha256, metrics) VALUES ('v1', 'bank', 'ebm', %s, %s, '', '', '',"
            """ '{"held_out": {"auc": 0.8, "ece": 0.01}}')""",
            (artefacts.scorer, artefacts.record["scorer_sha256"]),
        )
        cursor.execute(
            "INSERT INTO runs (run_id, purpose, contract, model_version, scorer_sha256, prompt_versions, thresholds,"
            " batch_size, batches, planned) VALUES ('run-1', 'retention', 'bank', 'v1', 'x', '{}',"
            """ '{"high": 0.7, "medium": 0.35}', 50, 1, 1)"""
        )
        for customer, probability in truth:
            cursor.execute("SELECT consent_granted_now(%s, 'profiling')", (customer,))
            if cursor.fetchone() == (None,):
                continue
            cursor.execute("INSERT INTO run_customers VALUES ('run-1', %s, 0)", (customer,))
            cursor.execute(
                "INSERT INTO predictions (run_id, customer_id, model_version, probability, log_odds, intercept,"
                " contributions, drivers) VALUES ('run-1', %s, 'v1', %s, 0, 0, '{}', '[]')",
                (customer, probability),
            )
    return dsn


def test_live_figures_are_measured_and_kept_with_the_run(run: str, tmp_path: Path) -> None:
    out = tmp_path / "live.json"
    for _ in range(2):
        assert compare_outcomes(["--data", str(tmp_path / "truth.csv"), "--dsn", run, "--json", str(out)]) == 0
    figures = json.loads(out.read_text())
    assert figures["run_id"] == "run-1"
    assert 0.75 < figures["auc"] < 0.95
    with closing(psycopg2.connect(run)) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT measure, level FROM run_drift WHERE subject = 'outcomes' ORDER BY measure")
        assert [m for m, _ in cursor.fetchall()] == ["live_auc", "live_ece"]


def test_a_model_that_no_longer_ranks_is_an_alarm(run: str, tmp_path: Path) -> None:
    text = (tmp_path / "truth.csv").read_text(encoding="utf-8").splitlines()
    shuffled = [",".join([line.split(",")[0], str((i % 3 == 0 and 1) or 0)]) for i, line in enumerate(text[1:])]
    (tmp_path / "outcomes.csv").write_text("customer_id,churned\n" + "\n".join(shuffled), encoding="utf-8")
    assert compare_outcomes(["--data", str(tmp_path / "outcomes.csv"), "--dsn", run]) == 0
    with closing(psycopg2.connect(run)) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT level FROM run_drift WHERE measure = 'live_auc'")
        assert cursor.fetchall() == [("alarm",)]


def test_error_rates_across_declared_groups_are_kept_with_their_intervals(run: str, tmp_path: Path) -> None:
    out = tmp_path / "live.json"
    assert compare_outcomes(["--data", str(tmp_path / "truth.csv"), "--dsn", run, "--json", str(out)]) == 0
    with closing(psycopg2.connect(run)) as conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT subject, value, details FROM run_drift WHERE measure = 'missed_rate' AND subject LIKE 'gender:%'"
        )
        kept = {subject: (value, details) for subject, value, details in cursor.fetchall()}
        cursor.execute(
            "SELECT f.features->>'gender', p.customer_id::text, p.probability FROM predictions p"
            " JOIN customer_features f USING (customer_id)"
        )
        predicted = cursor.fetchall()
    with (tmp_path / "truth.csv").open(encoding="utf-8", newline="") as stream:
        left = {r["customer_id"] for r in csv.DictReader(stream) if r["churned"] == "1"}
    missed = [p < 0.35 for gender, customer, p in predicted if gender == "female" and customer in left]
    value, details = kept["gender: female"]
    assert value == pytest.approx(sum(missed) / len(missed))
    assert details["customers"] == len(missed)
    assert details["low"] < value < details["high"]
    assert {g["measure"] for g in json.loads(out.read_text())["groups"]} == {"missed_rate", "false_alarm_rate"}


def test_too_few_outcomes_are_refused_with_the_number_needed(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (tmp_path / "truth.csv").read_text(encoding="utf-8").splitlines()[:30]
    (tmp_path / "few.csv").write_text("\n".join(lines), encoding="utf-8")
    assert compare_outcomes(["--data", str(tmp_path / "few.csv"), "--dsn", run]) == 1
    assert "at least 20 who left" in capsys.readouterr().err


def test_a_faulty_outcome_is_named(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.csv").write_text("customer_id,churned\nx,maybe\n", encoding="utf-8")
    assert compare_outcomes(["--data", str(tmp_path / "bad.csv"), "--dsn", run]) == 1
    assert "row 2, column churned: 'maybe'" in capsys.readouterr().err
