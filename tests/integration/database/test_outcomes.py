"""Outcomes of a campaign: what an operator may record, what is refused, and how they are added up."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest

from tests.integration.campaign_outcomes_bank import (
    CAMPAIGN,
    COST,
    HANDED,
    OFFER,
    OPERATOR,
    PROBABILITY,
    SAVE_RATE,
    STARTED,
    TODAY,
    add_members,
    hand_over,
    open_campaign,
    outcome,
    record,
)
from tests.integration.conftest import Bank

TREATED, HELD_OUT = list(range(1, 7)), list(range(11, 15))
OFFERED = TREATED[:3]
UNTOUCHED = TREATED[3]
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def campaign(bank: Bank) -> Bank:
    """Six treated customers, three of whom were offered something ten days ago, and four held out."""
    open_campaign(bank)
    treated = add_members(bank, TREATED, held_out=False)
    add_members(bank, HELD_OUT, held_out=True)
    hand_over(bank, treated[:3])
    bank.add_customer(99)
    return bank


@pytest.fixture
def clean(campaign: Bank) -> Bank:
    campaign.query("DELETE FROM outcomes")
    return campaign


def kept(bank: Bank) -> list[tuple[Any, ...]]:
    return bank.query("SELECT customer_id, outcome, accepted, occurred_on FROM outcomes ORDER BY customer_id")


def events(bank: Bank) -> list[dict[str, Any]]:
    sql = "SELECT details FROM audit_log WHERE event_type = 'OUTCOMES_RECORDED' ORDER BY seq"
    return [details for (details,) in bank.query(sql)]


def refused(bank: Bank, *rows: object, **how: str) -> psycopg2.Error:
    """What the database says to rows that it has to refuse whole, without a trace."""
    before = kept(bank), len(events(bank))
    with pytest.raises(psycopg2.Error) as caught:
        record(bank, *rows, **how)
    assert (kept(bank), len(events(bank))) == before
    return caught.value


def test_outcomes_of_both_arms_are_recorded_with_one_event(clean: Bank) -> None:
    rows = [outcome(1, accepted=True), outcome(UNTOUCHED, "left"), outcome(11, "left"), outcome(12, accepted=None)]
    assert record(clean, *rows) == (4, 0)
    assert [row[1:3] for row in kept(clean)] == [("stayed", True), ("left", None), ("left", None), ("stayed", None)]
    [(person_id,)] = clean.query("SELECT person_id::text FROM people WHERE person = %s", OPERATOR)
    assert events(clean)[-1] == {"campaign": CAMPAIGN, "person_id": person_id, "recorded": 4, "corrected": 0}


def test_the_same_file_again_changes_nothing_and_a_correction_is_counted(clean: Bank) -> None:
    record(clean, outcome(1), outcome(2))
    before = len(events(clean))
    assert record(clean, outcome(1), outcome(2)) == (0, 0)
    assert len(events(clean)) == before
    assert record(clean, outcome(1, "left"), outcome(2), outcome(3)) == (1, 1)
    assert (events(clean)[-1]["recorded"], events(clean)[-1]["corrected"]) == (1, 1)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (outcome(uuid4()), "is no customer's id"),
        (outcome("nobody"), "customer_id: nobody is no customer's id"),
        (outcome(99), "is no customer of campaign autumn"),
        (outcome(UNTOUCHED, on=STARTED - DAY), f"is before the campaign's start on {STARTED}"),
        (outcome(1, on=HANDED - DAY), f"is before the action was handed over on {HANDED}"),
        (outcome(1, on=TODAY + DAY), f"occurred_on: {TODAY + DAY} lies in the future"),
        (outcome(1, on="soon"), "occurred_on: soon is not a date"),
        (outcome(1, on="infinity"), "is not a date"),
        (outcome(1, "perhaps"), "outcome: perhaps write stayed or left"),
        ({"customer_id": str(uuid4())}, "is no customer's id"),
        (outcome(UNTOUCHED, accepted=True), "nothing was offered to this customer"),
        (outcome(11, accepted=False), "nothing was offered to this customer"),
        (outcome(1, accepted="yes"), "accepted: yes write true or false"),
        (outcome(1, reason="fees"), "reason: (nothing) is no field of an outcome"),
    ],
    ids=range(14),
)
def test_a_wrong_row_is_named_and_nothing_is_recorded(clean: Bank, row: dict[str, Any], said: str) -> None:
    error = refused(clean, outcome(2), {**row, "row": 7})
    assert error.pgcode == "VG009"
    assert str(error.diag.message_primary).startswith("row 7, ")
    assert said in str(error.diag.message_primary)
    assert "Nothing was recorded" in str(error.diag.message_hint)


def test_the_days_on_the_border_are_taken(clean: Bank) -> None:
    rows = outcome(1, on=HANDED), outcome(UNTOUCHED, on=STARTED), outcome(11, on=TODAY)
    assert record(clean, *rows) == (3, 0)


def test_a_customer_in_two_rows_is_refused(clean: Bank) -> None:
    assert "row 2, customer_id" in str(refused(clean, outcome(1), outcome(1, "left")))


@pytest.mark.parametrize("rows", [({},), (1,), ("x", outcome(1))])
def test_what_is_no_list_of_outcomes_is_refused(clean: Bank, rows: tuple[object, ...]) -> None:
    assert refused(clean, *rows).pgcode == "VG009"


def test_a_campaign_that_is_none_is_refused(clean: Bank) -> None:
    assert "nowhere is no campaign" in str(refused(clean, outcome(1), campaign="nowhere"))


@pytest.mark.parametrize("who", ["rene", "nobody"])
def test_only_an_operator_records(clean: Bank, who: str) -> None:
    assert refused(clean, outcome(1), who=who).pgcode == "VG008"


def test_no_other_role_records_and_the_operator_writes_no_table(clean: Bank) -> None:
    assert isinstance(refused(clean, outcome(1), role="dashboard"), psycopg2.errors.InsufficientPrivilege)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        clean.query("UPDATE outcomes SET outcome = 'stayed'", role="operator")


def arms(bank: Bank, role: str = "dashboard") -> dict[tuple[Any, ...], tuple[Any, ...]]:
    rows = bank.query("SELECT * FROM arm_outcomes(%s)", CAMPAIGN, role=role)
    return {row[:3]: row[3:] for row in rows}


def test_arms_are_added_up_by_segment_and_by_the_offer_that_both_were_meant_to_have(clean: Bank) -> None:
    record(
        clean, outcome(1, accepted=True), outcome(2, "left", accepted=False), outcome(UNTOUCHED), outcome(11, "left")
    )
    found = arms(clean)
    assert found["High", "treatment", OFFER] == (
        6, 3, 1, 1, 2, 2 * COST, 3 * PROBABILITY, 2 * PROBABILITY, pytest.approx(2 * PROBABILITY * SAVE_RATE)
    )  # fmt: skip
    assert found["High", "holdout", OFFER] == (4, 1, 1, 0, 0, 0, PROBABILITY, 0, 0)
    assert arms(clean, "operator") == found


def test_what_could_not_be_delivered_cost_nothing(clean: Bank) -> None:
    record(clean, outcome(1), outcome(2))
    clean.query("UPDATE handed_over SET answer = 'failed' WHERE proposal_id IN (SELECT proposal_id FROM proposals"
                " WHERE customer_id = %s)", UUID(outcome(1)["customer_id"]))  # fmt: skip
    assert arms(clean)["High", "treatment", OFFER][5] == COST
    clean.query("UPDATE handed_over SET answer = NULL")


def test_whose_consent_to_profiling_is_withdrawn_counts_in_no_segment(make_bank: Any) -> None:
    bank: Bank = make_bank()
    open_campaign(bank)
    [treated, withdrawn] = add_members(bank, [1, 2], held_out=False)
    record(bank, outcome(treated), outcome(withdrawn))
    bank.record_consent(withdrawn, "profiling", False)
    found = arms(bank)
    assert {key: values[0] for key, values in found.items()} == {
        ("High", "treatment", OFFER): 1,
        (None, "treatment", None): 1,
    }
