"""Train a model for a contract and write the scorer, the pipeline and the training record."""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from model.base_rate_gate import describe_gate
from model.candidates import OUTER_BAGS, Candidate, EbmSettings, find_candidate
from model.compare import RULE, Comparison, Progress, compare
from model.contract import Contract, ContractError, Feature, contract_path, load_contract
from model.database import DatabaseUnknownError, connect, names_database
from model.design import Matrix, design_matrix
from model.display import Effort
from model.export import EXPORTER, export_scorer, write_scorer
from model.fairness import measure_fairness
from model.folds import People, find_people
from model.identity import Content
from model.judging import HeldOut, hold_out, judge
from model.leaks import find_leaks
from model.metrics import interval_by_bootstrap, measure, reliability, roc_points
from model.registry import DEMO, Artefacts, RegistryError, approve_for_demo, current, is_better, register
from model.row_faults import DataError
from model.sources import SourceError, find_training_data, local_home
from model.tuning import RULE as SETTINGS_RULE
from model.tuning import fit_tuned, sample_people
from model.validate import Table, describe_rows, read_table
from model.waiting import MINUTES, Budget, OutOfTimeError, time_bound
from vigie.command_line import run_command
from vigie_scoring.drift import build_reference
from vigie_scoring.scorer import Scorer

LIBRARIES = ("interpret-core", "scikit-learn", "numpy")
QUICK = "ebm"
LEAST = 20
# Cells (rows by inputs) that are compared, and fitted in the end; more would take longer and change next to nothing.
COMPARED_CELLS, FITTED_CELLS = 300_000, 3_000_000
LEAST_ROWS = 5_000
REMEDY = "set used = false in the contract; if it really was known before they left: make train … ARGS=--allow-leaks"


class TrainingError(ValueError):
    """When there is nothing to learn from; names the remedy."""


