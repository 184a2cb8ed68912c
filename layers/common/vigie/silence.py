"""End a wait on a PostgreSQL connection that stays silent, as behind a firewall that dropped it without a word.

libpq waits for an answer without bound. TCP's own timers notice a peer that is gone; they notice neither a proxy that
accepts and forwards nothing, nor one that holds the connection open after its server has gone.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor

# For libpq: an answer or an acknowledgement within about 20 s, or the connection is taken for lost.
TCP_PARAMETERS: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
# For the server: it gives up what a lost client holds (locks, a transaction) instead of keeping it for hours.
SERVER_OPTIONS = (
    "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3 -c tcp_user_timeout=30000"
    " -c idle_in_transaction_session_timeout=300s -c idle_session_timeout=1200s"
)


_Watched = tuple[float, socket.socket]


class WatchedCursor(cursor):
    """A cursor whose statements end with an OperationalError when nothing comes back for too long."""

    seconds = 0.0

    def execute(self, query: Any, vars: Any = None) -> None:
        with bounded_wait(self.connection, self.seconds):
            super().execute(query, vars)

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        with bounded_wait(self.connection, self.seconds):
            return super().fetchmany(size)


@contextlib.contextmanager
def bounded_wait(connection: Connection, seconds: float) -> Iterator[None]:
    """Shut the connection's socket when this block takes longer: what it waits for ends as an OperationalError."""
    with socket.socket(fileno=os.dup(connection.fileno())) as watched, _WATCH.watching(watched, seconds):
        yield


class _Watch:
    """One thread that shuts sockets whose time is over."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: dict[int, _Watched] = {}
        self._wakes_at = float("-inf")  # no thread yet

    @contextlib.contextmanager
    def watching(self, watched: socket.socket, seconds: float) -> Iterator[None]:
        key = watched.fileno()
        self._add(key, (time.monotonic() + seconds, watched))
        try:
            yield
        finally:
            with self._changed:
                self._watched.pop(key, None)

    def _add(self, key: int, watched: _Watched) -> None:
        with self._changed:
            self._watched[key] = watched
            if self._wakes_at == float("-inf"):
                self._wakes_at = watched[0]
                threading.Thread(target=self._run, name="silence-watch", daemon=True).start()
            elif watched[0] < self._wakes_at:
                self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while True:
                self._shut_silent(time.monotonic())
                self._wakes_at = min((until for until, _ in self._watched.values()), default=float("inf"))
                left = self._wakes_at - time.monotonic()
                self._changed.wait(None if left == float("inf") else max(left, 0))

    def _shut_silent(self, now: float) -> None:
        for key in [key for key, (until, _) in self._watched.items() if until <= now]:
            _, silent = self._watched.pop(key)
            with contextlib.suppress(OSError):
                silent.shutdown(socket.SHUT_RDWR)


_WATCH = _Watch()
