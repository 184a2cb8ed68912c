"""Ways to an approved model that nobody approved: the demo's switch, on data that are not the demo's."""

from __future__ import annotations

import re
import shutil
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from model.load import main as load
from model.promote import main as promote
from model.registry import BY_DEMO, DEMO, list_versions
from model.synthesise import synthesise
from tests.integration.model.conftest import (  # noqa: F401 - fixtures
    dsn,
    name_in_environment,
    train_briefly,
    train_on,
    with_model,
)
from tests.template_database import MigratedServer
from vigie_local import demo_bank
from vigie_local.settings import LocalSettings


@pytest.fixture(autouse=True)
def brief_training(monkeypatch: pytest.MonkeyPatch) -> None:
    train_briefly(monkeypatch)


@pytest.fixture
def database(dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: F811
    name_in_environment(monkeypatch, dsn)
    return dsn


def bank(folder: Path, *options: str, seed: int = 3) -> int:
    """Load thirty customers, as one's own unless the options say otherwise."""
    synthesise(folder / f"bank-{seed}", customers=30, seed=seed, history=40)
    people = folder / f"bank-{seed}" / "customers.csv"
    # Synthetic banks share their customers' numbers.
    unnumbered = re.sub(r"(?m)^([^,\n]{36}),\d{8},", r"\1,,", people.read_text(encoding="utf-8"))
    people.write_text(unnumbered, encoding="utf-8")
    return load(["--data", str(folder / f"bank-{seed}"), *options])


def ask(database: str, sql: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def states(database: str) -> list[tuple[str, str | None]]:
    with closing(psycopg2.connect(database)) as connection:
        known = [found.state for found in list_versions(connection, "bank")]
    approvers = [
        row[0] for row in ask(database, "SELECT approved_by FROM model_registry ORDER BY registered_at, version")
    ]
    return list(zip(known, approvers, strict=True))  # type: ignore[arg-type]


def test_the_demo_approves_its_own_first_model_and_says_that_no_person_did(database: str, tmp_path: Path) -> None:
    assert bank(tmp_path, "--demo") == 0
    assert train_on(tmp_path, 1, "--demo") == 0
    assert states(database) == [("approved", DEMO)]


def test_the_demo_s_switch_approves_nothing_for_customers_of_one_s_own(database: str, tmp_path: Path) -> None:
    assert bank(tmp_path) == 0
    assert train_on(tmp_path, 1, "--demo") == 0
    assert states(database) == [("candidate", None)]
    assert promote(["--by", "Ada"]) == 0
    assert states(database) == [("approved", "Ada")]


def test_the_demo_s_switch_approves_nothing_beside_a_model_that_waits(database: str, tmp_path: Path) -> None:
    assert train_on(tmp_path, 1) == 0
    assert train_on(tmp_path, 2, "--demo") == 0
    assert {state for state, _ in states(database)} == {"candidate"}


def test_the_demo_s_switch_approves_nothing_under_another_name(database: str, tmp_path: Path) -> None:
    contract = tmp_path / "mine.toml"
    text = Path("model/contracts/bank.toml").read_text(encoding="utf-8")
    contract.write_text(text.replace('name = "bank"', 'name = "mine"', 1), encoding="utf-8")
    assert train_on(tmp_path, 1, "--demo", "--contract", str(contract)) == 0
    assert ask(database, "SELECT contract, state FROM model_registry") == [("mine", "candidate")]


@pytest.fixture
def demo_s_model(migrated: MigratedServer, with_model: str, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: F811
    """A database with the demo's first model, approved, and no customers yet."""
    found = migrated.dsn(migrated.copy(with_model))
    name_in_environment(monkeypatch, found)
    return found


def test_the_demo_s_model_scores_no_customers_of_one_s_own(
    demo_s_model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """REPLACE=1 put one's own customers in the place of the made-up ones, under the model of those."""
    assert bank(tmp_path, "--demo") == 0
    assert states(demo_s_model) == [("approved", DEMO)]
    assert bank(tmp_path, "--replace", seed=4) == 0
    assert "the demo's own first model is retired" in capsys.readouterr().out
    assert states(demo_s_model) == [("retired", DEMO)]
    retired = ask(demo_s_model, "SELECT count(*) FROM audit_log WHERE event_type = 'MODEL_RETIRED'")
    assert retired == [(1,)]


def test_what_an_earlier_version_approved_so_is_retired_too(demo_s_model: str, tmp_path: Path) -> None:
    with closing(psycopg2.connect(demo_s_model)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("UPDATE model_registry SET approved_by = %s", (f"ada {BY_DEMO}",))
    assert bank(tmp_path) == 0
    assert [state for state, _ in states(demo_s_model)] == ["retired"]


def test_what_a_person_approved_stays(demo_s_model: str, tmp_path: Path) -> None:
    [version] = [row[0] for row in ask(demo_s_model, "SELECT version FROM model_registry")]
    assert promote(["--version", str(version), "--by", "Ada"]) == 0
    assert bank(tmp_path) == 0
    assert states(demo_s_model) == [("approved", "Ada")]


def test_deploying_again_over_customers_of_one_s_own_trains_and_approves_nothing(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo's history lies where an earlier deployment left it."""
    assert bank(tmp_path) == 0
    settings = LocalSettings(home=tmp_path / "home")
    shutil.copytree(tmp_path / "bank-3", settings.home / "bank")
    monkeypatch.setattr(demo_bank, "_count", lambda _, query: ask(database, query)[0][0])
    monkeypatch.setattr(demo_bank, "_module", lambda *_: pytest.fail("a program was run"))
    assert demo_bank.fill_bank(settings) is False
    assert states(database) == []
