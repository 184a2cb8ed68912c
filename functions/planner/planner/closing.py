"""Closing a run with counts that add up."""

from typing import Any

from planner import accounts, store
from planner.campaigns import allocate_budget
from planner.requests import FinishRequest
from vigie.audit import Event
from vigie.database import Database, Transaction
from vigie.errors import UnknownRunError
from vigie.runtime import Request
from vigie.vocabulary import EventStatus, EventType, StepOutcome


def finish_run(asked: FinishRequest, database: Database, request: Request) -> dict[str, Any]:
    """Close a run once, and answer the execution's output.

    Steps that no agent ended are ended here, so that every planned customer is accounted for in each step. A run of a
    campaign proposes what its budget reaches, in the same transaction.

    Raises:
        UnknownRunError: no such run was planned.
        CountsDifferError: the accounts do not add up; the run stays open.
    """
    request = request.for_run(asked.run_id)
    with database.transaction(request.origin) as transaction:
        found = store.closed_run(transaction, asked.run_id)
        if found is None:
            raise UnknownRunError(f"run {asked.run_id} was never planned")
        if found.counts is None:
            found = _close(transaction, asked.run_id, found)
    audit = {name: asked.audit.get(name) for name in ("tree_size", "root_hash", "gaps")}
    return {
        "run_id": asked.run_id,
        "status": found.status,
        "customers": found.counts,
        "reasons": found.reasons,
        "audit": audit,
    }


def _close(transaction: Transaction, run_id: str, run: store.Closing) -> store.Closing:
    for customer_id, step, reason in store.fail_missing_steps(transaction, run_id):
        details = {"step": step, "outcome": StepOutcome.FAILED, "reason": reason}
        transaction.audit(Event(EventType.STEP_ENDED, EventStatus.FAILED, customer_id, details))
    ends = store.count_ends(transaction, run_id)
    failed, unread = store.count_failed(transaction, run_id), store.count_without_lost_analysis(transaction, run_id)
    counts = accounts.count_customers(run.planned, ends, failed, unread)
    status = accounts.status_of(counts, run.most_lost_analyses)
    reasons = accounts.count_reasons(ends)
    closed = store.Closing(status, run.planned, run.most_lost_analyses, counts, reasons, run.campaign)
    store.close_run(transaction, run_id, closed)
    if run.campaign:
        allocate_budget(transaction, run_id, run.campaign)
    finished = {"status": status, "counts": counts, **{str(step): found for step, found in reasons.items()}}
    transaction.audit(Event(EventType.RUN_FINISHED, details=finished))
    return closed
