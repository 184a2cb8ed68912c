"""The order of time: a run's events as they were sealed, and the checkpoints around them."""

from audit_agent.gaps import Gap
from audit_agent.log_comparison import step_of
from vigie.database import Transaction
from vigie.vocabulary import WHOLE_RUN, GapName

# How far an event's own time may lie outside the time in which it was sealed: a function lives no longer, and what it
# wrote is committed, and so can be sealed, when it ends.
BOUND_SECONDS = 900
# An event was sealed after the checkpoint before it and before the one after it: those bound its time.
EVENTS = """
WITH checkpoint AS (
    SELECT array_agg(tree_size ORDER BY tree_size) AS sizes, array_agg(signed_at ORDER BY tree_size) AS times
    FROM audit_checkpoint
)
SELECT l.event_id, l.customer_id, l.agent
FROM audit_log l JOIN audit_leaf f USING (event_id) CROSS JOIN checkpoint c
CROSS JOIN LATERAL (SELECT width_bucket(f.leaf_index, c.sizes) AS before) place
WHERE l.run_id = %(run_id)s
  AND (l.occurred_at < c.times[before] - make_interval(secs => %(bound)s)
       OR l.occurred_at > c.times[before + 1] + make_interval(secs => %(bound)s))
"""
CHECKPOINTS = """
SELECT count(*) FROM (
    SELECT tree_size, signed_at, lag(signed_at) OVER (ORDER BY tree_size) AS before FROM audit_checkpoint
) c
WHERE signed_at < before AND tree_size > (
    SELECT min(leaf_index) FROM audit_leaf JOIN audit_log USING (event_id) WHERE run_id = %(run_id)s
)
"""


def gaps_in_times(transaction: Transaction, run_id: str) -> list[Gap]:
    """Return the events whose time does not fit when they were sealed, and whether checkpoints go back in time."""
    values = {"run_id": run_id, "bound": BOUND_SECONDS}
    gaps = [
        Gap(step_of(agent), "audit_log", GapName.EVENT_TIME_OUT_OF_ORDER, customer_id, event_id)
        for event_id, customer_id, agent in transaction.fetch(EVENTS, values)
    ]
    if transaction.fetch(CHECKPOINTS, values)[0][0]:
        gaps.append(Gap(WHOLE_RUN, "audit_checkpoint", GapName.CHECKPOINT_TIMES_OUT_OF_ORDER))
    return gaps
