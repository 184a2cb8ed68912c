"""A campaign with people who review, and runs that propose into it, for tests and for the benchmark."""

import json
from typing import Any
from uuid import UUID

import psycopg2.errors

from tests.integration.conftest import Bank

CAMPAIGN = "spring"
FIRST, OTHER, SECOND, THIRD = "ada", "ben", "cleo", "dan"
DUTIES = {FIRST: "reviewer", OTHER: "reviewer", SECOND: "second_reviewer", THIRD: "second_reviewer"}
NEUTRAL = ["thanks_for_message", "fee_review", "listening"]
# By offer: its cost, its line of the budget, whether it asks for a second approval.
OFFERS = {
    "fee_review": (30, "fees", False),
    "savings_review": (15, None, False),
    "loan_review": (40, None, True),
    "branch_meeting": (12, None, False),
}
STATE = "SELECT state FROM proposal_states WHERE proposal_id = %s"


class ReviewBank:
    """A bank with an open campaign; methods act as a person does, through the role of their duty."""

    def __init__(
        self, bank: Bank, budget: float = 10000, campaign: str = CAMPAIGN, lines: dict[str, float] | None = None
    ):
        self.bank, self.campaign = bank, campaign
        self._numbers, self._runs = iter(range(1, 1_000_000)), iter(range(1, 1000))
        bank.approve_model()
        bank.add_customer(next(self._numbers))
        for person, duty in DUTIES.items():
            bank.query("INSERT INTO people (person, duty) VALUES (%s, %s)", person, duty)
        bank.query("INSERT INTO catalogues (version, sha256, content, policy) VALUES ('1', repeat('0', 64), '', '{}')")
        for offer, (cost, line, second) in OFFERS.items():
            bank.query(
                "INSERT INTO catalogue_offers (version, offer_id, cost_eur, save_rate, save_rate_source, segments,"
                " channels, budget_line, second_approval) VALUES ('1', %s, %s, 0.2, 'assumed', '{High,Medium}',"
                " '{email,phone}', %s, %s)",
                offer, cost, line, second,
            )  # fmt: skip
        self.open_campaign(campaign, budget, lines or {})

    def open_campaign(self, campaign: str, budget: float, lines: dict[str, float]) -> None:
        self.bank.query(
            "INSERT INTO campaigns (campaign_id, contract, name, starts_on, ends_on, budget_eur, budget_lines,"
            " holdout_share, holdout_commitment, catalogue_version, second_above_eur, terms_sha256, opened_by,"
            " opened_event) SELECT %s, %s, 'Test', current_date - 1, current_date + 90, %s, %s, 0.1, repeat('0', 64),"
            " '1', 35, repeat('0', 64), %s, event_id FROM audit_log LIMIT 1",
            campaign, campaign, budget, json.dumps(lines), FIRST,
        )  # fmt: skip

    def plan(self, customers: int = 1, wording: str = "composed") -> tuple[str, list[UUID]]:
        """A run into the campaign, with an action worded by the catalogue for each of its new customers."""
        run = f"{self.campaign}-{next(self._runs)}"
        self.bank.plan(run, [])
        # Its opening is not sealed here, and its contract is its own: tests/integration/database/test_campaigns.py.
        self.bank.query(
            "ALTER TABLE runs DISABLE TRIGGER require_campaign;"
            "UPDATE runs SET campaign_id = %s, wording = %s WHERE run_id = %s;"
            "ALTER TABLE runs ENABLE TRIGGER require_campaign", self.campaign, wording, run,
        )  # fmt: skip
        return run, [self.decide_offer(run) for _ in range(customers)]

    def decide_offer(
        self, run: str, customer_id: UUID | None = None, value: float = 100, offer: str = "fee_review",
        draft: str | None = None, findings: tuple[str, ...] = (),
    ) -> UUID:  # fmt: skip
        """A customer of the run with a prediction, an action and the arbitration that proposes it."""
        query = self.bank.query
        customer_id = customer_id or self.bank.add_customer(next(self._numbers))
        query("INSERT INTO run_customers VALUES (%s, %s, 0)", run, customer_id)
        query(
            "INSERT INTO campaign_members (campaign_id, customer_id, segment, draw, held_out)"
            " VALUES (%s, %s, 'High', 0.9, false) ON CONFLICT DO NOTHING", self.campaign, customer_id,
        )  # fmt: skip
        query(
            "INSERT INTO predictions (run_id, customer_id, model_version, probability, log_odds, intercept,"
            " contributions, drivers) VALUES (%s, %s, 'tiny-1', 0.8, 1.4, 0, '{}', '[{\"feature\": \"complaints\"}]')",
            run, customer_id, role="prediction_agent",
        )  # fmt: skip
        query(
            "INSERT INTO actions (run_id, customer_id, segment, source, source_reason, offer_id, language, phrase_ids,"
            " message) SELECT %s, %s, 'High', 'catalogue', 'ModelUnavailable', offer_id, 'en', ARRAY[offer_id],"
            " message_en FROM offers WHERE offer_id = %s",
            run, customer_id, offer, role="action_agent",
        )  # fmt: skip
        query(
            "INSERT INTO arbitrations (run_id, customer_id, verdict, offer_id, channel, expected_value_eur, cost_eur,"
            " considered) VALUES (%s, %s, 'proposed', %s, 'email', %s, %s, %s)",
            run, customer_id, offer, value, OFFERS[offer][0], json.dumps([{"offer_id": offer, "verdict": "chosen"}]),
        )  # fmt: skip
        if draft is not None:
            query("ALTER TABLE drafts DISABLE TRIGGER require_draftable")
            query("INSERT INTO drafts (run_id, customer_id, message, findings) VALUES (%s, %s, %s, %s)",
                  run, customer_id, draft, list(findings))  # fmt: skip
            query("ALTER TABLE drafts ENABLE TRIGGER require_draftable")
        return customer_id

    def propose(self, run: str) -> tuple[int, int]:
        [(proposed, superseded)] = self.bank.query("SELECT * FROM propose(%s)", run, role="planner")
        return proposed, superseded

    def proposals(self, run: str) -> list[UUID]:
        """The run's proposals in the order of their customers."""
        sql = "SELECT proposal_id FROM proposals WHERE run_id = %s ORDER BY customer_id"
        return [row[0] for row in self.bank.query(sql, run)]

    def proposal(self, offer: str = "fee_review", **other: Any) -> UUID:
        """A new proposal, the only one of its run."""
        run, _ = self.plan(0, "drafted" if "draft" in other else "composed")
        self.decide_offer(run, offer=offer, **other)
        assert self.propose(run) == (1, 0)
        [proposal] = self.proposals(run)
        return proposal

    def state(self, proposal: UUID) -> str:
        [(state,)] = self.bank.query(STATE, proposal)
        return str(state)

    def hash(self, proposal: UUID) -> str:
        [(found,)] = self.bank.query("SELECT content_sha256 FROM proposal_states WHERE proposal_id = %s", proposal)
        return str(found)

    def ask(self, person: str, call: str, *arguments: Any, role: str | None = None) -> Any:
        """Call a function as a person: `who` first, through the role of their duty unless another is given."""
        places = ", ".join(["%s"] * (1 + len(arguments)))
        return self.bank.query(f"SELECT {call}({places})", person, *arguments, role=role or DUTIES[person])[0][0]

    def claim(self, person: str, proposal: UUID) -> None:
        """Have exactly this proposal claimed by the person, and opened."""
        self.bank.query(
            "INSERT INTO review_claims (proposal_id, person, expires_at, shown_at)"
            " VALUES (%s, %s, clock_timestamp() + interval '10 minutes', clock_timestamp())"
            " ON CONFLICT (proposal_id) DO UPDATE SET person = EXCLUDED.person, expires_at = EXCLUDED.expires_at,"
            " shown_at = EXCLUDED.shown_at",
            proposal, person,
        )  # fmt: skip

    def decide(
        self, person: str, proposal: UUID, decision: str = "approve", reason: str = "fits", content: str | None = None
    ) -> str:
        """Claim, open and decide on what is current; the new state."""
        self.claim(person, proposal)
        return str(self.ask(person, "decide", proposal, decision, content or self.hash(proposal), reason))

    def edit(self, person: str, proposal: UUID, message: str, offer: str = "fee_review") -> str:
        self.claim(person, proposal)
        return str(self.ask(person, "edit_proposal", proposal, offer, message))


def code(error: psycopg2.Error) -> str:
    return str(error.pgcode)
