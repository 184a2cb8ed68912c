"""One customer's story as a list of happenings in time order, from four kinds of records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import groupby
from typing import Any

from dashboard.view import View

DRIVER_LIMIT = 6
STATUS_TONES = {"ok": "low", "refused": "medium", "failed": "high"}
# Details whose values are words of a closed list, and the section of texts.toml that names them.
_VOCABULARIES = {
    "purpose": "purpose", "segment": "segment", "sentiment": "sentiment", "step": "step", "reason": "reason",
    "outcome": "call", "source": "source", "status": "run_status",
}  # fmt: skip
Row = dict[str, Any]


@dataclass(frozen=True)
class Happening:
    """Something that happened: when, in words, with pills of (text, tone) and details."""

    at: datetime
    what: str
    details: str = ""
    run_id: str = ""
    pills: tuple[tuple[str, str], ...] = ()


def tell_story(
    view: View, consents: Iterable[Row], feedback: Iterable[Row], calls: Iterable[Row], events: Iterable[Row]
) -> list[Happening]:
    """All of it, oldest first; what happened at the same time keeps the order of the arguments."""
    happenings = [
        *(_consent(view, row) for row in consents),
        *(_feedback(view, row) for row in feedback),
        *(_call(view, row) for row in calls),
        *(_event(view, row) for row in events),
    ]
    return sorted(happenings, key=lambda one: one.at)


def group_by_day(happenings: Iterable[Happening], zone: tzinfo) -> list[list[Happening]]:
    """Happenings in time order, cut at midnight of a time zone."""
    return [list(items) for _, items in groupby(happenings, key=lambda one: one.at.astimezone(zone).date())]


def write_summary(view: View, analysis: Row) -> str:
    """What was found in feedback, in a sentence: `Negative feedback; about: fees; because of: the price.`"""
    words = view.words
    topics = [words(f"topic_within.{topic}") for topic in analysis["topics"] if topic != "other"]
    causes = [words(f"cause.{cause}") for cause in analysis["causes"]]
    parts = [
        words(f"tone.{analysis['sentiment']}"),
        words("story.about", topics=", ".join(topics)) if topics else "",
        words("story.because", causes=", ".join(causes)) if causes else "",
        words("story.intent") if analysis["intent_to_leave"] else "",
    ]
    return words("story.between").join(filter(None, parts)) + "."


def write_details(view: View, details: dict[str, Any]) -> str:
    """An event's details as readable text: `purpose: profiling; granted: yes`."""
    colon = " : " if view.language == "fr" else ": "
    parts = (f"{view.words.name_of('detail', key)}{colon}{_write(view, key, value)}" for key, value in details.items())
    return "; ".join(parts)


def _write(view: View, key: str, value: object) -> str:
    if isinstance(value, str) and key in _VOCABULARIES:
        return view.words.name_of(_VOCABULARIES[key], value)
    if isinstance(value, bool):
        return view.words("app.yes" if value else "app.no")
    if isinstance(value, dict):
        return ", ".join(_write_count(view, key, count) for key, count in value.items()) or "–"
    if isinstance(value, list):
        return ", ".join(_write(view, key, item) for item in value)
    if isinstance(value, float):
        return view.formats.number(value, 4).rstrip("0").rstrip(".,")
    return "–" if value is None else str(value)


def _write_count(view: View, key: str, count: object) -> str:
    return f"{key} ({_write(view, '', count)})" if isinstance(count, dict) else f"{key} × {_write(view, '', count)}"


def _consent(view: View, row: Row) -> Happening:
    state = "given" if row["granted"] else "withdrawn"
    what = view.words(
        "story.consent_event", state=view.words(f"story.{state}"), purpose=view.words(f"purpose.{row['purpose']}")
    )
    return Happening(row["recorded_at"], what, view.words.name_of("channel", row["source"]))


def _feedback(view: View, row: Row) -> Happening:
    channel = view.words.name_of("channel", row["channel"])
    return Happening(row["received_at"], view.words("story.feedback_event", channel=channel))


def _call(view: View, row: Row) -> Happening:
    purpose = view.words(f"purpose.{row['purpose']}")
    what = view.words("story.call_event", recipient=view.words.name_of("recipient", row["recipient"]), purpose=purpose)
    outcome = row["outcome"] or "open"
    tone = "low" if outcome == "answered" else "medium"
    return Happening(row["sent_at"], what, row["run_id"], row["run_id"], ((view.words.name_of("call", outcome), tone),))


def _event(view: View, row: Row) -> Happening:
    what = view.words.name_of("event", row["event_type"])
    agent = view.words.name_of("agent", row["agent"])
    details = " · ".join(filter(None, (agent, row["run_id"], write_details(view, row["details"]))))
    tone = STATUS_TONES[row["status"]]
    return Happening(
        row["occurred_at"], what, details, row["run_id"] or "", ((view.words(f"status.{row['status']}"), tone),)
    )
