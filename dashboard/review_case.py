"""One case as the reviewer sees it: what would be sent, why this offer, and why this customer. No name is on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dashboard import markup
from dashboard.explain import explain_considered
from dashboard.markup import Html
from dashboard.review_queries import pick
from dashboard.story import DRIVER_LIMIT
from dashboard.view import View, show

SENTIMENTS = {"negative": "high", "mixed": "medium", "neutral": "", "positive": "low"}
Row = dict[str, Any]


def show_case(view: View, case: Row, state: Row, titles: dict[str, Row], labels: Mapping[str, str], slow: bool) -> None:
    """The whole case; `slow` puts the reasons before the score."""
    message = message_panel(view, case, state)
    money = money_panel(view, case, state)
    reasons = reasons_panel(view, case)
    score = score_panel(view, case)
    why = why_panel(view, case, titles, labels)
    if slow:
        show(markup.row(markup.tag("div", reasons, why), markup.tag("div", message, money, score)))
    else:
        show(markup.row(markup.tag("div", message, why), markup.tag("div", money, score, reasons)))


def message_panel(view: View, case: Row, state: Row) -> Html:
    """The offer and the very words that would be sent."""
    words = view.words
    pills = [
        markup.pill(words.name_of("channel", case["channel"]), "brand"),
        markup.pill(words(f"language.{case['language']}")),
        markup.pill(words.name_of("proposal_wording", state["wording"]), WORDING_TONES.get(state["wording"], "")),
    ]
    version = []
    if state["state"] == "objected":
        version.append(markup.pill(words("review.contested"), "high"))
    if case["version"] > 1:
        version.append(markup.pill(words("review.version", n=case["version"]), "medium"))
    said = markup.tag("blockquote", case["message"], lang=case["language"])
    bytes_ = markup.tag("p", words("review.bound"), " ", markup.tag("code", case["content_sha256"]), css="note")
    title = markup.tag("strong", pick(case, "title", view.language))
    return markup.panel(
        words("review.message"), markup.tag("p", title, " ", markup.join([*pills, *version], " ")), said,
        markup.disclose(words("review.bytes"), bytes_),
    )  # fmt: skip


WORDING_TONES = {"drafted": "high", "edited": "medium"}


def money_panel(view: View, case: Row, state: Row) -> Html:
    """What it costs and is worth, what is left, and who else has to agree."""
    words, formats = view.words, view.formats
    second = [words(f"second_reason.{reason}") for reason in case["second_reasons"] or ()]
    facts: list[tuple[str, object]] = [
        (words("review.price"), markup.tag("strong", formats.price(_number(case["price_eur"])))),
        (words("review.expected_value"), formats.euros(_number(case["expected_value_eur"]))),
        (words("review.budget_left"), formats.euros(_number(case["budget_left_eur"]))),
        (words("review.expires"), formats.moment(_moment(case["expires_at"]))),
    ]
    if second:
        reasons = markup.join([markup.pill(reason, "medium") for reason in second], " ")
        facts.append((words("review.second"), reasons))
    if state["state"] == "awaiting_second":
        facts.append((words("review.first_by"), state["first_approved_by"] or "–"))
    if state["edited_by"]:
        facts.append((words("review.edited_by"), state["edited_by"]))
    return markup.panel(words("review.money"), markup.facts(facts))


def score_panel(view: View, case: Row) -> Html:
    """The probability and its segment."""
    words = view.words
    segment = case["segment"]
    pill = markup.pill(words(f"segment.{segment}"), markup.SEGMENT_TONES[segment]) if segment else ""
    big = markup.tag("span", view.formats.percent(_number(case["probability"])), css="big")
    return markup.panel(words("story.prediction"), markup.tag("p", big, " ", words("story.probability"), " ", pill))


def reasons_panel(view: View, case: Row) -> Html:
    """What weighs on the risk, in words, and what the customer's feedback was found to say."""
    words = view.words
    drivers = [
        markup.tag("li", markup.pill("▲" if driver["direction"] == "raises" else "▼",
                                     "high" if driver["direction"] == "raises" else "low", ), " ",
                   str(driver[f"words_{view.language}"]))
        for driver in (case["drivers"] or [])[:DRIVER_LIMIT]
    ]  # fmt: skip
    return markup.panel(
        words("review.reasons"), feedback_of(view, case),
        markup.tag("ul", *drivers, css="reasons") if drivers else words("review.no_drivers"),
    )  # fmt: skip


def feedback_of(view: View, case: Row) -> Html:
    """Tone and topics of the feedback, or that none was read."""
    words = view.words
    if not case["sentiment"]:
        return markup.tag("p", words("review.no_feedback"), css="muted")
    pills = [markup.pill(words(f"sentiment.{case['sentiment']}"), SENTIMENTS[case["sentiment"]])]
    pills += [markup.pill(words.name_of("topic", topic), "brand") for topic in case["topics"] or ()]
    return markup.tag("p", markup.join(pills, " "))


def why_panel(view: View, case: Row, titles: dict[str, Row], labels: Mapping[str, str]) -> Html:
    """Each offer that was looked at, and what became of it."""
    sentences = explain_considered(view, case["considered"] or [], case["offer_id"], titles, labels)
    if not sentences:
        return markup.panel(view.words("review.why"), view.words("review.no_arbitration"))
    lines = [markup.tag("li", sentence) for sentence in sentences]
    return markup.panel(view.words("review.why"), markup.tag("ul", *lines, css="reasons"))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
