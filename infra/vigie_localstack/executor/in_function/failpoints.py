"""End a function's process at a chosen moment: for the chaos suite, which alone arms it.

In the folder that LocalStack was given as VIGIE_FAILPOINTS, a file `<agent>.<boundary>` with a number n makes the
process end itself (SIGKILL) at the n-th crossing of that boundary from then on, once. A file `crossings` gets a line
for every crossing. Boundaries: `before-commit`, `during-commit`, `after-commit` of a transaction that wrote, and
`before-answer`, `after-answer` of a task token.

While a file `log-full` is there, nothing can be written to standard output; while a file `clock` is there, the
clock is wrong by the seconds that it holds.
"""

import errno
import fcntl
import functools
import os
import signal
import sys
import threading
import time
from typing import Any

ANSWERS = ("SendTaskSuccess", "SendTaskFailure")


class Failpoints:
    """The boundaries of one function's process."""

    def __init__(self, folder: str, agent: str) -> None:
        self._folder = folder
        self._agent = agent
        self._lock = threading.Lock()

    def crosses(self, boundary: str) -> bool:
        """Return whether the process is to end here; the file is gone before it does."""
        with self._lock, open(os.path.join(self._folder, "counting"), "w") as counting:
            # An agent has several environments, which count together.
            fcntl.flock(counting, fcntl.LOCK_EX)
            self._note(boundary)
            path = os.path.join(self._folder, f"{self._agent}.{boundary}")
            try:
                with open(path) as file:
                    left = int(file.read() or 1)
            except (FileNotFoundError, ValueError):
                return False
            if left > 1:
                with open(path, "w") as file:
                    file.write(str(left - 1))
                return False
            os.unlink(path)
            return True

    def end_at(self, boundary: str) -> None:
        """End the process if this is the moment."""
        if self.crosses(boundary):
            os.kill(os.getpid(), signal.SIGKILL)

    def _note(self, boundary: str) -> None:
        path = os.path.join(self._folder, "crossings")
        if os.path.exists(path):
            with open(path, "a") as file:
                file.write(f"{self._agent} {boundary}\n")


class FullDisk:
    """Standard output that has no room while a file is there."""

    def __init__(self, stream: Any, path: str) -> None:
        self._stream = stream
        self._path = path

    def write(self, text: str) -> int:
        if os.path.exists(self._path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return int(self._stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def arm(folder: str, handler: str) -> None:
    """Wrap commits and answers of the function that is about to start."""
    points = Failpoints(folder, handler.partition(".")[0])
    _wrap_answers(points)
    _wrap_commits(points)
    _wrap_clock(os.path.join(folder, "clock"))
    output: Any = FullDisk(sys.stdout, os.path.join(folder, "log-full"))
    sys.stdout = output


def _wrap_clock(path: str) -> None:
    now, now_ns = time.time, time.time_ns

    def wrong_by() -> float:
        try:
            with open(path) as file:
                return float(file.read() or 0)
        except (FileNotFoundError, ValueError):
            return 0.0

    module: Any = time
    module.time = lambda: now() + wrong_by()
    module.time_ns = lambda: now_ns() + int(wrong_by() * 1e9)


def _wrap_answers(points: Failpoints) -> None:
    from botocore import client

    base: Any = client.BaseClient
    call = base._make_api_call

    def answer(self: object, operation: str, arguments: object) -> object:
        if operation not in ANSWERS:
            return call(self, operation, arguments)
        points.end_at("before-answer")
        result = call(self, operation, arguments)
        points.end_at("after-answer")
        return result

    base._make_api_call = answer


def _wrap_commits(points: Failpoints) -> None:
    try:
        import psycopg2
        from psycopg2.extensions import connection
    except ImportError:  # a function without a database
        return

    class Connection(connection):
        def commit(self) -> None:
            with self.cursor() as cursor:
                cursor.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
                wrote = cursor.fetchone() == (True,)
            if not wrote:
                super().commit()
                return
            points.end_at("before-commit")
            if points.crosses("during-commit"):
                threading.Timer(0.0005, os.kill, (os.getpid(), signal.SIGKILL)).start()
                super().commit()
                time.sleep(60)
            super().commit()
            points.end_at("after-commit")

    module: Any = psycopg2
    module.connect = functools.partial(psycopg2.connect, connection_factory=Connection)
