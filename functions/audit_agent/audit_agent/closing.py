"""Closing the audit of a run: how many events there are, and which results have none."""

from typing import Any

from audit_agent.store import count_events, results_without_event
from vigie.audit import Event
from vigie.database import Database
from vigie.runtime import Request
from vigie.runs import load_run


def close_audit(run_id: str, database: Database, request: Request) -> dict[str, Any]:
    """Count a run's events and the results that lack theirs, and audit both.

    Raises:
        UnknownRunError: no such run was planned.
    """
    with database.transaction(request.origin) as transaction:
        load_run(transaction, run_id)
        events, gaps = count_events(transaction, run_id), results_without_event(transaction, run_id)
        transaction.audit(Event("RUN_RECONCILED", details={"events": events, "gaps": gaps}))
    return {"tree_size": None, "root_hash": None, "gaps": gaps}
