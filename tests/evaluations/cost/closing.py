"""What closing a run's audit takes on AWS: calls of FilterLogEvents, time and memory, held against its function's.

The audit agent reads every line that the agents logged of a run. A page of FilterLogEvents holds 1 MB of events or
10,000 of them at most (API reference of CloudWatch Logs, FilterLogEvents), and an account has 5 calls a second in a
region, which cannot be raised (AWS re:Post Knowledge Center, "How do I determine throttling in my CloudWatch logs?").
Seconds and bytes for each event are those of a closing of 100,000 customers (docs/performance.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tests.evaluations.cost.counting import FUNCTIONS, Counts
from tests.evaluations.cost.estimate import Estimate

CLOSING_SIZES = (100_000, 1_000_000)
CALLS_PER_SECOND = 5
PAGE_BYTES, PAGE_EVENTS = 1_000_000, 10_000
# As the audit agent reads: each group in pieces of a minute, at most so many (`audit_agent.log_reading`).
SPAN_SECONDS, MOST_SPANS = 60, 100
# Measured with 1.2 million events: 45 s, and 320 MB beside the 86 of a small run.
SECONDS_PER_EVENT = 45 / 1_200_000
BYTES_PER_EVENT = (320 - 86) * 2**20 / 1_200_000
MB_AT_REST = 86
# As deployed: MemorySize and Timeout of the audit agent in template.yaml.
FUNCTION_MB, FUNCTION_SECONDS = 1024, 300


@dataclass(frozen=True)
class Closing:
    """Closing a run of `customers`: what its function has to read, and what that takes."""

    customers: int
    events: int
    calls: int
    comparing_seconds: float
    memory_mb: float

    @property
    def calling_seconds(self) -> float:
        """The least time in which AWS answers so many calls, if nothing else in the account reads logs."""
        return self.calls / CALLS_PER_SECOND

    @property
    def seconds(self) -> float:
        """The least time that closing takes: reading and comparing run in parallel."""
        return max(self.calling_seconds, self.comparing_seconds)

    @property
    def fits_time(self) -> bool:
        """Return whether the function has that much time."""
        return self.seconds <= FUNCTION_SECONDS

    @property
    def fits_memory(self) -> bool:
        """Return whether the function has that much memory."""
        return self.memory_mb <= FUNCTION_MB


def closing_of(counts: Counts, one: Estimate) -> Closing:
    """Return what closing a run of an estimate's size takes, from a measured run's events and bytes per customer."""
    each = one.customers / counts.customers
    events = counts.audit_events * each
    pages = max(counts.log_bytes * each / PAGE_BYTES, counts.log_events * each / PAGE_EVENTS)
    spans = min(MOST_SPANS, max(1, math.ceil(one.engine_hours * 3600 / SPAN_SECONDS)))
    return Closing(
        customers=one.customers,
        events=round(events),
        calls=math.ceil(pages) + len(FUNCTIONS) * spans,
        comparing_seconds=events * SECONDS_PER_EVENT,
        memory_mb=MB_AT_REST + events * BYTES_PER_EVENT / 2**20,
    )


def closing_lines(closings: Sequence[Closing]) -> list[str]:
    """Return the table of closings, with what their function has."""
    table = {
        "audit events": [f"{one.events:,}" for one in closings],
        "calls of FilterLogEvents": [f"{one.calls:,}" for one in closings],
        f"seconds for them at {CALLS_PER_SECOND} a second": [f"{one.calling_seconds:,.0f}" for one in closings],
        "seconds to compare, as measured here": [f"{one.comparing_seconds:,.0f}" for one in closings],
        f"  of {FUNCTION_SECONDS} s": [_verdict(one.fits_time) for one in closings],
        "memory, MB": [f"{one.memory_mb:,.0f}" for one in closings],
        f"  of {FUNCTION_MB} MB": [_verdict(one.fits_memory) for one in closings],
    }
    return [
        "Closing the audit on AWS (reading and comparing go on side by side)",
        f"  {'customers':<38}" + "".join(f"{one.customers:>16,}" for one in closings),
        *(f"  {name:<38}" + "".join(f"{text:>16}" for text in texts) for name, texts in table.items()),
    ]


def _verdict(fits: bool) -> str:
    return "fits" if fits else "does not fit"
