"""Bulk approval: a selection of plain cases at once, each written singly and marked as approved in bulk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import streamlit as st

from dashboard import markup, review_queries
from dashboard.review_queries import pick
from dashboard.review_session import Sitting
from dashboard.view import View, read_cached, show

# Wording that only a person's eyes on the single case may approve.
SINGLY = ("drafted", "edited")
Row = dict[str, Any]


def show_bulk(view: View, sitting: Sitting, press: Callable[[Sitting, Callable[[], None]], None]) -> None:
    """The claimed cases that may be approved together, each to be ticked."""
    words = view.words
    show(markup.tag("section", markup.tag("h2", words("review.bulk_title")), markup.tag("p", words("review.bulk_note")),
                    css="panel said medium"))  # fmt: skip
    if sitting.notice:
        show(markup.tag("section", markup.tag("p", words(sitting.notice.key, **sitting.notice.values)),
                        markup.tag("p", sitting.notice.said, css="note", lang="en"),
                        css=f"panel said {sitting.notice.tone}", role="status"))  # fmt: skip
    claimed = sitting.claims()
    plain = [row for row in claimed if may_go_together(row)]
    titles = read_cached(view, review_queries.list_titles)
    messages = review_queries.messages_of(view.db, [row["proposal_id"] for row in plain])
    chosen = [row for row in plain if tick(view, row, titles, messages)]
    if not plain:
        show(markup.empty(words("review.bulk_none"), words("review.bulk_none_do")))
    elif len(plain) < len(claimed):
        show(markup.tag("p", words("review.bulk_left_out", n=len(claimed) - len(plain)), css="note"))
    first, second, third = st.columns(3)
    first.button(
        words("review.bulk_approve", n=len(chosen)), type="primary", disabled=not chosen, key="bulk_approve",
        on_click=press, args=(sitting, lambda: sitting.approve_in_bulk(chosen)), width="stretch",
    )  # fmt: skip
    second.button(words("review.bulk_claim"), key="bulk_claim", on_click=press, args=(sitting, sitting.claim),
                  width="stretch")  # fmt: skip
    third.button(words("review.bulk_undo"), key="bulk_undo", disabled=not sitting.bulk, on_click=press,
                 args=(sitting, sitting.undo_bulk), width="stretch")  # fmt: skip


def may_go_together(row: Row) -> bool:
    """Whether a case may be approved in bulk, as the database also demands."""
    return row["state"] == "open" and not row["needs_second"] and row["wording"] not in SINGLY


def tick(view: View, row: Row, titles: dict[str, Row], messages: dict[UUID, str]) -> bool:
    """One case: a box to tick, and its message."""
    words, formats = view.words, view.formats
    title = pick(titles.get(row["offer_id"], {}), "title", view.language) or row["offer_id"]
    parts = (title, formats.price(float(row["price_eur"])), words.name_of("channel", row["channel"]),
             words(f"language.{row['language']}"),
             words("review.worth", value=formats.euros(row["expected_value_eur"])))  # fmt: skip
    ticked = st.checkbox(" · ".join(parts), key=f"tick-{row['proposal_id']}-{row['version']}")
    show(markup.tag("blockquote", messages.get(row["proposal_id"], ""), lang=row["language"]))
    return bool(ticked)
