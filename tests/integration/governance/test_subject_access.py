"""A customer who asks gets everything that is held and was done, and nothing about anybody else."""

from __future__ import annotations

import json
import stat
import uuid
from pathlib import Path

import pytest

from tests.integration.campaign_bank import OPERATOR, CampaignBank, spring  # noqa: F401 - fixture
from tests.integration.conftest import Bank, customer
from vigie_operations.subject_access import OF_PROPOSALS, UnknownCustomerError, collect, write_answer

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
    assert {row[0] for row in filled.query(TABLES_WITH_PEOPLE.replace("%%", "%"))} == set(held) - set(OF_PROPOSALS)


def test_proposals_decisions_and_hand_overs_are_told_and_no_name_of_staff(spring: CampaignBank) -> None:  # noqa: F811
    proposal, other = spring.approved(message="We look at your fees, Ada."), spring.approved()
    customer_id = spring.customer_of(proposal)
    spring.query(
        "INSERT INTO arbitrations (run_id, customer_id, verdict, offer_id, channel, expected_value_eur, cost_eur,"
        " considered)"
        " VALUES ('run', %s, 'below_break_even', NULL, NULL, NULL, NULL, '[{\"offer_id\": \"fee_review\"}]')",
        customer_id,
    )
    [mine, _] = spring.hand_over()
    spring.query(
        "INSERT INTO outcomes (campaign_id, customer_id, outcome, occurred_on) "
        " VALUES ('spring', %s, 'stayed', '2026-11-01')",
        customer_id,
    )
    spring.query(
        "INSERT INTO objections (proposal_id, received_on, recorded_by, event_id)"
        " SELECT %s, '2026-11-01', 'odile', event_id FROM hand_overs", proposal,
    )  # fmt: skip
    connection = spring.connect()
    try:
        held = collect(connection, customer_id)
    finally:
        connection.close()
    people = dict(spring.query("SELECT duty, person_id::text FROM people"))
    assert [row["held_out"] for row in held["campaign_members"]] == [False]
    assert [row["verdict"] for row in held["arbitrations"]] == ["below_break_even"]
    assert [row["message"] for row in held["proposal_versions"]] == ["We look at your fees, Ada."]
    [decision] = held["decisions"]
    assert (decision["decision"], decision["reason"], decision["duty"]) == ("approve", "fits", "reviewer")
    assert decision["person_id"] == people["reviewer"]
    assert decision["seen"]["message"] == "We look at your fees, Ada."
    [handed] = held["handed_over"]
    assert (handed["hand_over_id"], handed["person_id"]) == (str(mine[0]), people["operator"])
    assert [row["outcome"] for row in held["outcomes"]] == ["stayed"]
    assert [row["recorded_by"] for row in held["objections"]] == [people["officer"]]
    whole = json.dumps(held)
    assert str(other) not in whole
    assert not any(f'"{name}"' in whole for name in (OPERATOR, "rene", "odile")), "staff are named by their id"


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
