"""Loading, against the real schema: all or nothing, the same again changes nothing."""

import csv
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from model.database import copy_rows
from model.load import main
from model.synthesise import synthesise

TABLES = ("customers", "customer_features", "consents", "feedback")


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    synthesise(folder, customers=120, seed=5, history=40)
    return folder


def count(dsn: str) -> dict[str, int]:
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cursor:
        found = {}
        for table in TABLES:
            cursor.execute(f"SELECT count(*) FROM {table}")
            row = cursor.fetchone()
            found[table] = int(row[0]) if row else -1
    return found


def rows_of(folder: Path, name: str) -> int:
    with (folder / name).open(encoding="utf-8", newline="") as stream:
        return sum(1 for _ in csv.reader(stream)) - 1


def test_every_row_of_the_four_files_arrives(bank: Path, dsn: str) -> None:
    assert main(["--data", str(bank), "--dsn", dsn]) == 0
    names = ("customers.csv", "features.csv", "consents.csv", "feedback.csv")
    assert list(count(dsn).values()) == [rows_of(bank, n) for n in names]


def test_loading_the_same_again_changes_nothing(bank: Path, dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--data", str(bank), "--dsn", dsn])
    before = count(dsn)
    capsys.readouterr()
    assert main(["--data", str(bank), "--dsn", dsn]) == 0
    assert count(dsn) == before
    counted = [line for line in capsys.readouterr().out.splitlines() if " / " in line][1:]
    assert len(counted) == 4
    assert all(" 0 / " in line for line in counted)


def test_one_bad_row_keeps_everything_out(bank: Path, dsn: str, tmp_path: Path) -> None:
    for file in bank.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = (tmp_path / "feedback.csv").read_text(encoding="utf-8")
    (tmp_path / "feedback.csv").write_text(text.replace(",fr,", ",de,", 1), encoding="utf-8")
    assert main(["--data", str(tmp_path), "--dsn", dsn]) == 1
    assert set(count(dsn).values()) == {0}


def test_a_file_without_names_loads_under_its_contract(dsn: str, tmp_path: Path) -> None:
    contract = tmp_path / "gym.toml"
    contract.write_text(GYM, encoding="utf-8")
    data = tmp_path / "gym.csv"
    data.write_text("member,visits,gone\nA1,3,no\nA2,,yes\n", encoding="utf-8")
    arguments = ["--data", str(data), "--contract", str(contract), "--as-of", "2026-01-31", "--dsn", dsn]
    assert main(arguments) == 0
    assert list(count(dsn).values()) == [2, 2, 4, 0]
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT features->'visits', first_name FROM customer_features JOIN customers USING (customer_id)"
        )
        assert sorted(cursor.fetchall(), key=str) == [(3, None), (None, None)]


def test_loading_again_does_not_undo_a_withdrawal(dsn: str, tmp_path: Path) -> None:
    contract = tmp_path / "gym.toml"
    contract.write_text(GYM, encoding="utf-8")
    data = tmp_path / "gym.csv"
    data.write_text("member,visits,gone\nA1,3,no\n", encoding="utf-8")
    arguments = ["--data", str(data), "--contract", str(contract), "--dsn", dsn]
    main(arguments)
    with closing(psycopg2.connect(dsn)) as conn, conn, conn.cursor() as cursor:
        cursor.execute("SELECT record_consent(customer_id, 'profiling', false, 'app', '2') FROM customers")
    main([*arguments, "--as-of", "2030-01-01"])
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT granted FROM current_consents WHERE purpose = 'profiling'")
        assert cursor.fetchall() == [(False,)]
    assert count(dsn)["customer_features"] == 1


GYM = """
name = "gym"
id_column = "member"
[label]
column = "gone"
positive = ["yes"]
negative = ["no"]
horizon_days = 30
[consents]
granted = ["profiling", "retention_offers"]
source = "made-up members"
policy_version = "1"
[[feature]]
name = "visits"
type = "integer"
range = [0, 100]
missing = "kept"
missing_means = "the gate was broken"
words.fr.label = "Visites"
words.en.label = "Visits"
"""


def copy_bank(bank: Path, folder: Path) -> Path:
    for file in bank.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def replace_cell(path: Path, row: int, column: str, value: str) -> None:
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    rows[row - 1][rows[0].index(column)] = value
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


def test_a_number_that_another_customer_has_is_named_with_its_row_and_remedy(
    bank: Path, dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(bank), "--dsn", dsn]) == 0
    before = count(dsn)
    with (bank / "customers.csv").open(encoding="utf-8", newline="") as stream:
        first, second = list(csv.DictReader(stream))[:2]
    folder = copy_bank(bank, tmp_path)
    for name in ("consents.csv", "feedback.csv"):
        (folder / name).unlink()
    for name in ("customers.csv", "features.csv"):
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(
            text.replace(first["customer_id"], "00000000-0000-4000-8000-000000000001"), encoding="utf-8"
        )
    assert first["customer_number"] != second["customer_number"]
    capsys.readouterr()
    assert main(["--data", str(folder), "--dsn", dsn]) == 1
    said = capsys.readouterr().err
    assert f"customers.csv, row 2, column customer_number: '{first['customer_number']}': is loaded already for " in said
    assert f"customer_id {first['customer_id']}; use that id, or correct the number" in said
    assert count(dsn) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("long " * 40_000, "row 2, column text: 'long long"),
        ("nul\0here", "row 2, column text: 'nul\\x00here': holds a NUL"),
    ],
)
def test_a_feedback_that_cannot_be_kept_is_named_with_row_field_and_remedy(
    bank: Path, dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    folder = copy_bank(bank, tmp_path)
    replace_cell(folder / "feedback.csv", 2, "text", text)
    assert main(["--data", str(folder), "--dsn", dsn]) == 1
    error = capsys.readouterr().err
    assert f"feedback.csv, {said}" in error
    assert len(error) < 1000
    assert set(count(dsn).values()) == {0}


def test_the_rows_of_every_file_are_counted(bank: Path, dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(bank), "--dsn", dsn]) == 0
    said = capsys.readouterr().out
    for name in ("customers.csv", "features.csv", "consents.csv", "feedback.csv"):
        assert f"read {rows_of(bank, name):,} rows of {name}" in said


def test_copying_in_pieces_keeps_every_row(dsn: str) -> None:
    rows = [(n, "tab\tline\nback\\slash é" * (n % 50), None) for n in range(5000)]
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE pieces (n int, words text, nothing text)")
        copy_rows(cursor, "pieces", ("n", "words", "nothing"), iter(rows))
        cursor.execute("SELECT n, words, nothing FROM pieces ORDER BY n")
        assert cursor.fetchall() == rows
