"""Background processes: found again, never confused with another program, ended with their children."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from vigie_local.processes import ProcessSpec, log_tail, running_pid, start_process, stop_process

SLEEP = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)\n"
)
PARENT = (
    "import subprocess, sys, time\n"
    f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True)\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], ProcessSpec]]:
    started: list[ProcessSpec] = []

    def start_code(code: str) -> ProcessSpec:
        spec = ProcessSpec(
            name="test", command=(sys.executable, "-c", code), environment={}, log=tmp_path / "logs" / "test.log",
            pid_file=tmp_path / "run" / f"{len(started)}.pid", folder=tmp_path,
        )  # fmt: skip
        start_process(spec)
        started.append(spec)
        return spec

    yield start_code
    for spec in started:
        stop_process(spec.pid_file, signal.SIGKILL)


def wait_for_line(log: Path) -> str:
    deadline = time.monotonic() + 20
    while "\n" not in (text := log.read_text() if log.exists() else ""):
        assert time.monotonic() < deadline, "the process wrote nothing"
        time.sleep(0.02)
    return text.splitlines()[0]


def test_a_started_process_is_found_again_and_stopped_once(start: Callable[[str], ProcessSpec]) -> None:
    spec = start(SLEEP)
    pid = running_pid(spec.pid_file)
    assert pid is not None
    assert psutil.pid_exists(pid)
    assert stop_process(spec.pid_file)
    assert running_pid(spec.pid_file) is None
    assert not stop_process(spec.pid_file)


def test_another_program_with_the_same_pid_is_left_alone(start: Callable[[str], ProcessSpec]) -> None:
    ours = start(SLEEP)
    stranger = running_pid(ours.pid_file)
    assert stranger is not None
    record = json.loads(ours.pid_file.read_text())
    forged = ours.pid_file.with_name("forged.pid")
    forged.write_text(json.dumps(record | {"started": record["started"] - 3600, "birth": "another"}))
    assert running_pid(forged) is None
    assert not stop_process(forged)
    assert running_pid(ours.pid_file) == stranger


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says when a process started whatever the clock says")
def test_setting_the_clock_hides_no_process(start: Callable[[str], ProcessSpec]) -> None:
    spec = start(SLEEP)
    pid = running_pid(spec.pid_file)
    record = json.loads(spec.pid_file.read_text())
    # As after the clock was set by an hour: the system then counts every start from another moment.
    spec.pid_file.write_text(json.dumps(record | {"started": record["started"] - 3600}))
    assert pid is not None
    assert running_pid(spec.pid_file) == pid


@pytest.mark.parametrize("content", ["", "12", "{}", '{"pid": "x", "started": 1}', "[]"])
def test_a_damaged_pid_file_stands_for_nothing(tmp_path: Path, content: str) -> None:
    pid_file = tmp_path / "broken.pid"
    pid_file.write_text(content)
    assert running_pid(pid_file) is None
    assert not stop_process(pid_file)


def test_a_process_that_has_ended_but_was_not_collected_does_not_run(start: Callable[[str], ProcessSpec]) -> None:
    spec = start(SLEEP)
    pid = running_pid(spec.pid_file)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while running_pid(spec.pid_file) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_children_in_a_session_of_their_own_end_with_their_parent(start: Callable[[str], ProcessSpec]) -> None:
    spec = start(PARENT)
    child = psutil.Process(int(wait_for_line(spec.log)))
    assert stop_process(spec.pid_file)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_process_that_ignores_the_signal_is_killed(start: Callable[[str], ProcessSpec]) -> None:
    spec = start(STUBBORN)
    assert wait_for_line(spec.log) == "up"
    assert stop_process(spec.pid_file, timeout_s=0.2)
    assert running_pid(spec.pid_file) is None


def test_the_log_of_the_start_before_is_kept(start: Callable[[str], ProcessSpec]) -> None:
    first = start("print('first')")
    wait_for_line(first.log)
    second = start("print('second')")
    assert wait_for_line(second.log) == "second"
    assert "first" in second.log.with_suffix(".previous.log").read_text()
    assert log_tail(second.log) == "  second"
    assert log_tail(second.log.with_name("none.log")) == "  (no log)"
