"""Whoever wants something to leave that nobody approved, that was withdrawn, or that was to leave once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest

from tests.integration.campaign_bank import OPERATOR, REVIEWER, SECOND, CampaignBank, spring  # noqa: F401 - fixture
from tests.integration.database.conftest import wait_until_blocked

HAND_OVER = "SELECT proposal_id FROM hand_over(%s, 'spring')"
# What an owner can do whom no trigger stops.
CHANGES = {
    "message": "UPDATE proposal_versions SET message = 'Call 0900 now.' WHERE proposal_id = %s",
    "price": "UPDATE proposal_versions SET price_eur = 1 WHERE proposal_id = %s",
    "channel": "UPDATE proposal_versions SET channel = 'phone' WHERE proposal_id = %s",
    "recipient reference": "UPDATE proposals SET recipient_ref = gen_random_uuid() WHERE proposal_id = %s",
    "customer": "UPDATE proposals p SET customer_id = o.customer_id FROM run_customers o"
    " WHERE proposal_id = %s AND o.run_id = p.run_id AND NOT EXISTS ("
    "SELECT FROM proposals q WHERE q.customer_id = o.customer_id)",
    "message with its hash": "WITH v AS (UPDATE proposal_versions v SET message = 'Call 0900 now.', content_sha256 ="
    " content_sha256(v.proposal_id, nonce, recipient_ref, offer_id, channel, price_eur, 'Call 0900 now.')"
    " FROM proposals p WHERE p.proposal_id = v.proposal_id AND v.proposal_id = %s"
    " RETURNING v.proposal_id, v.content_sha256)"
    " UPDATE decisions d SET content_sha256 = v.content_sha256 FROM v WHERE d.proposal_id = v.proposal_id",
    "an approval that was none":
    "INSERT INTO decisions (proposal_id, version, decision, person, reason, content_sha256,"
    " event_id) SELECT v.proposal_id, 1, 'second_approve', 'sven', 'fits', v.content_sha256,"
    " (SELECT event_id FROM audit_log LIMIT 1) FROM proposal_versions v WHERE v.proposal_id = %s",
}  # fmt: skip


def as_unbound_owner(spring: CampaignBank, sql: str, *parameters: Any) -> None:  # noqa: F811
    """Run a statement as an owner who has switched off every trigger that stands in the way."""
    tables = (
        "proposals",
        "proposal_versions",
        "decisions",
        "handed_over",
        "hand_overs",
        "campaigns",
        "outcomes",
        "objections",
    )
    off = "".join(f"ALTER TABLE {table} DISABLE TRIGGER USER;" for table in tables)
    spring.query(off + sql + ";" + off.replace("DISABLE", "ENABLE"), *parameters)


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_after_its_approval_does_not_leave(spring: CampaignBank, what: str) -> None:  # noqa: F811
    other, changed = spring.approved(), spring.approved()
    spare = spring.bank.add_customer(next(spring.numbers))
    spring.query("INSERT INTO run_customers VALUES ('run', %s, 0)", spare)
    spring.query(
        "INSERT INTO campaign_members (campaign_id, customer_id, segment, draw, held_out)"
        " VALUES ('spring', %s, 'High', 0.9, false)", spare,
    )  # fmt: skip
    as_unbound_owner(spring, CHANGES[what], changed)
    with pytest.raises(psycopg2.Error, match=str(changed)) as refused:
        spring.hand_over()
    assert refused.value.pgcode == "VG009"
    assert "reconcile" in str(refused.value.diag.message_hint)
    assert spring.query("SELECT count(*) FROM handed_over") == [(0,)], "nothing half done"
    assert spring.state(other) == "approved"


@pytest.mark.parametrize("purpose", ["retention_offers", "profiling", "feedback_analysis"])
def test_nothing_leaves_without_the_consents_it_rests_on(spring: CampaignBank, purpose: str) -> None:  # noqa: F811
    kept, withdrawn = spring.approved(), spring.approved()
    spring.bank.record_consent(spring.customer_of(withdrawn), purpose, False)
    spring.bank.record_consent(spring.customer_of(withdrawn), purpose, True)
    assert [row[1] for row in spring.hand_over()] == [kept]
    assert spring.hand_over() == []


@pytest.mark.parametrize("commits", [True, False])
def test_a_withdrawal_under_way_keeps_its_customer_s_action_here(spring: CampaignBank, commits: bool) -> None:  # noqa: F811
    kept, going = spring.approved(), spring.approved()
    withdrawing = spring.connect()
    with withdrawing.cursor() as cursor:
        cursor.execute(
            "SELECT record_consent(%s, 'retention_offers', false, 'test', '1')", (spring.customer_of(going),)
        )
        assert [row[1] for row in spring.hand_over()] == [kept], "neither waited for nor handed over"
    withdrawing.commit() if commits else withdrawing.rollback()
    withdrawing.close()
    assert [row[1] for row in spring.hand_over()] == ([] if commits else [going])


def test_a_withdrawal_waits_for_a_hand_over_under_way_and_erases_then(spring: CampaignBank) -> None:  # noqa: F811
    proposal = spring.approved()
    customer_id = spring.customer_of(proposal)
    handing = spring.connect("operator")
    with ThreadPoolExecutor(1) as other:
        with handing, handing.cursor() as cursor:
            cursor.execute(HAND_OVER, (OPERATOR,))
            assert cursor.fetchall() == [(proposal,)]
            withdrawn = other.submit(spring.bank.record_consent, customer_id, "retention_offers", False)
            wait_until_blocked(spring.bank)
        withdrawn.result()
    handing.close()
    [row] = spring.query("SELECT hand_over_id, content_sha256 FROM handed_over")
    assert row[1] == spring.hashes[proposal], "that it left, and its hash, stay"
    assert spring.query("SELECT message, nonce FROM proposal_versions") == [(None, None)]
    for function in ("hand_over_again", "recipients"):
        assert spring.query(f"SELECT * FROM {function}(%s, %s)", OPERATOR, row[0], role="operator") == []


def test_two_hand_overs_at_once_hand_each_action_over_once(spring: CampaignBank) -> None:  # noqa: F811
    proposals = {spring.approved() for _ in range(6)}
    with ThreadPoolExecutor(4) as pool:
        lists = [each.result() for each in [pool.submit(spring.hand_over) for _ in range(4)]]
    left = [row[1] for rows in lists for row in rows]
    assert sorted(left) == sorted(proposals)
    assert spring.query("SELECT count(*), sum(items) FROM hand_overs") == [(1, 6)]
    assert spring.query("SELECT count(*) FROM audit_log WHERE event_type = 'HANDED_OVER'") == [(1,)]


def test_an_undo_under_way_keeps_its_action_here(spring: CampaignBank) -> None:  # noqa: F811
    proposal = spring.approved()
    undoing = spring.connect("reviewer")
    with ThreadPoolExecutor(1) as other:
        with undoing, undoing.cursor() as cursor:
            cursor.execute("SELECT undo_decision(%s, %s)", (REVIEWER, proposal))
            handed = other.submit(spring.hand_over)
            wait_until_blocked(spring.bank)
        assert handed.result() == []
    undoing.close()
    assert spring.state(proposal) == "open"


def test_planted_expired_held_out_open_and_half_approved_proposals_stay_here(spring: CampaignBank) -> None:  # noqa: F811
    for kind in ({"planted": True}, {"held_out": False}):
        spring.approved(**kind)
    held_out = spring.approved()
    spring.query("UPDATE campaign_members SET held_out = true WHERE customer_id = %s", spring.customer_of(held_out))
    expired = spring.approved()
    spring.query("UPDATE proposals SET expires_at = clock_timestamp() WHERE proposal_id = %s", expired)
    spring.propose()
    dear = spring.approved(price=150)
    assert spring.state(dear) == "awaiting_second"
    drawn_never = spring.approved()
    spring.query("DELETE FROM campaign_members WHERE customer_id = %s", spring.customer_of(drawn_never))
    [only] = spring.hand_over()
    assert spring.query("SELECT kind FROM planted_proposals WHERE proposal_id = %s", only[1]) == []
    assert only[1] not in (held_out, expired, dear, drawn_never)
    spring.decide(dear, "second_approve", person=SECOND)
    assert [row[1] for row in spring.hand_over()] == [dear]


@pytest.mark.parametrize("role", ["reviewer", "second_reviewer", "officer", "dashboard", "planner", "action_agent"])
def test_only_an_operator_hands_over(spring: CampaignBank, role: str) -> None:  # noqa: F811
    spring.approved()
    for call in (
        "hand_over(%s, 'spring')", "hand_over_again(%s, gen_random_uuid())", "recipients(%s, gen_random_uuid())",
        "answer_hand_over(%s, gen_random_uuid(), '[]')",
    ):  # fmt: skip
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            spring.query(f"SELECT {call}", OPERATOR, role=role)


@pytest.mark.parametrize("who", [REVIEWER, "odile", "nobody", None])
def test_the_operator_s_role_acts_for_no_other_person(spring: CampaignBank, who: str | None) -> None:  # noqa: F811
    spring.approved()
    for call in ("hand_over(%s, 'spring')", "recipients(%s, gen_random_uuid())"):
        with pytest.raises(psycopg2.Error) as refused:
            spring.query(f"SELECT {call}", who, role="operator")
        assert refused.value.pgcode == "VG008"


def test_a_snapshot_older_than_the_withdrawal_hands_nothing_over(spring: CampaignBank) -> None:  # noqa: F811
    proposal = spring.approved()
    connection = spring.connect("operator")
    connection.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_REPEATABLE_READ)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        spring.bank.record_consent(spring.customer_of(proposal), "retention_offers", False)
        with pytest.raises(psycopg2.Error) as refused:
            cursor.execute(HAND_OVER, (OPERATOR,))
    assert refused.value.pgcode == "VG004"
    connection.close()


def test_names_are_read_with_a_hand_over_only_and_each_reading_is_told(spring: CampaignBank) -> None:  # noqa: F811
    proposal = spring.approved()
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        spring.query("SELECT first_name FROM customers", role="operator")
    with pytest.raises(psycopg2.Error, match="does not exist"):
        spring.query("SELECT * FROM recipients(%s, %s)", OPERATOR, uuid4(), role="operator")
    [row] = spring.hand_over()
    names = spring.query("SELECT * FROM recipients(%s, %s)", OPERATOR, row[0], role="operator")
    [(email,)] = spring.query("SELECT email FROM customers WHERE customer_id = %s", spring.customer_of(proposal))
    assert names == [(row[2], "Ada", "Byron", email)]
    [(details,)] = spring.query("SELECT details FROM audit_log WHERE event_type = 'HAND_OVER_READ'")
    assert (details["items"], details["with_names"], UUID(details["hand_over_id"])) == (1, True, row[0])


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM handed_over",
        "UPDATE handed_over SET content_sha256 = repeat('0', 64)",
        "UPDATE handed_over SET answer = 'failed', answered_at = now()",
        "UPDATE hand_overs SET items = 7",
        "TRUNCATE handed_over",
    ],
)
def test_what_left_is_not_taken_back(spring: CampaignBank, change: str) -> None:  # noqa: F811
    proposal = spring.approved()
    [row] = spring.hand_over()
    answers = f'[{{"proposal_id": "{proposal}", "answer": "delivered"}}]'
    spring.query("SELECT answer_hand_over(%s, %s, %s)", OPERATOR, row[0], answers, role="operator")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        spring.query(change)
