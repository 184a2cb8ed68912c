"""A customer who asks gets everything that is held and was done, and nothing about anybody else."""

from __future__ import annotations

import json
import stat
import uuid
from pathlib import Path

import pytest

from tests.integration.conftest import Bank, customer
from vigie_operations.subject_access import UnknownCustomerError, collect, write_answer

ASKING, OTHER = 1, 2
TABLES_WITH_PEOPLE = """
SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.column_name LIKE '%%customer_id%%'
"""


@pytest.fixture(scope="module")
def filled(bank: Bank) -> Bank:
    bank.approve_model()
    for number in (ASKING, OTHER):
        bank.add_customer(number)
        bank.add_feedback(number, f"I am customer {number} and the app crashes.")
    bank.plan("run-1", [ASKING, OTHER])
    bank.query(
        "INSERT INTO predictions (run_id, customer_id, model_version, probability, log_odds, intercept, contributions,"
        " drivers) SELECT 'run-1', customer_id, 'tiny-1', 0.5, 0, 0, '{\"tenure\": 0.1}', '[]' FROM customers"
    )
    return bank


def test_everything_held_and_done_about_the_customer_is_listed_and_nothing_about_another(filled: Bank) -> None:
    connection = filled.connect()
    try:
        held = collect(connection, customer(ASKING))
    finally:
        connection.close()
    assert list(held)[:2] == ["customers", "consents"]
    assert {table: len(rows) for table, rows in held.items() if rows} == {
        "customers": 1, "consents": 3, "customer_features": 1, "feedback": 1, "run_customers": 1, "predictions": 1,
        "audit_log": 3,
    }  # fmt: skip
    assert held["customers"][0]["email"] == "ada.byron.1@example.org"
    assert {row["customer_id"] for rows in held.values() for row in rows} == {str(customer(ASKING))}
    assert "customer 2" not in json.dumps(held)


def test_no_table_that_names_a_customer_is_left_out(filled: Bank) -> None:
    connection = filled.connect()
    try:
        held = collect(connection, customer(ASKING))
    finally:
        connection.close()
    assert {row[0] for row in filled.query(TABLES_WITH_PEOPLE.replace("%%", "%"))} == set(held)


def test_both_files_say_the_same_and_only_their_owner_can_open_them(filled: Bank, tmp_path: Path) -> None:
    connection = filled.connect()
    try:
        held = collect(connection, customer(ASKING))
    finally:
        connection.close()
    for path in write_answer(tmp_path / "answer", customer(ASKING), held):
        text = path.read_text(encoding="utf-8")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "ada.byron.1@example.org" in text
        assert "I am customer 1 and the app crashes." in text


def test_an_unknown_customer_is_reported_as_such(filled: Bank) -> None:
    connection = filled.connect()
    try:
        with pytest.raises(UnknownCustomerError, match="is no customer's id"):
            collect(connection, uuid.uuid4())
    finally:
        connection.close()
