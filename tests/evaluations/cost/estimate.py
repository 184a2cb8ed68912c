"""From a measured run to other sizes: counts, dollars, time, concurrency, connections and quotas.

What happens for each customer or batch grows with their number; the rest of a run happens once. The agents work on
different batches at the same time, so the one that takes longest sets the pace: `batches x its seconds for a batch /
its environments`; the provider's limits then decide whether that many calls a minute are answered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from planner.store import LEAST_BATCH_SIZE, SHARE
from tests.evaluations.cost.counting import Counts
from tests.evaluations.cost.prices import PriceList

SIZES = (10_000, 1_000_000, 10_000_000)
# A message is sent, received and deleted.
REQUESTS_PER_MESSAGE = 3
# Each child of a distributed map counts as one transition more, for its start.
TRANSITIONS_PER_CHILD_START = 1
NIGHT_HOURS = 8.0
AGENTS = ("nlp-agent", "prediction-agent", "action-agent")
# LEAST(memory in bytes / 9531392, 5000), for a database of 8 GiB.
CONNECTIONS_OF_8_GIB = 901
# The pollers of an SQS mapping ask again after 20 s without a message; there are at least five of them.
IDLE_RECEIVES_PER_MONTH = 4 * 5 * 3 * 60 * 730
SEALS_PER_MONTH = 60 * 730
S3_READS = ("s3.GetObject", "s3.HeadObject")


@dataclass(frozen=True)
class Estimate:
    """A run of `customers`: dollars by kind, and what it needs. Times in hours."""

    customers: int
    batches: int
    dollars: dict[str, float]
    engine_hours: float
    at_once_for_a_night: int
    connections_for_a_night: int
    calls_per_minute_for_a_night: float
    tokens_per_minute_for_a_night: float
    database_gb: float
    engine_hours_of_a_night: float

    @property
    def total(self) -> float:
        return sum(self.dollars.values())


@dataclass(frozen=True)
class Deployed:
    """How the stack is deployed: most customers in a batch, calls of a round, most environments of each agent."""

    batch_size: int
    round_size: int
    environments: Mapping[str, int]


def batches_of(customers: int, deployed: Deployed) -> int:
    """How many batches the planner cuts, see `planner.store.SIZE`: whole ones, and smaller ones at the end."""
    most, whole = deployed.batch_size, SHARE * deployed.round_size
    count = max(0, customers // most - SHARE)
    customers -= count * most
    while customers > 0:
        customers -= min(most, max(LEAST_BATCH_SIZE, math.ceil(customers / whole) * deployed.round_size))
        count += 1
    return count


def units(counts: Counts, customers: int, deployed: Deployed) -> dict[str, float]:
    """How many of each priced unit a run of so many customers uses; names as in prices.toml."""
    each = customers / counts.customers
    per_batch = batches_of(customers, deployed) / counts.batches
    requests = counts.requests
    once = sum(requests.get(f"s3.{name}", 0) for name in ("PutObject", "ListObjectsV2"))
    children = counts.children * per_batch
    return {
        "state_transition": counts.transitions_of_run
        + counts.transitions_of_batches * per_batch
        + children * TRANSITIONS_PER_CHILD_START,
        "sqs_request": counts.messages * REQUESTS_PER_MESSAGE * per_batch,
        "lambda_gb_second": sum(use.gb_seconds for use in counts.functions.values()) * each,
        "lambda_request": sum(use.invocations for use in counts.functions.values()) * per_batch,
        "log_gb": counts.log_bytes / 1e9 * each,
        "log_storage_gb_month": counts.log_bytes / 1e9 * each,
        "s3_write": float(once),
        "s3_read": float(sum(requests.get(name, 0) for name in S3_READS)),
        "kms_sign": float(requests.get("kms.Sign", 0)),
        "secret_request": float(requests.get("secretsmanager.GetSecretValue", 0)) * per_batch,
        "model_input_token": counts.tokens_in * each,
        "model_output_token": counts.tokens_out * each,
        "database_gb_month": counts.database_bytes / 1e9 * each,
    }


def estimate(counts: Counts, prices: PriceList, customers: int, deployed: Deployed) -> Estimate:
    """A run of `customers`."""
    used = units(counts, customers, deployed)
    each = customers / counts.customers
    hours = batch_seconds(counts) * counts.batches * each / 3600
    paces = {agent: agent_seconds(counts, agent) / deployed.environments[agent] for agent in AGENTS}
    night = max(1, math.ceil(hours / NIGHT_HOURS))
    calls = counts.calls / counts.customers * customers
    return Estimate(
        customers=customers,
        batches=batches_of(customers, deployed),
        dollars={name: prices.by_use[name].cost(count) for name, count in used.items()},
        engine_hours=max(paces.values()) * each / 3600,
        at_once_for_a_night=night,
        # One per environment at work, one each of planner and audit agent's two ways in.
        connections_for_a_night=night + 3,
        calls_per_minute_for_a_night=calls / NIGHT_HOURS / 60,
        tokens_per_minute_for_a_night=(used["model_input_token"] + used["model_output_token"]) / NIGHT_HOURS / 60,
        database_gb=used["database_gb_month"],
        engine_hours_of_a_night=hours / night,
    )


def batch_seconds(counts: Counts) -> float:
    """Seconds that a batch spends in its three agents."""
    return sum(agent_seconds(counts, agent) for agent in AGENTS) / counts.batches


def agent_seconds(counts: Counts, agent: str) -> float:
    """Seconds that an agent worked in the measured run, all its environments together."""
    return counts.functions[agent].billed_seconds


def monthly(prices: PriceList, counts: Counts) -> dict[str, float]:
    """Dollars a month for what is there whether there are runs or not; see prices.toml."""
    audit = counts.functions["audit-agent"]
    seal_gb_seconds = audit.gb_seconds / max(1, audit.invocations) * SEALS_PER_MONTH
    return {
        **prices.by_month,
        "idle_queue_polling": prices.by_use["sqs_request"].cost(IDLE_RECEIVES_PER_MONTH),
        "sealing_every_minute": prices.by_use["lambda_gb_second"].cost(seal_gb_seconds)
        + prices.by_use["lambda_request"].cost(SEALS_PER_MONTH),
    }


def as_dict(one: Estimate) -> dict[str, Any]:
    """For JSON, dollars to the cent."""
    return {
        "customers": one.customers,
        "batches": one.batches,
        "dollars": {name: round(value, 2) for name, value in one.dollars.items()},
        "total_dollars": round(one.total, 2),
        "dollars_without_model": round(one.total - sum(v for n, v in one.dollars.items() if "model" in n), 2),
        "engine_hours": round(one.engine_hours, 2),
        "at_once_for_a_night": one.at_once_for_a_night,
        "connections_for_a_night": one.connections_for_a_night,
        "calls_per_minute_for_a_night": round(one.calls_per_minute_for_a_night),
        "tokens_per_minute_for_a_night": round(one.tokens_per_minute_for_a_night),
        "database_gb": round(one.database_gb, 2),
    }
