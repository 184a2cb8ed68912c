"""The accounting of a run: every planned customer ends every step exactly once."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from vigie.audit import Event
from vigie.database import Transaction
from vigie.vocabulary import EventStatus, EventType, Reason, Step, StepOutcome

INSERT = """
INSERT INTO run_steps (run_id, customer_id, step, outcome, reason) VALUES %s
ON CONFLICT (run_id, step, customer_id) DO NOTHING
"""
# One look-up a customer whatever the planner believes: a run that grows has no statistics yet, and joined the other
# way round each batch would read the whole run's steps.
OUTCOMES = """
SELECT coalesce(s.reason, s.outcome), count(*)
FROM run_customers c CROSS JOIN LATERAL (
    SELECT outcome, reason FROM run_steps
    WHERE run_id = c.run_id AND step = %s AND customer_id = c.customer_id LIMIT 1
) s
WHERE c.run_id = %s AND c.batch_no = %s GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class StepEnd:
    """What a step came to for one customer: `done`, or `skipped`, `failed`, `withdrawn` with a reason."""

    customer_id: UUID
    outcome: StepOutcome
    reason: Reason | None = None


def end_steps(transaction: Transaction, run_id: str, step: Step, ends: Iterable[StepEnd]) -> None:
    """Store step ends; those without a result are audited here, the others by their result's own event."""
    ends = list(ends)
    transaction.insert(INSERT, [(run_id, end.customer_id, step, end.outcome, end.reason) for end in ends])
    transaction.audit(
        *(
            Event(
                EventType.STEP_ENDED,
                EventStatus.FAILED if end.outcome is StepOutcome.FAILED else EventStatus.REFUSED,
                end.customer_id,
                {"step": step, "outcome": end.outcome, "reason": end.reason},
            )
            for end in ends
            if end.outcome is not StepOutcome.DONE
        )
    )


def count_outcomes(transaction: Transaction, run_id: str, batch_no: int, step: Step) -> dict[str, int]:
    """How many customers of a batch came to what in a step, reasons instead of outcomes where there is one."""
    rows = transaction.fetch(OUTCOMES, (step, run_id, batch_no))
    return {str(outcome): int(count) for outcome, count in rows}
