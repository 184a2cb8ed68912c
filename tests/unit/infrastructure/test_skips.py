"""A test that is skipped for a reason that is not on the list fails the run in CI, and only there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = """
from tests.skips import SkipGuard, read_allowed

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipGuard(read_allowed()))
"""
TESTS = """
import pytest

def test_runs():
    pass

def test_is_skipped():
    pytest.skip({reason!r})
"""
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("reason", "ci", "workers", "code"),
    [
        ("no reason at all", "true", ["-n", "1"], 1),
        ("no reason at all", "", [], 0),
        ("this copy has no git history", "true", [], 0),
    ],
)
def test_a_skip_off_the_list_fails_in_ci(tmp_path: Path, reason: str, ci: str, workers: list[str], code: int) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_some.py").write_text(TESTS.format(reason=reason))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(tmp_path), *workers, str(tmp_path)],
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert ("SKIPPED, and not on" in done.stdout) is (reason == "no reason at all")
