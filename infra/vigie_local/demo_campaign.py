"""The demo's campaign: its people, the shipped catalogue, and a budget that is a little short."""

from __future__ import annotations

import datetime

from vigie_local.console_steps import step
from vigie_local.settings import LocalSettings
from vigie_operations import campaigns
from vigie_operations.targets import OWNER, Target

PEOPLE = {
    "demo-operator": "operator",
    "demo-reviewer": "reviewer",
    "demo-second": "second_reviewer",
    "demo-officer": "officer",
}
OPERATOR = "demo-operator"
CONTRACT = "bank"
DAYS = 180
# About four fifths of what offers to everybody who may be made one would cost.
BUDGET_PER_CUSTOMER = 6
DEMO_BANK = "SELECT count(*) FROM loaded_contracts WHERE name = %s AND (content ->> 'demo')::boolean"
CAMPAIGNS = "SELECT count(*) FROM campaigns WHERE contract = %s"


def open_demo_campaign(settings: LocalSettings, target: Target) -> None:
    """Open a campaign for the demo's made-up customers, unless they have one; a bank's own customers get none."""
    with campaigns.acting(target, OWNER) as cursor:
        cursor.execute(DEMO_BANK, (CONTRACT,))
        is_demo = (cursor.fetchone() or (0,))[0]
        cursor.execute(CAMPAIGNS, (CONTRACT,))
        campaigns_present = (cursor.fetchone() or (0,))[0]
    if not is_demo:
        return
    with step("Demo campaign") as current:
        if campaigns_present:
            current.note = "was opened already"
            return
        for person, duty in PEOPLE.items():
            campaigns.name_person(target, "", person, duty)
        read, _ = campaigns.load_offers(target, OPERATOR)
        today = datetime.datetime.now(datetime.UTC).date()
        budget = settings.customers * BUDGET_PER_CUSTOMER
        terms = {
            "campaign_id": f"demo-{today.year}",
            "contract": CONTRACT,
            "name": "Demo",
            "starts_on": today.isoformat(),
            "ends_on": (today + datetime.timedelta(days=DAYS)).isoformat(),
            "budget_eur": budget,
            "budget_lines": dict.fromkeys(sorted({o.budget_line for o in read.offers if o.budget_line}), budget),
            "catalogue_version": read.version,
            "second_above_eur": 35,
        }
        campaigns.open_campaign(target, OPERATOR, terms)
        current.note = f"{terms['campaign_id']} opened and sealed: {budget} euros, 10 % held out"
