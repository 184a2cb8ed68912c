"""Formulas in files that people open in a spreadsheet. A run bears its execution's name: anybody's choice."""

import contextlib
import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from dashboard.csv_export import FIELDS, write_csv
from model.row_faults import DataError, Fault
from tests.integration.conftest import Bank
from vigie.run_export import CSV_NAME, _read_events, _write_csv
from vigie_operations.audit_export import export_log
from vigie_operations.errors import OperationError

FORMULAS = ["=1+1", "+1", "-2+3", "@SUM(A1)", " =1+1", "\u00a0=1", "\t=1", "\r=1", "＝1+1", "＠SUM", "﹦1",
            "﹣1", "−1", "\ufeff=1", "\u200b=1", "\u2003=1", "\x0b=1", "\x00=1", "\xad=1", '"=1', ";=1"]  # fmt: skip
# Where semicolons or tabs separate, as in French, the second half is a cell of its own, quotes or not.
INNER = ["run;=1+1", "run; =1", "run\t@SUM(1)", 'run;"=1', "run\n=1", "run\r\n+1", "run;\u200b-1", ";;=1"]


def event(text: str) -> dict[str, object]:
    named = dict.fromkeys(FIELDS, text)
    return named | {"event_id": uuid4(), "occurred_at": datetime.now(UTC), "details": {}}


def is_formula(cell: str) -> bool:
    """What a spreadsheet may take for one: written apart from the code, with Unicode's own classes."""
    seen = [sign for sign in cell if unicodedata.category(sign)[0] not in "CZ" and sign != '"']
    first = unicodedata.normalize("NFKC", seen[0]) if seen else ""
    return first in ("=", "+", "-", "@", "\u2212") or cell[:1] in ("\t", "\r")


def cells_of(text: str, separator: str) -> list[str]:
    """The cells that a program reads which separates so and does not mind quotes inside a cell."""
    return [cell for line in re.split("[\r\n]+", text) for cell in line.split(separator)]


@pytest.mark.parametrize("formula", [*FORMULAS, *INNER])
def test_the_dashboard_s_download_holds_no_formula(formula: str) -> None:
    text = write_csv([event(formula)]).decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert [name for name, cell in row.items() if is_formula(cell)] == []
    assert [cell for separator in ";\t" for cell in cells_of(text, separator) if is_formula(cell)] == []
    assert row["run_id"].replace("'", "") == formula


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


def test_the_list_of_a_file_s_faults_holds_no_formula(tmp_path: Path) -> None:
    DataError([Fault("=file.csv", 2, "@column", "=1+1;=2", "+remedy")]).write(tmp_path / "faults.csv")
    text = (tmp_path / "faults.csv").read_text(encoding="utf-8")
    rows = [*csv.reader(io.StringIO(text, newline="")), *(cells_of(text, ";"),)]
    assert [cell for row in rows for cell in row if is_formula(cell)] == []


class Store:
    """A deployed stack's key service and write-once store, with one published checkpoint, and no database."""

    def __init__(self, folder: Path, database: Bank) -> None:
        self.folder, self.bank, self.checkpoint_bucket, self.audit_key = folder, database, "bucket", "key"

    def client(self, service: str) -> "Store":
        return self

    def get_public_key(self, KeyId: str) -> dict[str, bytes]:
        return {"PublicKey": b"key"}

    def get_paginator(self, _: str) -> "Store":
        return self

    def paginate(self, **_: str) -> list[dict[str, object]]:
        return []

    @contextlib.contextmanager
    def connected(self) -> Iterator[object]:
        with contextlib.closing(self.bank.connect()) as connection:
            yield connection

    def command(self, operation: str) -> str:
        return operation


def test_exported_files_are_their_owner_s_only_whatever_umask_and_older_folders_say(bank: Bank, tmp_path: Path) -> None:
    """A shell's umask of 0, and a folder that an earlier version left open to the machine's other accounts."""
    target: Any = Store(tmp_path / "home", bank)
    (tmp_path / "home" / "audit").mkdir(parents=True)
    (tmp_path / "home" / "audit").chmod(0o777)
    before = os.umask(0)
    try:
        with contextlib.suppress(OperationError):  # nothing is signed: the log's files are written all the same
            export_log(target)
        with contextlib.suppress(OperationError):
            export_log(target, tmp_path / "elsewhere")
    finally:
        os.umask(before)
    assert (tmp_path / "home" / "audit").stat().st_mode & 0o077 == 0
    written = [*(tmp_path / "home" / "audit").rglob("*"), *(tmp_path / "elsewhere").rglob("*"), tmp_path / "elsewhere"]
    assert len(written) > 5
    assert [path.name for path in written if path.stat().st_mode & 0o077] == []
