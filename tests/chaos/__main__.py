"""Disturb real runs: `python -m tests.chaos [--runs N] [--seed N] [--only KINDS] [--json PATH] [--list]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg2
from botocore.exceptions import BotoCoreError, ClientError

from tests.chaos import suite_report
from tests.chaos.boundaries import disturb_every_boundary
from tests.chaos.checking import check_again
from tests.chaos.environment import ChaosEnvironment, chaos_environment
from tests.chaos.fault_injection import KINDS
from tests.chaos.running import Disturbed, disturb
from vigie.command_line import run_command
from vigie_operations.errors import OperationError

BOUNDARIES = "boundaries"
COULD_NOT_GO_ON = (OperationError, OSError, psycopg2.Error, BotoCoreError, ClientError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when something was lost, doubled, stuck or wrong, or the suite broke off; 2 for a wrong option."""
    given = parser().parse_args(arguments)
    if given.list:
        print("\n".join([*sorted(KINDS), f"{BOUNDARIES} (a death at every commit and answer of a run, one by one)"]))
        return 0
    kinds = [kind for kind in given.only.split(",") if kind]
    if problem := _problem(given, kinds):
        print(problem, file=sys.stderr)
        return 2
    runs: list[Disturbed] = []
    complete = False
    try:
        with chaos_environment(given.customers) as environment:
            suite(environment, given, kinds, runs)
            look_again(environment, runs)
            complete = True
    except COULD_NOT_GO_ON as error:
        print(f"The suite could not continue: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrupted: what follows is of the runs until here.", file=sys.stderr)
    print("\n".join(["", *suite_report.table(runs)]), flush=True)
    _write(given.json, runs, given.customers)
    return 0 if complete and runs and not any(run.findings for run in runs) else 1


def suite(environment: ChaosEnvironment, given: argparse.Namespace, kinds: list[str], runs: list[Disturbed]) -> None:
    """The runs, one after the other; `runs` grows as they end, so that an interruption loses none."""
    if kinds == [BOUNDARIES]:
        for number, run in enumerate(disturb_every_boundary(environment, given.customers), 1):
            _tell(run, number, 0, runs, given)
        return
    # Every kind comes once before any comes twice.
    names = kinds or sorted(KINDS)
    for number in range(given.runs):
        seed = given.seed + number
        _tell(
            disturb(environment, seed, given.customers, names[seed % len(names)]), number + 1, given.runs, runs, given
        )


def look_again(environment: ChaosEnvironment, runs: list[Disturbed]) -> None:
    """Whether a run that was whole at its end still is: a straggler may have written since."""
    for run in runs:
        if not run.findings:
            run.findings.extend(check_again(environment.cloud, run.run_id))
            if run.findings:
                print("\n".join([f"  seed {run.seed}:", *suite_report.details(run)]), flush=True)


def _tell(run: Disturbed, number: int, of: int, runs: list[Disturbed], given: argparse.Namespace) -> None:
    runs.append(run)
    print("\n".join([suite_report.line(run, number, of), *suite_report.details(run)]), flush=True)
    _write(given.json, runs, given.customers)


def _problem(given: argparse.Namespace, kinds: list[str]) -> str:
    unknown = [kind for kind in kinds if kind not in KINDS and kinds != [BOUNDARIES]]
    if unknown:
        return f"ONLY={','.join(unknown)} is unknown; make chaos ARGS=--list names every kind"
    for name in ("runs", "customers"):
        if getattr(given, name) < 1:
            return f"{name.upper()}={getattr(given, name)}: give a whole number from 1"
    return ""


def _write(path: Path | None, runs: Sequence[Disturbed], customers: int) -> None:
    if path:
        path.write_text(json.dumps(suite_report.as_json(runs, customers), indent=2) + "\n")


def parser() -> argparse.ArgumentParser:
    """Every option with its default."""
    options = argparse.ArgumentParser("tests.chaos", description="Disturbs real runs and checks what came of them.")
    options.add_argument("--runs", type=int, default=50, help="how many (%(default)s)")
    options.add_argument("--customers", type=int, default=200, help="of each run (%(default)s)")
    options.add_argument("--seed", type=int, default=1, help="of the first run; the next ones count on (%(default)s)")
    options.add_argument("--only", default="", metavar="KINDS", help="kinds of fault, separated by commas")
    options.add_argument("--json", type=Path, help="also write the summary there")
    options.add_argument("--list", action="store_true", help="name every kind, and run nothing")
    return options


if __name__ == "__main__":
    run_command(main)
