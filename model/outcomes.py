"""Compare a run's predictions with its customers' outcomes (live AUC, calibration), or a campaign with its hold-out."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model.campaign_outcomes import OutcomesRefusedError, read_delivery, read_report, record
from model.contract import ROW_NUMBER, Contract, ContractError, load_contract
from model.contract_binding import loaded_source
from model.csv_file import open_csv
from model.database import DatabaseUnknownError, connect, connect_as_operator
from model.group_errors import measure_errors
from model.load import customer_uuid
from model.metrics import interval_by_bootstrap, measure, reliability
from model.row_faults import DataError, Fault
from model.row_reader import RowReader
from vigie.command_line import run_command
from vigie_scoring.drift import Drift

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# Fewer than these say too little.
LEAST = 20
# How far live figures may fall behind the held-out ones: AUC lost, calibration error gained.
WARNS, ALARMS = 0.05, 0.10


class OutcomesError(ValueError):
    """When outcomes cannot be compared with predictions; names the remedy."""


@dataclass(frozen=True)
class Run:
    """The run whose predictions are judged, and its model's held-out figures."""

    run_id: str
    model_version: str
    held_out: Mapping[str, float]
    probability: Mapping[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m model.outcomes --data outcomes.csv --contract bank [--run RUN]`."""
    parser = argparse.ArgumentParser(prog="python -m model.outcomes", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="CSV with the contract's id and label columns")
    parser.add_argument("--contract", default="bank", help="a shipped contract's name, or a path")
    parser.add_argument("--run", default="", help="default: the newest run of this contract")
    parser.add_argument("--campaign", default="", help="record them for this campaign, and show its lift")
    parser.add_argument("--as", dest="who", default="", help="with --campaign: who records them, an operator's name")
    parser.add_argument("--json", type=Path, help="write the same figures here")
    parser.add_argument("--dsn", help="database; by default what PGHOST and its kin name")
    given = parser.parse_args(arguments)
    if bool(given.campaign) != bool(given.who):
        parser.error("--campaign and --as go together: who records outcomes of a campaign is named in the audit trail")
    try:
        contract = load_contract(given.contract)
        with closing(connect(given.dsn)) as conn:
            if given.campaign:
                return _record_for_campaign(conn, contract, given)
            read = read_outcomes(given.data, contract, loaded_source(conn, contract.name))
            outcomes = {customer: outcome for customer, outcome in read.items() if outcome is not None}
            unknown = len(read) - len(outcomes)
            print(f"read {len(read):,} rows of {given.data.name}: {unknown:,} without a known outcome")
            figures = judge(find_run(conn, contract.name, given.run), outcomes)
            groups = measure_errors(conn, contract, figures["run_id"], outcomes)
            store(conn, figures, groups)
            figures["groups"] = [asdict(group) for group in groups]
    except (ContractError, DatabaseUnknownError, DataError, OutcomesError, OutcomesRefusedError) as exc:
        print(exc.show() if isinstance(exc, DataError) else exc, file=sys.stderr)
        return 1
    print(_describe(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return 0


def _record_for_campaign(conn: "Connection", contract: Contract, given: argparse.Namespace) -> int:
    delivery = read_delivery(given.data, contract, loaded_source(conn, contract.name))
    with closing(connect_as_operator(given.dsn)) as as_operator:
        recorded, corrected = record(as_operator, given.who, given.campaign, delivery)
    read = f"read {len(delivery.rows) + delivery.unknown:,} rows of {given.data.name}"
    print(f"{read}: {recorded:,} outcomes recorded, {corrected:,} corrected, {delivery.unknown:,} not known yet\n")
    found = read_report(conn, given.campaign)
    print("\n".join(found.lines()))
    if given.json:
        given.json.write_text(json.dumps(found.as_dict(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return 0


def read_outcomes(path: Path, contract: Contract, source: str = "") -> dict[str, int | None]:
    """Customer UUID to 1 (left), 0 (stayed) or None (not known yet); raises DataError with every fault.

    Without an id column the rows are those of the loaded file, whose SHA-256 is `source`, in the same order.
    """
    file, faults = open_csv(path), list[Fault]()
    key, label = contract.id_column, contract.label
    wanted = (label.column,) if key == ROW_NUMBER else (key, label.column)
    missing = [c for c in wanted if c not in file.header]
    faults += [Fault(path.name, 1, c, "", "column is missing from the header") for c in missing]
    if faults:
        raise DataError(faults)
    only = replace(contract, id_column=key, as_of_column=None, annual_value_column=None, features=())
    reader = RowReader(file, only, labelled=True)
    outcomes = {customer_uuid(contract, record.id, source): record.outcome for record in reader.read()}
    if reader.faults:
        raise DataError(sorted(reader.faults))
    return outcomes


def find_run(conn: "Connection", contract: str, run_id: str = "") -> Run:
    """The named run, or the newest of this contract with a prediction."""
    with conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT run_id, r.model_version, m.metrics->'held_out' FROM runs r "
            "JOIN model_registry m ON m.version = r.model_version "
            "WHERE r.contract = %(contract)s AND %(run)s IN ('', run_id) "
            "AND EXISTS (SELECT FROM predictions p WHERE p.run_id = r.run_id) "
            "ORDER BY planned_at DESC LIMIT 1",
            {"contract": contract, "run": run_id},
        )
        if (row := cursor.fetchone()) is None:
            raise OutcomesError(f"no run {run_id or 'of contract ' + contract} has predictions; make run makes one")
        cursor.execute("SELECT customer_id::text, probability FROM predictions WHERE run_id = %s", (row[0],))
        return Run(row[0], row[1], row[2] or {}, dict(cursor.fetchall()))


def judge(run: Run, outcomes: Mapping[str, int]) -> dict[str, Any]:
    """Live figures over the customers who were predicted and whose outcome is known."""
    known = sorted(run.probability.keys() & outcomes.keys())
    labels = np.array([outcomes[c] for c in known], dtype=np.int64)
    left = int(labels.sum())
    if min(left, len(known) - left) < LEAST:
        raise OutcomesError(
            f"run {run.run_id}: {len(known)} predicted customers have an outcome and {left} of them left; "
            f"at least {LEAST} who left and {LEAST} who stayed are needed"
        )
    probability = np.array([run.probability[c] for c in known])
    ece = interval_by_bootstrap(labels, probability)
    return {
        "run_id": run.run_id,
        "model_version": run.model_version,
        "customers": len(known),
        "left": left,
        **measure(labels, probability),
        "ece_interval": [ece.low, ece.high],
        "reliability": reliability(labels, probability),
        "held_out": dict(run.held_out),
    }


def store(conn: "Connection", figures: Mapping[str, Any], groups: Sequence[Drift] = ()) -> None:
    """Store the figures with the run and its drift; newer outcomes replace older ones."""
    trained = figures["held_out"]
    lost = {"auc": trained.get("auc", 0.0) - figures["auc"], "ece": figures["ece"] - trained.get("ece", 0.0)}
    details = {"customers": figures["customers"], "left": figures["left"], "trained": trained}
    live = [Drift("outcomes", f"live_{name}", figures[name], _level_of(gap), details) for name, gap in lost.items()]
    with conn, conn.cursor() as cursor:
        for kept in (*live, *groups):
            cursor.execute(
                "INSERT INTO run_drift (run_id, subject, measure, value, level, details) "
                "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (run_id, subject, measure) DO UPDATE "
                "SET value = EXCLUDED.value, level = EXCLUDED.level, details = EXCLUDED.details",
                (figures["run_id"], kept.subject, kept.measure, kept.value, kept.level, json.dumps(kept.details)),
            )


def _level_of(gap: float) -> str:
    return "alarm" if gap >= ALARMS else "warning" if gap >= WARNS else "ok"


def _describe(figures: Mapping[str, Any]) -> str:
    lines = [
        f"run {figures['run_id']}, model {figures['model_version']}: "
        f"{figures['customers']:,} customers with an outcome, {figures['left']:,} left",
        f"  {'':<18} {'live':>8} {'held out':>9}",
    ]
    titles = {"auc": "AUC", "brier": "Brier", "log_loss": "Log loss", "ece": "Calibration error"}
    for key, title in titles.items():
        trained = figures["held_out"].get(key)
        lines.append(f"  {title:<18} {figures[key]:>8.4f} {'' if trained is None else f'{trained:9.4f}'}")
    errors = {"missed_rate": "leavers missed", "false_alarm_rate": "false alarms"}
    lines += [
        f"  {g['subject']}: {errors[g['measure']]} {g['value']:.1%} "
        f"({g['details']['low']:.1%} to {g['details']['high']:.1%}), everybody {g['details']['everybody']:.1%}"
        for g in figures["groups"]
        if g["level"] != "ok"
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
