"""Overview: one run in figures, and the runs before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import markup, queries
from dashboard.accounting import StepAccount, account_for, feature_labels
from dashboard.audit_queries import left_out_at_planning
from dashboard.markup import Html
from dashboard.view import View, choose_run, current_view, read_cached, show, show_title
from vigie.vocabulary import Segment, Sentiment, Step

TONES = {
    Sentiment.NEGATIVE: "high",
    Sentiment.MIXED: "medium",
    Sentiment.NEUTRAL: "plain",
    Sentiment.POSITIVE: "low",
}
RUNS_IN_TREND = 8
Run = dict[str, Any]


def show_figures(view: View, run: Run, accounts: dict[Step, StepAccount], segments: Mapping[str, int]) -> None:
    """The run's main figures."""
    words, formats = view.words, view.formats
    predicted = accounts[Step.PREDICT].outcomes["done"]
    left_out = read_cached(view, left_out_at_planning, run["run_id"])
    value = read_cached(view, queries.value_at_risk, run["run_id"])
    offers = read_cached(view, queries.count_offers, run["run_id"])
    high = segments.get("High", 0)
    unread = read_cached(view, queries.count_without_lost_analysis, run["run_id"]).get("High", 0)
    high_share = _share(view, high, predicted)
    lost = accounts[Step.ANALYSE].outcomes["failed"]

    def card(key: str, figure: str, tone: str = "", **note: str) -> tuple[str, str, str, str]:
        note_text = "" if "–" in note.values() else words(f"overview.{key}_note", **note)
        return words(f"overview.{key}"), figure, note_text, tone

    show(
        markup.cards(
            [
                card("planned", formats.number(run["planned"]), n=formats.number(left_out)),
                card("predicted", formats.number(predicted), share=_share(view, predicted, run["planned"])),
                card("high_unread", formats.number(high), "high", share=high_share, n=formats.number(unread))
                if unread
                else card("high", formats.number(high), "high", share=high_share),
                card("value", formats.euros(value)),
                card(
                    "analysed_lost" if lost else "analysed",
                    formats.number(accounts[Step.ANALYSE].outcomes["done"]),
                    n=formats.number(accounts[Step.ANALYSE].without_consent),
                    **({"lost": formats.number(lost)} if lost else {}),
                ),
                card("actions", formats.number(offers["proposed"]), n=formats.number(offers["without_consent"])),
            ]
        )
    )


def segments_panel(view: View, run: Run, segments: Mapping[str, int]) -> Html:
    """How the run's customers are spread over the risk segments."""
    words, formats = view.words, view.formats
    total = sum(segments.values())
    parts = [
        (words(f"segment.{name}"), segments.get(name, 0) / total, tone, formats.number(segments.get(name, 0)),
         formats.percent(segments.get(name, 0) / total, 1))
        for name, tone in markup.SEGMENT_TONES.items()
    ] if total else []  # fmt: skip
    see = view.link("customers", words("overview.see_high"), run=run["run_id"], segment="High")
    thresholds = {name.lower(): formats.percent(float(limit)) for name, limit in run["thresholds"].items()}
    known = {"high", "medium"} <= thresholds.keys()
    note = words("overview.thresholds", high=thresholds["high"], medium=thresholds["medium"]) if known else ""
    body = (markup.stack(parts), markup.tag("p", see)) if parts else (words("empty.no_action"),)
    return markup.panel(words("overview.segments"), *body, note=note)


