"""Attacks on the review of proposals by whoever has the password of a role and the name of a colleague."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg2
import pytest
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, ISOLATION_LEVEL_SERIALIZABLE

from tests.integration.conftest import Bank
from tests.integration.database.conftest import wait_until_blocked
from tests.review_bank import CAMPAIGN, FIRST, OTHER, SECOND, THIRD, ReviewBank
from vigie_local.migrations import FUNCTION_ROLES

SNAPSHOTS = [ISOLATION_LEVEL_REPEATABLE_READ, ISOLATION_LEVEL_SERIALIZABLE]
REVIEWERS = ("reviewer", "second_reviewer")
WRITTEN = ("proposals", "proposal_versions", "decisions", "review_claims", "people", "campaigns", "handed_over",
           "spent_on_withdrawn", "planted_proposals", "campaign_members", "arbitrations", "objections")  # fmt: skip
DECIDE = "SELECT decide(%s, %s, %s, %s, 'fits')"


@pytest.fixture(scope="module")
def review(make_bank: Callable[[], Bank]) -> ReviewBank:
    return ReviewBank(make_bank())


def refused(review: ReviewBank, role: str, sql: str, *arguments: object) -> str:
    """The code with which the database refuses a statement."""
    with pytest.raises(psycopg2.Error) as caught:
        review.bank.query(sql, *arguments, role=role)
    return str(caught.value.pgcode)


@pytest.mark.parametrize("role", sorted({*FUNCTION_ROLES} - {*REVIEWERS}))
def test_no_other_role_decides(review: ReviewBank, role: str) -> None:
    proposal = review.proposal()
    review.claim(FIRST, proposal)
    assert refused(review, role, DECIDE, FIRST, proposal, "approve", review.hash(proposal)) == "42501"


@pytest.mark.parametrize("table", WRITTEN)
@pytest.mark.parametrize("role", [*REVIEWERS, "dashboard", "operator", "officer"])
def test_nobody_writes_the_tables_themselves(review: ReviewBank, role: str, table: str) -> None:
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET ctid = ctid", f"INSERT INTO {table} DEFAULT VALUES"):
        connection = review.bank.connect(role)
        connection.set_session(readonly=False)
        with (
            pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.FeatureNotSupported)),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
        connection.close()
    assert review.bank.query("SELECT has_any_column_privilege(%s, %s, 'INSERT, UPDATE')", role, table) == [(False,)]


def test_nobody_forges_what_was_seen_or_how_long_it_took(review: ReviewBank) -> None:
    """Neither is an argument: the function notes both, from its own rows and its own clock."""
    arguments = [names for (names,) in review.bank.query("SELECT proargnames FROM pg_proc WHERE proname = 'decide'")]
    assert arguments == [["who", "proposal", "decision", "content_sha256", "reason"]]
    proposal = review.proposal()
    review.claim(FIRST, proposal)
    for sql in (
        "UPDATE review_claims SET shown_at = shown_at - interval '1 hour'",
        "INSERT INTO review_claims (proposal_id, person, expires_at) VALUES (uuidv7(), 'ada', 'infinity')",
        "SELECT record_decision('ada', NULL, 'approve', 'fits', NULL, '{}', 3600)",
        "SELECT case_of(uuidv7())",
    ):
        assert refused(review, "reviewer", sql) == "42501", sql


@pytest.mark.parametrize("person", [SECOND, "zoe", "", None])
def test_a_reviewer_s_password_acts_for_reviewers_only(review: ReviewBank, person: str | None) -> None:
    proposal = review.proposal()
    content = review.hash(proposal)
    for sql, arguments in (
        (DECIDE, (proposal, "approve", content)),
        ("SELECT * FROM claim_proposals(%s, 1, %s)", (CAMPAIGN,)),
        ("SELECT release_claims(%s)", ()),
        ("SELECT open_case(%s, %s)", (proposal,)),
        ("SELECT edit_proposal(%s, %s, 'fee_review', 'Words.')", (proposal,)),
        ("SELECT approve_in_bulk(%s, %s, %s)", ([proposal], [content])),
        ("SELECT undo_decision(%s, %s)", (proposal,)),
        ("SELECT undo_bulk(%s, %s)", (uuid4(),)),
    ):
        assert refused(review, "reviewer", sql, person, *arguments) == "VG008", sql


def test_nobody_acts_for_who_is_not_active_any_more(review: ReviewBank) -> None:
    review.bank.query("INSERT INTO people (person, duty, active) VALUES ('gone', 'reviewer', false)")
    assert refused(review, "reviewer", "SELECT * FROM claim_proposals('gone', 1, %s)", CAMPAIGN) == "VG008"


def test_no_person_may_give_the_second_approval_through_the_first_role(review: ReviewBank) -> None:
    proposal = review.proposal("loan_review")
    review.decide(FIRST, proposal)
    content = review.hash(proposal)
    for role, person in (("reviewer", OTHER), ("reviewer", THIRD), ("second_reviewer", OTHER)):
        assert refused(review, role, DECIDE, person, proposal, "second_approve", content) == "VG008"


def test_bytes_that_were_changed_are_not_approved(review: ReviewBank) -> None:
    proposal = review.proposal()
    seen = review.hash(proposal)
    review.edit(OTHER, proposal, "Let us look at your fees together.")
    review.claim(FIRST, proposal)
    for content in (seen, "0" * 64, "", None):
        assert refused(review, "reviewer", DECIDE, FIRST, proposal, "approve", content) == "VG009"
    assert review.state(proposal) == "open"


def test_an_approval_of_changed_bytes_counts_for_nothing(review: ReviewBank) -> None:
    proposal = review.proposal("loan_review")
    review.decide(FIRST, proposal)
    review.edit(SECOND, proposal, "Let us look at your loan together.", "loan_review")
    review.claim(THIRD, proposal)
    content = review.hash(proposal)
    assert refused(review, "second_reviewer", DECIDE, THIRD, proposal, "second_approve", content) == "VG009"
    assert review.state(proposal) == "open"


def test_not_even_the_owner_changes_bytes_that_were_decided_on(review: ReviewBank) -> None:
    proposal = review.proposal()
    review.decide(FIRST, proposal)
    for sql in (
        "UPDATE proposal_versions SET price_eur = 1",
        "UPDATE proposal_versions SET message = 'Other words.'",
        "DELETE FROM proposal_versions",
        "UPDATE decisions SET person = 'ben'",
        "UPDATE decisions SET seen = '{}'",
        "DELETE FROM decisions",
        "UPDATE proposals SET recipient_ref = gen_random_uuid()",
        "DELETE FROM proposals",
        "TRUNCATE decisions",
    ):
        assert refused(review, "owner", sql) == "42501", sql
    lie = (
        "INSERT INTO proposal_versions SELECT proposal_id, 2, offer_id, channel, language, 'Other words.', price_eur,"
        " 'composed', author, nonce, content_sha256 FROM proposal_versions WHERE proposal_id = %s"
    )
    assert refused(review, "owner", lie, proposal) == "VG009"


def test_nothing_is_decided_without_a_claim_or_unseen(review: ReviewBank) -> None:
    proposal = review.proposal()
    content = review.hash(proposal)
    assert refused(review, "reviewer", DECIDE, FIRST, proposal, "approve", content) == "VG009"
    review.claim(OTHER, proposal)
    assert refused(review, "reviewer", DECIDE, FIRST, proposal, "approve", content) == "VG009"
    assert refused(review, "reviewer", "SELECT open_case(%s, %s)", FIRST, proposal) == "VG009"
    review.claim(FIRST, proposal)
    review.bank.query("UPDATE review_claims SET expires_at = clock_timestamp() WHERE proposal_id = %s", proposal)
    assert refused(review, "reviewer", DECIDE, FIRST, proposal, "approve", content) == "VG009"
    review.claim(FIRST, proposal)
    review.bank.query("UPDATE review_claims SET shown_at = NULL WHERE proposal_id = %s", proposal)
    assert refused(review, "reviewer", DECIDE, FIRST, proposal, "approve", content) == "VG009"
    assert refused(review, "reviewer", DECIDE, FIRST, uuid4(), "approve", content) == "VG009"
    assert review.state(proposal) == "open"


@pytest.mark.parametrize("column", ["expires_at", "superseded_at", "withdrawn_at"])
def test_nothing_is_decided_once_it_is_over(review: ReviewBank, column: str) -> None:
    proposal, other = review.proposal(), review.proposal()
    for each in (proposal, other):
        review.claim(FIRST, each)
        review.bank.query(f"UPDATE proposals SET {column} = clock_timestamp() WHERE proposal_id = %s", each)
    content = review.hash(proposal)
    assert refused(review, "reviewer", DECIDE, FIRST, proposal, "approve", content) == "VG009"
    edit = "SELECT edit_proposal(%s, %s, 'fee_review', 'Other words.')"
    assert refused(review, "reviewer", edit, FIRST, other) == "VG009"
    bulk = "SELECT approve_in_bulk(%s, %s, %s)"
    assert refused(review, "reviewer", bulk, FIRST, [other], [review.hash(other)]) == "VG009"


def test_who_edited_never_gives_the_second_approval_whoever_edited_last(review: ReviewBank) -> None:
    proposal = review.proposal()
    review.edit(SECOND, proposal, "Let us look at your fees together.")
    review.edit(OTHER, proposal, "Let us look at your fees together, soon.")
    review.decide(FIRST, proposal)
    review.claim(SECOND, proposal)
    content = review.hash(proposal)
    assert refused(review, "second_reviewer", DECIDE, SECOND, proposal, "second_approve", content) == "VG009"
    assert review.decide(THIRD, proposal, "second_approve") == "approved"


def test_nobody_decides_twice_on_the_same_bytes(review: ReviewBank) -> None:
    proposal = review.proposal("loan_review")
    review.decide(SECOND, proposal)
    review.claim(SECOND, proposal)
    content = review.hash(proposal)
    for decision, reason in (("approve", "fits"), ("second_approve", "fits"), ("reject", "other")):
        sql = "SELECT decide(%s, %s, %s, %s, %s)"
        assert refused(review, "second_reviewer", sql, SECOND, proposal, decision, content, reason) == "VG009"


def test_two_at_once_do_not_overdraw_a_budget(make_bank: Callable[[], Bank]) -> None:
    """The first approval is not committed yet; the second has to wait for it, and is refused."""
    review = ReviewBank(make_bank(), budget=50)
    mine, yours = review.proposal(), review.proposal()
    review.claim(FIRST, mine)
    review.claim(OTHER, yours)
    contents = review.hash(mine), review.hash(yours)
    first = review.bank.connect("reviewer")
    with ThreadPoolExecutor(1) as other:
        with first, first.cursor() as cursor:
            cursor.execute(DECIDE, (FIRST, mine, "approve", contents[0]))
            second = other.submit(refused, review, "reviewer", DECIDE, OTHER, yours, "approve", contents[1])
            wait_until_blocked(review.bank)
        assert second.result() == "VG009"
    first.close()
    assert review.bank.query("SELECT budget_left(%s)", CAMPAIGN) == [(20,)]


@pytest.mark.parametrize("level", SNAPSHOTS)
def test_an_old_snapshot_does_not_decide(review: ReviewBank, level: int) -> None:
    proposal = review.proposal()
    review.claim(FIRST, proposal)
    content = review.hash(proposal)
    bulk = ([proposal], [content])
    for sql, arguments in (
        (DECIDE, (FIRST, proposal, "approve", content)),
        ("SELECT open_case(%s, %s)", (FIRST, proposal)),
        ("SELECT approve_in_bulk(%s, %s, %s)", (FIRST, *bulk)),
        ("SELECT edit_proposal(%s, %s, 'fee_review', 'Words.')", (FIRST, proposal)),
        ("SELECT undo_decision(%s, %s)", (FIRST, proposal)),
        ("SELECT undo_bulk(%s, %s)", (FIRST, uuid4())),
        ("SELECT * FROM claim_proposals(%s, 1, %s)", (FIRST, CAMPAIGN)),
    ):
        connection = review.bank.connect("reviewer")
        connection.set_isolation_level(level)
        with pytest.raises(psycopg2.Error) as caught, connection.cursor() as cursor:
            cursor.execute(sql, arguments)
        assert caught.value.pgcode == "VG004", sql
        connection.close()


def test_a_decision_and_a_withdrawal_at_once_leave_nothing_that_was_seen(review: ReviewBank) -> None:
    proposal = review.proposal()
    review.claim(FIRST, proposal)
    [(customer,)] = review.bank.query("SELECT customer_id FROM proposals WHERE proposal_id = %s", proposal)
    deciding = review.bank.connect("reviewer")
    with ThreadPoolExecutor(1) as other:
        with deciding, deciding.cursor() as cursor:
            cursor.execute(DECIDE, (FIRST, proposal, "approve", review.hash(proposal)))
            withdrawn = other.submit(review.bank.record_consent, customer, "profiling", False)
            wait_until_blocked(review.bank)
        withdrawn.result()
    deciding.close()
    assert review.state(proposal) == "withdrawn"
    assert review.bank.query("SELECT seen, reason FROM decisions WHERE proposal_id = %s", proposal) == [
        (None, "erased")
    ]


def held_out(review: ReviewBank, customer: UUID) -> None:
    sql = "INSERT INTO campaign_members (campaign_id, customer_id, draw, held_out) VALUES (%s, %s, 0, true)"
    review.bank.query(sql, CAMPAIGN, customer)


def test_a_held_out_customer_gets_no_proposal(review: ReviewBank) -> None:
    run, [customer, _] = review.plan(2)
    held_out(review, customer)
    assert refused(review, "planner", "SELECT * FROM propose(%s)", run) == "VG009"
    assert review.proposals(run) == []
    direct = "INSERT INTO proposals (campaign_id, run_id, customer_id, expires_at) VALUES (%s, %s, %s, 'infinity')"
    assert refused(review, "owner", direct, CAMPAIGN, run, customer) == "VG009"


@pytest.mark.parametrize("role", sorted({*FUNCTION_ROLES} - {"planner"}))
def test_only_the_planner_proposes(review: ReviewBank, role: str) -> None:
    run, _ = review.plan(0)
    assert refused(review, role, "SELECT * FROM propose(%s)", run) == "42501"


def test_a_withdrawn_customer_gets_no_proposal(review: ReviewBank) -> None:
    """The withdrawal came between the arbitration and the proposals."""
    run, [customer] = review.plan(1)
    review.bank.record_consent(customer, "feedback_analysis", False)
    assert review.propose(run) == (0, 0)


@pytest.mark.parametrize("role", REVIEWERS)
def test_a_reviewer_s_role_reads_states_and_nothing_else(review: ReviewBank, role: str) -> None:
    for table in ("customers", "proposals", "proposal_versions", "decisions", "planted_proposals", "people",
                  "audit_log", "predictions", "actions", "campaign_keys", "proposal_marks"):  # fmt: skip
        assert refused(review, role, f"SELECT count(*) FROM {table}") == "42501", table


@pytest.mark.parametrize("role", REVIEWERS)
def test_no_role_writes_the_events_of_a_decision_itself(review: ReviewBank, role: str) -> None:
    sql = (
        "INSERT INTO audit_log (event_id, occurred_at, agent, event_type, status, details)"
        " VALUES (uuidv7(), clock_timestamp(), %s, 'PROPOSAL_DECIDED', 'ok', %s)"
    )
    assert refused(review, role, sql, role, json.dumps({"decision": "approve"})) == "42501"
