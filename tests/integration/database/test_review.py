"""Review by people, through the database's functions: what each decision does, and what each refuses."""

from collections.abc import Callable

import psycopg2
import pytest

from tests.integration.conftest import Bank
from tests.review_bank import CAMPAIGN, FIRST, OTHER, SECOND, THIRD, ReviewBank


@pytest.fixture(scope="module")
def review(make_bank: Callable[[], Bank]) -> ReviewBank:
    return ReviewBank(make_bank())


def test_a_run_s_best_offers_become_proposals_once(review: ReviewBank) -> None:
    run, _ = review.plan(3)
    assert review.propose(run) == (3, 0)
    assert review.propose(run) == (3, 0)
    assert len(review.proposals(run)) == 3
    [(customer, status, details)] = review.bank.events(run, "PROPOSALS_ALLOCATED")
    assert (customer, status) == (None, "ok")
    assert details == {"campaign": CAMPAIGN, "proposed": 3, "superseded": 0, "over_budget": 0, "held_out": 0}


def test_one_approval_is_enough_for_a_cheap_offer_in_reviewed_words(review: ReviewBank) -> None:
    proposal = review.proposal()
    assert review.state(proposal) == "open"
    assert review.decide(FIRST, proposal) == "approved"


def refused(
    review: ReviewBank, person: str, call: str, *arguments: object, code: str = "VG009", says: str = "."
) -> None:
    with pytest.raises(psycopg2.Error, match=says) as caught:
        review.ask(person, call, *arguments)
    assert caught.value.pgcode == code


def test_a_newer_run_supersedes_what_nobody_has_decided(review: ReviewBank) -> None:
    first, [waiting, approved, rejected] = review.plan(3)
    review.propose(first)
    old = dict(zip((waiting, approved, rejected), review.proposals(first), strict=True))
    review.decide(FIRST, old[approved])
    review.decide(FIRST, old[rejected], "reject", "wrong_offer")
    second, _ = review.plan(0)
    for customer in (waiting, approved, rejected):
        review.decide_offer(second, customer)
    assert review.propose(second) == (2, 1)
    assert [review.state(old[customer]) for customer in (waiting, approved, rejected)] == [
        "superseded", "approved", "rejected",
    ]  # fmt: skip
    assert review.propose(second) == (2, 1)
    review.claim(FIRST, old[waiting])
    refused(review, FIRST, "decide", old[waiting], "approve", review.hash(old[waiting]), "fits", says="superseded")


def test_a_run_without_a_campaign_proposes_nothing(review: ReviewBank) -> None:
    run, _ = review.plan(1)
    review.bank.query("UPDATE runs SET campaign_id = NULL WHERE run_id = %s", run)
    assert review.propose(run) == (0, 0)
    assert review.bank.events(run, "PROPOSALS_ALLOCATED") == []


def test_drafts_are_proposed_where_the_guard_found_nothing_in_them(review: ReviewBank) -> None:
    sql = "SELECT wording, message FROM proposal_versions WHERE proposal_id = %s"
    clean = review.proposal(draft="In the model's own words.")
    assert review.bank.query(sql, clean) == [("drafted", "In the model's own words.")]
    found = review.proposal(draft="We refund you 500 euros.", findings=("AMOUNT",))
    assert review.bank.query(sql, found)[0][0] == "catalogue"
    composed, _ = review.plan(0)
    review.decide_offer(composed, draft="In the model's own words.")
    review.propose(composed)
    assert review.bank.query(sql, review.proposals(composed)[0])[0][0] == "catalogue"


@pytest.mark.parametrize(
    ("offer", "draft", "reasons"),
    [
        ("savings_review", None, []),
        ("fee_review", "In the model's own words.", ["drafted"]),
        ("loan_review", None, ["price", "offer"]),
    ],
)
def test_what_needs_a_second_approval_gets_it_from_another_person(
    review: ReviewBank, offer: str, draft: str | None, reasons: list[str]
) -> None:
    proposal = review.proposal(offer, draft=draft) if draft else review.proposal(offer)
    sql = "SELECT second_reasons, needs_second FROM proposal_states WHERE proposal_id = %s"
    assert review.bank.query(sql, proposal) == [(reasons, bool(reasons))]
    if not reasons:
        assert review.decide(FIRST, proposal) == "approved"
        return
    assert review.decide(FIRST, proposal) == "awaiting_second"
    assert review.decide(SECOND, proposal, "second_approve") == "approved"


