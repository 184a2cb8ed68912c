"""An owner who switches off every trigger and rewrites what was decided: the reconciliation names it."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID

import pytest

from tests.attacks.test_hand_over import as_unbound_owner
from tests.integration.campaign_bank import OPERATOR, SECOND, CampaignBank, open_campaign, spring  # noqa: F401 - fixture
from tests.integration.conftest import Bank
from vigie_operations.campaign_records import compare
from vigie_operations.errors import OperationError


def told(spring: CampaignBank) -> list[tuple[str, str | None]]:  # noqa: F811
    """What the reconciliation finds: the problem and the record."""
    connection = spring.connect()
    try:
        return [(each.problem, each.record) for each in compare(connection, "spring").differences]
    finally:
        connection.close()


@pytest.fixture(scope="module")
def written(make_bank: Callable[[], Bank]) -> tuple[CampaignBank, UUID]:
    """A campaign in which everything has happened once; with a proposal that was handed over."""
    spring = open_campaign(make_bank())  # noqa: F811
    handed = spring.approved()
    spring.decide(dear := spring.approved(price=150), "second_approve", person=SECOND)
    rejected = spring.propose()
    spring.decide(rejected, "reject", "wrong_offer")
    edited = spring.propose()
    spring.query("SELECT proposal_id FROM claim_proposals('rene', 20, 'spring')", role="reviewer")
    spring.query("SELECT open_case('rene', %s)", edited, role="reviewer")
    [(spring.hashes[edited],)] = spring.query(
        "SELECT edit_proposal('rene', %s, 'fee_review', 'Your fees, looked at.')", edited, role="reviewer"
    )
    rows = spring.hand_over()
    assert {row[1] for row in rows} == {handed, dear}
    answers = json.dumps([{"proposal_id": str(handed), "answer": "delivered"}])
    spring.query("SELECT answer_hand_over(%s, %s, %s)", OPERATOR, rows[0][0], answers, role="operator")
    tell_allocation(spring)
    return spring, handed


@pytest.fixture
def history(written: tuple[CampaignBank, UUID]) -> tuple[CampaignBank, UUID]:
    """The same in a copy of its own."""
    migrated = written[0].bank.migrated
    return CampaignBank(Bank(migrated, migrated.copy(written[0].bank.name))), written[1]


def tell_allocation(spring: CampaignBank) -> None:  # noqa: F811
    """The event that the planner's function writes for a run: these proposals were made by hand."""
    as_unbound_owner(
        spring,
        "ALTER TABLE audit_log DISABLE TRIGGER USER;"
        "INSERT INTO audit_log (event_id, occurred_at, run_id, agent, event_type, status, details)"
        " SELECT uuidv7(), clock_timestamp(), 'run', 'planner', 'PROPOSALS_ALLOCATED', 'ok',"
        " jsonb_build_object('campaign', 'spring', 'proposed', count(*)) FROM proposals;"
        "ALTER TABLE audit_log ENABLE TRIGGER USER",
    )


def test_records_that_nobody_touched_agree_with_their_events(history: tuple[CampaignBank, UUID]) -> None:
    assert told(history[0]) == []


