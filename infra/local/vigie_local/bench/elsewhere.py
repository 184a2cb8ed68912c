"""Parts that need no cloud of ours: programs that measure one thing and write JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vigie_local.bench.options import Options
from vigie_local.bench.table import Row
from vigie_local.errors import StepError
from vigie_local.settings import REPOSITORY, service_environment


def measured_elsewhere(module: str, *arguments: str) -> Callable[[Options], dict[str, Any]]:
    """A part that runs `python -m module … --json FILE` and takes what it wrote."""

    def run(options: Options) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="vigie-bench-") as folder:
            answer = Path(folder) / "figures.json"
            command = [sys.executable, "-m", module, *arguments, "--json", str(answer)]
            _follow(command, options.say)
            if not answer.exists():
                raise StepError(f"{module} wrote no figures. What it said is above.")
            found: dict[str, Any] = json.loads(answer.read_text())
            return found

    return run


def _follow(command: list[str], say: Callable[[str], None]) -> None:
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=service_environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
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
