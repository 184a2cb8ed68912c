"""AWS's default quotas that a run comes near, and what it needs of each."""

from __future__ import annotations

from dataclasses import dataclass

from vigie_operations.cost.counting import Counts
from vigie_operations.cost.estimate import CONNECTIONS_OF_8_GIB, Estimate

# Defaults of a new account in us-east-1; those marked * can be raised on request.
LAMBDA_CONCURRENT = 1_000
MAP_CHILDREN_AT_ONCE = 10_000
TRANSITIONS_PER_SECOND = 5_000
HISTORY_EVENTS = 25_000
QUEUE_IN_FLIGHT = 120_000
MANIFEST_ITEMS = 100_000_000


@dataclass(frozen=True)
class Need:
    """What a run of one size needs of a quota."""

    quota: str
    needed: float
    allowed: float

    @property
    def fits(self) -> bool:
        return self.needed <= self.allowed


def needs(counts: Counts, one: Estimate) -> list[Need]:
    """The quotas for a run that ends within a night."""
    seconds = one.engine_hours_of_a_night * 3600
    per_batch = counts.transitions_of_batches / max(1, counts.children)
    return [
        Need("concurrent Lambda environments*", one.at_once_for_a_night + 3, LAMBDA_CONCURRENT),
        Need("children of the map at once", one.at_once_for_a_night, MAP_CHILDREN_AT_ONCE),
        Need("state transitions a second*", one.batches * per_batch / seconds, TRANSITIONS_PER_SECOND),
        Need("messages of a queue in flight", one.at_once_for_a_night, QUEUE_IN_FLIGHT),
        Need("items of the map's manifest", one.batches, MANIFEST_ITEMS),
        Need("events of one execution's history", per_batch * 6, HISTORY_EVENTS),
        Need("connections of an 8 GiB database", one.connections_for_a_night, CONNECTIONS_OF_8_GIB),
    ]
