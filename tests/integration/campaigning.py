"""A campaign in a bank under test: its operator, a catalogue, the terms, and an opening that counts as sealed."""

import json
from typing import Any

from tests.integration.conftest import Bank
from vigie.catalogue_file import parse_catalogue

OPERATOR = "olga.operator"
CATALOGUE = """
version = "{version}"
[policy]
per_customer_days = 30
most_per_year = 2
quiet_days_after_complaint = 90
margin_eur = {margin}
default_yearly_value_eur = 400
"""
SAID = "Votre situation mérite un vrai échange\u00a0: un conseiller dédié vous rappelle au moment qui vous convient."
CALL = f"""
[[offer]]
code = "advisor_call"
title = {{ fr = "Un entretien avec un conseiller dédié", en = "A call with a dedicated advisor" }}
message.fr = "{SAID}"
message.en = "You deserve a proper conversation: a dedicated advisor will call you back at a time that suits you."
cost_eur = 25
save_rate = 0.25
save_rate_source = "assumed"
segments = ["High", "Medium"]
channels = ["phone"]
"""
DIGITAL = """
[[offer]]
code = "digital_help"
title = { fr = "Une prise en main de l’application", en = "Hands-on help with the app" }
message.fr = "Un conseiller vous accompagne pas à pas dans l’application et l’espace client."
message.en = "An advisor will guide you through the app and the website, step by step."
cost_eur = 8
save_rate = 0.12
save_rate_source = "assumed"
segments = ["High", "Medium", "Low"]
channels = ["email"]
"""


def name_people(bank: Bank) -> None:
    """Name one person for each duty; the operator by the owner, as an installation begins."""
    bank.query("SELECT name_person(NULL, %s, 'operator', true)", OPERATOR)
    for duty in ("reviewer", "second_reviewer", "officer"):
        bank.query("SELECT name_person(%s, %s, %s, true)", OPERATOR, f"some.{duty}", duty, role="operator")


def catalogue_text(version: str, *offers: str, margin: float = 5) -> str:
    return CATALOGUE.format(version=version, margin=margin) + "".join(offers or (CALL, DIGITAL))


def load(bank: Bank, text: str) -> bool:
    """Load a catalogue's text as the operator; whether it was new."""
    read = parse_catalogue(text)
    [(new,)] = bank.query(
        "SELECT load_catalogue(%s, %s, %s, %s, %s)",
        OPERATOR, read.version, text, json.dumps(read.policy.as_json()), json.dumps(read.offers_as_json()),
        role="operator",
    )  # fmt: skip
    return bool(new)


def terms(campaign: str, version: str, **more: Any) -> dict[str, Any]:
    return {
        "campaign_id": campaign, "contract": "tiny", "name": "Test", "starts_on": "2026-01-01", "ends_on": "2099-12-31",
        "budget_eur": 1000, "catalogue_version": version, **more,
    }  # fmt: skip


def open_campaign(bank: Bank, given: dict[str, Any]) -> str:
    """Open a campaign as the operator; return the id of its event."""
    [(event,)] = bank.query("SELECT open_campaign(%s, %s)", OPERATOR, json.dumps(given), role="operator")
    return str(event)


def seal(bank: Bank) -> None:
    """Count every event as sealed, as the audit agent's rows would say it."""
    bank.query(
        "INSERT INTO audit_leaf SELECT coalesce((SELECT max(leaf_index) + 1 FROM audit_leaf), 0)"
        " + row_number() OVER (ORDER BY seq) - 1, event_id, sha256(event_id::text::bytea) FROM audit_log l"
        " WHERE NOT EXISTS (SELECT FROM audit_leaf f WHERE f.event_id = l.event_id)"
    )


def begin(bank: Bank, campaign: str, *offers: str, margin: float = 5, **more: Any) -> None:
    """A catalogue of these offers, a campaign with it, and its opening sealed; an earlier campaign is closed."""
    if not bank.query("SELECT 1 FROM people"):
        name_people(bank)
    for (earlier,) in bank.query("SELECT campaign_id FROM campaigns WHERE contract = 'tiny' AND closed_at IS NULL"):
        bank.query("SELECT close_campaign(%s, %s)", OPERATOR, earlier, role="operator")
    load(bank, catalogue_text(f"v-{campaign}", *offers, margin=margin))
    open_campaign(bank, terms(campaign, f"v-{campaign}", **more))
    seal(bank)
