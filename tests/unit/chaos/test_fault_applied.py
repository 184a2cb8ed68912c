"""Whether the fault was applied to its run: a kill that never happened, or a fault that came too late, was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from tests.chaos import running
from tests.chaos.environment import ChaosEnvironment
from tests.chaos.fault_injection import KINDS
from tests.chaos.running import disturb, run_with_failpoint


class EndsAtOnce:
    """A cloud whose runs end as soon as anybody looks, the `looks`-th time."""

    customers = 200

    def __init__(self, looks: int = 1) -> None:
        self.looks = looks

    def client(self, _service: str) -> EndsAtOnce:
        return self

    def query(self, _sql: str) -> list[tuple[int]]:
        return [(0,)]

    def describe_execution(self, executionArn: str) -> dict[str, Any]:
        self.looks -= 1
        return {"status": "RUNNING" if self.looks > 0 else "SUCCEEDED"}


def environment_of(cloud: EndsAtOnce, folder: Path) -> ChaosEnvironment:
    return ChaosEnvironment(cast(Any, cloud), folder)


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ChaosEnvironment, "tidy", lambda _environment: None)
    monkeypatch.setattr(running, "check", lambda *_arguments: [])
    monkeypatch.setattr(running, "_start", lambda *_arguments: "arn:run-1")
    monkeypatch.setattr(running, "BUSY_SECONDS", 0.0)
    monkeypatch.setattr(running, "POLL_SECONDS", 0.0)
    monkeypatch.setitem(KINDS, "harmless", lambda _environment, _rng: lambda: None)


def test_a_kill_beyond_the_last_crossing_was_not_applied(tmp_path: Path) -> None:
    assert not run_with_failpoint(
        environment_of(EndsAtOnce(), tmp_path), 200, "planner", "after-commit", 99
    ).fault_applied


def test_a_kill_that_happened_was_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_arguments: object) -> str:
        (tmp_path / "planner.after-commit").unlink()  # as whoever dies of it does
        return "arn:run-1"

    monkeypatch.setattr(running, "_start", start)
    assert run_with_failpoint(environment_of(EndsAtOnce(), tmp_path), 200, "planner", "after-commit", 1).fault_applied


def test_a_fault_is_applied_to_a_run_that_is_under_way_and_to_no_other(tmp_path: Path) -> None:
    assert disturb(environment_of(EndsAtOnce(looks=3), tmp_path), 1, 200, "harmless").fault_applied
    assert not disturb(environment_of(EndsAtOnce(looks=1), tmp_path), 1, 200, "harmless").fault_applied


def test_a_run_s_batches_bound_the_deaths_that_are_drawn(tmp_path: Path) -> None:
    cloud = EndsAtOnce()
    cloud.customers = 101
    assert environment_of(cloud, tmp_path).batches == 3