def trend_panel(view: View) -> Html:
    """High and medium risk, as shares of each of the last runs."""
    runs = read_cached(view, queries.list_runs)[:RUNS_IN_TREND]
    shares = []
    for run in reversed(runs):
        counted = read_cached(view, queries.count_segments, run["run_id"])
        total = sum(counted.values())
        if total:
            shares.append((run, counted.get("High", 0) / total, counted.get("Medium", 0) / total))
    tallest = max((high + medium for _, high, medium in shares), default=1) or 1
    columns = [
        (
            view.formats.day(run["planned_at"]).rsplit("\u00a0", 1)[0],
            view.formats.percent(high + medium),
            [(0.8 * medium / tallest, "medium"), (0.8 * high / tallest, "high")],
        )
        for run, high, medium in shares
    ]
    legend = markup.join(
        (
            markup.pill(view.words(f"segment.{name}"), markup.SEGMENT_TONES[name])
            for name in (Segment.HIGH, Segment.MEDIUM)
        ),
        " ",
    )
    body = (markup.columns(columns), markup.tag("p", legend)) if columns else (view.words("empty.no_action"),)
    return markup.panel(view.words("overview.trend"), *body)


def drivers_panel(view: View, run: Run, high: int) -> Html:
    """What raises the risk of most high-risk customers."""
    found = read_cached(view, queries.top_drivers, run["run_id"]) if high else []
    labels = feature_labels(read_cached(view, queries.contract_of, run["model_version"]), view.language)
    items = []
    for row in found:
        label = labels.get(row["feature"], row["feature"].replace("_", " "))
        share = row["customers"] / high
        items.append((label, [(share, "high")], view.formats.percent(share)))
    body = markup.bars(items) if items else view.words("empty.no_high")
    note = view.words("overview.drivers_note") if items else ""
    return markup.panel(view.words("overview.drivers"), body, note=note)


def topics_panel(view: View, run: Run) -> Html:
    """What the analysed feedback is about."""
    found = read_cached(view, queries.count_topics, run["run_id"])
    most = max((row["customers"] for row in found), default=1)
    items = [
        (
            view.words.name_of("topic", row["topic"]),
            [
                (row["negative"] / most, "dark"),
                ((row["customers"] - row["negative"]) / most, "light"),
            ],
            view.formats.number(row["customers"]),
        )
        for row in found
    ]
    body = markup.bars(items) if items else view.words("empty.no_analysis")
    return markup.panel(view.words("overview.topics"), body, note=view.words("overview.topics_note") if items else "")


def sentiments_panel(view: View, run: Run) -> Html:
    """The tone of the analysed feedback."""
    counted = read_cached(view, queries.count_sentiments, run["run_id"])
    total = sum(counted.values())
    parts = [
        (view.words(f"sentiment.{name}"), counted.get(name, 0) / total, tone,
         view.formats.number(counted.get(name, 0)), view.formats.percent(counted.get(name, 0) / total, 1))
        for name, tone in TONES.items()
    ] if total else []  # fmt: skip
    body = markup.stack(parts) if parts else view.words("empty.no_analysis")
    return markup.panel(view.words("overview.sentiment"), body)


def _share(view: View, part: int, whole: int) -> str:
    return view.formats.percent(part / whole if whole else None, 1)


def _subtitle(view: View, run: Run) -> str:
    took = (run["finished_at"] - run["planned_at"]).total_seconds() if run["finished_at"] else None
    return view.words(
        "overview.subtitle",
        status=view.words.name_of("run_status", run["status"]),
        when=view.formats.moment(run["planned_at"]),
        duration=view.formats.duration(took),
        model=run["model_version"],
    )


def main() -> None:
    """Draw the page."""
    view = current_view()
    heading, chooser = st.columns([3, 2], vertical_alignment="bottom")
    with chooser:
        run = choose_run(view)
    with heading:
        show_title(view, "overview", _subtitle(view, run))
    accounts = account_for(read_cached(view, queries.count_steps, run["run_id"]))
    segments = read_cached(view, queries.count_segments, run["run_id"])
    show_figures(view, run, accounts, segments)
    show(markup.row(segments_panel(view, run, segments), trend_panel(view)))
    high = segments.get("High", 0)
    show(markup.row(drivers_panel(view, run, high), topics_panel(view, run), sentiments_panel(view, run)))
    show(view.link("runs", view.words("overview.see_run"), run=run["run_id"]))


main()
