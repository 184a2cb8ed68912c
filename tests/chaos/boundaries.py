"""A death at every boundary: each commit and each answer that a run crosses, one run for each.

A clean run is counted first. The crossings of the audit agent's own rounds vary with time; those of a run's first
ones are what every run has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.chaos.environment import ChaosEnvironment
from tests.chaos.fault_injection import MOMENTS
from tests.chaos.running import Disturbed, run_undisturbed, run_with_failpoint

AGENTS = ("planner", "nlp_agent", "prediction_agent", "action_agent", "audit_agent")


def disturb_every_boundary(environment: ChaosEnvironment, customers: int) -> Iterator[Disturbed]:
    """One run for each agent, boundary and crossing of a clean run, the clean run first."""
    environment.tidy()
    counted = environment.failpoints / "crossings"
    counted.touch()
    clean = run_undisturbed(environment, customers)
    crossings = Counter(tuple(line.split()) for line in counted.read_text().splitlines())
    yield clean
    for agent in AGENTS:
        for moments in MOMENTS.values():
            first = moments[0]
            for crossing in range(1, crossings[agent, first] + 1):
                for moment in moments:
                    yield run_with_failpoint(environment, customers, agent, moment, crossing)
