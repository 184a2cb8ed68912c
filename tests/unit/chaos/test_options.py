"""`make chaos` says what is wrong with its options, and its exit code says when it could not measure."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psycopg2
import pytest

from tests.chaos import __main__ as suite
from tests.chaos.checking import Finding
from tests.chaos.environment import ChaosEnvironment
from tests.chaos.fault_injection import KINDS
from tests.chaos.running import Disturbed
from vigie_operations.errors import RunError


@pytest.fixture
def without_a_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def environment(customers: int) -> Iterator[Any]:
        yield SimpleNamespace(cloud=None, customers=customers)

    def disturbed(_environment: Any, seed: int, _customers: int, kind: str) -> Disturbed:
        if seed == 97:
            raise KeyboardInterrupt
        findings = [Finding("lost", "somebody")] if seed == 13 else []
        return Disturbed(seed, kind, f"run-{seed}", 1.0, 0, 0, seed != 6, findings)

    monkeypatch.setattr(suite, "chaos_environment", environment)
    monkeypatch.setattr(suite, "disturb", disturbed)
    monkeypatch.setattr(suite, "check_again", lambda *_: [])


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--only", "earthquake"], "ONLY=earthquake is unknown"), (["--runs", "0"], "RUNS=0: give a whole number from 1")],
)
def test_a_wrong_option_is_named(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert suite.main(options) == 2
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("without_a_cloud")
def test_whole_runs_end_with_zero_and_a_summary(tmp_path: Path) -> None:
    path = tmp_path / "chaos.json"
    assert suite.main(["--runs", "3", "--seed", "5", "--json", str(path)]) == 0
    told = json.loads(path.read_text())
    assert {name: told[name] for name in ("runs", "struck", "lost", "doubled", "stuck", "seeds")} == {
        "runs": 3, "struck": 2, "lost": 0, "doubled": 0, "stuck": 0, "seeds": [5, 6, 7],
    }  # fmt: skip


@pytest.mark.usefixtures("without_a_cloud")
def test_a_broken_run_is_reported_with_the_way_to_see_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert suite.main(["--runs", "1", "--seed", "13", "--only", "poison"]) == 1
    assert "again: make chaos SEED=13 RUNS=1 ONLY=poison" in capsys.readouterr().out


@pytest.mark.usefixtures("without_a_cloud")
@pytest.mark.parametrize("error", [RunError("no cloud"), psycopg2.OperationalError("no cloud")])
def test_a_suite_that_breaks_off_does_not_end_with_zero(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> Disturbed:
        raise error

    monkeypatch.setattr(suite, "disturb", fails)
    assert suite.main(["--runs", "2", "--seed", "98"]) == 1
    assert "The suite could not continue: no cloud" in capsys.readouterr().err


@pytest.mark.usefixtures("without_a_cloud")
def test_an_interrupted_suite_reports_what_it_has_and_does_not_end_with_zero(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert suite.main(["--runs", "3", "--seed", "96"]) == 1
    assert "Interrupted" in (said := capsys.readouterr()).err
    assert "seed 96" in said.out


@pytest.mark.usefixtures("without_a_cloud")
def test_every_kind_comes_once_before_any_comes_twice(tmp_path: Path) -> None:
    path = tmp_path / "chaos.json"
    suite.main(["--runs", str(len(KINDS)), "--seed", "200", "--json", str(path)])
    assert {kind: told["runs"] for kind, told in json.loads(path.read_text())["by_kind"].items()} == dict.fromkeys(
        sorted(KINDS), 1
    )


@pytest.mark.usefixtures("without_a_cloud")
def test_a_fault_that_did_not_strike_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert suite.main(["--runs", "1", "--seed", "6"]) == 0
    assert "did not strike" in capsys.readouterr().out


def test_a_planned_kill_that_did_not_happen_is_known(tmp_path: Path) -> None:
    environment = ChaosEnvironment(cast(Any, None), tmp_path)
    (tmp_path / "crossings").touch()
    assert environment.waiting_failpoints() == []
    environment.set_failpoint("planner", "after-commit", 3)
    assert environment.waiting_failpoints() == ["planner.after-commit"]
