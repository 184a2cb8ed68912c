"""Reading what was sent in a call: a choice of a person, as the role `officer`, with a reason that the trail keeps."""

from __future__ import annotations

import contextlib
from typing import Any
from uuid import UUID

import psycopg2
import streamlit as st

from dashboard import markup
from dashboard.connection import connect, read_credentials
from dashboard.errors import DatabaseUnreachableError
from dashboard.view import View, show
from vigie.vocabulary import ReadingReason

SECRET = "vigie/database/officer"  # noqa: S105 - a secret's name
Row = dict[str, Any]


def read_sent(egress_id: UUID, reason: ReadingReason) -> str | None:
    """The text sent in a call, after the reading is on record; None when it was erased with a consent.

    Raises:
        DashboardError: the officer's secret or the database is out of reach.
    """
    credentials = read_credentials(SECRET)
    try:
        # Each statement commits: the database gives the text only once the event is committed.
        with contextlib.closing(connect(credentials, read_only=False)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT ask_to_read(%s, %s)", (egress_id, reason.value))
            cursor.execute("SELECT read_prompt(%s)", cursor.fetchone())
            found = cursor.fetchone()
    except psycopg2.OperationalError:
        raise DatabaseUnreachableError(
            host=credentials.host, port=credentials.port, dbname=credentials.dbname
        ) from None
    return found[0] if found else None


def show_reading(view: View, calls: list[Row]) -> None:
    """The choice of a call and a reason; what was sent is shown once, after the button."""
    if not calls:
        return
    words, by_id = view.words, {str(call["egress_id"]): call for call in calls}

    def name(egress_id: str) -> str:
        call = by_id[egress_id]
        return f"{view.formats.moment(call['sent_at'])} · {words('purpose.' + call['purpose'])}"

    with st.expander(words("story.read")), st.form("reading", border=False):
        show(markup.tag("p", words("story.read_note"), css="note"))
        egress_id = st.selectbox(words("story.read_call"), list(by_id), format_func=name)
        reason = st.selectbox(
            words("story.read_reason"), list(ReadingReason), index=None,
            format_func=lambda word: words(f"reading.{word}"),
        )  # fmt: skip
        if st.form_submit_button(words("story.read_do")) and reason:
            text = read_sent(UUID(egress_id), reason)
            show(markup.tag("pre", text) if text is not None else markup.tag("p", words("story.prompt_erased")))
