"""The audit agent's SQL. It sees what happened, never what was said."""

from vigie.database import Transaction

RESULTS_WITHOUT_EVENT = """
SELECT count(*) FROM (
    SELECT customer_id, 'ANALYSIS_SAVED' AS event_type FROM feedback_analyses WHERE run_id = %(run_id)s
    UNION ALL SELECT customer_id, 'PREDICTION_SAVED' FROM predictions WHERE run_id = %(run_id)s
    UNION ALL SELECT customer_id, 'ACTION_SAVED' FROM actions WHERE run_id = %(run_id)s
) result
WHERE NOT EXISTS (
    SELECT FROM audit_log e
    WHERE e.run_id = %(run_id)s AND e.event_type = result.event_type AND e.customer_id = result.customer_id
)
"""


def count_events(transaction: Transaction, run_id: str) -> int:
    """How many audit events a run has."""
    return int(transaction.fetch("SELECT count(*) FROM audit_log WHERE run_id = %s", (run_id,))[0][0])


def results_without_event(transaction: Transaction, run_id: str) -> int:
    """How many stored results have no audit event."""
    return int(transaction.fetch(RESULTS_WITHOUT_EVENT, {"run_id": run_id})[0][0])
