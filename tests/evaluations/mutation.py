"""Mutation tests: change one operator or number of a module at a time, and see whether its own unit tests fail.

    make mutation                    every module of mutation.toml (hours)
    make mutation ONLY=decision      modules whose path contains the word
    make mutation ARGS='--sample 80' so many mutants of each module, drawn at random (the same ones for one --seed)

Each module is mutated in a copy of the tracked files, so that the clone stays as it is. A mutant that survives is
either equivalent, or a behaviour that no unit test asks for.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vigie_local.settings import REPOSITORY

PLAN = Path(__file__).with_suffix(".toml")
PROGRAMS = REPOSITORY / ".local" / "mutation" / "bin"
# Annotations are full of `|`, and a changed one changes nothing.
NOT_USED = [r"core/ReplaceBinaryOperator_BitOr_.*"]
# The first failing test is enough.
PYTEST = "-m pytest -x -q -p no:cacheprovider"


@dataclass(frozen=True)
class Mutant:
    """One change of a module, and what the tests said."""

    operator: str
    line: int
    outcome: str
    diff: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m tests.evaluations.mutation [--only WORD] [--json PATH]`."""
    parser = argparse.ArgumentParser(prog="make mutation", description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--only", default="", help="modules whose path contains this")
    parser.add_argument("--timeout", type=float, default=60, help="seconds after which a mutant counts as killed")
    parser.add_argument("--sample", type=int, metavar="N", help="mutants of each module to test; all by default")
    parser.add_argument("--seed", type=int, default=1, help="which ones the sample holds")
    parser.add_argument("--json", type=Path, help="write the figures here")
    given = parser.parse_args(arguments)
    planned = tomllib.loads(PLAN.read_text(encoding="utf-8"))["modules"]
    chosen = {module: tests for module, tests in planned.items() if given.only in module}
    if not chosen:
        print(f"ONLY={given.only} names no module of {PLAN.name}: {', '.join(planned)}", file=sys.stderr)
        return 2
    found = {module: measure(module, tests, given) for module, tests in chosen.items()}
    show(found)
    if given.json:
        figures = {module: score(mutants) for module, mutants in found.items()}
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(module: str, tests: Sequence[str], given: argparse.Namespace) -> list[Mutant]:
    """Run every mutant of a module, or a sample of them, against its tests."""
    with tempfile.TemporaryDirectory(prefix="vigie-mutation-") as folder:
        copy_tracked(Path(folder))
        config, session = Path(folder) / "mutation.toml", Path(folder) / "session.sqlite"
        config.write_text(configuration(module, tests, given.timeout), encoding="utf-8")
        for program, *words in (
            ("cosmic-ray", "baseline", config), ("cosmic-ray", "init", config, session),
            ("cr-filter-operators", session, config),
        ):  # fmt: skip
            run(program, words, Path(folder))
        if given.sample:
            draw(session, given.sample, given.seed)
        run("cosmic-ray", ["exec", config, session], Path(folder))
        return list(read_session(run("cosmic-ray", ["dump", session], Path(folder))))


def draw(session: Path, many: int, seed: int) -> None:
    """Leave so many mutants to test in a session. The ids are new each time, what is changed where is not."""
    waiting = (
        "SELECT job_id FROM mutation_specs WHERE job_id NOT IN (SELECT job_id FROM work_results)"
        " ORDER BY start_pos_row, start_pos_col, operator_name, operator_args, occurrence"
    )
    with closing(sqlite3.connect(session)) as database, database:
        rows = database.execute(waiting).fetchall()
        left_out = random.Random(seed).sample(rows, max(0, len(rows) - many))
        for table in ("mutation_specs", "work_items"):
            database.executemany(f"DELETE FROM {table} WHERE job_id = ?", left_out)


def copy_tracked(folder: Path) -> None:
    """Copy what git tracks, as it is now, and no compiled module."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)


def configuration(module: str, tests: Sequence[str], timeout: float) -> str:
    """The configuration file of cosmic-ray."""
    command = f"{sys.executable} {PYTEST} {' '.join(tests)}"
    return (
        f"[cosmic-ray]\nmodule-path = {json.dumps(module)}\ntimeout = {timeout}\nexcluded-modules = []\n"
        f'test-command = {json.dumps(command)}\n[cosmic-ray.distributor]\nname = "local"\n'
        f"[cosmic-ray.filters.operators-filter]\nexclude-operators = {json.dumps(NOT_USED)}\n"
    )


def run(program: str, words: Sequence[object], folder: Path) -> str:
    """Run a program of cosmic-ray in the copy; return what it printed."""
    # A mutant may have the size and the second of the module before it: no compiled file may stand for it.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(PROGRAMS / program), *map(str, words)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{program} failed: do the unmutated tests pass?\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def read_session(dump: str) -> Iterator[Mutant]:
    """The mutants of a session that were tested."""
    for line in dump.splitlines():
        work, result = json.loads(line)
        if result and result["worker_outcome"] != "skipped":
            yield mutant_of(work, result)


def mutant_of(work: dict[str, Any], result: dict[str, Any]) -> Mutant:
    [change] = work["mutations"]
    outcome = result["test_outcome"] or result["worker_outcome"]
    return Mutant(change["operator_name"].removeprefix("core/"), change["start_pos"][0], outcome, result["diff"] or "")


def score(mutants: Sequence[Mutant]) -> dict[str, Any]:
    """How many were made and killed, and the survivors."""
    survivors = [mutant for mutant in mutants if mutant.outcome == "survived"]
    return {
        "mutants": len(mutants),
        "killed": len(mutants) - len(survivors),
        "survivors": [{"line": mutant.line, "operator": mutant.operator, "diff": mutant.diff} for mutant in survivors],
    }


def show(found: dict[str, list[Mutant]]) -> None:
    """Print each survivor's change, then the scores."""
    console, grid = Console(), Table("Module", "Mutants", "Killed", "Score", title_justify="left")
    for module, mutants in found.items():
        figures = score(mutants)
        for survivor in figures["survivors"]:
            changed = [
                text for text in survivor["diff"].splitlines() if text[:1] in "+-" and text[:3] not in ("---", "+++")
            ]
            console.print(f"{module}:{survivor['line']} {survivor['operator']}", *changed, sep="\n", markup=False)
        share = figures["killed"] / figures["mutants"] if mutants else 0.0
        grid.add_row(module, str(figures["mutants"]), str(figures["killed"]), f"{share:.0%}")
    console.print(grid)


if __name__ == "__main__":
    sys.exit(main())
