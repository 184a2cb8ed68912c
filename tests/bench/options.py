"""What can be chosen when measuring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _say(text: str) -> None:
    print(text, flush=True)


@dataclass(frozen=True)
class Options:
    """How much is measured; `say` reports progress to a person."""

    customers: int = 7043
    latency_ms: int = 200
    sequential_customers: int = 60
    sizes: tuple[int, ...] = (1_000, 10_000, 100_000)
    idle_runs: int = 30
    cold_runs: int = 5
    limited_customers: int = 600
    claimed_customers: int = 2_000
    requests_per_minute: int = 1_000
    tokens_per_minute: int = 250_000
    batch_size: int | None = None
    say: Callable[[str], None] = _say

    def run_input(self, customers: int) -> dict[str, int]:
        """The execution's input for a run of so many customers."""
        return {"limit": customers} | ({"batch_size": self.batch_size} if self.batch_size else {})
