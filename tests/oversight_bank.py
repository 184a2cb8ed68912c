"""A campaign that plants proposals: customers who complained about fees, worded by the model from sentences."""

import os
from typing import Any
from uuid import UUID, uuid4

from tests.integration.conftest import Bank
from tests.review_bank import CAMPAIGN, DUTIES, ReviewBank

OFFICER, OPERATOR = "odile", "olga"
STAFF = {**DUTIES, OFFICER: "officer", OPERATOR: "operator"}
COMPLAINT = ["thanks_for_candour", "fees_regret", "fee_review_together", "regards"]
CALL = (
    "INSERT INTO egress_ledger (egress_id, run_id, customer_id, purpose, consent_id, attempt, recipient, country,"
    " retention, model, prompt_version, redacted_prompt, prompt_sha256, entity_counts)"
    " VALUES (%s, %s, %s, %s, consent_granted_now(%s, %s), 1, 'model.example', 'FR', 'none', 'm-1', 'v', 'p',"
    " repeat('0', 64), '{\"NAME\": 2}')"
)
ANALYSIS = (
    "INSERT INTO feedback_analyses (run_id, customer_id, feedback_ids, sentiment, score, topics, intent_to_leave,"
    " egress_id)"
    " VALUES (%s, %s, '{}', 'negative', -0.5, '{fees}', false, %s)"
)
ACTION = (
    "INSERT INTO actions (run_id, customer_id, segment, source, offer_id, language, reason, phrase_ids, message,"
    " egress_id)"
    " SELECT %s, %s, 'High', 'model', 'fee_review', 'en', '{why_high}', %s, string_agg(text_en, ' ' ORDER BY place), %s"
    " FROM unnest(%s::text[]) WITH ORDINALITY AS g (phrase_id, place) JOIN sentences USING (phrase_id)"
)
PLANTED = "SELECT proposal_id, kind FROM planted_proposals JOIN proposals USING (proposal_id) WHERE run_id = %s"


class OversightBank(ReviewBank):
    """A review bank whose campaign plants a share of its proposals."""

    def __init__(self, bank: Bank, share: float = 0.5, key: bytes | None = None) -> None:
        super().__init__(bank)
        for person, duty in ((OFFICER, "officer"), (OPERATOR, "operator")):
            bank.query("INSERT INTO people (person, duty) VALUES (%s, %s)", person, duty)
        bank.query("INSERT INTO campaign_keys VALUES (%s, %s)", CAMPAIGN, key or os.urandom(32))
        self.reopen("planted_share = %s, second_above_eur = 500", share)

    def reopen(self, terms: str, *values: float) -> None:
        """Let the campaign have been opened with other terms, which stay as they are otherwise."""
        self.bank.query("ALTER TABLE campaigns DISABLE TRIGGER USER")
        self.bank.query(f"UPDATE campaigns SET {terms}", *values)
        self.bank.query("ALTER TABLE campaigns ENABLE TRIGGER USER")

    def as_role(self, person: str, call: str, *arguments: Any) -> Any:
        """Call a function as a person, through the role of their duty."""
        return self.ask(person, call, *arguments, role=STAFF[person])

    def complaint(self, run: str, value: float = 100) -> UUID:
        """A customer of the run who complained about fees, with an analysis, a prediction and a worded fee review."""
        query = self.bank.query
        customer_id = self.bank.add_customer(next(self._numbers))
        query("INSERT INTO run_customers VALUES (%s, %s, 0)", run, customer_id)
        query(
            "INSERT INTO campaign_members (campaign_id, customer_id, segment, draw, held_out)"
            " VALUES (%s, %s, 'High', 0.9, false)", self.campaign, customer_id,
        )  # fmt: skip
        calls = {"feedback_analysis": ("nlp_agent", uuid4()), "retention_offers": ("action_agent", uuid4())}
        for purpose, (role, call) in calls.items():
            query(CALL, call, run, customer_id, purpose, customer_id, purpose, role=role)
        query(ANALYSIS, run, customer_id, calls["feedback_analysis"][1], role="nlp_agent")
        query(
            "INSERT INTO predictions (run_id, customer_id, model_version, probability, log_odds, intercept,"
            " contributions, drivers) VALUES (%s, %s, 'tiny-1', 0.8, 1.4, 0, '{}', '[{\"feature\": \"complaints\"}]')",
            run, customer_id, role="prediction_agent",
        )  # fmt: skip
        call = calls["retention_offers"][1]
        query(ACTION, run, customer_id, COMPLAINT, call, COMPLAINT, role="action_agent")
        query(
            "INSERT INTO arbitrations (run_id, customer_id, verdict, offer_id, channel, expected_value_eur, cost_eur,"
            " considered) VALUES (%s, %s, 'proposed', 'fee_review', 'email', %s, 30,"
            ' \'[{"offer_id": "fee_review", "verdict": "chosen"}]\')',
            run, customer_id, value,
        )  # fmt: skip
        return customer_id

    def run_with(self, customers: int) -> str:
        """A run whose customers all complained, proposed."""
        run, _ = self.plan(0)
        for number in range(customers):
            self.complaint(run, value=50 + number)
        assert self.propose(run) == (customers, 0)
        return run

    def planted(self, run: str) -> dict[UUID, str]:
        """The run's planted proposals and what is wrong with each."""
        return dict(self.bank.query(PLANTED, run))

    def content(self, proposal: UUID, version: int = 1) -> dict[str, Any]:
        """Offer, message and price of a version."""
        sql = "SELECT offer_id, message, price_eur FROM proposal_versions WHERE proposal_id = %s AND version = %s"
        [row] = self.bank.query(sql, proposal, version)
        return dict(zip(("offer", "message", "price"), row, strict=True))

    def yesterday(self) -> None:
        """Let every decision have been taken a day earlier."""
        self.bank.query("ALTER TABLE decisions DISABLE TRIGGER keep_decisions")
        self.bank.query("UPDATE decisions SET decided_at = decided_at - interval '1 day'")
        self.bank.query("ALTER TABLE decisions ENABLE TRIGGER keep_decisions")

    def hand_over(self) -> None:
        """Note a hand-over of everything approved and not planted, as hand_over() would."""
        self.bank.query(
            "WITH h AS (INSERT INTO hand_overs (campaign_id, person, items, items_sha256, event_id)"
            " SELECT %s, %s, 1, repeat('0', 64), event_id FROM audit_log LIMIT 1 RETURNING hand_over_id)"
            " INSERT INTO handed_over (proposal_id, hand_over_id, version, content_sha256, consent_id)"
            " SELECT s.proposal_id, h.hand_over_id, s.version, s.content_sha256,"
            " consent_granted_now(s.customer_id, 'retention_offers') FROM proposal_states s, h"
            " WHERE s.state = 'approved' AND s.proposal_id NOT IN (SELECT proposal_id FROM planted_proposals)",
            CAMPAIGN, OPERATOR,
        )  # fmt: skip