def test_a_second_reviewer_may_approve_first_but_not_twice(review: ReviewBank) -> None:
    proposal = review.proposal("loan_review")
    assert review.decide(SECOND, proposal) == "awaiting_second"
    review.claim(SECOND, proposal)
    refused(review, SECOND, "decide", proposal, "second_approve", review.hash(proposal), "fits", says="another person")
    assert review.decide(THIRD, proposal, "reject", "price_too_high") == "rejected"


def test_an_edit_voids_the_approval_and_asks_for_four_eyes(review: ReviewBank) -> None:
    proposal = review.proposal("loan_review")
    old = review.hash(proposal)
    assert review.decide(FIRST, proposal) == "awaiting_second"
    new = review.edit(SECOND, proposal, "Let us look at your fees together.")
    assert new == review.hash(proposal) != old
    found = "SELECT state, version, edited_by, second_reasons, price_eur, offer_id FROM proposal_states"
    assert review.bank.query(f"{found} WHERE proposal_id = %s", proposal) == [
        ("open", 2, SECOND, ["edited"], 30, "fee_review")
    ]
    assert review.decide(FIRST, proposal) == "awaiting_second"
    review.claim(SECOND, proposal)
    refused(review, SECOND, "decide", proposal, "second_approve", new, "fits", says="another person")
    assert review.decide(THIRD, proposal, "second_approve") == "approved"


def test_who_edits_may_approve_first_and_needs_another(review: ReviewBank) -> None:
    proposal = review.proposal()
    review.edit(FIRST, proposal, "Let us look at your fees together.")
    assert review.decide(FIRST, proposal) == "awaiting_second"
    assert review.decide(SECOND, proposal, "second_approve") == "approved"


@pytest.mark.parametrize(
    ("offer", "message", "says"),
    [
        ("digital_help", "Words.", "not in the catalogue"),
        ("fee_review", "", "1 to 1200"),
        ("fee_review", "x" * 1201, "1 to 1200"),
        ("fee_review", "Two\nlines.", "one paragraph"),
        ("fee_review", None, "1 to 1200"),
    ],
)
def test_an_edit_that_cannot_be_is_refused(review: ReviewBank, offer: str, message: str | None, says: str) -> None:
    proposal = review.proposal()
    review.claim(FIRST, proposal)
    refused(review, FIRST, "edit_proposal", proposal, offer, message, says=says)
    assert review.hash(proposal)


def test_an_edit_that_changes_nothing_is_refused(review: ReviewBank) -> None:
    proposal = review.proposal()
    review.claim(FIRST, proposal)
    [(message,)] = review.bank.query("SELECT message FROM proposal_versions WHERE proposal_id = %s", proposal)
    refused(review, FIRST, "edit_proposal", proposal, "fee_review", message, says="already")


def test_a_case_says_what_there_is_to_decide_on_and_no_name(review: ReviewBank) -> None:
    proposal = review.proposal()
    review.bank.query("INSERT INTO review_claims (proposal_id, person, expires_at)"
                      " VALUES (%s, %s, clock_timestamp() + interval '1 minute')", proposal, FIRST)  # fmt: skip
    case = review.ask(FIRST, "open_case", proposal)
    assert case["content_sha256"] == review.hash(proposal)
    assert (case["offer_id"], case["price_eur"], case["probability"], case["segment"]) == (
        "fee_review",
        30,
        0.8,
        "High",
    )
    assert case["drivers"] == [{"feature": "complaints"}]
    assert case["considered"] == [{"offer_id": "fee_review", "verdict": "chosen"}]
    assert set(case) >= {"title_fr", "title_en", "channel", "language", "message", "expected_value_eur", "sentiment",
                         "topics", "budget_left_eur", "second_reasons", "expires_at"}  # fmt: skip
    assert "customer_id" not in case
    assert "Byron" not in str(case)


