"""Data governance: consents in force, what left and to whom, the seal on the trail, the gaps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dashboard import audit_queries, markup, queries
from dashboard.markup import Html
from dashboard.view import View, choose, current_view, read_cached, show, show_title
from vigie.vocabulary import Purpose

Row = dict[str, Any]


def consents_panel(view: View) -> Html:
    """How many customers allow what, today."""
    words, formats = view.words, view.formats
    customers = read_cached(view, queries.count_bank)
    states = {row["purpose"]: row for row in read_cached(view, queries.consent_states)}
    rows = []
    for purpose in Purpose:
        state = states.get(purpose, {"granted": 0, "withdrawn": 0})
        share = state["granted"] / customers if customers else 0
        never = customers - state["granted"] - state["withdrawn"]
        counts = [formats.number(count) for count in (state["granted"], state["withdrawn"], never)]
        rows.append([words(f"purpose.{purpose}"), markup.meter(share, formats.percent(share), "low"), *counts])
    heads = [words(f"governance.{key}") for key in ("purpose", "share", "granted", "withdrawn", "never")]
    body = markup.table(words("governance.consents"), heads, rows, right=[2, 3, 4])
    note = words("governance.consents_note", n=formats.number(customers))
    return markup.panel(words("governance.consents"), body, note=note)


def checkpoint_panel(view: View) -> Html:
    """The newest seal on the audit trail, and how much has happened since."""
    words, formats = view.words, view.formats
    checkpoint = audit_queries.last_checkpoint(view.db)
    if checkpoint is None:
        return markup.panel(words("governance.checkpoint"), words("empty.no_checkpoint"))
    age = (datetime.now(UTC) - checkpoint["signed_at"]).total_seconds()
    signed = f"{formats.moment(checkpoint['signed_at'])} ({words('governance.age', age=formats.duration(age))})"
    unsealed = read_cached(view, audit_queries.count_all_events) - checkpoint["tree_size"]
    facts = [
        (words("governance.signed"), signed),
        (words("governance.sealed"), formats.number(checkpoint["tree_size"])),
        (words("governance.unsealed"), formats.number(max(0, unsealed))),
        (words("governance.published"), _published(view, checkpoint)),
        (words("governance.root"), markup.tag("code", checkpoint["root_hash"])),
    ]
    note = markup.disclose(words("governance.note"), markup.tag("pre", checkpoint["note"]))
    verify = markup.tag("p", markup.prose(words("governance.verify")), css="note")
    return markup.panel(words("governance.checkpoint"), markup.facts(facts), markup.tag("p"), note, verify)


def _published(view: View, checkpoint: Row) -> object:
    if checkpoint["published_at"] is None:
        return markup.pill(view.words("governance.unpublished"), "medium")
    place = markup.tag("code", f"s3://{checkpoint['bucket']}/{checkpoint['object_key']}")
    return markup.join((view.formats.moment(checkpoint["published_at"]), place), " ")


def egress_panel(view: View, run_id: str) -> Html:
    """Every recipient, with what became of the calls."""
    words, formats = view.words, view.formats
    rows = [
        [
            markup.join((words.name_of("recipient", row["recipient"]), markup.tag("div", row["model"], css="note"))),
            words.name_of("country", row["country"]),
            words.name_of("terms", row["retention"]),
            words(f"purpose.{row['purpose']}"),
            words.name_of("call", row["outcome"]),
            formats.number(row["calls"]),
            f"{formats.number(row['tokens_in'])} / {formats.number(row['tokens_out'])}",
            f"{formats.number(row['latency_median'])} / {formats.number(row['latency_p95'])} ms",
        ]
        for row in read_cached(view, queries.summarise_egress, run_id or None)
    ]
    keys = ("recipient", "country", "terms", "purpose", "outcome", "calls", "tokens", "latency")
    heads = [words(f"governance.{key}") for key in keys]
    body = markup.table(words("governance.egress"), heads, rows, right=[5, 6, 7]) if rows else words("empty.no_egress")
    return markup.panel(words("governance.egress"), body, note=words("governance.egress_note"))


def gaps_panel(view: View) -> Html:
    """What reconciliation found missing, in any run."""
    words = view.words
    rows = [
        [
            view.formats.moment(gap["found_at"]),
            view.link("runs", gap["run_id"], run=gap["run_id"]),
            view.link("customer", str(gap["customer_id"])[:8], id=str(gap["customer_id"]), run=gap["run_id"])
            if gap["customer_id"] else "–",
            words.name_of("step", gap["step"]), gap["store"], words.name_of("problem", gap["problem"]),
        ]
        for gap in queries.list_gaps(view.db)
    ]  # fmt: skip
    heads = [words("governance.gap_found"), words("app.run"), words("audit.customer"),
             *(words(f"governance.gap_{key}") for key in ("step", "store", "problem"))]  # fmt: skip
    body = markup.table(words("governance.gaps"), heads, rows) if rows else words("empty.no_gap")
    return markup.panel(words("governance.gaps"), body)


def main() -> None:
    """Draw the page."""
    view = current_view()
    show_title(view, "governance", view.words("governance.subtitle"))
    show(markup.row(consents_panel(view), checkpoint_panel(view)))
    runs = [run["run_id"] for run in read_cached(view, queries.list_runs)]
    with st.columns(3)[0]:
        run_id = choose(view, "run", view.words("app.run"), runs, str)
    show(egress_panel(view, run_id))
    show(gaps_panel(view))


main()
