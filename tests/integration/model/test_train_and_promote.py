"""From a labelled file to the approved model of production, by the commands that people type."""

from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from model import card, promote, train
from model.registry import current, list_versions, read_approved
from model.synthesise import synthesise
from vigie_scoring import Scorer


@pytest.fixture
def database(dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database, named in the environment as make names it."""
    names = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD"}
    for key, value in parse_dsn(dsn).items():
        monkeypatch.setenv(names[key], value)
    return dsn


def train_on(folder: Path, seed: int) -> int:
    synthesise(folder / str(seed), customers=1, seed=seed, history=600)
    data, out = str(folder / str(seed)), str(folder / f"out-{seed}")
    return train.main(["--contract", "bank", "--quick", "--data", data, "--out", out])


def states(dsn: str) -> list[str]:
    with closing(psycopg2.connect(dsn)) as conn:
        return [r.state for r in list_versions(conn, "bank")]


def test_the_first_model_is_approved_and_later_ones_wait_to_be_promoted(database: str, tmp_path: Path) -> None:
    assert train_on(tmp_path, seed=1) == 0
    assert states(database) == ["approved"]
    assert train_on(tmp_path, seed=2) == 0
    assert states(database) == ["approved", "candidate"]
    assert promote.main(["--contract", "bank", "--by", "Ada"]) == 0
    assert states(database) == ["retired", "approved"]
    assert promote.main(["--contract", "bank", "--rollback", "--by", "Ada"]) == 0
    assert states(database) == ["approved", "retired"]


def test_training_again_on_the_same_data_registers_nothing_new(database: str, tmp_path: Path) -> None:
    for _ in range(2):
        assert train_on(tmp_path, seed=1) == 0
    assert states(database) == ["approved"]


def test_the_approved_scorer_scores_straight_from_the_registry(database: str, tmp_path: Path) -> None:
    train_on(tmp_path, seed=1)
    with closing(psycopg2.connect(database)) as conn:
        approved, known = read_approved(conn, "bank"), current(conn, "bank")
    assert known is not None
    scorer = Scorer.from_json(approved.scorer)
    assert scorer.version == known.version
    assert 0 < scorer.score([{"complaints_90d": 4}]).probability[0] < 1


def test_the_model_card_is_written_from_the_registry(database: str, tmp_path: Path) -> None:
    train_on(tmp_path, seed=1)
    out = tmp_path / "MODEL_CARD.md"
    for named in (["--contract", "bank"], []):
        assert card.main([*named, "--out", str(out)]) == 0
        assert "(first model of its contract) on " in out.read_text(encoding="utf-8")
        out.unlink()


def test_no_card_is_written_of_a_scorer_that_was_changed(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_on(tmp_path, seed=1)
    with closing(psycopg2.connect(database)) as conn, conn, conn.cursor() as cursor:
        cursor.execute("UPDATE model_registry SET scorer = scorer || ' '::bytea")
    assert card.main(["--out", str(tmp_path / "MODEL_CARD.md")]) == 1
    assert "no model card: scorer refused" in capsys.readouterr().err


def test_promoting_without_a_candidate_says_what_to_do(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert promote.main(["--contract", "bank"]) == 1
    assert "make train" in capsys.readouterr().err