def test_what_was_seen_and_how_long_it_took_is_kept(review: ReviewBank) -> None:
    proposal = review.proposal()
    review.claim(FIRST, proposal)
    review.bank.query(
        "UPDATE review_claims SET shown_at = shown_at - interval '42 seconds' WHERE proposal_id = %s", proposal
    )
    case = review.ask(FIRST, "open_case", proposal)
    review.ask(FIRST, "decide", proposal, "approve", review.hash(proposal), "fits")
    [(seen, seconds, reason)] = review.bank.query(
        "SELECT seen, seconds, reason FROM decisions WHERE proposal_id = %s", proposal
    )
    assert seen == case
    assert 42 <= seconds < 60
    assert reason == "fits"


def test_the_trail_names_the_person_by_number_and_no_result(review: ReviewBank) -> None:
    proposal = review.proposal()
    review.decide(FIRST, proposal, "reject", "vulnerable_customer")
    [(run,)] = review.bank.query("SELECT run_id FROM proposals WHERE proposal_id = %s", proposal)
    [(_, status, details)] = review.bank.events(run, "PROPOSAL_DECIDED")
    [(person,)] = review.bank.query("SELECT person_id::text FROM people WHERE person = %s", FIRST)
    assert status == "ok"
    assert details == {"campaign": CAMPAIGN, "proposal_id": str(proposal), "person_id": person, "version": 1,
                       "content_sha256": review.hash(proposal), "decision": "reject", "in_bulk": False}  # fmt: skip


def test_claims_go_by_expected_value_and_to_one_person_each(make_bank: Callable[[], Bank]) -> None:
    review = ReviewBank(make_bank())
    run, _ = review.plan(0)
    for value in (10, 30, 20):
        review.decide_offer(run, value=value)
    review.propose(run)
    low, high, middle = review.proposals(run)
    claim = "SELECT proposal_id FROM claim_proposals(%s, %s, %s)"
    assert review.bank.query(claim, FIRST, 1, CAMPAIGN, role="reviewer") == [(high,)]
    assert review.bank.query(claim, FIRST, 1, CAMPAIGN, role="reviewer") == [(high,)]
    assert set(review.bank.query(claim, OTHER, 20, CAMPAIGN, role="reviewer")) == {(middle,), (low,)}
    assert review.bank.query(claim, SECOND, 20, CAMPAIGN, role="second_reviewer") == []
    assert review.ask(OTHER, "release_claims") == 2
    assert review.bank.query(claim, SECOND, 1, CAMPAIGN, role="second_reviewer") == [(middle,)]
    review.bank.query("UPDATE review_claims SET expires_at = clock_timestamp() - interval '1 second'")
    assert review.bank.query(claim, OTHER, 1, CAMPAIGN, role="reviewer") == [(high,)]


def test_second_reviewers_get_what_waits_for_them_first(make_bank: Callable[[], Bank]) -> None:
    review = ReviewBank(make_bank())
    review.proposal(value=500)
    waiting = review.proposal("loan_review", value=5)
    mine = review.proposal("loan_review", value=600)
    review.decide(FIRST, waiting)
    review.decide(SECOND, mine)
    claim = "SELECT proposal_id FROM claim_proposals(%s, %s, %s)"
    assert review.bank.query(claim, SECOND, 1, CAMPAIGN, role="second_reviewer") == [(waiting,)]
    assert review.bank.query(claim, THIRD, 1, CAMPAIGN, role="second_reviewer") == [(mine,)]
    assert (mine,) not in review.bank.query(claim, OTHER, 20, CAMPAIGN, role="reviewer")


