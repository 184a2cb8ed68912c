"""The meter: CPU of a process by name, functions told apart, programs of others not counted."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.bench.meter import Meter, function_name
from vigie_local.processes import ProcessSpec, start_process, stop_process

BURN = "import time\nwhile time.process_time() < 0.3: pass\nprint('burnt', flush=True)\ntime.sleep(60)"


def wait_for(log: Path, text: str) -> None:
    deadline = time.monotonic() + 60
    while text not in (log.read_text() if log.exists() else ""):
        assert time.monotonic() < deadline, f"{text} not in the log"
        time.sleep(0.02)


def spec(folder: Path, *command: str) -> ProcessSpec:
    return ProcessSpec("program", command, {}, folder / "program.log", folder / "program.pid", folder)


def test_cpu_seconds_are_counted_under_the_services_name(tmp_path: Path) -> None:
    program = spec(tmp_path, sys.executable, "-c", BURN)
    try:
        with Meter({"program": program.pid_file}, interval_s=0.05) as meter:
            start_process(program)
            wait_for(program.log, "burnt")
    finally:
        stop_process(program.pid_file)
    assert 0.25 < meter.usage.cpu_seconds["program"] < 2
    assert meter.usage.peak_mib["program"] > 1


def test_what_was_spent_before_does_not_count(tmp_path: Path) -> None:
    program = spec(tmp_path, sys.executable, "-c", BURN)
    start_process(program)
    try:
        wait_for(program.log, "burnt")
        with Meter({"program": program.pid_file}, interval_s=0.05) as meter:
            pass
    finally:
        stop_process(program.pid_file)
    assert meter.usage.cpu_seconds["program"] < 0.2


def test_a_function_is_known_by_its_handler(tmp_path: Path) -> None:
    launcher = tmp_path / "launch.py"
    launcher.write_text("import time; print('up', flush=True); time.sleep(60)")
    command = [sys.executable, "-P", str(launcher), "nlp_agent.handler.lambda_handler"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            # Until the program runs, its command line may still be empty.
            assert process.stdout
            assert process.stdout.readline() == "up\n"
            assert function_name(psutil.Process(process.pid)) == "nlp_agent"
            assert function_name(psutil.Process()) is None
        finally:
            process.kill()
