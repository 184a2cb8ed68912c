"""Claims: the database's leave for a call, taken the moment before its bytes go, each time they go.

A withdrawal that is committed before the claim keeps the call here. One that is committed after it finds the call in
the air: what comes of it is dropped. Calls that leave at once are claimed together, on a connection that commits each
claim by itself.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from vigie.database import Database
from vigie.errors import BatchBusyError
from vigie_llm.errors import CallWithdrawnError, NotNowError

CLAIM = "SELECT call, verdict FROM claim_egress(%s)"
# Asked for longer ago than this when the bytes could go, it is claimed anew: the process or the database stood still.
FRESH_SECONDS = 1.0
PAUSE_SECONDS = 0.02


@dataclass(slots=True)
class _Asked:
    egress_id: UUID
    at: float = 0.0
    verdict: str | Exception = ""


class Claims:
    """The claims of one batch, from all its threads."""

    def __init__(self, database: Database, seconds_left: Callable[[], float]) -> None:
        self._database = database
        self._seconds_left = seconds_left
        self._lock = threading.Lock()
        # Held by the thread that asks the database, for all that wait by then.
        self._turn = threading.Lock()
        self._waiting: list[_Asked] = []

    def claim(self, egress_id: UUID) -> None:
        """Return when the call may leave at once.

        Raises:
            CallWithdrawnError: a consent that it rests on is not in force any more.
            NotNowError: the deadline came first.
            BatchBusyError: another delivery of this batch has ended the call.
            TransientError, StatementRefusedError: as the database's.
        """
        while self._seconds_left() > 0:
            asked = self._ask(egress_id)
            if isinstance(asked.verdict, Exception):
                raise asked.verdict
            if asked.verdict == "withdrawn":
                raise CallWithdrawnError
            if asked.verdict == "claimed" and time.monotonic() - asked.at <= FRESH_SECONDS:
                return
            if asked.verdict in ("ended", "unknown"):
                raise BatchBusyError(f"call {egress_id} was ended by another delivery of its batch")
            if asked.verdict == "busy":
                time.sleep(PAUSE_SECONDS)
        raise NotNowError("no time left to claim the call")

    def _ask(self, egress_id: UUID) -> _Asked:
        asked = _Asked(egress_id)
        with self._lock:
            self._waiting.append(asked)
        with self._turn:
            if not asked.verdict:
                self._decide()
        return asked

    def _decide(self) -> None:
        with self._lock:
            group, self._waiting = self._waiting, []
        at = time.monotonic()
        try:
            verdicts = dict(self._database.commit_alone(CLAIM, ([asked.egress_id for asked in group],)))
        except Exception as error:
            verdicts = dict.fromkeys([asked.egress_id for asked in group], error)
        for asked in group:
            asked.at, asked.verdict = at, verdicts[asked.egress_id]
