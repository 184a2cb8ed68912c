"""Reconciliation: a run's records, wherever they are kept, compared with each other; every gap has a name."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from aws_lambda_powertools import Logger

from audit_agent.batch_checks import Batches, gaps_in_batches, split_steps
from audit_agent.execution_history import Executions, HistoryUnavailableError
from audit_agent.gaps import Gap
from audit_agent.log_comparison import EventOrigin, LogComparison, StoredEvents, read_origins, since_ms
from audit_agent.log_reading import Logs, LogsUnavailableError, Page
from audit_agent.read_ahead import ReadAhead
from audit_agent.record_checks import gaps_in_records, read_batches
from audit_agent.time_checks import gaps_in_times
from vigie.database import Database
from vigie.runtime import Request
from vigie.vocabulary import WHOLE_RUN, GapName

logger = Logger(child=True)
# Of up to 10,000 lines each, about a kilobyte a line.
PAGES_AHEAD = 6
# All of a run's records as they were at one moment: what commits meanwhile is no gap.
ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How many events were compared, and the gaps. `expected` are steps that end as failed with their batch."""

    events: int
    gaps: list[Gap]
    expected: list[Gap]


class Reconciler:
    """The comparison of the database with the logs and with Step Functions."""

    def __init__(self, database: Database, logs: Logs, executions: Executions, log_wait_seconds: float) -> None:
        self._database = database
        self._logs = logs
        self._executions = executions
        self._log_wait_seconds = log_wait_seconds

    def reconcile(self, run_id: str, request: Request) -> Reconciled:
        """Compare everything that is kept of a run. A store that cannot be read is one gap.

        Raises:
            DatabaseUnavailableError: the database cannot be read now.
        """
        with self._database.transaction(request.origin) as transaction:
            [(planned_at,)] = transaction.fetch("SELECT planned_at FROM runs WHERE run_id = %s", (run_id,))
        # The logs are fetched while the database is read: each takes about as long as the other.
        with ReadAhead(self._logs.pages(run_id, since_ms(planned_at)), PAGES_AHEAD) as pages:
            with self._database.transaction(request.origin) as transaction:
                transaction.cursor.execute(ONE_MOMENT)
                found = gaps_in_records(transaction, run_id)
                batches = read_batches(transaction, run_id)
                stored = StoredEvents(transaction, run_id)
                times = gaps_in_times(transaction, run_id)
            history_gaps, failed = self._batches(run_id, batches)
            open_steps, gaps = split_steps(found, batches, failed)
            gaps += history_gaps + stored.gaps + times + self._logged(run_id, stored, pages, request)
        logger.info("reconciled", events=len(stored), gaps=len(gaps), failed_with_batch=len(open_steps))
        return Reconciled(len(stored), gaps, open_steps)

    def _batches(self, run_id: str, batches: Batches) -> tuple[list[Gap], frozenset[int]]:
        try:
            counts = self._executions.count_batches(run_id)
        except HistoryUnavailableError as error:
            logger.warning("history not compared", reason=str(error))
            return [Gap(WHOLE_RUN, "step_functions", GapName.STORE_UNAVAILABLE)], frozenset()
        return gaps_in_batches(batches, counts)

    def _logged(self, run_id: str, stored: StoredEvents, pages: Iterable[Page], request: Request) -> list[Gap]:
        def origins(event_ids: list[UUID]) -> dict[UUID, EventOrigin]:
            with self._database.transaction(request.origin) as transaction:
                return read_origins(transaction, event_ids)

        comparison = LogComparison(self._logs, stored, origins)
        try:
            comparison.read(run_id, pages, self._log_wait_seconds, request.seconds_left)
        except LogsUnavailableError as error:
            logger.warning("logs not compared", reason=str(error))
            return [Gap(WHOLE_RUN, "cloudwatch", GapName.STORE_UNAVAILABLE)]
        return comparison.gaps()
