"""Run the test behind every governance claim and write the results: `python -m tests.evaluations.claims`.

The register is docs/governance/claims.toml; the dashboard reads the results from claims.json below the home.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vigie.command_line import run_command
from vigie_local.settings import REPOSITORY, load_settings

REGISTER = REPOSITORY / "docs" / "governance" / "claims.toml"
# Who may try to make a claim's sentence false; dashboard/texts.toml says it in words.
ADVERSARIES = (
    "fault", "mistake", "customer", "model", "web_page", "network", "agent", "staff", "owner", "owner_with_key",
)  # fmt: skip
COLOURS = {"passed": "green", "failed": "red", "not_run": "yellow"}


class RegisterError(Exception):
    """When the register cannot be read; says which file and why."""


@dataclass(frozen=True)
class Claim:
    """A governance sentence in both languages, the articles it serves, against whom it holds, and its tests."""

    id: str
    en: str
    fr: str
    articles: tuple[str, ...]
    against: tuple[str, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """What a claim's tests said: passed, failed, or not_run when none of them could run."""

    id: str
    status: str
    date: str
    commit: str
    evidence: str


@dataclass(frozen=True)
class CaseCount:
    """How the cases of one test function ended."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0

    def plus(self, outcome: str, seconds: float) -> CaseCount:
        counts = {name: getattr(self, name) + (name == outcome) for name in ("passed", "failed", "skipped")}
        return CaseCount(**counts, seconds=self.seconds + seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, write, print; 1 when a claim failed, 2 when the register cannot be read."""
    options = _parser().parse_args(arguments)
    try:
        claims = [claim for claim in load_register() if not options.only or claim.id in options.only]
    except RegisterError as error:
        print(f"claims: {error}", file=sys.stderr)
        return 2
    results = run_claims(claims)
    target = load_settings().home / "claims.json"
    written = merge(_read(target), results)
    for path in (target, options.json):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    show(claims, results)
    return 1 if any(result.status == "failed" for result in results) else 0


def load_register(path: Path = REGISTER) -> list[Claim]:
    """The claims in the register's order.

    Raises:
        RegisterError: the file is missing or malformed, or a claim lacks a field.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["claim"]
        return [
            Claim(e["id"], e["en"], e["fr"], tuple(e["articles"]), tuple(e["against"]), tuple(e["tests"]))
            for e in entries
        ]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise RegisterError(f"{path}: {error!r}") from error


def run_claims(claims: Sequence[Claim]) -> list[Result]:
    """The current result of each claim's tests. Each test runs once, however many claims name it."""
    tests = sorted({test for claim in claims for test in claim.tests})
    if not tests:
        return []
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", *tests],
            cwd=REPOSITORY,
            env=clean_environment(),
        )
        counts = read_report(report)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    commit = commit_now()
    return [Result(claim.id, *judge(claim.tests, counts, now, commit)) for claim in claims]


def judge(tests: Iterable[str], counts: dict[str, CaseCount], date: str, commit: str) -> tuple[str, str, str, str]:
    """(status, date, commit, evidence): every test must have run, and none may have failed."""
    found = [counts.get(test, CaseCount()) for test in tests]
    passed, failed, skipped = (sum(getattr(count, name) for count in found) for name in ("passed", "failed", "skipped"))
    seconds = sum(count.seconds for count in found)
    evidence = f"{passed} passed, {failed} failed, {skipped} skipped in {seconds:.1f} s"
    if failed:
        return "failed", date, commit, evidence
    if all(count.passed for count in found):
        return "passed", date, commit, evidence
    return "not_run", date, commit, evidence


def read_report(path: Path) -> dict[str, CaseCount]:
    """How the cases of each test function ended, by node id, from pytest's JUnit report."""
    counts: dict[str, CaseCount] = {}
    if not path.exists():
        return counts
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        node = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name', '').split('[')[0]}"
        kinds = {child.tag for child in case}
        outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        counts[node] = counts.get(node, CaseCount()).plus(outcome, float(case.get("time") or 0))
    return counts


def merge(earlier: list[dict[str, str]], results: Iterable[Result]) -> list[dict[str, str]]:
    """Earlier results with those of this run in place of theirs."""
    merged = {entry["id"]: entry for entry in earlier} | {result.id: asdict(result) for result in results}
    return list(merged.values())


def commit_now() -> str:
    """The commit that was tested, marked when files were changed after it; empty without git."""
    try:
        commit = _git("rev-parse", "--short=10", "HEAD")
        return f"{commit}+" if _git("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.CalledProcessError):
        return ""


def clean_environment() -> dict[str, str]:
    """The caller's environment without the settings of a running local cloud, which tests must not touch."""
    ours = ("VIGIE_", "POSTGRES_", "LOCALSTACK_", "MODEL_PORT", "DASHBOARD_", "CUSTOMERS", "GROQ_", "LLM_", "AWS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours) or name == "VIGIE_DATA"}


def show(claims: Sequence[Claim], results: Sequence[Result]) -> None:
    """Print what was claimed and what the tests said."""
    table = Table(show_lines=True)
    for column in ("claim", "serves", "against", "status", "evidence"):
        table.add_column(column)
    for claim, result in zip(claims, results, strict=True):
        status = f"[{COLOURS[result.status]}]{result.status.replace('_', ' ')}[/]"
        against = "\n".join(claim.against).replace("_", " ")
        table.add_row(f"{claim.en}\n[dim]{claim.id}[/]", "\n".join(claim.articles), against, status, result.evidence)
    console = Console()
    console.print(table)
    passed = sum(result.status == "passed" for result in results)
    console.print(f"{passed} of {len(results)} claims hold, commit {results[0].commit if results else '-'}.")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _read(path: Path) -> list[dict[str, str]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [entry for entry in found if isinstance(entry, dict) and entry.get("id")] if isinstance(found, list) else []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.evaluations.claims", description=__doc__)
    parser.add_argument("--only", action="append", metavar="ID", help="run this claim only; may be repeated")
    parser.add_argument("--json", type=Path, help="write the results here as well")
    return parser


if __name__ == "__main__":
    run_command(main)
