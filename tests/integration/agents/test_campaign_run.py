"""A run that proposes into a campaign: planned, arbitrated, held out, allocated; and refused where it cannot be."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from planner.closing import finish_run
from planner.manifest import Manifests
from planner.planning import plan_run
from planner.requests import FinishRequest, PlanRequest
from planner.settings import PlannerSettings
from tests.fakes.chat_models import ANALYSIS, answer_of, obliging
from tests.fakes.object_store import FakeObjectStore
from tests.integration.agents.conftest import Office
from tests.integration.campaigning import CALL, DIGITAL, OPERATOR, begin, load, open_campaign, seal, terms
from tests.integration.campaigning import catalogue_text as text_of
from tests.integration.conftest import Bank
from vigie.errors import InvalidInputError
from vigie_llm.chat import ChatAnswer, ChatRequest
from vigie_operations.campaigns import draw

Hire = Callable[..., list[UUID]]
SETTINGS = PlannerSettings("vigie/database/planner", "runs", "analysis-2", "action-3", 100, 6, 0.70, 0.35, 2, 16)
# Of a customer with log-odds 0.25 and a yearly value of 400: 400 × 0.5622 × 0.25 − 25, and × 0.12 − 8.
CALL_EUR, DIGITAL_EUR = 31.22, 18.98


@pytest.fixture(autouse=True)
def nobody_else(bank: Bank, hire: Hire) -> None:
    """Nobody is due but one who is not profiled."""
    bank.query("DELETE FROM customer_features")
    hire(1, feedback=False, consents=())


def plan(office: Office, **asked: Any) -> dict[str, Any]:
    request = PlanRequest.parse({"run_id": office.run_id, "input": asked})
    manifests = Manifests("runs", FakeObjectStore())
    return plan_run(request, SETTINGS, office.database("planner"), manifests, office.request("planner"))


def finish(office: Office) -> dict[str, Any]:
    asked = FinishRequest(office.run_id, {})
    return finish_run(asked, office.database("planner"), office.request("planner"))


def run(office: Office, **asked: Any) -> dict[str, Any]:
    plan(office, **asked)
    office.predict()
    office.act()
    return finish(office)


def rulings(office: Office) -> dict[UUID, tuple[Any, ...]]:
    """Verdict, offer, channel, value, cost of each customer's arbitration."""
    rows = office.bank.query(
        "SELECT customer_id, verdict, offer_id, channel, expected_value_eur::float, cost_eur::float FROM arbitrations"
        " WHERE run_id = %s", office.run_id,
    )  # fmt: skip
    return {row[0]: row[1:] for row in rows}


def actions(office: Office) -> dict[UUID, tuple[Any, ...]]:
    rows = office.bank.query(
        "SELECT customer_id, source, source_reason, offer_id FROM actions WHERE run_id = %s", office.run_id
    )
    return {row[0]: row[1:] for row in rows}


def test_the_best_offer_is_made_and_kept_with_what_was_considered(office: Office, bank: Bank, hire: Hire) -> None:
    begin(bank, "best", holdout_share=0)
    [customer] = hire(1, feedback=False)
    run(office)
    assert rulings(office) == {customer: ("proposed", "advisor_call", "phone", CALL_EUR, 25)}
    assert actions(office) == {customer: ("model", None, "advisor_call")}
    [(considered,)] = bank.query("SELECT considered FROM arbitrations WHERE run_id = %s", office.run_id)
    assert [(one["offer_id"], one["verdict"]) for one in considered] == [
        ("advisor_call", "chosen"), ("digital_help", "lower_value")
    ]  # fmt: skip
    assert bank.query("SELECT campaign_id FROM runs WHERE run_id = %s", office.run_id) == [("best",)]
    [(_, _, planned)] = bank.events(office.run_id, "RUN_PLANNED")
    assert planned["campaign"] == "best"
    # The model was given no other offer to choose.
    [request] = office.model.asked
    assert {one for one in request.schema["properties"]["offer"]["enum"] if one.startswith("digital_help")} == set()


