"""Compare the candidates on a contract's labelled data, and print the table."""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from model.base_rate_gate import describe_gate, measure_against_base_rate
from model.candidates import find_candidate
from model.compare import FOLDS, REPEATS, RULE, Comparison
from model.contract import Contract, ContractError, load_contract
from model.design import design_matrix
from model.folds import find_people
from model.known_truth import ReadFeedback, measure_known_truth
from model.leaks import find_leaks
from model.row_faults import DataError
from model.sensitive_cost import measure_sensitive_cost
from model.sources import HISTORY, SourceError, evaluation_file, find_training_data
from model.synthesise import SEED, synthesise
from model.train import TrainingError, compare_rows, compared_rows, labels_of, used_inputs
from model.validate import Table, describe_rows, read_table
from model.waiting import OutOfTimeError
from vigie.command_line import run_command

CUSTOMERS = 20_000
FIGURES = {"auc": "AUC", "brier": "Brier", "log_loss": "Log loss", "ece": "Calibration error"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m model.evaluate --contract bank [--data FILE] [--json PATH]`."""
    parser = argparse.ArgumentParser(prog="python -m model.evaluate", description=__doc__)
    parser.add_argument("--contract", default="bank", help="a shipped contract's name, or a path")
    parser.add_argument("--data", type=Path, help="labelled CSV, or a folder with history.csv")
    parser.add_argument("--customers", type=int, default=CUSTOMERS, help="size of the synthetic bank")
    parser.add_argument("--reader", metavar="MODULE:FUNCTION", help="what reads the tone of feedback")
    parser.add_argument("--json", type=Path, help="write the same figures here")
    given = parser.parse_args(arguments)
    console = Console()
    try:
        contract = load_contract(given.contract)
        reader = resolve_name(given.reader) if given.reader else None
        with threadpool_limits(limits=1):  # as in `train`
            figures = evaluate(contract, given.data, given.customers, console, reader)
    except (ContractError, SourceError, TrainingError, DataError, OutOfTimeError) as exc:
        print(exc.show() if isinstance(exc, DataError) else exc, file=sys.stderr)
        return 1
    for path in filter(None, (evaluation_file(contract.name), given.json)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return 0


def evaluate(
    contract: Contract, data: Path | None, customers: int, console: Console, reader: ReadFeedback | None = None
) -> dict[str, Any]:
    """Everything `main` writes as JSON: figures by model, `chosen`, and for the synthetic bank the truth."""
    begun = time.monotonic()
    made_up = contract.name == "bank" and data is None
    table = _draw_bank(contract, customers) if made_up else _read(contract, data)
    for line in describe_rows("the data", table.counted):
        console.print(line, style="dim", highlight=False)
    for leak in find_leaks(table):
        console.print(f"[bold red]LEAK[/] {leak}")
    inputs, people = used_inputs(table), find_people(table)
    for remark in people.remarks(contract.id_column):
        console.print(remark)
    matrix, rows = design_matrix(table.rows, inputs), compared_rows(people, inputs)
    comparison = compare_rows(table, matrix, inputs, people, rows, lambda line: console.print(line, style="dim"))
    found = comparison.result(comparison.chosen).held_out[0]
    verdict = measure_against_base_rate(
        labels_of(table)[rows], found, comparison.base_rates, people.groups[rows], FOLDS
    )
    figures = comparison.as_json() | {"contract": contract.name, "customers": len(table), "base_rate": verdict}
    print_comparison(console, contract, table, comparison)
    console.print(f"Chosen model: {describe_gate(verdict)}.")
    if cost := measure_sensitive_cost(table):
        figures["sensitive_cost"] = cost.as_json()
        for line in cost.describe():
            console.print(line, highlight=False)
    if made_up:
        console.print("measuring against the known truth", style="dim")
        figures["known_truth"] = measure_known_truth(contract, find_candidate(comparison.chosen), customers, reader)
        print_known_truth(console, figures["known_truth"])
    figures["seconds"] = round(time.monotonic() - begun, 1)
    return figures


def print_comparison(console: Console, contract: Contract, table: Table, comparison: Comparison) -> None:
    """The table: one line per model with 95 % intervals, the chosen one marked."""
    left = labels_of(table).mean()
    title = f"{contract.name}: {len(table):,} customers, {left:.1%} left; {FOLDS} folds, {REPEATS} repeats"
    grid = Grid("Model", *FIGURES.values(), title=title, title_justify="left")
    for result in comparison.results:
        cells = [f"{e.value:.4f} ({e.low:.4f} to {e.high:.4f})" for e in (result.figures[k] for k in FIGURES)]
        mark = " ← chosen" if result.candidate.key == comparison.chosen else ""
        grid.add_row(result.candidate.title + mark, *cells)
    console.print(grid)
    console.print(f"Chosen: {RULE}. A model that cannot be read is never chosen. Intervals: 95 %.", style="dim")


def print_known_truth(console: Console, found: Mapping[str, Any]) -> None:
    """How far from the best achievable log loss, with and without sentiment."""
    grid = Grid("Against the known truth", "Log loss", "Above the best", title_justify="left")
    grid.add_row("Best achievable", f"{found['best_log_loss']:.4f}", "")
    for key, title in (("with_sentiment", "With sentiment"), ("without_sentiment", "Without sentiment")):
        grid.add_row(title, f"{found[key]['log_loss']:.4f}", f"{found[key]['above_best']:.2%}")
    read = found.get("sentiment_found")
    for key, title in (("as_drawn", "Tone as drawn"), ("as_read", "Tone as read from text"), ("unread", "Unread")):
        if read:
            grid.add_row(
                f"{title} ({read['customers']:,} of today)", f"{read[key]:.4f}", f"{read[key] / read['best'] - 1:.2%}"
            )
    console.print(grid)


def _draw_bank(contract: Contract, customers: int) -> Table:
    with TemporaryDirectory(prefix="vigie-evaluate-") as folder:
        synthesise(Path(folder), customers=1, seed=SEED, history=customers)
        return read_table(Path(folder) / HISTORY, contract, labelled=True)


def _read(contract: Contract, data: Path | None) -> Table:
    return read_table(find_training_data(contract, data), contract, labelled=True)


if __name__ == "__main__":
    run_command(main)
