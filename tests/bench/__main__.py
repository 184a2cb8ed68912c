"""Measure, print tables, and write JSON: `python -m tests.bench [--only NAME] [--json PATH] [--list]`."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.cloud import BenchCloud, bench_cloud
from tests.bench.machine import describe_commit, describe_machine, now
from tests.bench.options import Options
from tests.bench.parts import PARTS, CloudPart, LonePart, choose
from tests.bench.table import lines
from vigie.command_line import run_command
from vigie_operations.errors import OperationError


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when something could not be measured, 2 for a wrong option; a missed bar is no failure."""
    given = parser().parse_args(arguments)
    if given.list:
        print("\n".join(f"  {part.name:<12} {part.text}" for part in PARTS))
        return 0
    try:
        chosen, options = choose(given.only), read_options(given)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return measure(chosen, options, given.json)


def measure(chosen: Sequence[CloudPart | LonePart], options: Options, path: Path | None) -> int:
    """Run the parts, and write the figures after each, so that an interruption loses little."""
    found: dict[str, Any] = {"measured_at": now(), "machine": describe_machine(), **describe_commit()}
    failed = False
    with contextlib.ExitStack() as stack:
        cloud = _cloud_for(chosen, options, stack)
        for part in chosen:
            print(f"\n{part.name}: {part.text}", flush=True)
            try:
                found[part.name] = _run(part, cloud, options)
            except (OperationError, OSError) as error:
                failed = True
                print(f"  {part.name} could not be measured: {error}", file=sys.stderr, flush=True)
                continue
            print("\n".join(lines("", part.rows(found[part.name]))), flush=True)
            _write(path, found)
    _write(path, found)
    return 1 if failed else 0


def _cloud_for(
    chosen: Sequence[CloudPart | LonePart], options: Options, stack: contextlib.ExitStack
) -> BenchCloud | None:
    """One cloud for all parts that need one, with the largest bank that one of them needs."""
    sizes = [part.needs(options) for part in chosen if isinstance(part, CloudPart)]
    return stack.enter_context(bench_cloud(max(sizes))) if sizes else None


def _run(part: CloudPart | LonePart, cloud: BenchCloud | None, options: Options) -> dict[str, Any]:
    if isinstance(part, LonePart):
        return part.run(options)
    assert cloud is not None
    return part.run(cloud, options)


def _write(path: Path | None, found: dict[str, Any]) -> None:
    if path:
        path.write_text(json.dumps(found, indent=2) + "\n")


def parser() -> argparse.ArgumentParser:
    """Every option with its default."""
    usual = Options()
    options = argparse.ArgumentParser("tests.bench", description="Measures how fast Vigie is on this machine.")
    options.add_argument("--only", default="", metavar="NAMES", help="parts to measure, separated by commas")
    options.add_argument("--json", type=Path, help="also write the figures there")
    options.add_argument("--list", action="store_true", help="say what can be measured, and measure nothing")
    options.add_argument("--customers", type=int, default=usual.customers, help="of pipeline and profile (%(default)s)")
    options.add_argument("--sizes", default=",".join(map(str, usual.sizes)), help="of scale (%(default)s)")
    options.add_argument("--latency-ms", type=int, default=usual.latency_ms, help="of the model (%(default)s)")
    options.add_argument("--batch-size", type=int, help="customers in a batch (as deployed)")
    options.add_argument("--sequential-customers", type=int, default=usual.sequential_customers)
    options.add_argument("--idle-runs", type=int, default=usual.idle_runs)
    options.add_argument("--cold-runs", type=int, default=usual.cold_runs)
    options.add_argument("--limited-customers", type=int, default=usual.limited_customers, help="of rate-limit")
    options.add_argument("--claimed-customers", type=int, default=usual.claimed_customers, help="of claims")
    options.add_argument("--requests-per-minute", type=int, default=usual.requests_per_minute)
    options.add_argument("--tokens-per-minute", type=int, default=usual.tokens_per_minute)
    return options


def read_options(given: argparse.Namespace) -> Options:
    """The options as given.

    Raises:
        ValueError: one of them is no positive number.
    """
    sizes = tuple(int(size) for size in str(given.sizes).split(","))
    names = (
        "customers", "latency_ms", "sequential_customers", "idle_runs", "cold_runs", "limited_customers",
        "claimed_customers", "requests_per_minute", "tokens_per_minute",
    )  # fmt: skip
    values = {name: getattr(given, name) for name in names}
    for name, value in {**values, "sizes": min(sizes), "batch_size": given.batch_size or 1}.items():
        if value < 1:
            raise ValueError(f"--{name.replace('_', '-')} {value}: give a whole number from 1")
    return Options(**values, sizes=sizes, batch_size=given.batch_size)


if __name__ == "__main__":
    run_command(main)