def test_within_the_margin_the_model_may_choose_another(office: Office, bank: Bank, hire: Hire) -> None:
    begin(bank, "margin", margin=20, holdout_share=0)
    hire(1, feedback=False)
    plan(office)
    office.predict()
    office.act()
    [request] = office.model.asked
    offers = {one.removesuffix("_") for one in request.schema["properties"]["offer"]["enum"]}
    assert {"advisor_call", "digital_help"} <= offers


def test_where_the_budget_is_short_the_best_get_it(office: Office, bank: Bank, hire: Hire) -> None:
    """Of three with 800, 400 and 200 euros a year, 55 euros suffice for two calls: the shadow price is the third's."""
    begin(bank, "short", CALL, budget_eur=55, holdout_share=0)
    rich, middle, poor = hire(3, feedback=False)
    for customer, value in ((rich, 800), (middle, 400), (poor, 200)):
        bank.query("UPDATE customers SET annual_value_eur = %s WHERE customer_id = %s", value, customer)
    run(office)
    assert {one: row[0] for one, row in rulings(office).items()} == {
        rich: "proposed", middle: "proposed", poor: "over_budget"
    }  # fmt: skip
    [kept] = bank.query(
        "SELECT budget_eur::float, proposed_eur::float, shadow_price, proposed, over_budget FROM allocations"
        " WHERE run_id = %s", office.run_id,
    )  # fmt: skip
    assert kept == (55, 50, pytest.approx(3.11 / 25), 2, 1)
    # Closed again, everything stays as it is.
    finish(office)
    assert bank.query("SELECT count(*) FROM allocations WHERE run_id = %s", office.run_id) == [(1,)]


def test_a_budget_line_holds_as_well(office: Office, bank: Bank, hire: Hire) -> None:
    begin(bank, "line", CALL + 'budget_line = "advice"\n', budget_lines={"advice": 30}, holdout_share=0)
    hire(2, feedback=False)
    run(office)
    assert sorted(row[0] for row in rulings(office).values()) == ["over_budget", "proposed"]


def test_below_break_even_nothing_is_made_and_said_why(office: Office, bank: Bank, hire: Hire) -> None:
    begin(bank, "poor", CALL, holdout_share=0)
    [customer] = hire(1, feedback=False)
    bank.query("UPDATE customers SET annual_value_eur = 100 WHERE customer_id = %s", customer)
    run(office)
    assert actions(office) == {customer: ("none", "BelowBreakEven", None)}
    assert rulings(office)[customer][:2] == ("below_break_even", None)
    assert office.model.asked == []


def test_who_was_contacted_lately_is_left_alone(office: Office, bank: Bank, hire: Hire) -> None:
    begin(bank, "rest", holdout_share=0)
    [customer] = hire(1, feedback=False)
    hand_over(bank, customer, "advisor_call", "phone", days=10)
    run(office)
    assert actions(office) == {customer: ("none", "ContactPolicy", None)}
    [(considered,)] = bank.query("SELECT considered FROM arbitrations WHERE run_id = %s", office.run_id)
    assert {(one["verdict"], one["rule"], one["days"]) for one in considered} == {
        ("contact_policy", "per_customer_days", 10)
    }


def test_an_offer_that_was_made_lately_rests_and_another_is_made(office: Office, bank: Bank, hire: Hire) -> None:
    begin(bank, "cooldown", CALL + "cooldown_days = 90\n", DIGITAL, holdout_share=0)
    [customer] = hire(1, feedback=False)
    hand_over(bank, customer, "advisor_call", "phone", days=40)
    run(office)
    assert rulings(office)[customer][:2] == ("proposed", "digital_help")
    [(considered,)] = bank.query("SELECT considered FROM arbitrations WHERE run_id = %s", office.run_id)
    assert considered[1] == {"offer_id": "advisor_call", "verdict": "cooldown", "cost_eur": 25, "days": 40}


def test_a_complaint_about_being_contacted_is_respected(office: Office, bank: Bank, hire: Hire) -> None:
    begin(bank, "quiet", holdout_share=0)
    [customer] = hire(1)
    bank.query(
        "UPDATE feedback SET received_at = clock_timestamp() - interval '20 days' WHERE customer_id = %s", customer
    )
    plan(office)
    office.model.reply = complaining
    office.analyse()
    office.predict()
    office.act()
    assert actions(office) == {customer: ("none", "ContactPolicy", None)}


