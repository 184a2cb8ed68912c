"""A campaign with customers, proposals and people, made through the functions that everybody else uses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from psycopg2.extensions import connection as Connection

from tests.integration.conftest import Bank, customer

CAMPAIGN = "spring"
OPERATOR, REVIEWER, SECOND = "olga", "rene", "sven"
OFFER = {
    "offer_id": "fee_review", "cost_eur": 20, "save_rate": 0.3, "save_rate_source": "assumed", "topics": [],
    "tones": [], "languages": [], "channels": ["email", "phone", "letter", "app"], "requires": {}, "cooldown_days": 0,
    "second_approval": False,
}  # fmt: skip
TERMS = {
    "campaign_id": CAMPAIGN, "contract": "tiny", "name": "Spring", "starts_on": "2026-01-01", "ends_on": "2036-12-31",
    "budget_eur": 100_000, "catalogue_version": "v1", "second_above_eur": 100,
}  # fmt: skip
ADD = """
WITH p AS (
    INSERT INTO proposals (campaign_id, run_id, customer_id, expected_value_eur, expires_at)
    VALUES ('spring', 'run', %(customer)s, 10, clock_timestamp() + %(lasts)s::interval)
    RETURNING proposal_id, recipient_ref
), n AS (SELECT uuid_send(gen_random_uuid()) AS nonce)
INSERT INTO proposal_versions (proposal_id, version, offer_id, channel, language, message, price_eur, wording, author,
                               nonce, content_sha256)
SELECT proposal_id, 1, 'fee_review', %(channel)s, 'en', %(message)s, %(price)s, 'composed', 'action_agent', nonce,
       content_sha256(proposal_id, nonce, recipient_ref, 'fee_review', %(channel)s, %(price)s, %(message)s)
FROM p, n RETURNING proposal_id, content_sha256
"""


@dataclass
class CampaignBank:
    """The bank with the open campaign `spring`, and short ways through its functions."""

    bank: Bank
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    hashes: dict[UUID, str] = field(default_factory=dict)

    def query(self, sql: str, *parameters: Any, role: str = "owner") -> list[tuple[Any, ...]]:
        """Run one statement, committed."""
        return self.bank.query(sql, *parameters, role=role)

    def connect(self, role: str = "owner") -> Connection:
        return self.bank.connect(role)

    def propose(
        self, channel: str = "email", price: int = 20, message: str = "We look at your fees.", lasts: str = "20 days",
        held_out: bool = False, planted: bool = False,
    ) -> UUID:  # fmt: skip
        """Add a customer with a proposal that nobody decided on yet."""
        number = next(self.numbers)
        customer_id = self.bank.add_customer(number)
        self.query("INSERT INTO run_customers VALUES ('run', %s, 0)", customer_id)
        self.query(
            "INSERT INTO actions (run_id, customer_id, segment, source, source_reason, language)"
            " VALUES ('run', %s, 'High', 'none', 'NoOffer', 'en')",
            customer_id,
        )
        self.query(
            "INSERT INTO campaign_members (campaign_id, customer_id, segment, draw, held_out)"
            " SELECT campaign_id, customer_id, 'High', draw, false"
            " FROM campaign_keys, holdout_draws(key, campaign_id, ARRAY[%s]) WHERE campaign_id = 'spring'",
            customer_id,
        )
        connection = self.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute(
                ADD, {"customer": customer_id, "channel": channel, "price": price, "message": message, "lasts": lasts}
            )
            [(proposal_id, content_sha256)] = cursor.fetchall()
        connection.close()
        self.hashes[proposal_id] = content_sha256
        if held_out:
            self.query("UPDATE campaign_members SET held_out = true WHERE customer_id = %s", customer_id)
        if planted:
            self.query("INSERT INTO planted_proposals VALUES (%s, 'wrong_price')", proposal_id)
        return UUID(str(proposal_id))

    def decide(
        self, proposal_id: UUID, decision: str = "approve", reason: str = "fits", person: str = REVIEWER
    ) -> None:
        """Claim, open and decide, as a reviewer does."""
        role = "second_reviewer" if person == SECOND else "reviewer"
        while (proposal_id,) not in (claimed := self.query(
            "SELECT proposal_id FROM claim_proposals(%s, 20, 'spring')", person, role=role
        )):  # fmt: skip
            assert claimed, "nothing more to claim"
            self.query("SELECT release_claims(%s)", person, role=role)
        self.query("SELECT open_case(%s, %s)", person, proposal_id, role=role)
        sql = "SELECT decide(%s, %s, %s, %s, %s)"
        self.query(sql, person, proposal_id, decision, self.hashes[proposal_id], reason, role=role)
        self.query("SELECT release_claims(%s)", person, role=role)

    def approved(self, **proposal: Any) -> UUID:
        """Add a proposal that a reviewer approved."""
        proposal_id = self.propose(**proposal)
        self.decide(proposal_id)
        return proposal_id

    def state(self, proposal_id: UUID) -> str:
        return str(self.query("SELECT state FROM proposal_states WHERE proposal_id = %s", proposal_id)[0][0])

    def customer_of(self, proposal_id: UUID) -> UUID:
        return UUID(str(self.query("SELECT customer_id FROM proposals WHERE proposal_id = %s", proposal_id)[0][0]))

    def hand_over(self) -> list[tuple[Any, ...]]:
        """Hand over whatever may leave: hand-over, proposal, reference, customer, offer, channel and so on."""
        return self.query("SELECT * FROM hand_over(%s, 'spring')", OPERATOR, role="operator")


def open_campaign(bank: Bank) -> CampaignBank:
    """Name people, load a catalogue of one offer, open the campaign, plan a run without customers."""
    bank.approve_model()
    bank.add_customer(0)
    bank.plan("run")
    for person, duty in (
        (OPERATOR, "operator"),
        (REVIEWER, "reviewer"),
        (SECOND, "second_reviewer"),
        ("odile", "officer"),
    ):
        bank.query("SELECT name_person('', %s, %s, true)", person, duty)
    columns = "title_fr, title_en, message_fr, message_en, segments"
    [texts] = bank.query(f"SELECT {columns} FROM offers WHERE offer_id = 'fee_review'")
    offer = OFFER | dict(zip(columns.split(", "), texts, strict=True))
    bank.query(
        "SELECT load_catalogue(%s, 'v1', 'version = 1', '{}', %s)", OPERATOR, json.dumps([offer]), role="operator"
    )
    bank.query("SELECT open_campaign(%s, %s)", OPERATOR, json.dumps(TERMS), role="operator")
    return CampaignBank(bank)


@pytest.fixture
def spring(make_bank: Callable[[], Bank]) -> CampaignBank:
    """A bank of its own with the open campaign, customers to come."""
    return open_campaign(make_bank())


__all__ = ["CAMPAIGN", "OPERATOR", "REVIEWER", "SECOND", "CampaignBank", "customer", "open_campaign", "spring"]
