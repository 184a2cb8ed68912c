"""What `make cost` prints."""

from __future__ import annotations

from collections.abc import Sequence

from tests.evaluations.cost.counting import Counts
from tests.evaluations.cost.estimate import NIGHT_HOURS, Deployed, Estimate, batch_seconds
from tests.evaluations.cost.prices import PriceList
from tests.evaluations.cost.quotas import needs


def counted_lines(counts: Counts) -> list[str]:
    """What the run used."""
    rows = [
        ("customers, batches", f"{counts.customers:,} in {counts.batches:,}"),
        ("seconds here", f"{counts.seconds:.1f}"),
        (
            "state transitions",
            f"{counts.transitions_of_run:,} of the run, {counts.transitions_of_batches:,} of batches",
        ),
        ("messages to queues", f"{counts.messages:,}"),
        ("model calls", f"{counts.calls:,}; tokens {counts.tokens_in:,} in, {counts.tokens_out:,} out"),
        ("log lines", f"{counts.log_events:,}; {counts.log_bytes / 1e6:.2f} MB"),
        ("database", f"{counts.database_bytes / 1e6:.2f} MB, {counts.audit_events:,} audit events"),
        *((f"requests {name}", f"{count:,}") for name, count in counts.requests.items()),
    ]
    for name, use in counts.functions.items():
        rows.append(
            (
                f"function {name}",
                f"{use.invocations:,} invocations, {use.billed_seconds:.1f} s, {use.gb_seconds:.1f} GB-s; "
                f"used {use.most_used_mb} of {use.memory_mb} MB",
            )
        )
    width = max(len(name) for name, _ in rows)
    return [f"Counted in run {counts.run_id}", *(f"  {name:<{width}}  {text}" for name, text in rows)]


def dollar_lines(estimates: Sequence[Estimate], prices: PriceList) -> list[str]:
    """A run's dollars by kind and size."""
    head = "".join(f"{one.customers:>16,}" for one in estimates)
    lines = [
        f"Dollars of one run, list prices of {prices.region} as of {prices.as_of}",
        f"  {'customers':<24}{head}",
    ]
    for name in estimates[0].dollars:
        lines.append(f"  {name.replace('_', ' '):<24}" + "".join(f"{one.dollars[name]:>16,.2f}" for one in estimates))
    lines.append(f"  {'together':<24}" + "".join(f"{one.total:>16,.2f}" for one in estimates))
    each = "".join(f"{one.total / one.customers * 1000:>16,.4f}" for one in estimates)
    return [*lines, f"  {'per 1,000 customers':<24}{each}"]


def monthly_lines(months: dict[str, float]) -> list[str]:
    """Dollars a month without any run."""
    lines = ["Dollars a month, with or without runs"]
    lines += [f"  {name.replace('_', ' '):<24}{value:>16,.2f}" for name, value in months.items()]
    return [*lines, f"  {'together':<24}{sum(months.values()):>16,.2f}"]


def time_lines(counts: Counts, estimates: Sequence[Estimate], deployed: Deployed) -> list[str]:
    """How long, how much at once, and what the provider and the database must bear."""
    nlp, action = deployed.environments["nlp-agent"], deployed.environments["action-agent"]
    lines = [
        f"Time and room (a batch takes its three agents {batch_seconds(counts):.1f} s, as measured here)",
        f"  {'customers':<38}" + "".join(f"{one.customers:>16,}" for one in estimates),
    ]
    table = {
        f"hours, {nlp} analysing and {action} deciding": [f"{one.engine_hours:,.2f}" for one in estimates],
        f"batches at once for {NIGHT_HOURS:.0f} hours": [f"{one.at_once_for_a_night:,}" for one in estimates],
        "  then database connections": [f"{one.connections_for_a_night:,}" for one in estimates],
        "  then calls a minute": [f"{one.calls_per_minute_for_a_night:,.0f}" for one in estimates],
        "  then tokens a minute": [f"{one.tokens_per_minute_for_a_night:,.0f}" for one in estimates],
        "rows added to the database, GB": [f"{one.database_gb:,.2f}" for one in estimates],
    }
    lines += [f"  {name:<38}" + "".join(f"{text:>16}" for text in texts) for name, texts in table.items()]
    return [*lines, *_quota_lines(counts, estimates[-1])]


def _quota_lines(counts: Counts, one: Estimate) -> list[str]:
    lines = [f"Quotas for {one.customers:,} customers in {NIGHT_HOURS:.0f} hours (* can be raised)"]
    for need in needs(counts, one):
        verdict = "fits" if need.fits else "does not fit"
        lines.append(f"  {need.quota:<38}{need.needed:>16,.0f} of {need.allowed:,.0f}: {verdict}")
    return lines


NOTES = (
    "Notes",
    "  The model provider's own limits come first: ask for the calls and tokens a minute above.",
    "  An environment holds one connection, and a session lock while it works on a batch. RDS Proxy pins such a",
    "  session: it spares the database reconnections and passwords, and does not make fewer connections at once.",
    "  GB-seconds are those of local processes on this machine; a busy machine makes them larger.",
)
