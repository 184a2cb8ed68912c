"""What can be measured: each part's name, what it measures, and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench import claim_window, idle, pipeline, profile, rate_limit, scale
from tests.bench.cloud import BenchCloud
from tests.bench.options import Options
from tests.bench.subprocess_parts import flat_rows, measured_by_function, measured_by_program
from tests.bench.table import Row

Rows = Callable[[dict[str, Any]], list[Row]]


@dataclass(frozen=True)
class CloudPart:
    """A part that is measured on a deployed cloud with a bank of `needs(options)` customers."""

    name: str
    text: str
    run: Callable[[BenchCloud, Options], dict[str, Any]]
    rows: Rows
    needs: Callable[[Options], int]


@dataclass(frozen=True)
class LonePart:
    """A part that brings all it needs."""

    name: str
    text: str
    run: Callable[[Options], dict[str, Any]]
    rows: Rows


PARTS: Sequence[CloudPart | LonePart] = (
    CloudPart(
        "pipeline", "all customers through all agents, compared with one after the other",
        pipeline.run, pipeline.rows, lambda options: options.customers,
    ),
    CloudPart(
        "profile", "where a run's time goes: processes, database, model, waiting",
        profile.run, profile.rows, lambda options: options.customers,
    ),
    CloudPart("idle", "one customer, warm and cold, from start to finished", idle.run, idle.rows, lambda _: 1),
    CloudPart(
        "rate-limit", "a provider with limits on calls and tokens a minute",
        rate_limit.run, rate_limit.rows, lambda options: options.limited_customers,
    ),
    CloudPart(
        "claims", "from a call's claim to its arrival: how late it can follow a withdrawal",
        claim_window.run, claim_window.rows, lambda options: options.claimed_customers,
    ),
    LonePart(
        "scoring", "the prediction's import and its 7,043 rows", measured_by_program("model.bench"), flat_rows,
    ),
    LonePart(
        "client", "the groq package's typed method compared with its untyped one, in CPU time",
        measured_by_function("tests.bench.model_client"), flat_rows,
    ),
    LonePart(
        "audit", "inserting and sealing audit events", measured_by_function("tests.bench.audit"), flat_rows,
    ),
    LonePart(
        "review", "10,000 proposals made, claimed, opened and decided on by the database",
        measured_by_function("tests.bench.review"), flat_rows,
    ),
    LonePart(
        "files", "a file of 1,000,000 rows drafted, loaded and read for training",
        measured_by_function("tests.bench.files"), flat_rows,
    ),
    LonePart(
        "verify", "1,000,000 sealed events verified offline",
        measured_by_function("tests.bench.verify_speed"), flat_rows,
    ),
    LonePart(
        "first-paint", "the dashboard with 100,000 customers and 1,000,000 events, in a browser",
        measured_by_program("tests.bench.dashboard_first_paint"), flat_rows,
    ),
    CloudPart(
        "scale", "time per customer and memory as the run grows", scale.run, scale.rows,
        lambda options: max(options.sizes),
    ),
)  # fmt: skip


def choose(names: str) -> list[CloudPart | LonePart]:
    """The parts of a comma-separated list, in their own order; all when it is empty.

    Raises:
        ValueError: names what there is instead.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = [part.name for part in PARTS]
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(f"ONLY={unknown[0]} is unknown: use {', '.join(known)}")
    return [part for part in PARTS if not wanted or part.name in wanted]