def test_who_is_held_out_has_no_action_and_no_call(office: Office, bank: Bank, hire: Hire) -> None:
    begin(bank, "held", holdout_share=0.5)
    customers = hire(30, feedback=False)
    run(office)
    held = {
        row[0] for row in bank.query("SELECT customer_id FROM campaign_members WHERE campaign_id='held' AND held_out")
    }
    assert 5 <= len(held) <= 25
    assert {one for one, row in actions(office).items() if row == ("none", "HeldOut", None)} == held
    assert {one for one, row in rulings(office).items() if row[0] == "held_out"} == held
    assert len(office.model.asked) == len(customers) - len(held)
    [(key,)] = bank.query("SELECT encode(key, 'hex') FROM campaign_keys WHERE campaign_id = 'held'")
    drawn = dict(bank.query("SELECT customer_id, draw FROM campaign_members WHERE campaign_id = 'held'"))
    assert drawn == {one: draw(bytes.fromhex(key), "held", str(one)) for one in customers}
    assert held == {one for one, share in drawn.items() if share < 0.5}


def test_the_arm_is_kept_for_the_campaign_s_life(office: Office, bank: Bank, hire: Hire) -> None:
    begin(bank, "life", holdout_share=0.5)
    hire(10, feedback=False)
    run(office)
    again = Office(bank, f"{office.run_id}-again")
    run(again)
    assert {k: v[1] for k, v in actions(again).items()} == {k: v[1] for k, v in actions(office).items()}
    again.close()


def test_a_share_of_a_small_segment_is_its_own(office: Office, bank: Bank, hire: Hire) -> None:
    begin(bank, "strata", holdout_share=0, holdout_shares={"Medium": 0.5})
    hire(20, feedback=False)
    run(office)
    assert {row[0] for row in rulings(office).values()} == {"proposed", "held_out"}
    assert bank.query("SELECT DISTINCT segment FROM campaign_members WHERE campaign_id = 'strata'") == [("Medium",)]


def test_a_test_run_and_one_without_a_campaign_propose_nothing(office: Office, bank: Bank, hire: Hire) -> None:
    begin(bank, "idle")
    [customer] = hire(1, feedback=False)
    run(office, purpose="test")
    assert rulings(office) == {}
    assert actions(office)[customer][0] == "model"


def test_a_withdrawal_erases_the_arbitration(office: Office, bank: Bank, hire: Hire) -> None:
    begin(bank, "erase", holdout_share=0)
    [customer] = hire(1, feedback=False)
    run(office)
    bank.record_consent(customer, "retention_offers", False)
    assert rulings(office) == {}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"campaign": "nobody"}, "campaign=nobody is unknown"),
        ({"campaign": "Marie Durand"}, "is no campaign's id"),
        ({"campaign": "shut"}, "campaign=shut is closed"),
        ({"campaign": "later"}, "campaign=later lasts from 2098-01-01"),
        ({"campaign": "later", "purpose": "test"}, "cannot be given with purpose"),
    ],
)
def test_a_campaign_that_cannot_be_proposed_into_is_refused_by_name(
    office: Office, bank: Bank, hire: Hire, asked: dict[str, Any], why: str
) -> None:
    hire(1, feedback=False)
    if not bank.query("SELECT 1 FROM campaigns WHERE campaign_id = 'shut'"):
        begin(bank, "shut")
        begin(bank, "later", starts_on="2098-01-01")
    with pytest.raises(InvalidInputError, match=why):
        plan(office, **asked)
    assert bank.query("SELECT count(*) FROM runs WHERE run_id = %s", office.run_id) == [(0,)]


def test_no_run_is_planned_before_the_terms_are_sealed(office: Office, bank: Bank, hire: Hire) -> None:
    begin(bank, "before")
    bank.query("SELECT close_campaign(%s, 'before')", OPERATOR, role="operator")
    hire(1, feedback=False)
    open_campaign(bank, terms("unsealed", "v-before"))
    for asked in ({}, {"campaign": "unsealed"}):
        with pytest.raises(InvalidInputError, match="not sealed yet"):
            plan(office, **asked)
    seal(bank)
    assert plan(office)["planned"] == 1


