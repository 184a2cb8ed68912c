"""How long one customer takes when nothing else runs: warm, and after every function was replaced."""

from __future__ import annotations

import time
from typing import Any

from tests.bench.cloud import BenchCloud
from tests.bench.execution import execute
from tests.bench.options import Options
from tests.bench.table import Row, ratio
from vigie_operations.errors import RunError

FUNCTIONS = ("vigie-planner", "vigie-nlp-agent", "vigie-prediction-agent", "vigie-action-agent", "vigie-audit-agent")
FINE_POLL_S = 0.1
UPDATE_SECONDS = 60


def run(cloud: BenchCloud, options: Options) -> dict[str, Any]:
    """Runs of one customer, from the request to start to the end that describe-execution reports."""
    cloud.set_model(latency_ms=options.latency_ms)
    execute(cloud, {"limit": 1})
    options.say(f"  {options.idle_runs} warm runs of one customer")
    warm = [_once(cloud) for _ in range(options.idle_runs)]
    options.say(f"  {options.cold_runs} runs with fresh functions")
    cold = [_once_cold(cloud, number) for number in range(options.cold_runs)]
    return {"latency_ms": options.latency_ms, "warm": _spread(warm), "cold": _spread(cold)}


def _once(cloud: BenchCloud) -> float:
    return execute(cloud, {"limit": 1}, poll_s=FINE_POLL_S).seconds


def _once_cold(cloud: BenchCloud, number: int) -> float:
    """After a change of configuration the next invocation starts a fresh environment, as after a deployment."""
    functions = cloud.client("lambda")
    for name in FUNCTIONS:
        functions.update_function_configuration(FunctionName=name, Description=f"cold start {number}")
    for name in FUNCTIONS:
        _wait_updated(functions, name)
    return _once(cloud)


def _wait_updated(functions: Any, name: str) -> None:
    deadline = time.monotonic() + UPDATE_SECONDS
    while functions.get_function_configuration(FunctionName=name)["LastUpdateStatus"] != "Successful":
        if time.monotonic() > deadline:
            raise RunError(f"function {name} was not updated within {UPDATE_SECONDS} s")
        time.sleep(0.1)


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, -int(-share * len(ranked) // 1) - 1)]


def _spread(values: list[float]) -> dict[str, Any]:
    named = {"p50": 0.5, "p95": 0.95, "most": 1.0}
    return {"runs": len(values)} | {name: round(percentile(values, share), 3) for name, share in named.items()}


def rows(found: dict[str, Any]) -> list[Row]:
    """Warm and cold, compared with their bars."""
    warm, cold = found["warm"], found["cold"]
    return [
        Row(f"warm, median of {warm['runs']}", f"{warm['p50']:.2f} s"),
        Row("warm, 95th percentile", f"{warm['p95']:.2f} s", ratio(warm["p95"], 3), "under 3 s"),
        Row(f"cold, median of {cold['runs']}", f"{cold['p50']:.2f} s"),
        Row("cold, slowest", f"{cold['most']:.2f} s", ratio(cold["most"], 8), "under 8 s"),
    ]
