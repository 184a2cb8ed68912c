"""Customers: who may leave, with filters."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import markup
from dashboard.markup import Html
from dashboard.queries import COUNT_LIMIT, ORDERS, CustomerFilter, count_customers, list_customers
from dashboard.view import View, choose, choose_run, current_view, show, show_title, type_in
from vigie.vocabulary import Purpose

PAGE_ROWS = 25
# No analysis for whatever reason, and one that was lost.
NO_SENTIMENT = {"none": "customers.no_sentiment", "lost": "customers.analysis_lost"}
SENTIMENTS = {"negative": "high", "mixed": "medium", "neutral": "", "positive": "low"}


def choose_filter(view: View) -> CustomerFilter:
    """The filters above the list."""
    words = view.words
    first = st.columns([2, 3, 2])
    with first[0]:
        search = type_in("search", words("customers.search"), words("customers.search_hint"))
    with first[1]:
        run = choose_run(view)
    with first[2]:
        order = choose(
            view, "order", words("customers.order"), list(ORDERS), lambda o: words(f"customers.order_{o}"), False
        )
    second = st.columns(4)
    with second[0]:
        segment = choose(
            view, "segment", words("customers.segment"), [*markup.SEGMENT_TONES, "none"], lambda s: _segment(view, s)
        )
    with second[1]:
        sentiment = choose(
            view, "sentiment", words("customers.sentiment"), [*SENTIMENTS, *NO_SENTIMENT], lambda s: _sentiment(view, s)
        )
    with second[2]:
        answers = [f"{purpose}:{answer}" for purpose in Purpose for answer in ("yes", "no")]
        consent = choose(view, "consent", words("customers.consent"), answers, lambda c: _consent(view, c))
    with second[3]:
        language = choose(view, "language", words("customers.language"), ["fr", "en"], lambda v: words(f"language.{v}"))
    return CustomerFilter(run["run_id"], search, segment, sentiment, consent, language, order)


def _segment(view: View, segment: str) -> str:
    return view.words("customers.no_prediction" if segment == "none" else f"segment.{segment}")


def _sentiment(view: View, sentiment: str) -> str:
    return view.words(NO_SENTIMENT.get(sentiment, f"sentiment.{sentiment}"))


def _consent(view: View, choice: str) -> str:
    purpose, answer = choice.split(":")
    return view.words(f"customers.consent_{answer}", purpose=view.words(f"purpose.{purpose}"))


def choose_page(wanted: CustomerFilter, total: int) -> int:
    """The page to show, from 0; back at the first when the filter changes."""
    if st.session_state.get("customers_filter") != wanted:
        st.session_state["customers_filter"] = wanted
        st.session_state["customers_page"] = 0
    last = max(0, (total - 1) // PAGE_ROWS)
    return int(min(st.session_state["customers_page"], last))


def show_pager(view: View, page: int, shown: int, total: int) -> None:
    """Which rows these are, and the way to the others."""
    formats = view.formats
    counted = formats.number(total)
    if total > COUNT_LIMIT:
        counted = view.words("app.more_than", n=formats.number(COUNT_LIMIT))
    back, on, where = st.columns([1, 1, 4], vertical_alignment="center")
    back.button(view.words("app.page_back"), disabled=page == 0, on_click=_turn, args=(-1,), width="stretch")
    is_last = (page + 1) * PAGE_ROWS >= total
    on.button(view.words("app.page_on"), disabled=is_last, on_click=_turn, args=(1,), width="stretch")
    first = page * PAGE_ROWS + 1
    text = view.words(
        "customers.shown", first=formats.number(first), last=formats.number(first + shown - 1), total=counted
    )
    with where:
        show(markup.tag("span", text, css="muted"))


def _turn(by: int) -> None:
    st.session_state["customers_page"] += by


def show_list(view: View, rows: list[dict[str, Any]], run_id: str) -> None:
    """The customers, each name a link to the whole story."""
    keys = ("customer", "probability", "segment", "sentiment", "action", "value", "language", "consents")
    heads = [view.words(f"customers.{key}") for key in keys]
    show(markup.table(view.words("customers.caption"), heads, [_cells(view, row, run_id) for row in rows], right=[5]))


def _cells(view: View, row: dict[str, Any], run_id: str) -> list[object]:
    words, formats = view.words, view.formats
    name = " ".join(filter(None, (row["first_name"], row["last_name"]))) or words("customers.unnamed")
    who = view.link("customer", name, id=str(row["customer_id"]), run=run_id)
    number = markup.tag("div", row["customer_number"] or str(row["customer_id"])[:8], css="note")
    risk: object = "–"
    if row["probability"] is not None:
        tone = markup.SEGMENT_TONES.get(row["segment"], "plain")
        risk = markup.meter(row["probability"], formats.percent(row["probability"]), tone)
    action = words.name_of("offer_source", row["source"]) if row["source"] else "–"
    return [
        markup.join((who, number)),
        risk,
        markup.pill(words(f"segment.{row['segment']}"), markup.SEGMENT_TONES[row["segment"]])
        if row["segment"]
        else "–",
        _tone(view, row),
        row[f"title_{view.language}"] or action,
        formats.euros(row["annual_value_eur"]),
        words(f"language.{row['language']}"),
        _consent_pills(view, row["consents"] or {}),
    ]


def _tone(view: View, row: dict[str, Any]) -> object:
    """The tone of the feedback, or that the prediction was made without its analysis, which was lost."""
    if row["analysis_lost"]:
        return markup.pill(view.words("customers.analysis_lost"), "medium")
    sentiment = row["sentiment"]
    return markup.pill(view.words(f"sentiment.{sentiment}"), SENTIMENTS[sentiment]) if sentiment else "–"


def _consent_pills(view: View, consents: dict[str, bool]) -> Html:
    given = [purpose for purpose in Purpose if consents.get(purpose)]
    pills = [markup.pill(view.words(f"purpose_short.{purpose}"), "low") for purpose in given]
    return markup.tag("span", *pills, css="pills") if pills else markup.pill(view.words("app.none"))


def main() -> None:
    """Draw the page."""
    view = current_view()
    show_title(view, "customers", view.words("customers.subtitle"))
    wanted = choose_filter(view)
    if wanted.search:
        show(markup.tag("p", view.words("customers.search_note"), css="note"))
    total = count_customers(view.db, wanted)
    page = choose_page(wanted, total)
    rows = list_customers(view.db, wanted, PAGE_ROWS, page * PAGE_ROWS)
    if not rows:
        show(markup.empty(view.words("empty.no_match"), view.words("empty.no_match_do")))
        return
    show_list(view, rows, wanted.run_id)
    show_pager(view, page, len(rows), total)


main()