@dataclass(frozen=True)
class Trained:
    """A trained model: its version, fitted pipeline, scorer file's text and training record."""

    version: str
    pipeline: Any
    scorer: str
    record: dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m model.train --contract bank [--data FILE] [--out DIR] [--quick]`.

    Where the environment names a database (PGHOST and its kin), the model is registered as a candidate, which
    `make promote` approves.
    """
    given = _parse(arguments)
    budget, effort = Budget(given.minutes), Effort()
    try:
        contract = load_contract(given.contract)
        source = find_training_data(contract, given.data)
        table = read_table(source, contract, labelled=True)
        print("\n".join(describe_rows(source.name, table.counted)), flush=True)
        with time_bound(budget):
            trained = train(table, given.quick, given.allow_leaks, lambda line: print(line, flush=True), budget)
        folder = given.out or default_folder(contract)
        write(trained, folder)
        print(f"trained {trained.version}; scorer.json, pipeline.joblib and training.json are in {folder}")
        print("".join(f"{line}\n" for line in effort.describe(len(table))), end="")
        if names_database() and not given.no_register:
            print(_register(folder, given.contract, given.demo))
    except (ContractError, DatabaseUnknownError, SourceError, TrainingError, RegistryError, OutOfTimeError) as exc:
        print(exc, file=sys.stderr)
        return 1
    except DataError as exc:
        print(exc.show(), file=sys.stderr)
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m model.train", description=__doc__)
    parser.add_argument("--contract", default="bank", help="a shipped contract's name, or a path")
    parser.add_argument("--data", type=Path, help="labelled CSV, or a folder with history.csv")
    parser.add_argument("--out", type=Path, help="default: .local/model/<contract>")
    parser.add_argument("--quick", action="store_true", help="fit the glass-box only, without comparing")
    parser.add_argument("--no-register", action="store_true", help="do not touch the registry")
    parser.add_argument("--allow-leaks", action="store_true", help="train although a column gives the answer away")
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"how long it may take ({MINUTES:g})")
    parser.add_argument(
        "--demo", action="store_true", help="approve the synthetic bank's first model (make deploy-local)"
    )
    return parser.parse_args(arguments)


def default_folder(contract: Contract) -> Path:
    """The default folder that training writes to: under VIGIE_HOME, or .local in the repository."""
    return local_home() / "model" / contract.name


def _register(folder: Path, contract: str, demo: bool) -> str:
    artefacts = Artefacts.read(folder, contract_path(contract))
    name = artefacts.record["contract"]
    with closing(connect()) as conn:
        version = register(conn, artefacts)
        approved = current(conn, name)
        if approved and approved.version == version:
            return f"{version} is registered and approved already"
        if demo and approve_for_demo(conn, version):
            return f"{version} is registered and approved by {DEMO}"
    stays = f"{approved.version} stays approved until then" if approved else "no run uses it until then"
    command = f"make promote CONTRACT={contract}"
    if is_better(artefacts.record):
        return f"{version} is registered, not approved ({stays}). To approve it:\n  {command}"
    return (
        f"{version} is registered, not approved: {describe_gate(artefacts.record['base_rate'])}.\n"
        f'To approve it all the same, say why: {command} REASON="…"'
    )


def train(
    table: Table,
    quick: bool = False,
    allow_leaks: bool = False,
    progress: Progress = lambda _: None,
    budget: Budget | None = None,
) -> Trained:
    """Report leaks, compare the candidates (or not, when quick), fit the chosen one, export it, judge it."""
    # Gradient boosting's threads (OpenMP) wait for each other in busy loops: on a machine of two cores at work, a fit
    # took sixteen times the processor time of one thread.
    with threadpool_limits(limits=1):
        return _train(table, quick, allow_leaks, progress, budget)


def _train(table: Table, quick: bool, allow_leaks: bool, progress: Progress, budget: Budget | None) -> Trained:
    people = find_people(table)
    remarks = list(people.remarks(table.contract.id_column))
    for remark in remarks:
        progress(remark)
    check_trainable(table, allow_leaks, progress, people)
    inputs = used_inputs(table)
    matrix = design_matrix(table.rows, inputs)
    compared = compared_rows(people, inputs)
    comparison = None if quick else compare_rows(table, matrix, inputs, people, compared, progress, budget)
    candidate = find_candidate(comparison.chosen if comparison else QUICK)
    held_out = hold_out(comparison, compared, candidate, labels_of(table), matrix, inputs, people, progress)
    pipeline, settings, fitted = _fit(candidate, table, matrix, inputs, people, progress)
    version = name_version(table, candidate, compared=comparison is not None)
    scorer = _export(pipeline, table, inputs, version, candidate, matrix[fitted])
    record = _record(table, version, candidate, comparison, held_out, scorer)
    record |= judge(record, held_out, labels_of(table), matrix, inputs, people, progress)
    record["warnings"] = [r for r in remarks if r.startswith("WARNING")] + record["warnings"]
    record |= {"settings": str(settings) if candidate.key.startswith("ebm") else "", "fitted_rows": len(fitted)}
    return Trained(version, pipeline, scorer, record)


def check_trainable(table: Table, allow_leaks: bool, progress: Progress, people: People | None = None) -> None:
    """Refuse a table with one outcome only, or with a leak that the caller has not allowed."""
    labels = labels_of(table)
    groups = (people or find_people(table)).groups
    left, stayed = (len(np.unique(groups[labels == outcome])) for outcome in (1, 0))
    if min(left, stayed) < LEAST:
        remedy = f"at least {LEAST} who left and {LEAST} who stayed are needed; check the contract's label"
        raise TrainingError(f"{left} of {len(np.unique(groups))} customers left: {remedy}")
    leaks = find_leaks(table)
    for leak in leaks:
        progress(f"LEAK {leak}")
    if leaks and not allow_leaks:
        listed = "\n  ".join(str(leak) for leak in leaks)
        raise TrainingError(f"the answer leaks into the inputs:\n  {listed}\n{REMEDY}")


def compared_rows(people: People, inputs: Sequence[Feature]) -> Any:
    """The rows that candidates are compared on: all of them, or whole people drawn by a fixed seed."""
    return sample_people(people.groups, max(LEAST_ROWS, COMPARED_CELLS // max(1, len(inputs))))


def compare_rows(
    table: Table,
    matrix: Matrix,
    inputs: Sequence[Feature],
    people: People,
    rows: Any,
    progress: Progress,
    budget: Budget | None = None,
) -> Comparison:
    """Compare the candidates on these rows of the table."""
    if len(rows) < len(table):
        progress(f"comparing on {len(rows):,} of {len(table):,} rows, drawn by a fixed seed")
    return compare(matrix[rows], labels_of(table)[rows], inputs, progress, groups=people.groups[rows], budget=budget)


def labels_of(table: Table) -> Any:
    """The labels of a table that was read with them."""
    if table.labels is None:
        raise TrainingError(f"the table has no labels; read column {table.contract.label.column} with it")
    return table.labels


def used_inputs(table: Table) -> tuple[Feature, ...]:
    """The contract's inputs that have at least one value in this table."""
    return tuple(f for f in table.contract.inputs if any(r.get(f.name) is not None for r in table.rows))


def name_version(table: Table, candidate: Candidate, compared: bool = False) -> str:
    """A version that the same data, contract, model and libraries always get.

    A model that was `compared` with others has more figures than a quick one, and is registered as well.
    """
    libraries = [f"{name}=={version_of(name)}" for name in LIBRARIES]
    parts = [
        table.sha256,
        table.contract.fingerprint(),
        candidate.key,
        repr((candidate.settings, OUTER_BAGS)),
        EXPORTER,
        *libraries,
    ]
    parts += ["compared"] if compared else []
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return "-".join(filter(None, (table.contract.name, max(table.as_of), digest[:8])))


def measure_importance(scorer: Scorer, table: Table) -> dict[str, float]:
    """Mean absolute contribution to the log-odds by feature over the training rows, largest first."""
    shares = np.abs(scorer.share_by_feature(scorer.score(table.rows).contributions)).mean(axis=0)
    found = dict(zip(scorer.feature_names, np.round(shares, 6).tolist(), strict=True))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def write(trained: Trained, folder: Path) -> None:
    """Write scorer.json, pipeline.joblib and training.json; the record gets the pipeline's SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scorer.json").write_text(trained.scorer, encoding="utf-8")
    joblib.dump(trained.pipeline, folder / "pipeline.joblib", compress=3)
    pipeline = hashlib.sha256((folder / "pipeline.joblib").read_bytes()).hexdigest()
    record = replace(trained, record=trained.record | {"pipeline_sha256": pipeline}).record
    text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / "training.json").write_text(text + "\n", encoding="utf-8")


def _fit(
    candidate: Candidate, table: Table, matrix: Matrix, inputs: Sequence[Feature], people: People, progress: Progress
) -> tuple[Any, EbmSettings, Any]:
    """The pipeline, its settings, and the rows that it was fitted on."""
    rows = sample_people(people.groups, max(LEAST_ROWS, FITTED_CELLS // max(1, len(inputs))))
    of = f" of {len(table):,}" if len(rows) < len(table) else ""
    progress(f"fitting {candidate.title.lower()} on {len(rows):,}{of} rows")
    labels, groups = labels_of(table)[rows], people.groups[rows]
    pipeline, settings = fit_tuned(candidate, inputs, matrix[rows], labels, groups)
    return pipeline, settings, rows


def _export(
    pipeline: Any, table: Table, inputs: Sequence[Feature], version: str, candidate: Candidate, matrix: Matrix
) -> str:
    exported = export_scorer(pipeline, table.contract, inputs, version, candidate.key, matrix)
    scorer = Scorer.from_json(json.dumps(exported))
    probability = scorer.score(table.rows).probability
    exported["reference"] = build_reference(scorer.features, scorer.read_columns(table.rows), probability)
    return write_scorer(exported)


def _record(
    table: Table,
    version: str,
    candidate: Candidate,
    comparison: Comparison | None,
    held_out: HeldOut,
    scorer: str,
) -> dict[str, Any]:
    rows, probability = held_out.rows, held_out.probability
    labels = labels_of(table)[rows]
    ece = interval_by_bootstrap(labels, probability)
    return {
        "version": version,
        "contract": table.contract.name,
        "contract_sha256": table.contract.fingerprint(),
        "content_fingerprint": Content.of(table.contract).fingerprint(),
        "algorithm": candidate.key,
        "title": candidate.title,
        "training": {"rows": len(table), "left": int(labels_of(table).sum()), "sha256": table.sha256},
        "horizon_days": table.contract.label.horizon_days,
        "scorer_sha256": hashlib.sha256(scorer.encode()).hexdigest(),
        "libraries": {name: version_of(name) for name in LIBRARIES},
        "held_out": measure(labels, probability) | {"rows": len(rows), "ece_interval": [ece.low, ece.high]},
        "reliability": reliability(labels, probability),
        "fairness": measure_fairness(table, rows, labels, probability),
        "comparison": comparison.as_json() if comparison else None,
        "rule": f"{RULE}; {SETTINGS_RULE}" if comparison else "quick: the glass-box, without comparing",
        "roc": roc_points(labels, probability),
        "importance": measure_importance(Scorer.from_json(scorer), table),
        "protocol": held_out.protocol,
    }


if __name__ == "__main__":
    run_command(main)
