"""Customers belong to a contract's content: the same name with other content is refused, or replaces."""

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from model.load import main as load
from model.synthesise import synthesise

CONTRACT = """
name = "{name}"
id_column = "{key}"
[label]
column = "left"
positive = ["1"]
negative = ["0"]
horizon_days = 90
[consents]
granted = ["profiling"]
source = "made up"
policy_version = "1"
[[feature]]
name = "balance"
type = "number"
range = [0, 10000]
{used}
words.en.label = "Balance"
words.fr.label = "Solde"
[[feature]]
name = "{second}"
type = "integer"
range = [0, 100]
words.en.label = "Calls"
words.fr.label = "Appels"
"""
ROWS = [f"{n},C{n},{100 * n},{n % 7},{n % 2}" for n in range(1, 31)]
Load = Callable[..., int]


def write_file(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(["position,customer,balance,calls,left", *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def load_as(dsn: str, tmp_path: Path) -> Load:
    """Load a file of thirty people under a contract."""

    def run(
        key: str = "customer", *options: str, name: str = "small", second: str = "calls", used: str = "", rows: int = 30
    ) -> int:
        contract = tmp_path / f"{name}-contract.toml"
        text = CONTRACT.format(name=name, key=key, second=second, used=used)
        contract.write_text(text.replace('name = "visits"', 'name = "visits"\ncolumn = "calls"'), encoding="utf-8")
        data = write_file(tmp_path / "people.csv", ROWS[:rows])
        return load(["--data", str(data), "--contract", str(contract), "--dsn", dsn, *options])

    return run


def customers(dsn: str, name: str = "small") -> int:
    sql = "SELECT count(DISTINCT customer_id) FROM customer_features WHERE contract = %s"
    return int(ask(dsn, sql, name)[0][0])


def ask(dsn: str, sql: str, *values: object) -> list[Any]:
    with closing(psycopg2.connect(dsn)) as conn, conn, conn.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def test_the_same_file_with_another_id_column_does_not_double_anybody(
    load_as: Load, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load_as("customer") == 0
    assert load_as("position") == 1
    said = capsys.readouterr().err
    assert "id column: 'customer' is loaded, 'position' is given" in said
    assert "REPLACE=1" in said
    assert customers(dsn) == 30


def test_replacing_leaves_only_the_customers_of_the_file(
    load_as: Load, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load_as("customer") == 0
    assert load_as("position", "--replace", rows=20) == 0
    assert "replaced the 30 customers that contract small had" in capsys.readouterr().out
    assert customers(dsn) == 20
    assert load_as("position", rows=20) == 0


def test_the_same_key_in_another_column_is_another_person(load_as: Load, dsn: str) -> None:
    sql = "SELECT customer_id FROM customer_features WHERE contract = 'small'"
    assert load_as("position") == 0
    first = {row[0] for row in ask(dsn, sql)}
    assert load_as("customer", "--replace") == 0
    assert first.isdisjoint({row[0] for row in ask(dsn, sql)})


def test_other_features_under_the_same_name_are_refused_and_named(
    load_as: Load, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load_as() == 0
    assert load_as(second="visits") == 1
    said = capsys.readouterr().err
    assert "features that only the loaded one has: calls from calls (integer)" in said
    assert "features that only the given one has: visits from calls (integer)" in said
    assert ask(dsn, "SELECT DISTINCT jsonb_object_keys(features) FROM customer_features ORDER BY 1") == [
        ("balance",), ("calls",),
    ]  # fmt: skip


def test_correcting_what_the_stored_customers_do_not_depend_on_asks_nothing(load_as: Load, dsn: str) -> None:
    assert load_as() == 0
    assert load_as(used="used = false") == 0
    assert customers(dsn) == 30


def test_two_banks_are_loaded_side_by_side(load_as: Load, dsn: str) -> None:
    assert load_as(name="north") == 0
    assert load_as(name="south") == 0
    assert (customers(dsn, "north"), customers(dsn, "south")) == (30, 30)
    assert ask(dsn, "SELECT count(DISTINCT customer_id) FROM customer_features") == [(60,)]


def test_without_an_id_column_another_file_is_other_people(
    load_as: Load, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load_as("(row number)") == 0
    assert load_as("(row number)") == 0
    before = ask(dsn, "SELECT DISTINCT customer_id FROM customer_features")
    assert load_as("(row number)", rows=20) == 1
    assert "a customer is a row of one file" in capsys.readouterr().err
    assert load_as("(row number)", "--replace", rows=20) == 0
    after = ask(dsn, "SELECT DISTINCT customer_id FROM customer_features")
    assert (len(after), set(after) & set(before)) == (20, set())


def test_customers_that_the_file_does_not_hold_are_counted(load_as: Load, capsys: pytest.CaptureFixture[str]) -> None:
    assert load_as() == 0
    assert load_as(rows=25) == 0
    assert "5 more customers are loaded under small and not in these files" in capsys.readouterr().out


def test_no_customer_is_replaced_under_a_run_that_is_under_way(
    load_as: Load, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load_as() == 0
    ask(
        dsn,
        "INSERT INTO model_registry (version, contract, algorithm, scorer, scorer_sha256, contract_toml,"
        " contract_sha256, training_sha256, metrics) VALUES ('v1', 'small', 'ebm', '', %s, '', '', '', '{}')",
        "0" * 64,
    )
    ask(
        dsn,
        "INSERT INTO runs (run_id, purpose, contract, model_version, scorer_sha256, prompt_versions, thresholds,"
        " batch_size, batches, planned) VALUES ('run-1', 'retention', 'small', 'v1', 'x', '{}', '{}', 50, 1, 1)",
    )
    assert load_as("position", "--replace") == 1
    assert "make resume RUN=run-1" in capsys.readouterr().err
    assert customers(dsn) == 30


def test_customers_that_an_earlier_version_loaded_are_not_doubled(
    load_as: Load, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load_as() == 0
    ask(dsn, "DELETE FROM loaded_contracts")
    assert load_as() == 0
    ask(dsn, "DELETE FROM loaded_contracts")
    assert load_as("position") == 1
    assert "an earlier version of Vigie loaded others" in capsys.readouterr().err


def test_a_contract_of_one_s_own_may_not_bear_a_shipped_name(
    load_as: Load, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load_as(name="bank") == 1
    assert "'bank' is a shipped contract, whose customers yours would join" in capsys.readouterr().err
    assert customers(dsn, "bank") == 0


@pytest.fixture
def banks(tmp_path: Path) -> tuple[Path, Path]:
    """The demo's folder, and somebody's own."""
    for name, seed in (("demo", 5), ("own", 6)):
        (tmp_path / name).mkdir()
        synthesise(tmp_path / name, customers=30, seed=seed, history=40)
    return tmp_path / "demo", tmp_path / "own"


def test_a_bank_of_one_s_own_does_not_join_the_demo_s_customers_unasked(
    banks: tuple[Path, Path], dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    demo, own = (["--data", str(bank), "--dsn", dsn] for bank in banks)
    numbers = re.compile(r"^([^,\n]{36}),\d{8},", re.MULTILINE)  # synthetic banks share their customers' numbers
    people = banks[1] / "customers.csv"
    people.write_text(numbers.sub(r"\1,,", people.read_text(encoding="utf-8")), encoding="utf-8")
    assert load([*demo, "--demo"]) == 0
    assert load(own) == 1
    said = capsys.readouterr().err
    assert "contract bank holds the demo's made-up customers, which yours would join" in said
    assert "REPLACE=1" in said
    assert customers(dsn, "bank") == 30
    assert load(demo) == 0  # the demo's own, again
    assert load([*own, "--replace"]) == 0
    assert customers(dsn, "bank") == 30
    assert load(own) == 0