def test_a_budget_is_bound_by_approvals_and_freed_by_undoing(make_bank: Callable[[], Bank]) -> None:
    review = ReviewBank(make_bank(), budget=70)
    first, dear, third = review.proposal(), review.proposal("loan_review"), review.proposal("savings_review")
    left = "SELECT budget_left(%s)"
    review.decide(FIRST, first)
    review.decide(FIRST, dear)
    assert review.bank.query(left, CAMPAIGN, role="reviewer") == [(0,)]
    review.claim(FIRST, third)
    refused(
        review,
        FIRST,
        "decide",
        third,
        "approve",
        review.hash(third),
        "fits",
        says="over budget: campaign spring has 70.00 EUR, and this would take it to -15.00",
    )
    assert review.decide(SECOND, dear, "second_approve") == "approved"
    assert review.ask(FIRST, "undo_decision", first) == "open"
    assert review.bank.query(left, CAMPAIGN, role="reviewer") == [(30,)]
    assert review.decide(FIRST, third) == "approved"
    review.claim(FIRST, first)
    refused(review, FIRST, "decide", first, "approve", review.hash(first), "fits", says="over budget: campaign")


def test_a_line_of_the_budget_is_a_limit_of_its_own(make_bank: Callable[[], Bank]) -> None:
    review = ReviewBank(make_bank(), budget=1000, lines={"fees": 40})
    review.decide(FIRST, review.proposal())
    second = review.proposal()
    review.claim(FIRST, second)
    refused(
        review,
        FIRST,
        "decide",
        second,
        "approve",
        review.hash(second),
        "fits",
        says="line fees has 40 EUR, and this would take it to -20",
    )
    assert review.decide(FIRST, review.proposal("savings_review")) == "approved"


def test_undoing_a_rejection_does_not_overdraw(make_bank: Callable[[], Bank]) -> None:
    review = ReviewBank(make_bank(), budget=45)
    dear, cheap = review.proposal("loan_review"), review.proposal()
    review.decide(FIRST, dear)
    review.decide(SECOND, dear, "reject", "wrong_offer")
    review.decide(FIRST, cheap)
    refused(review, SECOND, "undo_decision", dear, says="over budget")
    assert review.state(dear) == "rejected"


def test_everybody_undoes_their_own_decisions_only(review: ReviewBank) -> None:
    proposal = review.proposal("loan_review")
    review.decide(FIRST, proposal)
    refused(review, SECOND, "undo_decision", proposal, says="no decision")
    review.decide(SECOND, proposal, "second_approve")
    assert review.ask(SECOND, "undo_decision", proposal) == "awaiting_second"
    refused(review, SECOND, "undo_decision", proposal, says="no decision")
    assert review.decide(THIRD, proposal, "second_approve") == "approved"
    assert review.ask(FIRST, "undo_decision", proposal) == "open"
    assert review.decide(OTHER, proposal) == "approved"


def test_bulk_is_written_singly_and_undone_at_once(review: ReviewBank) -> None:
    run, _ = review.plan(3)
    review.propose(run)
    proposals = review.proposals(run)
    hashes = [review.hash(proposal) for proposal in proposals]
    bulk = review.ask(FIRST, "approve_in_bulk", proposals, hashes)
    assert [review.state(proposal) for proposal in proposals] == ["approved"] * 3
    rows = review.bank.query("SELECT person, seen, seconds FROM decisions WHERE bulk_id = %s", bulk)
    assert rows == [(FIRST, None, None)] * 3
    assert [details["in_bulk"] for _, _, details in review.bank.events(run, "PROPOSAL_DECIDED")] == [True] * 3
    refused(review, OTHER, "undo_bulk", bulk, says="approved nothing")
    review.ask(FIRST, "undo_decision", proposals[0])
    review.decide(FIRST, proposals[0])
    assert review.ask(FIRST, "undo_bulk", bulk) == 2
    assert [review.state(proposal) for proposal in proposals] == ["approved", "open", "open"]
    assert review.ask(FIRST, "undo_bulk", bulk) == 0


