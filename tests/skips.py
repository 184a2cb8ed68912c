"""A skipped test is an error in CI unless its reason is on the list: a test that falls silent proves nothing."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("allowed_skips.toml")


class SkipGuard:
    """The skips of a run; outside CI, only a list of those that CI would refuse."""

    def __init__(self, allowed: list[re.Pattern[str]]) -> None:
        self._allowed = allowed
        self.refused: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a skip whose reason is not on the list."""
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            reason = reason.removeprefix("Skipped: ")
            if not any(pattern.fullmatch(reason) for pattern in self._allowed):
                self.refused.append(f"{report.nodeid}: {reason}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run in CI."""
        if self.refused and os.environ.get("CI") == "true" and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name each skip that is not on the list."""
        for line in self.refused:
            terminalreporter.write_line(f"SKIPPED, and not on {LIST.name}: {line}", red=True)


def read_allowed(path: Path = LIST) -> list[re.Pattern[str]]:
    """Return the patterns of reasons that may skip a test."""
    return [re.compile(entry["reason"]) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["skip"]]
