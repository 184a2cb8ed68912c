"""From a labelled file to the approved model of production, by the commands that people type."""

import csv
import random
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from psycopg2.errors import CheckViolation

from model import card, promote, train
from model.registry import DEMO, current, list_versions, read_approved
from model.synthesise import synthesise
from tests.integration.model.conftest import name_in_environment, train_briefly, train_on
from tests.template_database import MigratedServer
from vigie_scoring import Scorer


@pytest.fixture(autouse=True)
def brief_training(monkeypatch: pytest.MonkeyPatch) -> None:
    train_briefly(monkeypatch)


@pytest.fixture
def database(dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty registry, named in the environment."""
    name_in_environment(monkeypatch, dsn)
    return dsn


@pytest.fixture
def trained(migrated: MigratedServer, with_model: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A registry of its own in which `train_on(…, 1, "--demo")` has approved a model."""
    dsn = migrated.dsn(migrated.copy(with_model))
    name_in_environment(monkeypatch, dsn)
    return dsn


def shuffle_labels(source: Path, out: Path) -> Path:
    """The same customers with somebody else's outcome: nothing is left to learn."""
    with source.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))[:200]
    labels = [row["churned"] for row in rows]
    random.Random(1).shuffle(labels)
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows({**row, "churned": label} for row, label in zip(rows, labels, strict=True))
    return out


def states(dsn: str) -> list[str]:
    with closing(psycopg2.connect(dsn)) as conn:
        return [r.state for r in list_versions(conn, "bank")]


def test_nothing_is_approved_until_it_is_promoted(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_on(tmp_path, seed=1) == 0
    said = capsys.readouterr().out
    assert "better than the base rate: Brier 0." in said
    assert "is registered, not approved (no run uses it until then)" in said
    assert "make promote CONTRACT=bank" in said
    assert states(database) == ["candidate"]
    assert promote.main(["--by", "Ada"]) == 0
    assert states(database) == ["approved"]
    assert train_on(tmp_path, seed=2) == 0
    assert states(database) == ["approved", "candidate"]
    assert promote.main(["--contract", "bank", "--by", "Ada"]) == 0
    assert states(database) == ["retired", "approved"]
    assert promote.main(["--contract", "bank", "--rollback", "--by", "Ada"]) == 0
    assert states(database) == ["approved", "retired"]


def test_the_demo_s_own_first_model_is_approved_and_marked_as_such(trained: str, tmp_path: Path) -> None:
    assert states(trained) == ["approved"]
    assert read_approved_by(trained) == (DEMO, DEMO)
    assert train_on(tmp_path, 2, "--demo") == 0
    assert states(trained) == ["approved", "candidate"]


def read_approved_by(dsn: str) -> tuple[str, str]:
    with closing(psycopg2.connect(dsn)) as conn, conn, conn.cursor() as cursor:
        cursor.execute("SELECT approved_by, approval_reason FROM model_registry WHERE state = 'approved'")
        row = cursor.fetchone()
    assert row is not None
    return str(row[0]), str(row[1])


def test_a_worthless_model_is_approved_with_a_reason_only(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synthesise(tmp_path, customers=1, seed=5, history=600)
    noise = shuffle_labels(tmp_path / "history.csv", tmp_path / "noise.csv")
    assert train.main(["--quick", "--data", str(noise), "--out", str(tmp_path / "out")]) == 0
    assert 'make promote CONTRACT=bank REASON="…"' in capsys.readouterr().out
    assert promote.main(["--by", "Ada"]) == 1
    assert "the base rate" in capsys.readouterr().err
    assert states(database) == ["candidate"]
    by_hand = "UPDATE model_registry SET state = 'approved', approved_by = 'x', approved_at = now()"
    with closing(psycopg2.connect(database)) as conn, conn.cursor() as cursor, pytest.raises(CheckViolation):
        cursor.execute(by_hand)
    assert promote.main(["--by", "Ada", "--reason", "to try the pipeline"]) == 0
    assert read_approved_by(database) == ("Ada", "to try the pipeline")
    with closing(psycopg2.connect(database)) as conn, conn, conn.cursor() as cursor:
        cursor.execute("SELECT details->'better_than_base_rate' FROM audit_log WHERE event_type = 'MODEL_APPROVED'")
        assert cursor.fetchall() == [(False,)]


def test_training_that_takes_too_long_ends_and_names_the_remedy(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_on(tmp_path, 1, "--minutes", "0.0001") == 1
    assert "--minutes" in capsys.readouterr().err
    assert states(database) == []


def test_training_again_on_the_same_data_registers_nothing_new(trained: str, tmp_path: Path) -> None:
    assert train_on(tmp_path, 1, "--demo") == 0
    assert states(trained) == ["approved"]


def test_the_approved_scorer_scores_straight_from_the_registry(trained: str) -> None:
    with closing(psycopg2.connect(trained)) as conn:
        approved, known = read_approved(conn, "bank"), current(conn, "bank")
    assert known is not None
    scorer = Scorer.from_json(approved.scorer)
    assert scorer.version == known.version
    assert 0 < scorer.score([{"complaints_90d": 4}]).probability[0] < 1


def test_the_model_card_is_written_from_the_registry(trained: str, tmp_path: Path) -> None:
    out = tmp_path / "MODEL_CARD.md"
    for named in (["--contract", "bank"], []):
        assert card.main([*named, "--out", str(out)]) == 0
        assert "(the demo's own first model) on " in out.read_text(encoding="utf-8")
        out.unlink()


def test_no_card_is_written_of_a_scorer_that_was_changed(
    trained: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(psycopg2.connect(trained)) as conn, conn, conn.cursor() as cursor:
        cursor.execute("UPDATE model_registry SET scorer = scorer || ' '::bytea")
    assert card.main(["--out", str(tmp_path / "MODEL_CARD.md")]) == 1
    assert "no model card: scorer refused" in capsys.readouterr().err


def test_promoting_without_a_candidate_says_what_to_do(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert promote.main(["--contract", "bank"]) == 1
    assert "make train" in capsys.readouterr().err
