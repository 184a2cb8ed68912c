"""Why an offer was chosen and the others were not, in sentences of the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.review_queries import pick
from dashboard.view import View
from dashboard.wording import load_texts

Row = dict[str, Any]


def explain_considered(
    view: View, considered: list[Row], chosen: str, titles: dict[str, Row], labels: Mapping[str, str]
) -> list[str]:
    """A sentence for each offer that was looked at: the chosen one first, then as they were considered."""
    ordered = sorted(considered, key=lambda row: row.get("offer_id") != chosen)
    return [explain_one(view, row, chosen, titles, labels) for row in ordered]


def explain_one(view: View, row: Row, chosen: str, titles: dict[str, Row], labels: Mapping[str, str]) -> str:
    """`Not “A review of your fees”: used 40 days ago.`"""
    words = view.words
    offer, verdict = str(row.get("offer_id")), str(row.get("verdict"))
    title = pick(titles.get(offer, {}), "title", view.language) or offer.replace("_", " ")
    if offer == chosen and verdict == "chosen":
        return words("explain.chosen", title=title, value=_euros(view, row))
    return words("explain.not_chosen", title=title, why=write_verdict(view, row, labels))


def write_verdict(view: View, row: Row, labels: Mapping[str, str]) -> str:
    """Why an offer was not chosen; a word that texts.toml lacks is said as it is stored."""
    known = load_texts()["verdict"]
    verdict = next((str(row[name]) for name in ("rule", "verdict") if str(row.get(name)) in known), None)
    if verdict is None:
        return view.words.name_of("verdict", row.get("verdict"))
    name = str(row.get("feature") or "")
    feature = labels.get(name, name.replace("_", " "))
    return view.words(f"verdict.{verdict}", value=_euros(view, row), ago=_ago(view, row.get("days")), feature=feature)


def _ago(view: View, days: int | None) -> str:
    near = {0: "explain.today", 1: "explain.yesterday"}
    return view.words(near.get(days or 0, "explain.days_ago"), n=days)


def _euros(view: View, row: Row) -> str:
    value = row.get("expected_value_eur")
    return view.formats.euros(None if value is None else float(value))
