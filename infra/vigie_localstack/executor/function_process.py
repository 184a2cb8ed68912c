"""The operating system's process of a function: starting, watching and ending it."""

import asyncio
import contextlib
import fcntl
import functools
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from vigie_localstack.executor.log_stream import PIPE_BYTES
from vigie_localstack.executor.memory import peak_memory, resident_memory

_LAUNCHER = Path(__file__).parent / "in_function" / "launch.py"


@functools.cache
def _lifeline() -> int:
    """The reading end of a pipe whose other end closes when LocalStack ends, however it ends."""
    reading, _writing_kept_open = os.pipe()
    return reading


def _failpoints() -> list[str]:
    """The chaos suite's folder, when LocalStack was started by it."""
    folder = os.environ.get("VIGIE_FAILPOINTS")
    return [folder] if folder else []


@dataclass
class FunctionProcess:
    """One process and the group it leads. `ended` holds its exit status, as in `Popen.returncode`."""

    popen: subprocess.Popen[bytes]
    ended: asyncio.Future[int]
    started_at: float = field(default_factory=time.monotonic)
    memory_used: int = 0
    _gone: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def start(
        cls, python: Path, handler: str, variables: dict[str, str], folder: Path
    ) -> tuple["FunctionProcess", int]:
        """Start the handler under AWS's runtime in `folder`; also returns the pipe it writes to."""
        reading, writing = os.pipe()
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        try:
            popen = subprocess.Popen(
                [python, "-P", "-s", _LAUNCHER, handler, *_failpoints()],
                env=variables,
                cwd=folder,
                stdin=_lifeline(),
                stdout=writing,
                stderr=writing,
                start_new_session=True,
            )
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        process = cls(popen, asyncio.get_running_loop().create_future())
        reaper = threading.Thread(target=process._wait, args=(asyncio.get_running_loop(),), daemon=True)
        reaper.name = f"function-{popen.pid}"
        reaper.start()
        return process, reading

    @property
    def is_running(self) -> bool:
        return not self.ended.done()

    def kill(self) -> None:
        """End the whole process group; `ended` follows."""
        with self._lock:
            if not self._gone.is_set():
                _kill_group(self.popen.pid)

    def sample_memory(self) -> int:
        """Bytes in memory now; keeps the peak in `memory_used`."""
        now = resident_memory(self.popen.pid)
        self.memory_used = max(self.memory_used, now, peak_memory(self.popen.pid))
        return now

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        # Until it is reaped, the process keeps the group's number from being given to a stranger.
        os.waitid(os.P_PID, self.popen.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            _kill_group(self.popen.pid)
            self._gone.set()
            status = self.popen.wait()
        with contextlib.suppress(RuntimeError):  # LocalStack has ended and its loop with it.
            loop.call_soon_threadsafe(self._set_ended, status)

    def _set_ended(self, status: int) -> None:
        if not self.ended.done():
            self.ended.set_result(status)


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
