"""The result of a chaos suite: a line for each run, a table for each kind, and the same as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tests.bench.machine import describe_commit, describe_machine, now
from tests.chaos.running import Disturbed

BROKEN = ("lost", "doubled", "stuck", "wrong")


def line(run: Disturbed, number: int, of: int) -> str:
    """One run, as it is printed while the suite is running."""
    verdict = "BROKEN" if run.findings else "ok" if run.fault_applied else "ok, but the fault did not strike"
    more = f", {run.gaps} gaps named" if run.gaps else ""
    more += f", {run.dead_letters} dead letters" if run.dead_letters else ""
    more += f", {run.withdrawn} withdrawn, latest call {run.latest_call:.3f} s after" if run.withdrawn else ""
    place = f"{number:>4} of {of}" if of else f"{number:>4}"
    return f"  {place}  seed {run.seed:<6} {run.kind:<38} {run.seconds:5.1f} s  {verdict}{more}"


def details(run: Disturbed, most: int = 5) -> list[str]:
    """What is broken, and how to see it again."""
    shown = [f"        {finding.kind}: {finding.text}" for finding in run.findings[:most]]
    if len(run.findings) > most:
        shown.append(f"        and {len(run.findings) - most} more")
    return [*shown, f"        again: make chaos SEED={run.seed} RUNS=1 ONLY={run.kind}"] if run.findings else []


def table(runs: Sequence[Disturbed]) -> list[str]:
    """Runs, those that the fault was applied to, and broken promises, by kind of fault."""
    groups = [*sorted(_by_kind(runs).items()), ("all", list(runs))]
    names = ("runs", "struck", *BROKEN)
    lines = [f"  {'kind':<38} " + " ".join(f"{name:>8}" for name in names)]
    for kind, some in groups:
        counts = summary(some)
        lines.append(f"  {kind:<38} " + " ".join(f"{counts[name]:>8}" for name in names))
    return lines


def summary(runs: Sequence[Disturbed]) -> dict[str, Any]:
    """Counts of the runs, of those that the fault was applied to, and of those where something was lost, doubled, …"""
    broken = {name: sum(run.count(name) > 0 for run in runs) for name in BROKEN}
    return {"runs": len(runs), "struck": sum(run.fault_applied for run in runs)} | broken


def as_json(runs: Sequence[Disturbed], customers: int) -> dict[str, Any]:
    """Everything needed to judge and to repeat the suite."""
    return {
        "measured_at": now(),
        "machine": describe_machine(),
        **describe_commit(),
        **summary(runs),
        "customers": customers,
        "seeds": [run.seed for run in runs],
        "gaps_named": sum(run.gaps for run in runs),
        "dead_letters": sum(run.dead_letters for run in runs),
        "withdrawn": sum(run.withdrawn for run in runs),
        "latest_call_after_withdrawal_s": max((run.latest_call for run in runs), default=0.0),
        "by_kind": {kind: summary(some) for kind, some in sorted(_by_kind(runs).items())},
        "broken": [
            {"seed": run.seed, "kind": run.kind, "findings": [f"{each.kind}: {each.text}" for each in run.findings]}
            for run in runs
            if run.findings
        ],
    }


def _by_kind(runs: Sequence[Disturbed]) -> dict[str, list[Disturbed]]:
    found: dict[str, list[Disturbed]] = defaultdict(list)
    for run in runs:
        found[run.kind].append(run)
    return found
