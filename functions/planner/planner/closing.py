"""Closing a run with counts that add up."""

from typing import Any

from planner import store
from planner.requests import FinishRequest
from vigie.audit import Event
from vigie.database import Database
from vigie.errors import UnknownRunError
from vigie.runtime import Request


def finish_run(asked: FinishRequest, database: Database, request: Request) -> dict[str, Any]:
    """Close a run once, and answer the execution's output.

    Steps that nobody ended, because their batch failed, are ended here, so that every planned customer is
    accounted for in each step.

    Raises:
        UnknownRunError: no such run was planned.
    """
    request = request.for_run(asked.run_id)
    with database.transaction(request.origin) as transaction:
        found = store.closed_run(transaction, asked.run_id)
        if found is None:
            raise UnknownRunError(f"run {asked.run_id} was never planned")
        status, planned, counts = found
        if counts is None:
            for customer_id, step in store.fail_missing_steps(transaction, asked.run_id):
                details = {"step": step, "outcome": "failed", "reason": "BatchFailed"}
                transaction.audit(Event("STEP_ENDED", "failed", customer_id, details))
            counts = {"planned": planned} | store.count_run(transaction, asked.run_id)
            status = _status(counts)
            store.close_run(transaction, asked.run_id, status, counts)
            transaction.audit(Event("RUN_FINISHED", details={"status": status, "counts": counts}))
    audit = {name: asked.audit.get(name) for name in ("tree_size", "root_hash", "gaps")}
    return {"run_id": asked.run_id, "status": status, "customers": counts, "audit": audit}


def _status(counts: dict[str, int]) -> str:
    if counts["failed"] == 0:
        return "succeeded"
    return "partial" if counts["predicted"] else "failed"