@pytest.mark.parametrize(
    "kind", ["drafted", "edited", "second", "claimed", "decided", "over", "twice", "lengths", "none"]
)
def test_bulk_refuses_all_when_one_is_not_for_it(review: ReviewBank, kind: str) -> None:
    good, other = review.proposal(), review.proposal()
    if kind == "drafted":
        other = review.proposal(draft="In the model's own words.")
    elif kind == "edited":
        review.edit(OTHER, other, "Let us look at your fees together.")
    elif kind == "second":
        other = review.proposal("loan_review")
    elif kind == "claimed":
        review.claim(OTHER, other)
    elif kind == "decided":
        review.decide(OTHER, other)
    hashes = [review.hash(good), "0" * 64 if kind == "over" else review.hash(other)]
    proposals = [] if kind == "none" else [good, good] if kind == "twice" else [good, other]
    refused(review, FIRST, "approve_in_bulk", proposals, hashes[:1] if kind == "lengths" else hashes)
    assert review.state(good) == "open"


def test_an_expired_proposal_is_not_decided_on(review: ReviewBank) -> None:
    proposal = review.proposal()
    review.claim(FIRST, proposal)
    review.bank.query("UPDATE proposals SET expires_at = clock_timestamp() WHERE proposal_id = %s", proposal)
    assert review.state(proposal) == "expired"
    refused(review, FIRST, "decide", proposal, "approve", review.hash(proposal), "fits", says="expired")


def test_an_approval_that_expires_frees_its_budget(make_bank: Callable[[], Bank]) -> None:
    review = ReviewBank(make_bank(), budget=30)
    proposal = review.proposal()
    review.decide(FIRST, proposal)
    review.bank.query("UPDATE proposals SET expires_at = clock_timestamp() WHERE proposal_id = %s", proposal)
    assert review.bank.query("SELECT budget_left(%s)", CAMPAIGN, role="dashboard") == [(30,)]


def test_a_withdrawal_during_review_ends_it(review: ReviewBank) -> None:
    proposal = review.proposal("loan_review")
    content = review.hash(proposal)
    review.decide(FIRST, proposal, "approve")
    review.claim(SECOND, proposal)
    [(customer,)] = review.bank.query("SELECT customer_id FROM proposals WHERE proposal_id = %s", proposal)
    review.bank.record_consent(customer, "retention_offers", False)
    assert review.state(proposal) == "withdrawn"
    assert review.bank.query("SELECT count(*) FROM review_claims WHERE proposal_id = %s", proposal) == [(0,)]
    assert review.bank.query("SELECT seen, reason FROM decisions WHERE proposal_id = %s", proposal) == [
        (None, "erased")
    ]
    refused(review, SECOND, "decide", proposal, "second_approve", content, "fits", says="withdrawn")
    refused(review, FIRST, "undo_decision", proposal, says="withdrawn")


def hand_over(review: ReviewBank, proposal: object) -> None:
    """As the hand-over will: what leaves is noted with its hash."""
    [(event,)] = review.bank.query("SELECT event_id FROM audit_log LIMIT 1")
    [(handed,)] = review.bank.query(
        "INSERT INTO hand_overs (campaign_id, person, items, items_sha256, event_id)"
        " VALUES (%s, %s, 1, repeat('0', 64), %s) RETURNING hand_over_id",
        review.campaign, FIRST, event,
    )  # fmt: skip
    review.bank.query(
        "INSERT INTO handed_over (proposal_id, hand_over_id, version, content_sha256, consent_id)"
        " SELECT s.proposal_id, %s, s.version, s.content_sha256, consent_granted_now(s.customer_id, 'retention_offers')"
        " FROM proposal_states s WHERE s.proposal_id = %s",
        handed, proposal,
    )  # fmt: skip


def test_what_was_handed_over_is_neither_undone_nor_forgotten_in_the_budget(make_bank: Callable[[], Bank]) -> None:
    review = ReviewBank(make_bank(), budget=100)
    proposal = review.proposal()
    review.decide(FIRST, proposal)
    hand_over(review, proposal)
    assert review.state(proposal) == "handed_over"
    refused(review, FIRST, "undo_decision", proposal, says="handed_over")
    [(customer,)] = review.bank.query("SELECT customer_id FROM proposals WHERE proposal_id = %s", proposal)
    review.bank.record_consent(customer, "profiling", False)
    assert review.state(proposal) == "withdrawn"
    assert review.bank.query("SELECT budget_left(%s)", CAMPAIGN) == [(70,)]
    assert review.bank.query("SELECT budget_line, spent_eur FROM spent_on_withdrawn") == [("fees", 30)]


