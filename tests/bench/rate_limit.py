"""A run against a model server that enforces requests and tokens a minute, as Groq does.

The provider's budget is a bucket that holds a minute's worth, full at first, refilled all the time. What it offers
from the first call to the last is therefore `limit x (1 + minutes)`; `budget_used` is what was admitted of it, for
the limit that binds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.bench.cloud import BenchCloud
from tests.bench.execution import execute, warm_up
from tests.bench.options import Options
from tests.bench.table import Row


def run(cloud: BenchCloud, options: Options) -> dict[str, Any]:
    """One run whose calls need several minutes of the budget."""
    log = cloud.settings.logs / "model-server.log"
    limits = {"requests_per_minute": options.requests_per_minute, "tokens_per_minute": options.tokens_per_minute}
    warm_up(cloud)
    before = log.stat().st_size
    cloud.set_model(latency_ms=options.latency_ms, **limits)
    try:
        execution = execute(cloud, dict(options.run_input(options.limited_customers)), options.say)
        seconds = calling_seconds(cloud, execution.run_id)
        return budget(read_calls(log, before), limits, seconds) | {
            "customers": execution.customers["planned"],
            "seconds": round(execution.seconds, 1),
            "counts": execution.customers,
            "handed_back": _handed_back(cloud, execution.run_id),
            "outcomes": _outcomes(cloud, execution.run_id),
        }
    finally:
        cloud.set_model()


def read_calls(log: Path, offset: int) -> list[tuple[str, int]]:
    """Outcome and tokens of every call that the model server logged from this byte on."""
    with log.open("rb") as stream:
        stream.seek(offset)
        lines = [json.loads(line) for line in stream if line.startswith(b"{")]
    return [(line["outcome"], line["tokens"]) for line in lines if line["path"].endswith("/chat/completions")]


def budget(calls: list[tuple[str, int]], limits: dict[str, int], seconds: float) -> dict[str, Any]:
    """Shares of the two budgets that were used, and of the calls that were refused."""
    admitted = [tokens for outcome, tokens in calls if outcome == "ok"]
    refused = sum(outcome == "rate_limited" for outcome, _ in calls)
    offered = {name: limit * (1 + seconds / 60) for name, limit in limits.items()}
    used = {
        "requests": len(admitted) / offered["requests_per_minute"],
        "tokens": sum(admitted) / offered["tokens_per_minute"],
    }
    return {
        **limits,
        "calling_seconds": round(seconds, 1),
        "calls": len(calls),
        "refused": refused,
        "refused_share": round(refused / len(calls), 4) if calls else 0.0,
        "binding": max(used, key=lambda name: used[name]),
        "budget_used": round(max(used.values()), 4),
    }


def calling_seconds(cloud: BenchCloud, run_id: str) -> float:
    """From the first call's entry in the ledger to the last call's end."""
    ((seconds,),) = cloud.query(
        "SELECT coalesce(extract(epoch FROM max(ended_at) - min(sent_at)), 0) FROM egress_ledger WHERE run_id = %s",
        run_id,
    )
    return float(seconds)


def _handed_back(cloud: BenchCloud, run_id: str) -> int:
    """How often an agent reached its deadline and returned customers that it had not asked about."""
    ((count,),) = cloud.query(
        "SELECT count(*) FROM audit_log WHERE run_id = %s AND event_type = 'BATCH_END'"
        " AND (details ->> 'remaining')::int > 0",
        run_id,
    )
    return int(count)


def _outcomes(cloud: BenchCloud, run_id: str) -> dict[str, int]:
    return dict(cloud.query("SELECT outcome, count(*) FROM egress_ledger WHERE run_id = %s GROUP BY 1", run_id))


def rows(found: dict[str, Any]) -> list[Row]:
    """The budget used and the calls refused, compared with their bars."""
    return [
        Row("limits a minute", f"{found['requests_per_minute']:,} calls, {found['tokens_per_minute']:,} tokens"),
        Row("customers", f"{found['customers']:,}"),
        Row("seconds", f"{found['seconds']:.0f}"),
        Row(f"budget of {found['binding']} used", f"{found['budget_used']:.1%}", "", "95 % or more"),
        Row("calls refused (429)", f"{found['refused_share']:.2%}", "", "under 0.5 %"),
        Row(
            "calls never answered", str(sum(found["outcomes"].values()) - found["outcomes"].get("answered", 0)), "", "0"
        ),
        Row("batches handed back", str(found["handed_back"])),
        Row("customers failed", str(found["counts"]["failed"])),
    ]
