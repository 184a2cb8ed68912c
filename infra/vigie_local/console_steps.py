"""Progress of steps on the console: label, sign of life, duration, and a tool's output on failure."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vigie_local.errors import StepError
from vigie_local.processes import log_tail

_HEARTBEAT_S = 10.0


@dataclass
class Step:
    """A step that is under way; `note` says in a word or two how it ended."""

    note: str = "done"


@contextlib.contextmanager
def step(label: str) -> Iterator[Step]:
    """Print the label, a sign of life while it lasts, then its note and its time."""
    began = time.monotonic()
    current = Step()
    try:
        with _sign_of_life(label):
            yield current
    except BaseException:
        print(f"  {label}: failed after {time.monotonic() - began:.1f} s", flush=True)
        raise
    print(f"  {label}: {current.note} ({time.monotonic() - began:.1f} s)", flush=True)


def run_tool(command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path) -> None:
    """Run a program with its output in `log`; raise StepError with the log's tail when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        try:
            result = subprocess.run(
                command, env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        except FileNotFoundError as error:
            raise StepError(f"{command[0]} is missing. Run make, which installs it.") from error
    if result.returncode:
        raise StepError(f"{Path(command[0]).name} failed. The end of {log}:\n{log_tail(log)}")


@contextlib.contextmanager
def _sign_of_life(label: str) -> Iterator[None]:
    if sys.stdout.isatty():
        from rich.console import Console

        with Console().status(f"{label} …"):
            yield
        return
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(label, ended), daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()


def _beat(label: str, ended: threading.Event) -> None:
    began = time.monotonic()
    while not ended.wait(_HEARTBEAT_S):
        print(f"  {label}: {time.monotonic() - began:.0f} s …", flush=True)
