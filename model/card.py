"""Write the model card, MODEL_CARD.md, and its plots from the registry or from training folders."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.card_text import write_contract, write_head
from model.contract import Contract, ContractError, contract_path, load_contract, parse_contract
from model.database import connect, names_database
from model.load import read_delivery, today
from model.plots import draw_drift, draw_drivers, draw_reliability, draw_roc
from model.registry import RegistryError, read_approved
from model.row_faults import DataError
from model.sources import evaluation_file, local_home
from model.train import default_folder
from vigie.command_line import run_command
from vigie_scoring.drift import SCORE, Drift, measure_drift
from vigie_scoring.errors import ScorerError
from vigie_scoring.scorer import Scorer

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Subject:
    """One contract's model as the card describes it; `approved` is by whom and when, if in the registry."""

    contract: Contract
    record: Mapping[str, Any]
    scorer: Scorer
    approved: tuple[str, str] | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m model.card --contract bank --contract telecom`."""
    parser = argparse.ArgumentParser(prog="python -m model.card", description=__doc__)
    parser.add_argument(
        "--contract", action="append", help="repeat for several; default: all that have an approved model"
    )
    parser.add_argument("--folder", action="append", type=Path, help="training folder, one per contract")
    parser.add_argument("--current", action="append", default=[], metavar="CONTRACT=PATH",
                        help="today's customers, whose drift is drawn where no run has stored any")  # fmt: skip
    parser.add_argument("--evaluation", action="append", type=Path, default=[],
                        help="JSON of make evaluate; default: what it left under VIGIE_HOME")  # fmt: skip
    parser.add_argument("--out", type=Path, default=default_card(), help="default: %(default)s")
    given = parser.parse_args(arguments)
    try:
        subjects = _find_subjects(given.contract or _approved_contracts(), given.folder)
        current = dict(pair.split("=", 1) for pair in given.current)
        evaluations = _read_evaluations(given.evaluation, [s.contract.name for s in subjects])
        text = write_card(subjects, current, evaluations, given.out.parent)
    except (ContractError, RegistryError, ScorerError, DataError, FileNotFoundError) as exc:
        print(f"no model card: {exc}", file=sys.stderr)
        return 1
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(text, encoding="utf-8")
    print(f"wrote {given.out} and its plots")
    return 0


def default_card() -> Path:
    """Where the card goes: the clone, or VIGIE_HOME where the clone cannot be written to (a container)."""
    return (ROOT if os.access(ROOT, os.W_OK) else local_home() / "model-card") / "MODEL_CARD.md"


def write_card(
    subjects: Sequence[Subject],
    current: Mapping[str, str],
    evaluations: Mapping[str, Mapping[str, Any]],
    folder: Path,
) -> str:
    """The card's text; plots go to docs/model in `folder`."""
    parts = [write_head([s.record for s in subjects])]
    for subject in subjects:
        name = subject.contract.name
        drifts, against = find_drift(subject, current.get(name))
        plots = draw_plots(subject, drifts, against, folder)
        parts.append(
            write_contract(subject.contract, subject.record, subject.approved, plots, drifts, evaluations.get(name, {}))
        )
    return "\n".join(parts)


def find_drift(subject: Subject, current: str | None) -> tuple[list[Drift], str]:
    """Drift stored by the newest run of this contract, else measured on a file of today's customers."""
    if names_database() and (stored := _read_drift(subject.contract.name)):
        return stored, "the newest run"
    if not current:
        return [], ""
    delivery = read_delivery(Path(current), subject.contract, today())
    rows = [json.loads(features) for _, _, features in delivery.features]
    scores = subject.scorer.score(rows)
    drifts = measure_drift(subject.scorer, rows, scores.probability)
    # A file holds nothing that agents find at run time, so the score without it says nothing of drift.
    unknown = {f.name for f in subject.contract.features if f.from_analysis}
    unknown |= {SCORE} if unknown else set()
    return [d for d in drifts if d.subject not in unknown], "today's customers"


def draw_plots(subject: Subject, drifts: Sequence[Drift], against: str, folder: Path) -> dict[str, str]:
    """Draw every plot; returns their places relative to `folder`, by title."""
    name = subject.contract.name
    labels = {f.name: f.words["en"].label for f in subject.contract.features}
    places = {kind: f"docs/model/{name}-{kind}.png" for kind in ("roc", "reliability", "drivers", "drift")}
    draw_roc(subject.record, folder / places["roc"])
    draw_reliability(subject.record, folder / places["reliability"])
    draw_drivers(subject.record, labels, folder / places["drivers"])
    if not drifts:
        del places["drift"]
    else:
        draw_drift(name, drifts, labels, against, folder / places["drift"])
    return places


def _approved_contracts() -> list[str]:
    if not names_database():
        return ["bank"]
    with closing(connect()) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT contract FROM model_registry WHERE state = 'approved' ORDER BY contract")
        return [row[0] for row in cursor.fetchall()] or ["bank"]


def _read_evaluations(paths: Sequence[Path], contracts: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    kept = [path for path in map(evaluation_file, contracts) if path.is_file()]
    found = (json.loads(path.read_text(encoding="utf-8")) for path in (*kept, *paths))
    return {evaluation["contract"]: evaluation for evaluation in found}


def _find_subjects(names: Sequence[str], folders: Sequence[Path] | None) -> list[Subject]:
    if folders or not names_database():
        contracts = [load_contract(n) for n in names]
        places = folders or [default_folder(c) for c in contracts]
        return [_from_folder(c, f) for c, f in zip(contracts, places, strict=True)]
    with closing(connect()) as conn:
        found = [read_approved(conn, _name_of(name)) for name in names]
    return [
        Subject(parse_contract(a.contract_toml), a.metrics, Scorer.from_json(a.scorer), (a.by, a.at)) for a in found
    ]


def _name_of(contract: str) -> str:
    # The registry holds its contracts itself: their files may be elsewhere, or gone.
    return load_contract(contract).name if contract_path(contract).is_file() else contract


def _from_folder(contract: Contract, folder: Path) -> Subject:
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    return Subject(contract, record, Scorer.from_json((folder / "scorer.json").read_bytes()))


def _read_drift(contract: str) -> list[Drift]:
    with closing(connect()) as conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT subject, measure, value, level, details FROM run_drift WHERE run_id = "
            "(SELECT run_id FROM run_drift JOIN runs USING (run_id) WHERE contract = %s "
            "AND measure = 'psi' ORDER BY planned_at DESC LIMIT 1)",
            (contract,),
        )
        return [Drift(*row) for row in cursor.fetchall()]


if __name__ == "__main__":
    run_command(main)
