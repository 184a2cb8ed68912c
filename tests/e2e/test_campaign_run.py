"""A campaign through the deployed stack: opened and sealed, run by the state machine, closed, drawn again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Cloud
from vigie_local.demo_campaign import OPERATOR, open_demo_campaign
from vigie_operations import campaigns

CUSTOMERS = 120


@pytest.fixture(scope="module")
def campaign(cloud: Cloud) -> Iterator[str]:
    """The demo's campaign, closed at the end: other tests' runs propose nothing."""
    open_demo_campaign(cloud.target)
    open_demo_campaign(cloud.target)
    [(name,)] = cloud.query("SELECT campaign_id FROM campaigns WHERE closed_at IS NULL")
    yield name
    if cloud.query("SELECT 1 FROM campaigns WHERE closed_at IS NULL"):
        campaigns.close_campaign(cloud.target, OPERATOR, name)


@pytest.fixture(scope="module")
def output(cloud: Cloud, campaign: str) -> dict[str, Any]:
    return cloud.run("e2e-campaign", {"limit": CUSTOMERS})


def test_every_customer_is_accounted_for_and_nothing_is_missing(
    cloud: Cloud, campaign: str, output: dict[str, Any]
) -> None:
    assert output["status"] == "succeeded"
    assert output["audit"]["gaps"] == 0
    assert output["customers"]["actions"] == CUSTOMERS
    assert cloud.query("SELECT campaign_id FROM runs WHERE run_id = 'e2e-campaign'") == [(campaign,)]
    [(kept,)] = cloud.query(
        "SELECT count(*) FROM actions a LEFT JOIN arbitrations b USING (run_id, customer_id)"
        " WHERE run_id = 'e2e-campaign' AND (b.run_id IS NULL) <> (a.source_reason IS NOT DISTINCT FROM 'NoConsent')"
    )
    assert kept == 0


def test_an_action_has_an_offer_where_something_would_be_proposed_and_nowhere_else(
    cloud: Cloud, output: dict[str, Any]
) -> None:
    rows = cloud.query(
        "SELECT b.verdict, a.source_reason, a.offer_id IS NOT NULL, a.offer_id IS NOT DISTINCT FROM b.offer_id"
        " FROM actions a JOIN arbitrations b USING (run_id, customer_id) WHERE run_id = 'e2e-campaign'"
    )
    reasons = {"held_out": "HeldOut", "below_break_even": "BelowBreakEven", "not_eligible": "NoOffer",
               "contact_policy": "ContactPolicy"}  # fmt: skip
    for verdict, reason, has_offer, same in rows:
        assert same
        assert has_offer == (verdict in ("proposed", "over_budget"))
        assert has_offer or reason == reasons[verdict]
    assert {"proposed", "below_break_even"} <= {row[0] for row in rows}


def test_the_money_that_is_proposed_is_within_the_budget(cloud: Cloud, output: dict[str, Any]) -> None:
    [(budget, proposed, number)] = cloud.query(
        "SELECT budget_eur, proposed_eur, proposed FROM allocations WHERE run_id = 'e2e-campaign'"
    )
    assert 0 < proposed <= budget
    assert cloud.query(
        "SELECT count(*), sum(cost_eur) FROM arbitrations WHERE run_id = 'e2e-campaign' AND verdict = 'proposed'"
    ) == [(number, proposed)]


def test_the_terms_were_sealed_before_the_first_action(cloud: Cloud, campaign: str, output: dict[str, Any]) -> None:
    [(terms,)] = cloud.query(
        "SELECT leaf_index FROM campaigns JOIN audit_leaf ON event_id = opened_event WHERE campaign_id = %s", campaign
    )
    [(first,)] = cloud.query(
        "SELECT min(leaf_index) FROM audit_leaf JOIN audit_log USING (event_id) WHERE run_id = 'e2e-campaign'"
    )
    assert terms < first


def test_the_commands_show_close_and_draw_again(cloud: Cloud, campaign: str, output: dict[str, Any]) -> None:
    shown = json.loads(cloud.vigie("--json", "campaigns", "show", campaign).stdout)
    assert shown["allocations"][0]["run_id"] == "e2e-campaign"
    refused = cloud.vigie("campaigns", "change", campaign, "--budget", "1")
    assert (refused.returncode, "only grow" in refused.stderr) == (2, True)
    assert "is open: its key is read once it is closed" in cloud.vigie("campaigns", "check", campaign).stderr
    closed = json.loads(cloud.vigie("--json", "campaigns", "close", campaign).stdout)
    assert len(closed["holdout_key"]) == 64
    checked = json.loads(cloud.vigie("--json", "campaigns", "check", campaign).stdout)
    assert checked["commitment_holds"]
    assert (checked["members"] > 0, checked["other_draws"]) == (True, 0)


def test_a_closed_campaign_is_refused_by_name(cloud: Cloud, campaign: str, output: dict[str, Any]) -> None:
    if cloud.query("SELECT 1 FROM campaigns WHERE closed_at IS NULL"):
        campaigns.close_campaign(cloud.target, OPERATOR, campaign)
    ended = cloud.wait(cloud.start("e2e-campaign-closed", {"limit": 1, "campaign": campaign}))
    assert ended["status"] == "FAILED"
    assert f"campaign={campaign} is closed" in ended["cause"]