def test_what_the_catalogue_requires_and_the_contract_lacks_is_named(office: Office, bank: Bank, hire: Hire) -> None:
    hire(1, feedback=False)
    begin(bank, "asks", CALL + "requires = { complaints = { min = 1 } }\n")
    bank.query("UPDATE customer_features SET features = '{}'")
    with pytest.raises(InvalidInputError, match="requires complaints, which the contract does not have"):
        plan(office)


def test_customers_without_a_value_are_counted(office: Office, bank: Bank, hire: Hire) -> None:
    begin(bank, "value")
    bank.query("SELECT close_campaign(%s, 'value')", OPERATOR, role="operator")
    hire(2, feedback=False)
    load(bank, text_of("valueless").replace("default_yearly_value_eur = 400\n", ""))
    open_campaign(bank, terms("valueless", "valueless"))
    seal(bank)
    with pytest.raises(InvalidInputError, match="2 customers have no annual_value_eur"):
        plan(office)


def test_one_customer_s_missing_feature_is_a_verdict(office: Office, bank: Bank, hire: Hire) -> None:
    with_value, without = hire(2, feedback=False)
    begin(bank, "missing", CALL + "requires = { complaints = { min = 1 } }\n", holdout_share=0)
    bank.query("UPDATE customer_features SET features = '{\"complaints\": null}' WHERE customer_id = %s", without)
    run(office)
    assert rulings(office)[with_value][0] == "proposed"
    assert actions(office)[without] == ("none", "NoOffer", None)
    [(considered,)] = bank.query(
        "SELECT considered FROM arbitrations WHERE run_id = %s AND customer_id = %s", office.run_id, without
    )
    assert considered == [
        {"offer_id": "advisor_call", "verdict": "missing_feature", "cost_eur": 25, "feature": "complaints"}
    ]


def complaining(request: ChatRequest) -> ChatAnswer:
    if request.schema_name == "feedback_analysis":
        return answer_of(ANALYSIS | {"topics": ["communication"]})
    return obliging(request)


def hand_over(bank: Bank, customer: UUID, offer: str, channel: str, days: int) -> None:
    """An offer that was handed over so many days ago, by an earlier run."""
    run_id, content = f"earlier-{customer}", "a" * 64
    bank.plan(run_id, [customer.int >> 96])
    [(campaign, event, consent)] = bank.query(
        "SELECT campaign_id, opened_event, (SELECT max(consent_id) FROM consents) FROM campaigns"
        " WHERE contract = 'tiny' AND closed_at IS NULL"
    )
    bank.query(
        "INSERT INTO campaign_members (campaign_id, customer_id, segment, draw, held_out)"
        " VALUES (%s, %s, 'Medium', 0.9, false)", campaign, customer,
    )  # fmt: skip
    [(proposal,)] = bank.query(
        "INSERT INTO proposals (campaign_id, run_id, customer_id, expires_at)"
        " VALUES (%s, %s, %s, clock_timestamp()) RETURNING proposal_id", campaign, run_id, customer,
    )  # fmt: skip
    bank.query(
        "INSERT INTO proposal_versions (proposal_id, version, offer_id, channel, language, message, price_eur, wording,"
        " author, nonce, content_sha256) SELECT proposal_id, 1, %s, %s, 'en', 'Said.', 25, 'catalogue', 'x', nonce,"
        " content_sha256(proposal_id, nonce, recipient_ref, %s, %s, 25, 'Said.')"
        " FROM proposals, (SELECT %s::bytea AS nonce) AS given WHERE proposal_id = %s",
        offer, channel, offer, channel, b"0123456789abcdef", proposal,
    )  # fmt: skip
    [(handed,)] = bank.query(
        "INSERT INTO hand_overs (campaign_id, person, items, items_sha256, event_id, handed_at)"
        " VALUES (%s, %s, 1, %s, %s, clock_timestamp() - %s * interval '1 day') RETURNING hand_over_id",
        campaign, OPERATOR, content, event, days,
    )  # fmt: skip
    bank.query(
        "INSERT INTO handed_over (proposal_id, hand_over_id, version, content_sha256, consent_id)"
        " VALUES (%s, %s, 1, %s, %s)", proposal, handed, content, consent,
    )  # fmt: skip
