"""Customer: one customer's whole story, from consents to the last audit event."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import streamlit as st

from dashboard import audit_queries, markup
from dashboard.markup import Html
from dashboard.reading import show_reading
from dashboard.story import DRIVER_LIMIT, Happening, group_by_day, tell_story, write_summary
from dashboard.view import View, choose, current_view, show, show_title
from vigie.vocabulary import CallStatus, Purpose

SENTIMENTS = {"negative": "high", "mixed": "medium", "neutral": "", "positive": "low"}
CALL_TONES = {
    CallStatus.ANSWERED: "low",
    CallStatus.REJECTED: "medium",
    CallStatus.BLOCKED: "medium",
    CallStatus.REFUSED: "high",
    CallStatus.UNAVAILABLE: "high",
}
EVENT_LIMIT = 500
Row = dict[str, Any]


def find_customer(view: View) -> Row:
    """The customer of the address; ends the page, saying what to do, when there is none."""
    wanted = st.query_params.get("id", "")
    known = audit_queries.find_customer_id(view.db, wanted) if wanted else None
    customer = audit_queries.read_customer(view.db, known) if known else None
    if customer is None:
        why = "unknown_customer" if wanted else "no_customer"
        show_title(view, "customer")
        back = view.link("customers", view.words(f"empty.{why}_do"))
        show(markup.empty(view.words(f"empty.{why}"), back))
        st.stop()
    return customer


def show_heading(view: View, customer: Row) -> None:
    """Who this is."""
    words, formats = view.words, view.formats
    name = " ".join(filter(None, (customer["first_name"], customer["last_name"]))) or words("customers.unnamed")
    facts = [
        f"{words('story.number')} {customer['customer_number'] or '–'}",
        words(f"language.{customer['language']}"),
        f"{words('story.value')} {formats.euros(customer['annual_value_eur'])}",
        f"{words('story.since')} {formats.day(customer['created_at'])}",
    ]
    show(
        markup.tag("p", view.link("customers", f"← {words('story.back')}")),
        markup.tag("div", markup.tag("h1", name), markup.tag("span", " · ".join(facts), css="muted"), css="title"),
        markup.tag("span", str(customer["customer_id"]), css="note"),
    )


def consent_panel(view: View, consents: list[Row]) -> Html:
    """What the customer allows today, and the records behind it."""
    words, formats = view.words, view.formats
    newest = {row["purpose"]: row for row in consents}
    facts = [(words(f"purpose.{purpose}"), _consent_state(view, newest.get(purpose))) for purpose in Purpose]
    history = [
        [formats.moment(row["recorded_at"]), words(f"purpose.{row['purpose']}"), _given(view, row["granted"]),
         words.name_of("channel", row["source"]), row["policy_version"]]
        for row in consents
    ]  # fmt: skip
    heads = [words(f"consent_record.{key}") for key in ("when", "purpose", "state", "source", "policy")]
    records = markup.table(words("story.consent_history"), heads, history)
    return markup.panel(
        words("story.consents"), markup.facts(facts), markup.tag("p"),
        markup.disclose(words("story.consent_history"), records) if history else "",
    )  # fmt: skip


def _consent_state(view: View, record: Row | None) -> Html:
    if record is None:
        return markup.pill(view.words("story.never"))
    when = markup.tag("span", view.formats.day(record["recorded_at"]), css="note")
    return markup.join((_given(view, record["granted"]), when), " ")


def _given(view: View, granted: bool) -> Html:
    return markup.pill(view.words("story.given" if granted else "story.withdrawn"), "low" if granted else "high")


def feedback_panel(view: View, feedback: list[Row]) -> Html:
    """When and how feedback came in, without its words."""
    words = view.words
    items = [
        (view.formats.moment(row["received_at"]),
         f"{words.name_of('channel', row['channel'])}, {words(f'language.{row['language']}')}")
        for row in feedback
    ]  # fmt: skip
    body = markup.facts(items) if items else words("story.no_feedback")
    return markup.panel(words("story.feedback"), body, note=words("story.feedback_note"))


def show_loss(view: View, customer_id: UUID, run_id: str, result: Row, steps: dict[str, Row]) -> None:
    """That the run's results were made without the analysis, which was lost, why, and which run made them anew."""
    if not (result["prediction_without_analysis"] or result["action_without_analysis"]):
        return
    words = view.words
    reason = (steps.get("analyse") or {}).get("reason")
    why = words.name_of("reason", reason) if reason else words("story.analysis_late")
    anew = audit_queries.made_anew_in(view.db, customer_id, run_id)
    rerun: object = words("story.not_anew")
    if anew:
        rerun = markup.join((words("story.made_anew"), view.link("customer", anew, id=str(customer_id), run=anew)), " ")
    show(markup.panel(words("story.without_analysis"), words("story.without_analysis_note", why=why), " ", rerun))


