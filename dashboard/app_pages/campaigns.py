"""Campaigns: what each may spend, whom it leaves alone, what was decided, what waits, and whether it works."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dashboard import campaign_queries, markup
from dashboard.lift_panel import lift_panel
from dashboard.markup import Html
from dashboard.view import View, choose, current_view, show, show_title

STATE_TONES = {
    "open": "medium", "awaiting_second": "medium", "approved": "low", "handed_over": "low", "rejected": "plain",
    "objected": "high", "expired": "plain", "superseded": "plain", "withdrawn": "plain",
}  # fmt: skip
URGENT = {
    "awaiting_second": "urgent_awaiting_second", "objected": "urgent_objected", "expiring": "urgent_expiring",
    "open": "urgent_open", "approved": "urgent_approved",
}  # fmt: skip
Row = dict[str, Any]


def show_list(view: View, campaigns: list[Row]) -> None:
    """Every campaign in a row."""
    words, formats = view.words, view.formats
    heads = [words(f"campaigns.{key}") for key in ("campaign", "state", "period", "budget", "committed", "waiting")]
    rows = [
        [
            markup.join((view.link("campaigns", row["name"], campaign=row["campaign_id"]),
                         markup.tag("div", row["campaign_id"], css="note"))),
            state_pill(view, row),
            f"{formats.day(row['starts_on'])} – {formats.day(row['ends_on'])}",
            formats.euros(row["budget_eur"]),
            formats.percent(committed(row) / float(row["budget_eur"])),
            formats.number(row["waiting"]),
        ]
        for row in campaigns
    ]  # fmt: skip
    show(markup.table(words("campaigns.caption"), heads, rows, right=[3, 4, 5]))


def committed(row: Row) -> float:
    """Euros that approvals bind, those that wait for a second one and what was handed over included."""
    return float(row["budget_eur"] - row["left_eur"])


def state_pill(view: View, row: Row) -> Html:
    """Open, over or closed."""
    if row["closed_at"]:
        return markup.pill(view.words("campaigns.closed"))
    if row["ends_on"] < datetime.now(UTC).date():
        return markup.pill(view.words("campaigns.over"), "medium")
    return markup.pill(view.words("campaigns.open"), "low")


def budget_panel(view: View, row: Row) -> Html:
    """What is approved, handed over and left."""
    words, formats = view.words, view.formats
    budget = float(row["budget_eur"])
    awaiting, handed = float(row["awaiting_eur"]), float(row["handed_eur"])
    parts = [
        ("approved", max(0.0, committed(row) - awaiting - handed), "brand"), ("awaiting", awaiting, "medium"),
        ("handed_over", handed, "dark"), ("left", max(0.0, float(row["left_eur"])), "low"),
    ]  # fmt: skip
    legend = [
        (words(f"campaigns.{key}"), amount / budget, tone, formats.euros(amount), formats.percent(amount / budget))
        for key, amount, tone in parts
    ]
    note = words("campaigns.budget_note", budget=formats.euros(budget))
    return markup.panel(words("campaigns.budget"), markup.stack(legend), note=note)


def urgent_panel(view: View, row: Row) -> Html:
    """What waits for somebody, and where to go."""
    words = view.words
    counts = campaign_queries.count_urgent(view.db, row["campaign_id"])
    lines = [
        (words(f"campaigns.{name}", days=campaign_queries.EXPIRING_DAYS), view.formats.number(counts[key]))
        for key, name in URGENT.items() if counts[key]
    ]  # fmt: skip
    body: list[object] = [markup.facts(lines) if lines else words("campaigns.nothing_urgent")]
    if counts["open"] or counts["awaiting_second"] or counts["objected"]:
        see = view.link("review", words("campaigns.see_review"), campaign=row["campaign_id"])
        body.append(markup.tag("p", see))
    return markup.panel(words("campaigns.urgent"), *body)


def holdout_panel(view: View, row: Row) -> Html:
    """Customers who get no offer at all, by segment: bars and the same as a table."""
    words, formats = view.words, view.formats
    arms = campaign_queries.count_arms(view.db, row["campaign_id"])
    shares = ", ".join(
        f"{words(f'segment.{name}')} {formats.percent(float(share), 1)}"
        for name, share in row["holdout_shares"].items()
    )
    note = words("campaigns.holdout_note", share=formats.percent(row["holdout_share"], 1)) + (
        f" {words('campaigns.holdout_shares', shares=shares)}" if shares else ""
    )
    if not arms:
        return markup.panel(words("campaigns.holdout"), words("campaigns.no_member"), note=note)
    named = [
        (words(f"segment.{arm['segment']}") if arm["segment"] else words("campaigns.no_segment"), arm["customers"],
         arm["held_out"])
        for arm in arms
    ]  # fmt: skip
    most = max(customers for _, customers, _ in named)
    bars = markup.bars(
        (name, [((customers - held) / most, "brand"), (held / most, "plain")], formats.number(customers))
        for name, customers, held in named
    )
    rows = [
        [name, formats.number(customers - held), formats.number(held), formats.percent(held / customers, 1)]
        for name, customers, held in named
    ]
    heads = [words(f"campaigns.{key}") for key in ("segment", "treated", "held_out", "share")]
    table = markup.table(words("campaigns.holdout"), heads, rows, right=[1, 2, 3])
    commitment = markup.disclose(words("campaigns.commitment"), markup.facts([
        (words("campaigns.holdout_key"), markup.tag("code", row["holdout_commitment"])),
        (words("campaigns.terms"), markup.tag("code", row["terms_sha256"])),
        (words("campaigns.opened"), formats.moment(row["opened_at"])),
    ]))  # fmt: skip
    return markup.panel(
        words("campaigns.holdout"), bars, markup.tag("p"), table, markup.tag("p"), commitment, note=note
    )


def states_panel(view: View, row: Row) -> Html:
    """Proposals by what became of them, and decisions, in bulk or singly."""
    words, formats = view.words, view.formats
    states = campaign_queries.count_states(view.db, row["campaign_id"])
    if not states:
        return markup.panel(words("campaigns.proposals"), words("campaigns.no_proposal"))
    total = sum(state["proposals"] for state in states)
    rows = [
        [markup.pill(words(f"proposal_state.{state['state']}"), STATE_TONES[state["state"]]),
         formats.number(state["proposals"]), formats.percent(state["proposals"] / total),
         formats.euros(state["eur"])]
        for state in states
    ]  # fmt: skip
    heads = [words(f"campaigns.{key}") for key in ("state", "count", "share", "price")]
    decided = [
        [words(f"decision.{one['decision']}"), formats.number(one["decisions"]), formats.number(one["in_bulk"])]
        for one in campaign_queries.count_decisions(view.db, row["campaign_id"])
    ]
    decision_heads = [words(f"campaigns.{key}") for key in ("decision", "count", "in_bulk")]
    return markup.panel(
        words("campaigns.proposals"), markup.table(words("campaigns.proposals"), heads, rows, right=[1, 2, 3]),
        *((markup.tag("h2", words("campaigns.decisions")),
           markup.table(words("campaigns.decisions"), decision_heads, decided, right=[1, 2])) if decided else ()),
    )  # fmt: skip


def allocation_panel(view: View, row: Row) -> Html:
    """How the newest run spent the budget: the best expected values, and what the last euro was worth."""
    words, formats = view.words, view.formats
    last = campaign_queries.last_allocation(view.db, row["campaign_id"])
    if last is None:
        return markup.panel(words("campaigns.allocation"), markup.prose(words("campaigns.no_run")))
    price = float(last["shadow_price"])
    said = (
        words("campaigns.shadow", value=formats.price(round(price, 2))) if price else words("campaigns.budget_sufficed")
    )
    facts = [
        (words("app.run"), view.link("runs", last["run_id"], run=last["run_id"])),
        (words("campaigns.allocated_from"), formats.euros(last["budget_eur"])),
        (words("campaigns.proposed_eur"), formats.euros(last["proposed_eur"])),
        (words("campaigns.shadow_price"), said),
    ]
    verdicts = [
        [words.name_of("arbitration", one["verdict"]), formats.number(one["customers"])]
        for one in campaign_queries.count_verdicts(view.db, last["run_id"])
    ]
    heads = [words(f"campaigns.{key}") for key in ("verdict", "customers")]
    return markup.panel(
        words("campaigns.allocation"), markup.facts(facts), markup.tag("p"),
        markup.table(words("campaigns.allocation"), heads, verdicts, right=[1]),
    )  # fmt: skip


def show_campaign(view: View, row: Row) -> None:
    """One campaign."""
    words, formats = view.words, view.formats
    days = (row["ends_on"] - datetime.now(UTC).date()).days
    facts = [
        f"{formats.day(row['starts_on'])} – {formats.day(row['ends_on'])}",
        words("campaigns.days_left", n=formats.number(days)) if days >= 0 and not row["closed_at"] else "",
        f"{words('campaigns.contract')} {row['contract']}",
    ]
    catalogue = view.link("offers", row["catalogue_version"], version=row["catalogue_version"])
    about = markup.join((*filter(None, facts), markup.join((words("campaigns.catalogue"), catalogue), " ")), " · ")
    heading = markup.tag("h2", row["name"], " ", state_pill(view, row))
    show(markup.tag("div", heading, markup.tag("p", about, css="muted")))
    show(markup.row(budget_panel(view, row), urgent_panel(view, row)))
    show(markup.row(holdout_panel(view, row), states_panel(view, row)))
    show(markup.row(allocation_panel(view, row), lift_panel(view, row["campaign_id"])))


def main() -> None:
    """Draw the page."""
    view = current_view()
    heading, chooser = st.columns([3, 2], vertical_alignment="bottom")
    with heading:
        show_title(view, "campaigns", view.words("campaigns.subtitle"))
    campaigns = campaign_queries.list_campaigns(view.db)
    if not campaigns:
        show(markup.empty(view.words("empty.no_campaign"), markup.prose(view.words("empty.no_campaign_do"))))
        return
    by_id = {row["campaign_id"]: row for row in campaigns}
    with chooser:
        chosen = choose(view, "campaign", view.words("campaigns.campaign"), list(by_id),
                        lambda c: str(by_id[c]["name"]), optional=False)  # fmt: skip
    show_campaign(view, by_id[chosen])
    show(markup.tag("h2", view.words("campaigns.all")))
    show_list(view, campaigns)


main()
