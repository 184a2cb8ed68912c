"""Background processes: started once, found again by pid and start time, stopped with what they started.

A pid file holds the pid, the process's start time and its command. A pid that the system has given to
another program since has another start time, so that program is never mistaken for ours. Linux counts that time from
the system's start: setting the clock changes nothing.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from vigie_local.accounts import Account
from vigie_local.errors import ServiceError

# The system's start time of a process may move by a second or two when its clock is corrected.
_CLOCK_TOLERANCE_S = 5.0
_LOG_TAIL_LINES = 25


@dataclass(frozen=True)
class ProcessSpec:
    """One background process: what to run, where it writes, how it is asked to stop."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    pid_file: Path
    folder: Path
    stop_signal: signal.Signals = signal.SIGTERM
    account: Account | None = None


def start_process(spec: ProcessSpec) -> int:
    """Start the process in a session of its own, write its pid file and return its pid."""
    for folder in (spec.log.parent, spec.pid_file.parent):
        folder.mkdir(parents=True, exist_ok=True)
    _keep_previous_log(spec.log)
    identity = spec.account.popen_arguments() if spec.account else {}
    with spec.log.open("ab") as log:
        process = subprocess.Popen(
            spec.command, env=dict(spec.environment), cwd=spec.folder, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **identity,
        )  # fmt: skip
    _write_record(spec.pid_file, process.pid, spec.command)
    return process.pid


def running_pid(pid_file: Path) -> int | None:
    """The pid of the process this file stands for, or None when it has ended."""
    process = _find(pid_file)
    return process.pid if process else None


def stop_process(pid_file: Path, stop_signal: signal.Signals = signal.SIGTERM, timeout_s: float = 20) -> bool:
    """Stop the process and whatever it started; False when there was nothing to stop."""
    process = _find(pid_file)
    if process is None:
        pid_file.unlink(missing_ok=True)
        return False
    try:
        family = [process, *process.children(recursive=True)]
        process.send_signal(stop_signal)
    except psutil.NoSuchProcess:
        family = []
    except psutil.AccessDenied as error:
        raise ServiceError(f"Process {process.pid} belongs to another user: stop it as that user.") from error
    _end(family, timeout_s)
    pid_file.unlink(missing_ok=True)
    return True


def log_tail(log: Path, lines: int = _LOG_TAIL_LINES) -> str:
    """The last lines of a log, indented, or a note that there are none."""
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (the log is empty)"


def _end(family: list[psutil.Process], timeout_s: float) -> None:
    """Wait for the first of the family, then end those that outlive it."""
    _wait_gone(family[:1], timeout_s)
    left = [one for one in family if _alive(one)]
    for one in left:
        _signal(one, signal.SIGTERM)
    _wait_gone(left, 3)
    for one in left:
        _signal(one, signal.SIGKILL)
    if not _wait_gone(left, 5):
        raise ServiceError(f"Process {left[0].pid} does not end, even when killed.")


def _wait_gone(processes: list[psutil.Process], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while any(_alive(one) for one in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _alive(process: psutil.Process) -> bool:
    """Return whether this very process runs; one that has ended and waits to be collected does not."""
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    if _alive(process):
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            return


def _find(pid_file: Path) -> psutil.Process | None:
    try:
        record = json.loads(pid_file.read_text())
        process = psutil.Process(int(record["pid"]))
        same = _is_same(process, record)
    except (FileNotFoundError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        return None
    return process if same and _alive(process) else None


def _is_same(process: psutil.Process, record: dict[str, Any]) -> bool:
    born = _birth(process.pid)
    if born and record.get("birth"):
        return bool(born == record["birth"])
    return bool(abs(process.create_time() - float(record["started"])) < _CLOCK_TOLERANCE_S)


def _birth(pid: int) -> str:
    """Return when a process started, counted from a start of the system; empty where that is not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # The program's name, in parentheses, may hold anything; the 20th field after it is the time.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return f"{boot}/{fields[19]}"
    except (OSError, IndexError):
        return ""


def _write_record(pid_file: Path, pid: int, command: tuple[str, ...]) -> None:
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        started = time.time()
    record = {"pid": pid, "started": started, "birth": _birth(pid), "command": list(command)}
    partial = pid_file.with_suffix(".new")
    partial.write_text(json.dumps(record))
    os.replace(partial, pid_file)


def _keep_previous_log(log: Path) -> None:
    if log.exists() and log.stat().st_size:
        os.replace(log, log.with_suffix(".previous.log"))
