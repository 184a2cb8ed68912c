"""Offers: the catalogue, what each offer costs and is expected to save, and to whom it may be made, in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dashboard import campaign_queries, markup
from dashboard.accounting import feature_labels
from dashboard.eligibility import write_conditions
from dashboard.markup import Html
from dashboard.review_queries import list_offers_of, pick
from dashboard.view import View, choose, current_view, read_cached, show, show_title

Row = dict[str, Any]


def show_offers(view: View, offers: list[Row], used: dict[str, Row]) -> None:
    """A row for each offer."""
    words = view.words
    keys = ("offer", "cost", "save_rate", "eligibility", "cooldown", "validity", "use")
    heads = [words(f"offers.{key}") for key in keys]
    labels = feature_labels(read_cached(view, campaign_queries.contract_in_force), view.language)
    rows = [cells(view, offer, used, labels) for offer in offers]
    show(markup.table(words("offers.caption"), heads, rows, right=[1]))


def cells(view: View, offer: Row, used: dict[str, Row], labels: Mapping[str, str]) -> list[object]:
    """One offer."""
    words, formats = view.words, view.formats
    marks = [markup.pill(words("offers.second_approval"), "medium")] if offer["second_approval"] else []
    if offer["budget_line"]:
        marks.append(markup.pill(words("offers.budget_line", line=offer["budget_line"].replace("_", " "))))
    title = markup.tag("strong", pick(offer, "title", view.language))
    name = markup.join((title, markup.tag("div", offer["offer_id"], css="note"), markup.join(marks, " ")))
    known = markup.pill(words("offers.measured"), "low") if offer["save_rate_source"] == "measured" else (
        markup.pill(words("offers.assumed"), "medium")
    )  # fmt: skip
    rate = markup.join((formats.percent(offer["save_rate"], 1), known), " ")
    conditions = [markup.tag("li", text) for text in write_conditions(view, offer, labels)]
    days = offer["cooldown_days"]
    return [
        name,
        formats.price(float(offer["cost_eur"])),
        rate,
        markup.tag("ul", *conditions, css="reasons"),
        words("offers.days", n=days) if days else words("offers.no_cooldown"),
        validity(view, offer),
        use(view, used.get(offer["offer_id"])),
    ]


def validity(view: View, offer: Row) -> Html:
    """From when to when, and whether that is today."""
    words, formats = view.words, view.formats
    first, last = offer["valid_from"], offer["valid_until"]
    today = datetime.now(UTC).date()
    if not first and not last:
        return markup.safe(words("offers.always"))
    text = words("offers.from_to", first=formats.day(first), last=formats.day(last))
    outside = (first and today < first) or (last and today > last)
    return markup.join((text, " ", markup.pill(words("offers.not_today"), "high"))) if outside else markup.safe(text)


def use(view: View, row: Row | None) -> Html:
    """How often it was proposed, and what people said."""
    if row is None:
        return markup.safe(view.words("offers.unused"))
    number = view.formats.number
    return markup.safe(
        view.words("offers.used", proposed=number(row["proposed"]), approved=number(row["approved"]),
                   rejected=number(row["rejected"]))
    )  # fmt: skip


def show_version(view: View, version: Row) -> None:
    """Which version this is, since when, with its hash."""
    words, formats = view.words, view.formats
    used_by = ", ".join(version["campaigns"] or ()) or words("offers.by_none")
    facts = [
        (words("offers.loaded"), formats.moment(version["loaded_at"])),
        (words("offers.used_by"), used_by),
        ("SHA-256", markup.tag("code", version["sha256"])),
    ]
    show(markup.panel(words("offers.version_of", version=version["version"]), markup.facts(facts)))


def show_versions(view: View, versions: list[Row]) -> None:
    """Every version, newest first."""
    words, formats = view.words, view.formats
    rows = [
        [view.link("offers", row["version"], version=row["version"]), formats.moment(row["loaded_at"]),
         formats.number(row["offers"]), ", ".join(row["campaigns"] or ()) or "–",
         markup.tag("code", row["sha256"][:16])]
        for row in versions
    ]  # fmt: skip
    heads = [words(f"offers.{key}") for key in ("version", "loaded", "count", "used_by", "hash")]
    show(markup.tag("h2", words("offers.versions")))
    show(markup.table(words("offers.versions"), heads, rows, right=[2]))


def main() -> None:
    """Draw the page."""
    view = current_view()
    heading, chooser = st.columns([3, 2], vertical_alignment="bottom")
    with heading:
        show_title(view, "offers", view.words("offers.subtitle"))
    versions = campaign_queries.list_catalogues(view.db)
    if not versions:
        show(markup.empty(view.words("empty.no_catalogue"), markup.prose(view.words("empty.no_catalogue_do"))))
        return
    by_version = {row["version"]: row for row in versions}
    # What an open campaign uses is in force, whatever was loaded after it.
    in_force = sorted(by_version, key=lambda v: not by_version[v]["campaigns"])
    with chooser:
        chosen = choose(view, "version", view.words("offers.version"), in_force, str, optional=False)
    show_version(view, by_version[chosen])
    show_offers(view, list_offers_of(view.db, chosen), campaign_queries.count_use(view.db, chosen))
    show_versions(view, versions)


main()
