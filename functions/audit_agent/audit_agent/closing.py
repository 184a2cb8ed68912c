"""Closing the audit of a run: compare its records, audit the result, and seal it all."""

import time
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from audit_agent.gaps import insert_gaps
from audit_agent.reconciling import Reconciler
from audit_agent.sealing import Sealer
from audit_agent.tree_store import Signed
from vigie.audit import Event
from vigie.database import Database
from vigie.errors import TransientError, VigieError
from vigie.runs import load_run
from vigie.runtime import Request
from vigie.vocabulary import EventStatus, EventType

logger = Logger(child=True)
# How long a backlog or a foreign transaction may keep the run's last event from being sealed before the answer says so.
SEAL_WAIT_SECONDS = 30.0
PAUSE_SECONDS = 0.2


class Closer:
    """Close the audit of runs."""

    def __init__(self, database: Database, reconciler: Reconciler, sealer: Sealer) -> None:
        self._database = database
        self._reconciler = reconciler
        self._sealer = sealer

    def close(self, run_id: str, request: Request, metrics: Metrics) -> dict[str, Any]:
        """Reconcile a run, audit the result, and seal it; the size and root are null when it could not be sealed.

        Raises:
            UnknownRunError: no such run was planned.
            TransientError: the records could not be compared now.
        """
        with self._database.transaction(request.origin) as transaction:
            load_run(transaction, run_id)
        found = self._reconciler.reconcile(run_id, request)
        reconciled = Event(
            EventType.RUN_RECONCILED,
            EventStatus.FAILED if found.gaps else EventStatus.OK,
            details={"events": found.events, "gaps": len(found.gaps)},
        )
        with self._database.transaction(request.origin) as transaction:
            insert_gaps(transaction, run_id, found.gaps)
            transaction.audit(reconciled)
        metrics.add_metric("Gaps", MetricUnit.Count, len(found.gaps))
        sealed = self._seal(reconciled, request, metrics)
        return {
            "tree_size": sealed.size if sealed else None,
            "root_hash": sealed.root.hex() if sealed else None,
            "gaps": len(found.gaps),
        }

    def _seal(self, last: Event, request: Request, metrics: Metrics) -> Signed | None:
        """A checkpoint that covers the run's last event, or the reason in the log why there is none now."""
        end = time.monotonic() + min(SEAL_WAIT_SECONDS, request.seconds_left())
        try:
            sealed = self._sealer.seal(request)
            while sealed and not self._sealer.has_sealed(last.event_id, sealed, request):
                if time.monotonic() > end:
                    logger.warning("run is not sealed to its end", reason="a backlog, or a transaction still under way")
                    return None
                time.sleep(PAUSE_SECONDS)
                sealed = self._sealer.seal(request)
        except VigieError as error:
            report_not_sealed(error, metrics)
            return None
        return sealed


def report_not_sealed(error: VigieError, metrics: Metrics) -> None:
    """Log and count that a round failed: its events are safe, and a later round seals them."""
    metrics.add_metric("SealingFailed", MetricUnit.Count, 1)
    level = logger.warning if isinstance(error, TransientError) else logger.error
    level("not sealed now", error=type(error).__name__, reason=str(error))
