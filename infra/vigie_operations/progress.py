"""How far a run is: per step, from the database; a moving bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

STEPS = {"analyse": "analysed", "predict": "predicted", "decide": "decided"}
_PLAIN_INTERVAL_S = 3.0


@dataclass(frozen=True)
class RunProgress:
    """Customers planned (None before the plan) and, per step, those who have ended it, and who failed in it."""

    planned: int | None = None
    ended: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    def line(self) -> str:
        if self.planned is None:
            return "planning"
        parts = [f"{word} {self.ended.get(step, 0)}{self.failures(step)}" for step, word in STEPS.items()]
        return f"{', '.join(parts)} of {self.planned}"

    def failures(self, step: str) -> str:
        """Return how many failed in a step, in brackets; nothing when none did."""
        return f" ({self.failed[step]} failed)" if self.failed.get(step) else ""


def say(text: str) -> None:
    """Print progress on standard error; standard output is for results."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def shown_progress() -> Iterator[Callable[[RunProgress], None]]:
    """Yield a function that shows the progress given to it, in the way the output allows."""
    with _bars() if sys.stderr.isatty() else _plain_lines() as show:
        yield show


@contextlib.contextmanager
def _bars() -> Iterator[Callable[[RunProgress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("  {task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {step: bars.add_task(word, total=None) for step, word in STEPS.items()}

        def show(progress: RunProgress) -> None:
            for step, task in tasks.items():
                described = f"{STEPS[step]}{progress.failures(step)}"
                ended = progress.ended.get(step, 0)
                bars.update(task, total=progress.planned, completed=ended, description=described)

        yield show


@contextlib.contextmanager
def _plain_lines() -> Iterator[Callable[[RunProgress], None]]:
    began = last_time = time.monotonic()
    last_line = ""

    def show(progress: RunProgress) -> None:
        nonlocal last_time, last_line
        now = time.monotonic()
        if progress.line() != last_line and (not last_line or now - last_time >= _PLAIN_INTERVAL_S):
            last_line, last_time = progress.line(), now
            say(f"  {now - began:4.0f} s  {last_line}")

    yield show
