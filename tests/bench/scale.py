"""Time per customer and memory as the run grows, on one bank that holds the largest size."""

from __future__ import annotations

from typing import Any

from tests.bench.cloud import BenchCloud
from tests.bench.execution import warm_up
from tests.bench.options import Options
from tests.bench.pipeline import figures, measured_run
from tests.bench.table import Row

KEPT = ("customers", "seconds", "customers_per_second", "efficiency", "calls", "counts", "usage")


def run(cloud: BenchCloud, options: Options) -> dict[str, Any]:
    """A warm run of each size, smallest first. `of_smallest` is time per customer relative to the first size's."""
    cloud.set_model(latency_ms=options.latency_ms)
    warm_up(cloud)
    found: list[dict[str, Any]] = []
    for size in sorted(options.sizes):
        options.say(f"  {size:,} customers")
        execution, usage = measured_run(cloud, options, size)
        all_figures = figures(cloud, options, execution, usage)
        each = {"ms_per_customer": round(execution.seconds / execution.customers["planned"] * 1000, 3)}
        found.append({name: all_figures[name] for name in KEPT} | each)
    for one in found:
        one["of_smallest"] = round(one["ms_per_customer"] / found[0]["ms_per_customer"], 3)
    return {"latency_ms": options.latency_ms, "sizes": found}


def rows(found: dict[str, Any]) -> list[Row]:
    """Per size: time per customer, then the memory of each process."""
    table = []
    for one in found["sizes"]:
        size = f"{one['customers']:,} customers"
        table.append(
            Row(f"{size}, ms each", f"{one['ms_per_customer']:.2f}", f"{one['of_smallest']:.2f}", "within 20 %")
        )
        peaks = one["usage"]["peak_mib"]
        table += [Row(f"  {name}", f"{peak:.0f} MiB") for name, peak in sorted(peaks.items()) if name != "bench"]
    return table
