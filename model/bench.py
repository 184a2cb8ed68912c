"""Measure the scoring path: cold import, time for 7,043 rows, size of the layer."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from model.contract import load_contract
from model.sources import HISTORY, SourceError, find_telecom
from model.synthesise import SEED, synthesise
from model.train import train
from model.validate import Table, read_table
from vigie.command_line import run_command
from vigie_scoring import Scorer

ROWS = 7043
ROOT = Path(__file__).parents[1]
LAYER, AGENT = ROOT / "layers" / "scoring", ROOT / "functions" / "prediction_agent"
BARS = {"cold_import_ms": 150.0, "score_ms": 50.0, "layer_mb": 60.0}
MEASURED = """
import sys, time
begun = time.perf_counter()
import prediction_agent.scoring, vigie_scoring.groups
took = time.perf_counter() - begun
assert not {"boto3", "botocore"} & set(sys.modules)
print(took * 1000)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m model.bench [--json PATH]`."""
    parser = argparse.ArgumentParser(prog="python -m model.bench", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the same figures here")
    given = parser.parse_args(arguments)
    figures = measure()
    grid = Grid("Scoring", "Median", "Best", "Bar", title_justify="left")
    for name, bar in BARS.items():
        figure = figures[name]
        grid.add_row(name, f"{figure['median']:.1f}", f"{figure['best']:.1f}", f"{bar:.0f}")
    Console().print(grid)
    Console().print(f"{figures['rows']:,} rows of the {figures['data']} set, {figures['terms']} terms", style="dim")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def measure() -> dict[str, Any]:
    """The figures by name, each with median and best."""
    table = _find_rows()
    scorer = Scorer.from_json(train(table, quick=True, allow_leaks=True).scorer)
    rows = list(table.rows)
    with TemporaryDirectory() as folder:
        layer = _build_layer(Path(folder))
        deployed = {
            "cold_import_ms": _sample(lambda: _import_cold(layer), 9),
            "layer_mb": _sample(lambda: _size_mb(layer), 1),
        }
    return {
        "data": table.contract.name,
        "rows": len(rows),
        "terms": len(scorer.terms),
        "score_ms": _sample(lambda: _time_ms(lambda: scorer.score(rows)), 15),
        **deployed,
    }


def _find_rows() -> Table:
    try:
        return read_table(find_telecom(), load_contract("telecom"), labelled=True)
    except SourceError:
        with TemporaryDirectory() as folder:
            synthesise(Path(folder), customers=1, seed=SEED, history=ROWS)
            return read_table(Path(folder) / HISTORY, load_contract("bank"), labelled=True)


def _sample(once: Callable[[], float], times: int) -> dict[str, float]:
    values = [once() for _ in range(times)]
    return {"median": statistics.median(values), "best": min(values)}


def _time_ms(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def _build_layer(folder: Path) -> Path:
    """The layer as it is deployed, built by its own Makefile; returns the folder that Python imports from."""
    tools = ROOT / ".local" / "tools" / "bin"
    environment = {**os.environ, "PATH": os.pathsep.join((str(tools), os.environ.get("PATH", os.defpath)))}
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHONPATH"):
        environment.pop(name, None)
    command = ["make", "--silent", "-C", str(LAYER), "build-ScoringLayer", f"ARTIFACTS_DIR={folder}"]
    subprocess.run(command, env=environment, check=True)
    return folder / "python"


def _import_cold(layer: Path) -> float:
    # As on AWS: the layer, the function's code, Python's own library, and nothing that this machine has installed.
    places = os.pathsep.join((str(layer), str(AGENT)))
    environment = {**os.environ, "PYTHONPATH": places, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-S", "-c", MEASURED]
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def _size_mb(folder: Path) -> float:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6


if __name__ == "__main__":
    run_command(main)
