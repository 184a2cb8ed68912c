"""The whole pipeline, compared with the same steps one customer after the other.

Efficiency is the unavoidable time divided by the time taken. Analysis and decision work on different batches at the
same time, so the slower of the two sets the pace, and the last decision waits for its own analysis:

    unavoidable = max over the two agents of (its calls x latency / (its environments x LLM_CONCURRENCY)) + latency

Everything else (planning, database, queues, state machine, prediction, closing the audit) counts as avoidable.
`times_sequential` compares customers a second; the sequential program runs after the pipeline on the same cloud.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from tests.bench.cloud import BenchCloud
from tests.bench.execution import Execution, execute, warm_up
from tests.bench.meter import Meter, Usage
from tests.bench.options import Options
from tests.bench.subprocess_parts import environment_with_functions
from tests.bench.table import Row, ratio
from vigie_local import demo_bank
from vigie_local.console_steps import run_tool
from vigie_local.settings import REPOSITORY

PURPOSES = {"nlp_agent": "feedback_analysis", "action_agent": "retention_offers"}


def run(cloud: BenchCloud, options: Options) -> dict[str, Any]:
    """One warm run of `options.customers`, then a sample of the sequential program."""
    cloud.set_model(latency_ms=options.latency_ms)
    options.say("  warming up")
    warm_up(cloud)
    execution, usage = measured_run(cloud, options, options.customers)
    options.say(f"  sequential: {options.sequential_customers} customers, one after the other")
    sequential = run_sequential(cloud, options.sequential_customers)
    return figures(cloud, options, execution, usage) | compared(execution, sequential, options.latency_ms)


def measured_run(cloud: BenchCloud, options: Options, customers: int) -> tuple[Execution, Usage]:
    """One execution with what its processes used."""
    with Meter(cloud.pid_files()) as meter:
        execution = execute(cloud, dict(options.run_input(customers)), options.say)
    return execution, meter.usage


def figures(cloud: BenchCloud, options: Options, execution: Execution, usage: Usage) -> dict[str, Any]:
    """The result of a run, and its efficiency."""
    calls = calls_by_agent(cloud, execution.run_id)
    slots = {
        agent: max(1, usage.most_processes.get(agent, 1))
        * cloud.function_variable(f"vigie-{agent.replace('_', '-')}", "LLM_CONCURRENCY")
        for agent in calls
    }
    unavoidable = unavoidable_seconds(calls, slots, options.latency_ms / 1000)
    planned = execution.customers["planned"]
    return {
        "customers": planned,
        "seconds": round(execution.seconds, 2),
        "customers_per_second": round(planned / execution.seconds, 2),
        "efficiency": round(unavoidable / execution.seconds, 3),
        "unavoidable_seconds": round(unavoidable, 2),
        "latency_ms": options.latency_ms,
        "calls": calls,
        "calls_at_once": slots,
        "counts": execution.customers,
        "status": execution.output["status"],
        "usage": usage.as_dict(),
    }


def unavoidable_seconds(calls: Mapping[str, int], slots: Mapping[str, int], latency_s: float) -> float:
    """See the module's docstring. `slots` are the calls that an agent may have under way at once."""
    return max(calls[agent] * latency_s / slots[agent] for agent in calls) + latency_s


def calls_by_agent(cloud: BenchCloud, run_id: str) -> dict[str, int]:
    """How many calls each agent made, from the egress ledger."""
    counted = dict(
        cloud.query("SELECT purpose, count(*) FROM egress_ledger WHERE run_id = %s GROUP BY purpose", run_id)
    )
    return {agent: int(counted.get(purpose, 0)) for agent, purpose in PURPOSES.items()}


def run_sequential(cloud: BenchCloud, customers: int) -> dict[str, Any]:
    """The sequential program in a process of its own; its log stays in the cloud's folder."""
    answer = cloud.settings.home / "sequential.json"
    environment = environment_with_functions() | demo_bank.tool_variables(cloud.settings)
    environment |= {
        "POWERTOOLS_SERVICE_NAME": "sequential",
        "POWERTOOLS_METRICS_NAMESPACE": "Vigie",
    }
    command = [sys.executable, "-m", "tests.bench.sequential"]
    arguments = ["--customers", str(customers), "--json", str(answer)]
    run_tool([*command, *arguments], environment, cloud.settings.logs / "sequential.log", REPOSITORY)
    found: dict[str, Any] = json.loads(answer.read_text())
    return found


def compared(execution: Execution, sequential: dict[str, Any], latency_ms: int) -> dict[str, Any]:
    """The pipeline compared with the sequential program, and with a program that only waits for the model."""
    each = sequential["seconds"] / sequential["customers"]
    here = execution.seconds / execution.customers["planned"]
    calls = 2 * latency_ms / 1000
    return {
        "times_sequential": round(each / here, 1),
        "times_latency_alone": round(calls / here, 1),
        "sequential": {
            "customers_measured": sequential["customers"],
            "seconds_per_customer": round(each, 4),
            "cpu_seconds_per_customer": round(sequential["cpu_seconds"] / sequential["customers"], 4),
            "scaled_to_seconds": round(each * execution.customers["planned"], 1),
        },
    }


def rows(found: dict[str, Any]) -> list[Row]:
    """The table's rows."""
    sequential = found["sequential"]
    return [
        Row("customers", f"{found['customers']:,}"),
        Row("seconds", f"{found['seconds']:.1f}", ratio(found["seconds"], 60), "60 or less"),
        Row("customers a second", f"{found['customers_per_second']:.1f}"),
        Row("unavoidable seconds", f"{found['unavoidable_seconds']:.1f}"),
        Row("efficiency", f"{found['efficiency']:.2f}", "", "0.80 or more"),
        Row("times sequential", f"{found['times_sequential']:.1f}", "", "50 or more"),
        Row("times latency alone", f"{found['times_latency_alone']:.1f}"),
        Row("sequential, seconds each", f"{sequential['seconds_per_customer']:.3f}"),
        Row("CPU of other programs", f"{found['usage']['other_cpu_seconds']:.1f} s"),
    ]
