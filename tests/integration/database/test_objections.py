"""A contested decision is decided anew by another person, and answered once, with a date."""

import datetime
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg2
import pytest

from tests.integration.conftest import Bank
from tests.oversight_bank import OFFICER, OPERATOR, OversightBank
from tests.review_bank import FIRST, OTHER, SECOND, THIRD

TODAY = datetime.datetime.now(datetime.UTC).date()


@pytest.fixture(scope="module")
def review(make_bank: Callable[[], Bank]) -> OversightBank:
    return OversightBank(make_bank(), share=0)


def object_to(review: OversightBank, proposal: UUID) -> UUID:
    return UUID(str(review.as_role(OPERATOR, "record_objection", proposal, TODAY)))


def answer(review: OversightBank, person: str, objection: UUID, word: str | None) -> Any:
    return review.as_role(person, "answer_objection", objection, word)


def refused(
    review: OversightBank, person: str, call: str, *arguments: Any, code: str = "VG009", says: str = "."
) -> None:
    with pytest.raises(psycopg2.Error, match=says) as caught:
        review.as_role(person, call, *arguments)
    assert caught.value.pgcode == code


def test_another_person_decides_anew_and_the_answer_has_a_date(review: OversightBank) -> None:
    proposal = review.proposal()
    review.decide(FIRST, proposal)
    objection = object_to(review, proposal)
    assert review.state(proposal) == "objected"
    with pytest.raises(psycopg2.Error, match="another person"):
        review.decide(FIRST, proposal)
    refused(review, OTHER, "answer_objection", objection, "upheld", says="no new decision")
    review.decide(OTHER, proposal, "reject", "wrong_customer")
    refused(review, OTHER, "answer_objection", objection, "upheld", says="does not fit")
    refused(review, FIRST, "answer_objection", objection, "changed", code="VG008", says="did not decide before")
    refused(review, OPERATOR, "answer_objection", objection, "changed", code="VG008")
    assert answer(review, OTHER, objection, "changed") == TODAY
    assert review.state(proposal) == "rejected"
    refused(review, OFFICER, "answer_objection", objection, "changed", says="was answered on")


def test_what_is_approved_anew_stands(review: OversightBank) -> None:
    proposal = review.proposal()
    review.decide(FIRST, proposal)
    objection = object_to(review, proposal)
    review.decide(SECOND, proposal)
    refused(review, OFFICER, "answer_objection", objection, "changed", says="does not fit")
    answer(review, OFFICER, objection, "upheld")
    assert review.state(proposal) == "approved"


def test_an_edit_is_a_change(review: OversightBank) -> None:
    proposal = review.proposal()
    review.decide(FIRST, proposal)
    objection = object_to(review, proposal)
    review.edit(SECOND, proposal, "We look at your fees, as you asked.")
    refused(review, OFFICER, "answer_objection", objection, "changed", says="no new decision")
    review.decide(OTHER, proposal)
    review.decide(THIRD, proposal, "second_approve")
    refused(review, OFFICER, "answer_objection", objection, "upheld", says="does not fit")
    answer(review, OFFICER, objection, "changed")


def test_the_customer_may_take_it_back(review: OversightBank) -> None:
    proposal = review.proposal()
    review.decide(FIRST, proposal)
    objection = object_to(review, proposal)
    answer(review, OPERATOR, objection, "withdrawn")
    assert review.state(proposal) == "approved"
    again = object_to(review, proposal)
    assert again != objection


def test_what_is_refused(review: OversightBank) -> None:
    proposal = review.proposal()
    tomorrow = TODAY + datetime.timedelta(days=1)
    refused(review, OPERATOR, "record_objection", proposal, TODAY, says="no decision to contest")
    review.decide(FIRST, proposal)
    for day in (None, tomorrow, TODAY - datetime.timedelta(days=1)):
        refused(review, OPERATOR, "record_objection", proposal, day, says="received_on")
    refused(review, OPERATOR, "record_objection", UUID(int=1), TODAY, says="there is no proposal")
    objection = object_to(review, proposal)
    refused(review, OPERATOR, "record_objection", proposal, TODAY, says="contested already")
    for word in (None, "", "Upheld", "approve"):
        refused(review, OFFICER, "answer_objection", objection, word, says="is unknown")
    refused(review, OFFICER, "answer_objection", UUID(int=1), "upheld", says="there is no objection")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        review.ask(FIRST, "record_objection", proposal, TODAY, role="reviewer")
    with pytest.raises(psycopg2.Error, match="may not do this"):
        review.ask(FIRST, "record_objection", proposal, TODAY, role="operator")


def test_a_withdrawn_consent_leaves_nothing_to_decide_anew(review: OversightBank) -> None:
    proposal = review.proposal()
    review.decide(FIRST, proposal)
    objection = object_to(review, proposal)
    [(customer_id,)] = review.bank.query("SELECT customer_id FROM proposals WHERE proposal_id = %s", proposal)
    review.bank.record_consent(customer_id, "profiling", False)
    refused(review, FIRST, "answer_objection", objection, "changed", code="VG008")
    answer(review, OFFICER, objection, "changed")
    assert review.state(proposal) == "withdrawn"


def test_events_name_people_and_records_and_nothing_else(review: OversightBank) -> None:
    proposal = review.proposal()
    review.decide(FIRST, proposal)
    objection = object_to(review, proposal)
    answer(review, OPERATOR, objection, "withdrawn")
    rows = review.bank.query(
        "SELECT event_type, agent, details FROM audit_log WHERE details ->> 'objection_id' = %s ORDER BY seq",
        str(objection),
    )
    [(person_id,)] = review.bank.query("SELECT person_id::text FROM people WHERE person = %s", OPERATOR)
    named = {
        "campaign": review.campaign,
        "proposal_id": str(proposal),
        "objection_id": str(objection),
        "person_id": person_id,
    }
    assert rows == [
        ("OBJECTION_RECORDED", "operator", named),
        ("OBJECTION_ANSWERED", "operator", {**named, "answer": "withdrawn"}),
    ]


def test_the_list_says_what_waits_and_until_when(review: OversightBank) -> None:
    proposal = review.proposal()
    review.decide(FIRST, proposal)
    objection = object_to(review, proposal)
    listed = review.bank.query("SELECT * FROM list_objections(%s)", OTHER, role="reviewer")
    [row] = [row for row in listed if row[0] == objection]
    assert row[1:4] == (proposal, review.campaign, TODAY)
    assert 28 <= (row[4] - TODAY).days <= 31
    assert row[5:] == (None, None, False)
    with pytest.raises(psycopg2.Error, match="may not do this"):
        review.bank.query("SELECT * FROM list_objections('nobody')", role="reviewer")


@pytest.mark.parametrize(
    "change",
    ["DELETE FROM objections", "TRUNCATE objections", "UPDATE objections SET received_on = received_on - 1",
     "UPDATE objections SET answer = 'changed' WHERE answer = 'withdrawn'"],
)  # fmt: skip
def test_an_objection_stays(review: OversightBank, change: str) -> None:
    proposal = review.proposal()
    review.decide(FIRST, proposal)
    answer(review, OPERATOR, object_to(review, proposal), "withdrawn")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="refused"):
        review.bank.query(change)
