"""How long training may take: progress with an estimate of the end, and a bound.

OutOfTimeError   when training takes, or would take, longer than it may
"""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

MINUTES = 60.0
PATIENCE_SECONDS = 10
REMEDY = 'allow more with ARGS="--minutes …", fit the plain glass-box with ARGS=--quick, or give fewer columns'


class OutOfTimeError(RuntimeError):
    """When training takes, or would take, longer than it may; names the remedy."""


@dataclass(frozen=True)
class Budget:
    """How many minutes there are, counted from when this was made."""

    minutes: float = MINUTES
    began: float = field(default_factory=time.monotonic)

    def require(self, seconds_left: float) -> None:
        """Raise OutOfTimeError unless that much more time fits."""
        needed = (time.monotonic() - self.began + seconds_left) / 60
        if needed > self.minutes:
            said = f"training would take about {needed:.0f} minutes, and {self.minutes:g} are allowed"
            raise OutOfTimeError(f"{said}: {REMEDY}")


def watch[Done](
    fits: Iterable[Done], total: int, telling: int, progress: Callable[[str], None], budget: Budget
) -> Iterator[Done]:
    """The fits as they end, with a line about every ten seconds; `telling` of them are enough for an estimate."""
    began = last_report = time.monotonic()
    for done, fit in enumerate(fits, start=1):
        now = time.monotonic()
        left = (now - began) / done * (total - done)
        if done >= telling:
            budget.require(left)
        if done < total and now - last_report > PATIENCE_SECONDS:
            last_report = now
            progress(
                f"  {done} of {total} fits" + (f", about {describe_seconds(left)} left" if done >= telling else "")
            )
        yield fit


def describe_seconds(seconds: float) -> str:
    """A length of time as a person says it."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


@contextmanager
def time_bound(budget: Budget) -> Iterator[None]:
    """Raise OutOfTimeError inside when the budget is used up, whatever is being computed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, lambda *_: _give_up(budget))
    signal.setitimer(signal.ITIMER_REAL, max(0.01, budget.minutes * 60))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _give_up(budget: Budget) -> None:
    raise OutOfTimeError(f"training took longer than the {budget.minutes:g} minutes that are allowed: {REMEDY}")
