"""A campaign whose actions were handed over ten days ago, written by the owner: what outcomes are recorded for."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.integration.conftest import Bank, customer

OPERATOR, CAMPAIGN, OFFER, COST = "olga", "autumn", "fee_review", 30
SAVE_RATE, PROBABILITY = 0.3, 0.5
TODAY = datetime.now(UTC).date()
STARTED, HANDED = TODAY - timedelta(days=20), TODAY - timedelta(days=10)
HAND_OVER = """
WITH given AS (
    SELECT %s AS campaign, unnest(%s::uuid[]) AS member, %s AS offer, %s::numeric AS price
), p AS (
    INSERT INTO proposals (campaign_id, run_id, customer_id, expected_value_eur, expires_at)
    SELECT campaign, 'autumn-1', member, 100, clock_timestamp() + interval '1 day' FROM given
    RETURNING proposal_id, recipient_ref, customer_id
), n AS MATERIALIZED (
    SELECT proposal_id, recipient_ref, customer_id, offer, price, uuid_send(gen_random_uuid()) AS nonce
    FROM p JOIN given ON member = customer_id
), v AS (
    INSERT INTO proposal_versions (proposal_id, version, offer_id, channel, language, message, price_eur, wording,
                                   author, nonce, content_sha256)
    SELECT proposal_id, 1, offer, 'email', 'en', 'Hello.', price, 'composed', 'action_agent', nonce,
           content_sha256(proposal_id, nonce, recipient_ref, offer, 'email', price, 'Hello.') FROM n
    RETURNING proposal_id, version, content_sha256
)
INSERT INTO handed_over (proposal_id, hand_over_id, version, content_sha256, consent_id)
SELECT proposal_id, (SELECT hand_over_id FROM hand_overs ORDER BY hand_over_id DESC LIMIT 1), version, content_sha256,
       consent_granted_now(customer_id, 'retention_offers')
FROM v JOIN n USING (proposal_id)
"""
# How proposals come about and leave is other tests' concern: here they are simply there.
GUARDED = ("runs", "proposals", "proposal_versions", "hand_overs", "handed_over")
RECORD = "SELECT recorded, corrected FROM record_outcomes(%s, %s, %s)"


def open_campaign(bank: Bank, campaign: str = CAMPAIGN) -> None:
    """A campaign over the tiny contract, with its catalogue and an operator."""
    for table in GUARDED:
        bank.query(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    bank.approve_model()
    bank.query("INSERT INTO people (person, duty) VALUES (%s, 'operator'), ('rene', 'reviewer')", OPERATOR)
    bank.query("INSERT INTO catalogues (version, sha256, content, policy) VALUES ('1', repeat('0', 64), '', '{}')")
    bank.query(
        "INSERT INTO catalogue_offers (version, offer_id, cost_eur, save_rate, save_rate_source, segments, channels)"
        " VALUES ('1', %s, %s, %s, 'assumed', '{High,Medium,Low}', '{email}')",
        OFFER, COST, SAVE_RATE,
    )  # fmt: skip
    bank.add_customer(0)
    bank.query(
        "INSERT INTO campaigns (campaign_id, contract, name, starts_on, ends_on, budget_eur, holdout_share,"
        " holdout_commitment, catalogue_version, terms_sha256, opened_by, opened_event)"
        " SELECT %s, 'tiny', 'Autumn', %s, %s, 1000000, 0.3, repeat('0', 64), '1', repeat('0', 64), %s, event_id"
        " FROM audit_log LIMIT 1",
        campaign, STARTED, TODAY + timedelta(days=90), OPERATOR,
    )  # fmt: skip
    bank.plan("autumn-1", [])
    bank.query("UPDATE runs SET campaign_id = %s WHERE run_id = 'autumn-1'", campaign)


def add_members(bank: Bank, numbers: Sequence[int], held_out: bool, segment: str = "High") -> list[UUID]:
    """Customers of one arm, each with a prediction and with the offer that arbitration puts first."""
    members = [bank.add_customer(number) for number in numbers]
    considered = [{"offer_id": OFFER, "verdict": "chosen", "cost_eur": COST, "expected_value_eur": 100}]
    offered = ("held_out", None, None, None, None) if held_out else ("proposed", OFFER, "email", 100, COST)
    bank.query(
        "INSERT INTO run_customers SELECT 'autumn-1', unnest(%s::uuid[]), 0;"
        "INSERT INTO predictions (run_id, customer_id, model_version, probability, log_odds, intercept, contributions,"
        " drivers) SELECT 'autumn-1', unnest(%s::uuid[]), 'tiny-1', %s, 0, 0, '{}', '[]';"
        "INSERT INTO campaign_members (campaign_id, customer_id, segment, draw, held_out, joined_at)"
        " SELECT %s, unnest(%s::uuid[]), %s, %s, %s, %s;"
        "INSERT INTO arbitrations (run_id, customer_id, considered, verdict, offer_id, channel, expected_value_eur,"
        " cost_eur) SELECT 'autumn-1', unnest(%s::uuid[]), %s, %s, %s, %s, %s, %s",
        members, members, PROBABILITY, CAMPAIGN, members, segment, 0.1 if held_out else 0.8, held_out, STARTED,
        members, json.dumps(considered), *offered,
    )  # fmt: skip
    return members


def hand_over(bank: Bank, members: Sequence[UUID], on: date = HANDED) -> None:
    """Hand an approved action over to each of them."""
    bank.query(
        "INSERT INTO hand_overs (campaign_id, person, items, items_sha256, handed_at, event_id)"
        " SELECT %s, %s, %s, repeat('0', 64), %s, event_id FROM audit_log LIMIT 1",
        CAMPAIGN, OPERATOR, len(members), datetime.combine(on, datetime.min.time(), UTC),
    )  # fmt: skip
    bank.query(HAND_OVER, CAMPAIGN, list(members), OFFER, COST)


def outcome(member: UUID | int | str, what: str = "stayed", on: date | str = TODAY, **more: Any) -> dict[str, Any]:
    """A row as it is recorded."""
    named = customer(member) if isinstance(member, int) else member
    return {"customer_id": str(named), "outcome": what, "occurred_on": str(on), **more}


def record(bank: Bank, *rows: object, who: str = OPERATOR, campaign: str = CAMPAIGN, role: str = "operator") -> Any:
    """Record these outcomes; how many are new, and how many were corrected."""
    [counts] = bank.query(RECORD, who, campaign, json.dumps(rows), role=role)
    return counts
