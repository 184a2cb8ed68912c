"""Parts of the benchmark that need no cloud: each is measured by a module in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.options import Options
from tests.bench.table import Row
from vigie_local.errors import StepError
from vigie_local.settings import REPOSITORY, service_environment

FUNCTIONS = ("planner", "nlp_agent", "prediction_agent", "action_agent", "audit_agent")
Measure = Callable[[Options], dict[str, Any]]


def measured_by_program(module: str) -> Measure:
    """A part that runs `python -m module --json FILE` and takes what it wrote."""
    return lambda options: _figures([module, "--json"], options.say)


def measured_by_function(module: str) -> Measure:
    """A part that calls `module.run()` and takes what it gives."""
    return lambda options: _figures(["tests.bench.run_module", module], options.say)


def environment_with_functions() -> dict[str, str]:
    """A service's environment in which the functions' packages can be imported too."""
    base = service_environment()
    functions = [str(REPOSITORY / "functions" / name) for name in FUNCTIONS]
    # The browser to open pages in, where the caller named one.
    chosen = {name: os.environ[name] for name in ("CHROMIUM",) if name in os.environ}
    return base | {"PYTHONPATH": os.pathsep.join(functions)} | chosen


def _figures(module: list[str], say: Callable[[str], None]) -> dict[str, Any]:
    """The JSON that a program writes to the file named by its last argument."""
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as folder:
        answer = Path(folder) / "figures.json"
        _follow([sys.executable, "-m", *module, str(answer)], say)
        if not answer.exists():
            raise StepError(f"{module[0]} wrote no figures. What it said is above.")
        found: dict[str, Any] = json.loads(answer.read_text())
        return found


def _follow(command: list[str], say: Callable[[str], None]) -> None:
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment_with_functions(), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        say(f"  {line.rstrip()}")
    if process.wait():
        raise StepError(f"{command[2]} could not measure: exit code {process.returncode}. What it said is above.")


def flat_rows(found: dict[str, Any]) -> list[Row]:
    """One row per figure, nested names joined by a dot."""
    table = []
    for name, value in found.items():
        if isinstance(value, dict):
            table += [Row(f"{name}.{row.name}", row.figure) for row in flat_rows(value)]
        else:
            table.append(Row(name, str(value)))
    return table
