"""Formulas in files that people open in a spreadsheet. A run bears its execution's name: anybody's choice."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from dashboard.csv_export import FIELDS, write_csv
from tests.integration.conftest import Bank
from vigie.run_export import CSV_NAME, _read_events, _write_csv

FORMULAS = ["=1+1", "+1", "-2+3", "@SUM(A1)", " =1+1", "\u00a0=1", "\t=1", "\r=1", "＝1+1", "＠SUM"]


def event(text: str) -> dict[str, object]:
    named = dict.fromkeys(FIELDS, text)
    return named | {"event_id": uuid4(), "occurred_at": datetime.now(UTC), "details": {}}


def is_formula(cell: str) -> bool:
    return cell.lstrip(" \u00a0\t\r\n")[:1] in tuple("=+-@＝＋－＠") or cell[:1] in ("\t", "\r")


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_dashboard_s_download_holds_no_formula(formula: str) -> None:
    text = write_csv([event(formula)]).decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert [name for name, cell in row.items() if is_formula(cell)] == []
    assert formula in row["run_id"]


def test_an_auditor_s_file_of_a_run_holds_no_formula(bank: Bank, tmp_path: Path) -> None:
    run_id = "=HYPERLINK(1)"
    connection = bank.connect("postgres")
    with connection, connection.cursor() as cursor:  # as an earlier version took it
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "INSERT INTO audit_log (event_id, occurred_at, run_id, agent, event_type, status, request_id)"
            " VALUES (uuidv7(), now(), %s, 'planner', 'RUN_PLANNED', 'ok', '@SUM(1)')",
            (run_id,),
        )
    _write_csv(tmp_path / CSV_NAME, list(_read_events(connection, run_id)))
    connection.close()
    with (tmp_path / CSV_NAME).open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert [name for name, cell in row.items() if is_formula(cell)] == []
    assert (row["run_id"], row["request_id"]) == ("'=HYPERLINK(1)", "'@SUM(1)")
