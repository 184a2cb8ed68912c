"""The time between a call's claim and its arrival at the model server: how late a call can still follow a withdrawal.

The database notes the claim before it commits it, and the server a request when it has read all of it: both make the
figure larger than the window is. One machine, one clock. Calls that were claimed more than once are left out.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from tests.bench.cloud import BenchCloud
from tests.bench.execution import execute, warm_up
from tests.bench.options import Options
from tests.bench.table import Row
from vigie_llm.claims import FRESH_SECONDS

SHARES = {"median": 0.5, "99 of 100": 0.99, "999 of 1,000": 0.999, "latest": 1.0}


def run(cloud: BenchCloud, options: Options) -> dict[str, Any]:
    """One run, each of whose requests is matched with its ledger row."""
    warm_up(cloud)
    cloud.set_model(latency_ms=options.latency_ms)
    execution = execute(cloud, dict(options.run_input(options.claimed_customers)), options.say)
    rows = "SELECT prompt_sha256, claimed_at FROM egress_ledger WHERE run_id = %s AND claims = 1"
    windows = match(dict(cloud.query(rows, execution.run_id)), cloud.model_requests())
    return {"customers": execution.customers["planned"], "calls": len(windows)} | percentiles(windows)


def match(claimed: dict[str, datetime], requests: list[dict[str, Any]]) -> list[float]:
    """Milliseconds from claim to arrival of each request that has a row, in order. No two prompts are the same."""
    windows = []
    for request in requests:
        messages = json.loads(request["body"])["messages"]
        prompt = next(message["content"] for message in messages if message["role"] == "user")
        if at := claimed.get(hashlib.sha256(prompt.encode()).hexdigest()):
            windows.append(1000 * (request["at"] - at.timestamp()) - request["latency_ms"])
    return sorted(windows)


def percentiles(windows: list[float]) -> dict[str, float]:
    """The windows that so many of the calls keep within, in milliseconds."""
    last = len(windows) - 1
    return {name: round(windows[round(share * last)], 1) for name, share in SHARES.items()} if windows else {}


def rows(found: dict[str, Any]) -> list[Row]:
    """The table's rows."""
    bar = f"{FRESH_SECONDS:.0f},000 ms"
    return [
        Row("customers, calls", f"{found['customers']:,}, {found['calls']:,}"),
        *(Row(f"claim to arrival, {name}", f"{found[name]:.1f} ms", "", bar) for name in SHARES if name in found),
    ]