def prediction_panel(view: View, result: Row, steps: dict[str, Row]) -> Html:
    """The probability, and what weighs on it."""
    words, formats = view.words, view.formats
    if result["probability"] is None:
        return _without(view, "prediction", steps.get("predict"))
    segment = (
        markup.pill(words(f"segment.{result['segment']}"), markup.SEGMENT_TONES[result["segment"]])
        if result["segment"]
        else ""
    )
    heading = markup.tag(
        "p", markup.tag("span", formats.percent(result["probability"]), css="big"), " ",
        words("story.probability"), " ", segment,
    )  # fmt: skip
    weights = [
        (str(driver[f"words_{view.language}"]), float(driver["contribution"]), _signed(view, driver["contribution"]))
        for driver in result["drivers"][:DRIVER_LIMIT]
    ]
    legend = markup.tag(
        "p", markup.pill(f"◀ {words('story.lowers')}", "low"), " ",
        markup.pill(f"{words('story.raises')} ▶", "high"), " ", words("story.weight"), css="note",
    )  # fmt: skip
    return markup.panel(
        words("story.prediction"), heading, markup.tag("p", markup.tag("strong", words("story.drivers"))), legend,
        markup.drivers(weights), markup.tag("p"), markup.tag("span", result["model_version"], css="note"),
    )  # fmt: skip


def _signed(view: View, weight: float) -> str:
    return ("+" if weight > 0 else "") + view.formats.number(weight, 2)


def analysis_panel(view: View, result: Row, steps: dict[str, Row]) -> Html:
    """What the feedback was found to say."""
    words = view.words
    if result["sentiment"] is None:
        return _without(view, "analysis", steps.get("analyse"))
    pills = [markup.pill(words(f"sentiment.{result['sentiment']}"), SENTIMENTS[result["sentiment"]])]
    pills += [markup.pill(words.name_of("topic", topic), "brand") for topic in result["topics"]]
    if result["intent_to_leave"]:
        pills.append(markup.pill(words("story.intent"), "high"))
    score = markup.tag("span", _signed(view, result["score"]), css="note")
    summary = markup.tag("p", write_summary(view, result))
    return markup.panel(words("story.analysis"), markup.tag("p", markup.join([*pills, score], " ")), summary)


def action_panel(view: View, result: Row, steps: dict[str, Row]) -> Html:
    """What is proposed, and in which words."""
    words = view.words
    if result["source"] is None:
        return _without(view, "action", steps.get("decide"))
    source = words(f"source.{result['source']}")
    if result["source_reason"]:
        source += f" ({words.name_of('reason', result['source_reason'])})"
    title = result[f"title_{view.language}"] or words("source.none")
    parts: list[Html] = [markup.tag("p", markup.tag("strong", title))]
    if result["message"]:
        parts += [markup.tag("p", words("story.message"), css="note"), markup.tag("blockquote", result["message"])]
    reason = result[f"reason_{view.language}"]
    facts = [(words("story.reason"), reason)] if reason else []
    draft = _draft(view, result) if result["draft_findings"] is not None else ""
    return markup.panel(words("story.action"), *parts, markup.facts([*facts, (words("story.source"), source)]), draft)


def _draft(view: View, result: Row) -> Html:
    """The model's own words, of which no person has read a line, marked as such."""
    findings = ", ".join(result["draft_findings"])
    body = (
        markup.tag("p", view.words("story.draft_withheld", found=findings))
        if findings
        else markup.tag("blockquote", result["draft"])
    )
    return markup.join((markup.tag("p", markup.pill(view.words("story.draft"), "medium")), body))


def _without(view: View, part: str, step: Row | None) -> Html:
    text = view.words(f"story.no_{part}")
    if step and step["reason"]:
        text += f" : {view.words.name_of('reason', step['reason'])}" if view.language == "fr" else (
            f": {view.words.name_of('reason', step['reason'])}"
        )  # fmt: skip
    return markup.panel(view.words(f"story.{part}"), text)