CHANGES = {
    "a decision turned": (
        "UPDATE decisions SET decision = 'approve' WHERE decision = 'reject'", "DecisionToldOtherwise"),
    "a decision made another's": (
        "UPDATE decisions SET person = 'sven' WHERE person = 'rene'", "DecisionToldOtherwise"),
    "a decision taken away": ("DELETE FROM decisions WHERE decision = 'reject'", "DecisionToldOtherwise"),
    "a decision added": (
        "INSERT INTO decisions (proposal_id, version, decision, person, reason, content_sha256, event_id)"
        " SELECT proposal_id, 1, 'approve', 'sven', 'fits', content_sha256, (SELECT event_id FROM hand_overs)"
        " FROM proposal_versions LIMIT 1", "DecisionToldOtherwise"),
    "a message changed": (
        "UPDATE proposal_versions SET message = 'Call 0900.' WHERE wording <> 'edited'", "ContentDiffers"),
    "a price changed": ("UPDATE proposal_versions SET price_eur = price_eur + 1", "ContentDiffers"),
    "a message changed with its hash": (
        "UPDATE proposal_versions v SET message = 'Call 0900.', content_sha256 = content_sha256(v.proposal_id, nonce,"
        " recipient_ref, offer_id, channel, price_eur, 'Call 0900.') FROM proposals p"
        " WHERE p.proposal_id = v.proposal_id AND version = 2", "EditToldOtherwise"),
    "an approved message changed with every hash": (
        "UPDATE proposal_versions v SET message = 'Call 0900.', content_sha256 = content_sha256(v.proposal_id, nonce,"
        " recipient_ref, offer_id, channel, price_eur, 'Call 0900.') FROM proposals p"
        " WHERE p.proposal_id = v.proposal_id; UPDATE decisions d SET content_sha256 = v.content_sha256"
        " FROM proposal_versions v WHERE (v.proposal_id, v.version) = (d.proposal_id, d.version)",
        "DecisionToldOtherwise"),
    "content erased": (
        "UPDATE proposal_versions SET offer_id = NULL, channel = NULL, language = NULL, message = NULL"
        ", price_eur = NULL, nonce = NULL", "ContentErasedWithoutWithdrawal"),
    "another customer's": (
        "WITH o AS (SELECT customer_id FROM proposals ORDER BY proposal_id DESC LIMIT 1), gone AS ("
        "SELECT 1) UPDATE proposals SET run_id = 'other', customer_id = o.customer_id FROM o"
        " WHERE proposal_id = (SELECT proposal_id FROM handed_over ORDER BY 1 LIMIT 1)", "DecisionToldOtherwise"),
    "a hand-over hidden": ("DELETE FROM handed_over; DELETE FROM hand_overs", "HandOverToldOtherwise"),
    "an item hidden": (
        "DELETE FROM handed_over WHERE answer IS NULL; UPDATE hand_overs SET items = 1", "HandOverToldOtherwise"),
    "an item added": (
        "INSERT INTO handed_over (proposal_id, hand_over_id, version, content_sha256, consent_id)"
        " SELECT d.proposal_id, h.hand_over_id, 1, d.content_sha256, h.consent_id FROM decisions d,"
        " (SELECT * FROM handed_over LIMIT 1) h WHERE d.decision = 'reject'", "HandedOverUnapproved"),
    "an answer turned": ("UPDATE handed_over SET answer = 'failed' WHERE answer = 'delivered'", "AnswersToldOtherwise"),
    "an outcome slipped in": (
        "INSERT INTO outcomes (campaign_id, customer_id, outcome, occurred_on)"
        " SELECT campaign_id, customer_id, 'stayed', '2026-11-01' FROM campaign_members LIMIT 1",
        "OutcomesToldOtherwise"),
    "an objection slipped in": (
        "INSERT INTO objections (proposal_id, received_on, recorded_by, event_id)"
        " SELECT proposal_id, '2026-11-01', 'olga', (SELECT event_id FROM hand_overs) FROM handed_over LIMIT 1",
        "ObjectionToldOtherwise"),
    "a held-out customer contacted": (
        "UPDATE campaign_members SET held_out = true WHERE customer_id IN ("
        "SELECT customer_id FROM proposals JOIN handed_over USING (proposal_id))", "HandedOverToHeldOut"),
    "a draw changed": ("UPDATE campaign_members SET draw = 0.5", "DrawDiffers"),
    "a proposal taken away": (
        "DELETE FROM decisions WHERE decision = 'reject'; DELETE FROM proposal_versions v USING proposals p"
        " WHERE p.proposal_id = v.proposal_id"
        " AND NOT EXISTS (SELECT FROM decisions d WHERE d.proposal_id = p.proposal_id)"
        " AND v.version = 1 AND NOT EXISTS ("
        "SELECT FROM proposal_versions w WHERE w.proposal_id = v.proposal_id AND w.version = 2);"
        "DELETE FROM review_claims; DELETE FROM proposals p WHERE NOT EXISTS ("
        "SELECT FROM proposal_versions v WHERE v.proposal_id = p.proposal_id)", "ProposalsMissing"),
    "the budget raised": ("UPDATE campaigns SET budget_eur = budget_eur * 2", "CampaignTermsDiffer"),
    "the hold-out's share lowered": (
        "UPDATE campaigns c SET holdout_share = 0.01", "CampaignTermsDiffer"),
    "the campaign closed by hand": ("UPDATE campaigns SET closed_at = clock_timestamp()", "CampaignClosedOtherwise"),
    "another key drawn with": ("UPDATE campaigns SET holdout_commitment = repeat('0', 64)", "HoldOutKeyDiffers"),
    "another opened it": ("UPDATE campaigns SET contract = 'other'", "CampaignOpenedOtherwise"),
    "a planted one handed over": (
        "INSERT INTO planted_proposals SELECT proposal_id, 'wrong_offer' FROM handed_over LIMIT 1",
        "PlantedHandedOver"),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_what_an_owner_rewrites_is_found(history: tuple[CampaignBank, UUID], what: str) -> None:
    spring, _ = history  # noqa: F811
    if "run_id = 'other'" in CHANGES[what][0]:
        spring.query(
            'INSERT INTO runs SELECT (jsonb_populate_record(r, \'{"run_id": "other"}\')).* FROM runs r'
            " WHERE run_id = 'run'"
        )
        spring.query("INSERT INTO run_customers SELECT 'other', customer_id, 0 FROM run_customers WHERE run_id = 'run'")
    as_unbound_owner(spring, *CHANGES[what][:1])
    assert CHANGES[what][1] in {problem for problem, _ in told(spring)}


def test_an_event_without_its_record_is_found(history: tuple[CampaignBank, UUID]) -> None:
    spring, _ = history  # noqa: F811
    as_unbound_owner(
        spring,
        "ALTER TABLE audit_log DISABLE TRIGGER USER;"
        "INSERT INTO audit_log (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details)"
        " SELECT uuidv7(), clock_timestamp(), run_id, agent, event_type, status, customer_id, details FROM audit_log"
        " WHERE event_type = 'PROPOSAL_DECIDED' LIMIT 1; ALTER TABLE audit_log ENABLE TRIGGER USER",
    )
    assert told(spring) == [("DecisionToldOtherwise", None)]


def test_a_withdrawal_is_no_difference(history: tuple[CampaignBank, UUID]) -> None:
    spring, handed = history  # noqa: F811
    spring.bank.record_consent(spring.customer_of(handed), "profiling", False)
    assert told(spring) == []


def test_an_unknown_campaign_is_refused(spring: CampaignBank) -> None:  # noqa: F811
    with pytest.raises(OperationError, match="There is no campaign autumn"):
        compare(spring.connect(), "autumn")
