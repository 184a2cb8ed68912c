"""Audit log: every step of every agent, with filters and a download."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from typing import Any

import streamlit as st

from dashboard import markup
from dashboard.audit_queries import EXPORT_LIMIT, AuditFilter, count_events, list_events
from dashboard.csv_export import write_csv
from dashboard.markup import Html
from dashboard.queries import COUNT_LIMIT, list_runs
from dashboard.story import STATUS_TONES, write_details
from dashboard.view import View, choose, current_view, read_cached, show, show_title, type_in
from dashboard.wording import load_texts

PAGE_ROWS = 50
AGENTS = ("planner", "nlp_agent", "prediction_agent", "action_agent", "audit_agent", "owner", "officer")
Row = dict[str, Any]


def choose_filter(view: View) -> AuditFilter:
    """The filters above the log."""
    words = view.words
    first, second = st.columns([2, 2, 1.4]), st.columns([1.4, 2, 1.2, 1.2])
    runs = [run["run_id"] for run in read_cached(view, list_runs)]
    with first[0]:
        run_id = choose(view, "run", words("app.run"), runs, str)
    with first[1]:
        kinds = sorted(load_texts()["event"], key=lambda kind: words.name_of("event", kind))
        kind = choose(view, "event", words("audit.type"), kinds, lambda k: words.name_of("event", k))
    with first[2]:
        agent = choose(view, "agent", words("audit.agent"), AGENTS, lambda a: words.name_of("agent", a))
    with second[0]:
        status = choose(view, "status", words("audit.status"), list(STATUS_TONES), lambda s: words(f"status.{s}"))
    with second[1]:
        customer = type_in("customer", words("audit.customer"), words("audit.customer_hint"))
    with second[2]:
        since = _midnight(view, st.date_input(words("audit.from"), None, key="from", format="DD/MM/YYYY"))
    with second[3]:
        until = _midnight(view, st.date_input(words("audit.to"), None, key="to", format="DD/MM/YYYY"))
    return AuditFilter(run_id, kind, agent, status, customer, since, until + timedelta(days=1) if until else None)


def _midnight(view: View, day: date | tuple[date, ...] | None) -> datetime | None:
    return datetime.combine(day, time(), view.formats.zone) if isinstance(day, date) else None


def places_of(wanted: AuditFilter) -> list[tuple[datetime, str]]:
    """Where each page so far began; emptied when the filter changes."""
    if st.session_state.get("audit_filter") != wanted:
        st.session_state["audit_filter"] = wanted
        st.session_state["audit_places"] = []
    places: list[tuple[datetime, str]] = st.session_state["audit_places"]
    return places


def show_events(view: View, events: list[Row]) -> None:
    """The events as a table."""
    heads = [view.words(f"audit.{key}") for key in ("time", "type", "status", "agent", "customer", "details")]
    show(markup.table(view.words("audit.caption"), heads, [_cells(view, event) for event in events]))


def _cells(view: View, event: Row) -> list[object]:
    words, formats = view.words, view.formats
    when = markup.join((formats.day(event["occurred_at"]), markup.tag("div", formats.clock(event["occurred_at"]))))
    customer: object = markup.tag("span", words("audit.whole_run"), css="note")
    if event["customer_id"]:
        customer = view.link(
            "customer", str(event["customer_id"])[:8], id=str(event["customer_id"]), run=event["run_id"] or ""
        )
    kind = markup.join((markup.tag("strong", words.name_of("event", event["event_type"])),
                        markup.tag("div", event["run_id"] or "", css="note")))  # fmt: skip
    return [
        when,
        kind,
        markup.pill(words(f"status.{event['status']}"), STATUS_TONES[event["status"]]),
        words.name_of("agent", event["agent"]),
        customer,
        _details(view, event),
    ]


def _details(view: View, event: Row) -> Html:
    facts = [
        (view.words("audit.event_id"), markup.tag("code", str(event["event_id"]))),
        (view.words("audit.type"), markup.tag("code", event["event_type"])),
        (view.words("audit.request_id"), markup.tag("code", event["request_id"] or "–")),
        (view.words("audit.details"), markup.tag("code", json.dumps(event["details"], ensure_ascii=False))),
    ]
    return markup.disclose(write_details(view, event["details"]) or "–", markup.facts(facts))


def show_pager(view: View, wanted: AuditFilter, events: list[Row], places: list[tuple[datetime, str]]) -> None:
    """The way to older and newer pages, how many there are, and the download."""
    words, formats = view.words, view.formats
    newer, older, where, save = st.columns([1, 1, 2.4, 1.4], vertical_alignment="center")
    newer.button(words("app.previous"), disabled=not places, on_click=_go_back, width="stretch")
    end = (events[-1]["occurred_at"], str(events[-1]["event_id"]))
    is_last = len(events) < PAGE_ROWS
    older.button(words("app.next"), disabled=is_last, on_click=_go_on, args=(end,), width="stretch")
    total = count_events(view.db, wanted)
    counted = formats.number(total)
    if total > COUNT_LIMIT:
        counted = words("app.more_than", n=formats.number(COUNT_LIMIT))
    with where:
        text = f"{words('audit.found', n=counted)}, {words('audit.page', n=len(places) + 1)}"
        show(markup.tag("span", text, css="muted"))
    save.download_button(
        words("audit.download"), lambda: write_csv(list_events(view.db, wanted, EXPORT_LIMIT)), "vigie-audit.csv",
        "text/csv", on_click="ignore", icon=":material/download:", width="stretch",
        help=words("audit.download_note", n=formats.number(EXPORT_LIMIT)),
    )  # fmt: skip


def _go_back() -> None:
    st.session_state["audit_places"].pop()


def _go_on(end: tuple[datetime, str]) -> None:
    st.session_state["audit_places"].append(end)


def main() -> None:
    """Draw the page."""
    view = current_view()
    show_title(view, "audit", view.words("audit.subtitle"))
    wanted = choose_filter(view)
    places = places_of(wanted)
    events = list_events(view.db, wanted, PAGE_ROWS, places[-1] if places else None)
    if not events:
        show(markup.empty(view.words("empty.no_match"), view.words("empty.no_match_do")))
        return
    show_events(view, events)
    show_pager(view, wanted, events, places)


main()
