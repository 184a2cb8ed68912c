"""Where a run's time goes: CPU by process, the database, the model's latency, and each agent's waiting.

An agent works on one batch at a time. Its time is split into: waiting for the model (what its calls' latencies come
to at its concurrency), its own work within batches, and the time between two batches, when queue and state machine
have their turn.
"""

from __future__ import annotations

from typing import Any

from tests.bench.cloud import BenchCloud
from tests.bench.database_load import DatabaseLoad
from tests.bench.execution import warm_up
from tests.bench.options import Options
from tests.bench.pipeline import PURPOSES, figures, measured_run
from tests.bench.table import Row

SPANS = """
WITH spans AS (
    SELECT agent, (details ->> 'batch_no')::int AS batch_no, min(occurred_at) FILTER (WHERE event_type = 'BATCH_START')
        AS began, max(occurred_at) FILTER (WHERE event_type = 'BATCH_END') AS ended
    FROM audit_log WHERE run_id = %s AND event_type IN ('BATCH_START', 'BATCH_END') GROUP BY 1, 2
)
SELECT agent, count(*), extract(epoch FROM sum(ended - began)), extract(epoch FROM max(ended) - min(began)) FROM spans
GROUP BY agent ORDER BY agent
"""
# From the last batch's end to the reconciliation's: what closing the audit adds to a run.
CLOSING = """
SELECT extract(epoch FROM max(occurred_at) FILTER (WHERE event_type = 'RUN_RECONCILED')
                        - max(occurred_at) FILTER (WHERE event_type = 'BATCH_END'))
FROM audit_log WHERE run_id = %s
"""
LATENCIES = """
SELECT purpose, count(*), sum(latency_ms) / 1000.0, percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms)
FROM egress_ledger WHERE run_id = %s AND latency_ms IS NOT NULL GROUP BY purpose
"""


def run(cloud: BenchCloud, options: Options) -> dict[str, Any]:
    """One warm run of `options.customers`, watched closely; slower for it than in the part `pipeline`."""
    cloud.set_model(latency_ms=options.latency_ms)
    warm_up(cloud)
    with DatabaseLoad(cloud) as load:
        execution, usage = measured_run(cloud, options, options.customers)
    found = figures(cloud, options, execution, usage)
    [(closing,)] = cloud.query(CLOSING, execution.run_id)
    return found | {
        "agents": agents_time(cloud, execution.run_id, found),
        "closing": round(float(closing), 2),
        "database": load.as_dict(),
    }


def agents_time(cloud: BenchCloud, run_id: str, found: dict[str, Any]) -> dict[str, Any]:
    """Seconds of each agent, from the first batch's start to the last one's end."""
    purposes = {purpose: agent for agent, purpose in PURPOSES.items()}
    latencies = {purposes[row[0]]: row[1:] for row in cloud.query(LATENCIES, run_id)}
    agents: dict[str, Any] = {}
    for agent, batches, busy, whole in cloud.query(SPANS, run_id):
        one = {"batches": int(batches), "busy": float(busy), "between": max(0.0, float(whole) - float(busy))}
        if agent in latencies:
            _count, total, median, late = latencies[agent]
            model = float(found["calls"][agent]) * found["latency_ms"] / 1000 / found["calls_at_once"][agent]
            one |= {
                "model": model,
                "own": float(busy) - model,
                "call_p50_ms": float(median),
                "call_p95_ms": float(late),
            }
            one["calls_seconds"] = float(total)
            one["calls_under_way"] = float(total) / float(whole)
        agents[str(agent)] = {name: round(value, 2) for name, value in one.items()}
    return agents


def rows(found: dict[str, Any]) -> list[Row]:
    """CPU by process, then each agent's time, then the database's statements."""
    usage = found["usage"]
    ours = sum(usage["cpu_seconds"].values())
    table = [Row("customers", f"{found['customers']:,}"), Row("seconds", f"{found['seconds']:.1f}")]
    for name, spent in sorted(usage["cpu_seconds"].items(), key=lambda item: -item[1]):
        each = spent / found["customers"] * 1000
        table.append(Row(f"CPU of {name}", f"{spent:.1f} s", f"{spent / ours:.0%}", f"{each:.2f} ms a customer"))
    table.append(Row("CPU of other programs", f"{usage['other_cpu_seconds']:.1f} s"))
    for agent, one in found["agents"].items():
        words = f"{one['batches']} batches; between them {one['between']:.1f} s"
        if "model" in one:
            words += f"; model {one['model']:.1f} s, own {one['own']:.1f} s; a call {one['call_p50_ms']:.0f} ms"
            words += f"; {one['calls_under_way']:.0f} calls under way on average"
        table.append(Row(f"{agent} in batches", f"{one['busy']:.1f} s", "", words))
    table.append(Row("closing the audit", f"{found['closing']:.1f} s"))
    for name, spent in found["database"]["seconds_by_statement"].items():
        table.append(Row(f"database, {name}", f"{spent:.1f} s"))
    for name, spent in found["database"]["seconds_by_wait"].items():
        table.append(Row(f"database waits, {name}", f"{spent:.1f} s"))
    return table