def test_an_objection_opens_the_case_to_somebody_else(review: ReviewBank) -> None:
    proposal = review.proposal()
    review.decide(FIRST, proposal)
    hand_over(review, proposal)
    review.bank.query(
        "INSERT INTO objections (proposal_id, received_on, recorded_by, event_id)"
        " SELECT %s, current_date, %s, event_id FROM audit_log LIMIT 1",
        proposal, FIRST,
    )  # fmt: skip
    assert review.state(proposal) == "objected"
    review.claim(FIRST, proposal)
    refused(review, FIRST, "decide", proposal, "approve", review.hash(proposal), "fits", says="another person")
    for person in (FIRST, OTHER):
        review.ask(person, "release_claims")
    claim = "SELECT proposal_id FROM claim_proposals(%s, 1, %s)"
    assert review.bank.query(claim, OTHER, CAMPAIGN, role="reviewer") == [(proposal,)]
    refused(review, OTHER, "edit_proposal", proposal, "fee_review", "Other words.")
    assert review.decide(OTHER, proposal, "reject", "wrong_offer") == "objected"
    review.bank.query(
        "UPDATE objections SET answer = 'changed', answered_by = %s, answered_at = clock_timestamp()", OTHER
    )
    assert review.state(proposal) == "handed_over"


def test_nothing_is_approved_in_a_closed_campaign(make_bank: Callable[[], Bank]) -> None:
    review = ReviewBank(make_bank())
    proposal, other = review.proposal(), review.proposal()
    run, _ = review.plan(1)
    review.bank.query("UPDATE campaigns SET closed_at = clock_timestamp()")
    review.claim(FIRST, proposal)
    refused(review, FIRST, "decide", proposal, "approve", review.hash(proposal), "fits", says="closed")
    assert review.decide(FIRST, other, "reject", "other") == "rejected"
    assert review.propose(run) == (0, 0)


@pytest.mark.parametrize(
    ("decision", "reason"),
    [("approve", "because"), ("reject", "fits"), ("undo", "mistake"), ("", "fits"), (None, "fits"), ("reject", None)],
)
def test_a_decision_is_of_the_list_with_a_reason_of_its_list(
    review: ReviewBank, decision: str | None, reason: str | None
) -> None:
    proposal = review.proposal()
    review.claim(FIRST, proposal)
    refused(review, FIRST, "decide", proposal, decision, review.hash(proposal), reason, says="is none")


def test_what_is_noted_of_each_proposal_is_what_its_decisions_say(review: ReviewBank) -> None:
    """After all the tests before: the queue and the budget read what is noted, the states what was decided."""
    differing = review.bank.query(
        "SELECT p.proposal_id, p.stage, m.now_stage, p.bound_eur, m.price_eur FROM proposals p JOIN proposal_marks m"
        " USING (proposal_id) WHERE (p.stage, p.bound_until, p.bound_eur, p.bound_line) IS DISTINCT FROM"
        " (m.now_stage, m.binds_until, CASE WHEN m.binds_until IS NOT NULL THEN m.price_eur END,"
        " CASE WHEN m.binds_until IS NOT NULL THEN m.offer_line END)"
    )
    assert differing == []
    stages = {stage for (stage,) in review.bank.query("SELECT DISTINCT stage FROM proposals")}
    assert stages >= {"open", "approved", "rejected", "superseded", "withdrawn", "handed_over"}


def test_a_limit_that_is_lowered_asks_for_second_approvals(make_bank: Callable[[], Bank]) -> None:
    review = ReviewBank(make_bank())
    proposal = review.proposal()
    assert review.decide(FIRST, proposal) == "approved"
    review.bank.query("UPDATE campaigns SET second_above_eur = 20")
    assert review.state(proposal) == "awaiting_second"
    claim = "SELECT proposal_id FROM claim_proposals(%s, 1, %s)"
    assert review.bank.query(claim, SECOND, CAMPAIGN, role="second_reviewer") == [(proposal,)]
