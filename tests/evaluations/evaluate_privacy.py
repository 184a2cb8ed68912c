"""Measure how well personal data is masked: `make evaluate-privacy FILE=… JSON=…`."""

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.evaluations.privacy.corpus import LabelledMessage, generate
from tests.evaluations.privacy.fuzz import disguise, leak
from tests.evaluations.privacy.labelled import CannotMeasureError, read_labelled
from tests.evaluations.privacy.masking_scores import score
from tests.evaluations.privacy.reference import NOTE, presidio
from vigie.command_line import run_command
from vigie_llm.pseudonymise import Span, pseudonymise

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_FILES = (ROOT.parent / "shared/eval/feedback_dev.jsonl", ROOT / "tests/data/feedback_dev.jsonl")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when nothing could be measured, never for a low figure."""
    options = _parser().parse_args(arguments)
    try:
        file = options.file or next((f for f in DEFAULT_FILES if f.exists()), DEFAULT_FILES[1])
        measured = measure(read_labelled(file), options)
    except CannotMeasureError as error:
        print(f"evaluate-privacy: cannot measure: {error}", file=sys.stderr)
        return 1
    measured = {"file": file.name} | measured
    show(measured, Console())
    if options.json:
        options.json.write_text(json.dumps(measured, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def measure(messages: Sequence[LabelledMessage], options: argparse.Namespace) -> dict[str, Any]:
    """Our scores on the file, Presidio's for comparison, ours on generated messages, and leaks under fuzzing."""
    measured = score(messages, masked_spans)
    if options.presidio:
        measured["presidio"] = _reference(messages)
    if options.generated:
        made = [m for language in ("fr", "en") for m in generate(options.generated, options.seed, language)]
        measured["generated"] = {"seed": options.seed} | score(made, masked_spans)
    if options.fuzz:
        measured["fuzz"] = fuzz(options.fuzz, options.seed)
    return measured


def masked_spans(message: LabelledMessage) -> Sequence[Span]:
    """What the pseudonymiser masks in a message."""
    return pseudonymise(message.text, message.known, message.language).spans


def _reference(messages: Sequence[LabelledMessage]) -> dict[str, Any]:
    try:
        return {"note": NOTE} | score(messages, presidio())
    except ImportError as error:
        return {"note": f"not measured: {error}"}


def fuzz(count: int, seed: int) -> dict[str, Any]:
    """How many of so many disguised identifiers are still readable after masking, and of which kind."""
    rng = random.Random(seed)
    leaks: Counter[str] = Counter()
    for number in range(count):
        found = leak(disguise(rng, ("fr", "en")[number % 2]))
        leaks.update([found] if found else [])
    return {"messages": count, "seed": seed, "leaks": leaks.total(), "kinds": dict(leaks.most_common())}


def show(measured: dict[str, Any], console: Console) -> None:
    """Tables for a person."""
    reference = measured.get("presidio", {})
    for language in ("fr", "en"):
        if measured[language]["messages"]:
            console.print(_table(language, measured[language], reference.get(language)))
    console.print(f"Time per message: p50 {measured['ms_p50']} ms, p95 {measured['ms_p95']} ms (best of three).")
    if reference:
        console.print(f"Reference: {reference['note']}; p95 {reference.get('ms_p95', '-')} ms.")
    if "generated" in measured:
        _show_generated(measured["generated"], console)
    if "fuzz" in measured:
        run = measured["fuzz"]
        console.print(
            f"Fuzzing: {run['leaks']} leaks in {run['messages']} messages (seed {run['seed']}). {run['kinds'] or ''}"
        )


def _table(language: str, ours: dict[str, Any], theirs: dict[str, Any] | None) -> Table:
    title = f"{language}: {ours['messages']} messages, {ours['characters_left']:.2%} of personal characters left"
    table = Table(title=title)
    for heading in ("label", "mentions", "precision", "recall", "F2", "Presidio F2"):
        table.add_column(heading, justify="left" if heading == "label" else "right")
    for label, row in ours["labels"].items():
        other = (theirs or {}).get("labels", {}).get(label)
        table.add_row(label, str(row["mentions"]), *_rates(row), f"{other['f2']:.3f}" if other else "-")
    mentions = sum(row["mentions"] for row in ours["labels"].values())
    table.add_row("all", str(mentions), *_rates(ours), f"{theirs['f2']:.3f}" if theirs else "-", style="bold")
    return table


def _rates(row: dict[str, Any]) -> tuple[str, str, str]:
    return f"{row['precision']:.3f}", f"{row['recall']:.3f}", f"{row['f2']:.3f}"


def _show_generated(made: dict[str, Any], console: Console) -> None:
    for language in ("fr", "en"):
        precision, recall, f2 = _rates(made[language])
        count = made[language]["messages"]
        console.print(f"Generated, {language}: {count} messages: precision {precision}, recall {recall}, F2 {f2}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="evaluate-privacy", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="labelled messages, one JSON object a line")
    parser.add_argument("--json", type=Path, help="write the same figures there")
    parser.add_argument("--generated", type=int, default=300, help="generated messages per language")
    parser.add_argument("--fuzz", type=int, default=2000, help="disguised identifiers to try; the bar is for 100000")
    parser.add_argument("--seed", type=int, default=1, help="of what is generated")
    parser.add_argument("--no-presidio", dest="presidio", action="store_false", help="leave the reference out")
    return parser


if __name__ == "__main__":
    run_command(main)