def calls_panel(view: View, calls: list[Row]) -> Html:
    """What left for a language model: to whom, under which consent, with which hash and counts."""
    body = [_call(view, call) for call in calls] or [markup.safe(view.words("story.no_calls"))]
    return markup.panel(view.words("story.calls"), *body)


def _call(view: View, call: Row) -> Html:
    words, formats = view.words, view.formats
    outcome = call["outcome"] or "open"
    recipient = words.name_of("recipient", call["recipient"])
    summary = markup.join(
        (formats.moment(call["sent_at"]), words(f"purpose.{call['purpose']}"), recipient,
         markup.pill(words.name_of("call", outcome), CALL_TONES.get(call["outcome"], ""))), " · ",
    )  # fmt: skip
    masked = ", ".join(f"{kind} × {count}" for kind, count in sorted(call["entity_counts"].items()))
    latency = f"{formats.number(call['latency_ms'])}\u00a0ms" if call["latency_ms"] is not None else "–"
    tokens = f"{formats.number(call['tokens_in'])} / {formats.number(call['tokens_out'])}"
    facts = [
        (words("app.run"), call["run_id"]),
        (words("governance.country"), words.name_of("country", call["country"])),
        (words("governance.terms"), words.name_of("terms", call["retention"])),
        (words("nav.model"), f"{call['model']}, {call['prompt_version']}"),
        (words("story.masked"), masked or words("story.nothing_masked")),
        (words("governance.tokens"), tokens),
        (words("story.latency"), latency),
        (words("story.consent_id"), str(call["consent_id"])),
        ("SHA-256", markup.tag("code", call["prompt_sha256"])),
    ]
    return markup.disclose(summary, markup.facts(facts))


def show_timeline(view: View, happenings: list[Happening], limited: bool) -> None:
    """Everything that happened, oldest first."""
    days = [
        (view.formats.day(items[0].at), [(view.formats.clock(one.at), _happening(one)) for one in items])
        for items in group_by_day(happenings, view.formats.zone)
    ]
    note = view.words("story.limited", n=view.formats.number(EVENT_LIMIT)) if limited else ""
    show(markup.panel(view.words("story.timeline"), markup.timeline(days), note=note))


def _happening(one: Happening) -> Html:
    what = markup.join((markup.tag("strong", one.what), *(markup.pill(text, tone) for text, tone in one.pills)), " ")
    return markup.join((what, markup.tag("div", one.details, css="note") if one.details else ""))


def main() -> None:
    """Draw the page."""
    view = current_view()
    customer = find_customer(view)
    customer_id = customer["customer_id"]
    show_heading(view, customer)
    runs = {run["run_id"]: run for run in audit_queries.runs_of_customer(view.db, customer_id)}
    consents = audit_queries.consents_of(view.db, customer_id)
    feedback = audit_queries.feedback_of(view.db, customer_id)
    if runs:
        run_id = choose(
            view, "run", view.words("app.run"), list(runs),
            lambda r: f"{r} · {view.formats.moment(runs[r]['planned_at'])}", optional=False,
        )  # fmt: skip
        result = audit_queries.result_of(view.db, customer_id, run_id)
        steps = audit_queries.steps_of(view.db, customer_id, run_id)
        show_loss(view, customer_id, run_id, result, steps)
        show(markup.row(prediction_panel(view, result, steps), action_panel(view, result, steps)))
        show(markup.row(analysis_panel(view, result, steps), consent_panel(view, consents)))
    else:
        show(markup.empty(view.words("story.not_in_run")))
        show(consent_panel(view, consents))
    calls = audit_queries.calls_of(view.db, customer_id, list(runs))
    show(markup.row(calls_panel(view, calls), feedback_panel(view, feedback)))
    show_reading(view, calls)
    events = audit_queries.events_of(view.db, customer_id, EVENT_LIMIT)
    happenings = tell_story(view, consents, feedback, calls, events)
    with st.columns(3)[0]:
        scope = choose(view, "scope", view.words("story.timeline_scope"), list(runs), str)
    shown = [one for one in happenings if not scope or one.run_id == scope]
    show_timeline(view, shown, limited=len(events) == EVENT_LIMIT)


main()
