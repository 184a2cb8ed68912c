"""CPU seconds and memory of every process of a local cloud while something is measured.

Functions are told apart by the handler on their command line, whoever started them. Memory is the
proportional set size: what processes share, such as PostgreSQL's buffers, counts once. A service's memory is that of
its whole family, a function's that of its largest process.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from vigie_local.processes import running_pid

LAUNCHER = "launch.py"
# Reading proportional memory walks a process's pages: not at every sample.
MEMORY_EVERY = 5

Key = tuple[int, float]


@dataclass
class Reading:
    """One process: its name in the tables, CPU seconds before and until the newest sample."""

    name: str
    before: float
    until: float


@dataclass
class Usage:
    """What was used between start and end. `other_cpu_seconds` is CPU of programs that are none of ours."""

    seconds: float = 0.0
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    peak_mib: dict[str, float] = field(default_factory=dict)
    most_processes: dict[str, int] = field(default_factory=dict)
    other_cpu_seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Rounded, for JSON."""
        return {
            "seconds": round(self.seconds, 2),
            "cpu_seconds": {name: round(value, 2) for name, value in sorted(self.cpu_seconds.items())},
            "peak_mib": {name: round(value, 1) for name, value in sorted(self.peak_mib.items())},
            "most_processes": dict(sorted(self.most_processes.items())),
            "other_cpu_seconds": round(self.other_cpu_seconds, 2),
        }


class Meter:
    """A sampler of the processes of some services, in a thread, while its context lasts; then see `usage`."""

    def __init__(self, pid_files: Mapping[str, Path], interval_s: float = 2.0) -> None:
        self._pid_files = pid_files
        self._interval_s = interval_s
        self._readings: dict[Key, Reading] = {}
        self._peaks: dict[str, float] = defaultdict(float)
        self._most: dict[str, int] = defaultdict(int)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample_repeatedly, daemon=True)
        self.usage = Usage()

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._machine_before = machine_cpu_seconds()
        self._sample(first=True, memory=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._sample(first=False, memory=True)
        self._conclude()

    def _sample_repeatedly(self) -> None:
        count = 0
        while not self._ended.wait(self._interval_s):
            count += 1
            self._sample(first=False, memory=count % MEMORY_EVERY == 0)

    def _sample(self, *, first: bool, memory: bool) -> None:
        present: dict[str, list[psutil.Process]] = defaultdict(list)
        for name, process in self._processes():
            try:
                key = (process.pid, process.create_time())
                spent = own_cpu_seconds(process)
            except psutil.NoSuchProcess:
                continue
            reading = self._readings.setdefault(key, Reading(name, spent if first else 0.0, spent))
            reading.until = spent
            present[name].append(process)
        for name, processes in present.items():
            self._most[name] = max(self._most[name], len(processes))
            if memory:
                together = sum if name in self._pid_files else max
                self._peaks[name] = max(self._peaks[name], together(map(proportional_mib, processes)))

    def _processes(self) -> Iterable[tuple[str, psutil.Process]]:
        yield "bench", psutil.Process()
        for service, pid_file in self._pid_files.items():
            pid = running_pid(pid_file)
            if pid is None:
                continue
            try:
                root = psutil.Process(pid)
                family = [root, *root.children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
            for process in family:
                yield function_name(process) or service, process

    def _conclude(self) -> None:
        spent: dict[str, float] = defaultdict(float)
        for reading in self._readings.values():
            spent[reading.name] += reading.until - reading.before
        machine = machine_cpu_seconds() - self._machine_before
        self.usage = Usage(
            time.monotonic() - self._began, dict(spent), dict(self._peaks), dict(self._most),
            max(0.0, machine - sum(spent.values())),
        )  # fmt: skip


def function_name(process: psutil.Process) -> str | None:
    """The package of the handler that this process runs, such as `nlp_agent`; None for any other process."""
    try:
        command = process.cmdline()
    except psutil.Error:
        return None
    if len(command) < 2 or Path(command[-2]).name != LAUNCHER:
        return None
    return str(command[-1]).partition(".")[0]


def own_cpu_seconds(process: psutil.Process) -> float:
    """CPU seconds, user and system, of this process without those that it started."""
    times = process.cpu_times()
    return float(times.user + times.system)


def machine_cpu_seconds() -> float:
    """CPU seconds that the whole machine has worked."""
    times = psutil.cpu_times()
    return float(sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq")))


def proportional_mib(process: psutil.Process) -> float:
    """Memory with shared pages divided among the processes that share them; resident memory where unknown."""
    try:
        full = process.memory_full_info()
        return float(getattr(full, "pss", full.rss)) / 2**20
    except psutil.AccessDenied:
        return float(process.memory_info().rss) / 2**20
    except psutil.NoSuchProcess:
        return 0.0
