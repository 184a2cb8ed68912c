"""The accounting of a run: every planned customer ends every step exactly once."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from vigie.audit import Event
from vigie.database import Transaction
from vigie.vocabulary import EventStatus, EventType, Purpose, Reason, Step, StepOutcome

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


def batch_started(batch_no: int, customers: int) -> Event:
    """Report that an agent started a batch."""
    return Event(EventType.BATCH_START, details={"batch_no": batch_no, "customers": customers})


def batch_ended(batch_no: int, outcomes: dict[str, int], remaining: int) -> Event:
    """Report that an agent ended its work on a batch."""
    details = {"batch_no": batch_no, "outcomes": outcomes, "remaining": remaining}
    return Event(EventType.BATCH_END, details=details)


def consent_check(customer_id: UUID, purpose: Purpose, consent_id: int | None) -> Event:
    """Report that an agent looked up the consent to its purpose as it acted."""
    status = EventStatus.REFUSED if consent_id is None else EventStatus.OK
    return Event(EventType.CONSENT_CHECK, status, customer_id, {"purpose": purpose, "consent_id": consent_id})


@dataclass(frozen=True, slots=True)
class StepEnd:
    """How a step ended for one customer: `done`, or `skipped`, `failed`, `withdrawn` with a reason."""

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
    """Count the customers of a batch by how they ended a step: by reason, or by outcome where there is none."""
    rows = transaction.fetch(OUTCOMES, (step, run_id, batch_no))
    return {str(outcome): int(count) for outcome, count in rows}
