"""The two drawers of a review: why a proposal is rejected, and another offer or other words for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from dashboard import markup
from dashboard.review_queries import list_offers_of, pick
from dashboard.review_session import Sitting
from dashboard.view import View, read_cached, show

REASONS = (
    "wrong_offer", "wrong_message", "price_too_high", "wrong_customer", "already_in_contact", "vulnerable_customer",
    "other",
)  # fmt: skip
# As long as the database stores.
MESSAGE_LENGTH = 1200
Row = dict[str, Any]
Press = Callable[[Sitting, Callable[[], None]], None]


def show_reject(view: View, sitting: Sitting, press: Press) -> None:
    """A reason by its number: one key rejects."""

    def body() -> None:
        show(markup.tag("p", view.words("review.reject_note"), css="note"))
        for number, reason in enumerate(REASONS, 1):
            label = view.words(f"decision_reason.{reason}")
            if st.button(label, key=f"reason-{reason}-{sitting.proposal}", shortcut=str(number), width="stretch"):
                sitting.dialog = ""
                press(sitting, partial(sitting.decide, "reject", reason))
                st.rerun()

    st.dialog(view.words("review.reject_title"), on_dismiss=lambda: close(sitting))(body)()


def show_edit(view: View, sitting: Sitting, campaign: Row, titles: dict[str, Row], press: Press) -> None:
    """Another offer of the campaign's catalogue, or other words: a new version, which is not approved yet."""
    case = sitting.case or {}
    offers = [row["offer_id"] for row in read_cached(view, list_offers_of, campaign["catalogue_version"])]
    if case["offer_id"] not in offers:
        offers.insert(0, case["offer_id"])

    def body() -> None:
        with st.form(f"edit-{sitting.proposal}-{case['version']}", border=False):
            offer = st.selectbox(
                view.words("review.offer"), offers, index=offers.index(case["offer_id"]),
                format_func=lambda code: pick(titles.get(code, {}), "title", view.language) or code,
            )  # fmt: skip
            message = st.text_area(
                view.words("review.message_in", language=view.words(f"language.{case['language']}")),
                case["message"], max_chars=MESSAGE_LENGTH, height=220,
            )  # fmt: skip
            show(markup.tag("p", view.words("review.edit_note"), css="note"))
            if st.form_submit_button(view.words("review.save"), type="primary", shortcut="Ctrl+Enter"):
                sitting.dialog = ""
                press(sitting, lambda: sitting.edit(offer, (message or "").strip()))
                st.rerun()

    st.dialog(view.words("review.edit_title"), width="large", on_dismiss=lambda: close(sitting))(body)()


def close(sitting: Sitting) -> None:
    """Nothing was chosen: the case stays as it is."""
    sitting.dialog = ""
