"""The dashboard's parts as HTML: tables, bars, cards. Everything is escaped unless it is already `Html`.

Streamlit's own tables are drawn on a canvas, which neither screen readers nor a search in the page can read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import urlencode

from vigie.vocabulary import Segment

SEGMENT_TONES = {segment: segment.lower() for segment in Segment}


class Html(str):
    """Text that is safe to put in the page as it is."""

    __slots__ = ()


def safe(value: object) -> Html:
    """The value as text that cannot become markup."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def join(parts: Iterable[object], between: str = "") -> Html:
    """Parts in a row, each escaped unless it is `Html`."""
    return Html(between.join(safe(part) for part in parts))


def tag(name: str, *content: object, css: str = "", **attributes: str) -> Html:
    """An element; attributes' values are escaped, `css` is its class."""
    given = {"class": css, **attributes} if css else attributes
    written = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in given.items())
    return Html(f"<{name}{written}>{join(content)}</{name}>")


def prose(text: str) -> Html:
    """A sentence in which `backquoted` words are code."""
    return Html(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)))


def link(page: str, label: object, **parameters: str) -> Html:
    """A link to one of the dashboard's pages, with the filters to open it with."""
    return tag("a", label, href=f"{page}?{urlencode({k: v for k, v in parameters.items() if v})}")


def pill(label: object, tone: str = "") -> Html:
    """A short word on coloured ground; `tone` is high, medium, low, brand or nothing."""
    return tag("span", label, css=f"pill {tone}".strip())


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int] = ()) -> Html:
    """A table; `caption` is for screen readers, `right` are the columns of numbers."""

    def cell(name: str, place: int, content: object) -> Html:
        scope = {"scope": "col"} if name == "th" else {}
        return tag(name, content, css="right" if place in right else "", **scope)

    head = tag("tr", *(cell("th", i, label) for i, label in enumerate(heads)))
    body = [tag("tr", *(cell("td", i, content) for i, content in enumerate(row))) for row in rows]
    return tag("div", tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body)), css="scroll")


def panel(title: str, *content: object, note: str = "") -> Html:
    """A titled box."""
    explained = tag("p", note, css="note") if note else Html()
    return tag("section", tag("h2", title), explained, *content, css="panel")


def row(*panels: Html) -> Html:
    """Panels side by side, equally high; below each other where the window is narrow."""
    return tag("div", *panels, css=f"row of{len(panels)}")


def cards(items: Iterable[tuple[str, str, str, str]]) -> Html:
    """Figures side by side: label, figure, note and tone of each."""
    return tag("div", *(_card(*item) for item in items), css="cards")


def _card(label: str, figure: str, note: str, tone: str) -> Html:
    parts = (tag("div", label, css="label"), tag("div", figure, css="figure"), tag("div", note, css="note"))
    return tag("div", *parts, css=f"card {tone}".strip())


def _fill(share: float, tone: str) -> Html:
    return tag("div", css=f"fill {tone}".strip(), style=f"width:{100 * min(max(share, 0), 1):.2f}%")


def meter(share: float, label: str, tone: str) -> Html:
    """A share of one as a number and a bar."""
    return tag("div", tag("span", label), tag("div", _fill(share, tone), css="track"), css="meter")


def bars(items: Iterable[tuple[str, Sequence[tuple[float, str]], str]]) -> Html:
    """Horizontal bars: label, (share, tone) parts from left to right, and the figure in words."""
    cells: list[Html] = []
    for label, parts, figure in items:
        fills = [_fill(share, tone) for share, tone in parts]
        cells += [tag("div", label), tag("div", *fills, css="track"), tag("div", figure, css="of")]
    return tag("div", *cells, css="bars")


def stack(items: Sequence[tuple[str, float, str, str, str]]) -> Html:
    """One bar cut in parts, with a legend: label, share, tone, count and percentage of each."""
    parts = [_fill(share, tone) for _, share, tone, _, _ in items]
    rows = [
        tag("div", tag("i", css=f"fill {tone}"), tag("span", label), tag("span", count, css="n"),
            tag("span", percent, css="n muted"))
        for label, _, tone, count, percent in items
    ]  # fmt: skip
    return tag("div", tag("div", *parts, css="stack"), tag("div", *rows, css="legend"))


def columns(items: Iterable[tuple[str, str, Sequence[tuple[float, str]]]]) -> Html:
    """Upright columns: label below, words above, and (height as a share of one, tone) from top to bottom."""
    return tag("div", *(_column(*item) for item in items), css="columns")


def _column(label: str, above: str, parts: Sequence[tuple[float, str]]) -> Html:
    fills = [tag("div", css=f"fill {tone}", style=f"height:{100 * share:.2f}%;width:100%") for share, tone in parts]
    shaft = tag("div", tag("div", above, css="top"), *fills, css="shaft")
    return tag("div", shaft, tag("div", label, css="muted"), css="column")


def drivers(items: Sequence[tuple[str, float, str]]) -> Html:
    """Contributions to the left and right of a middle line: words, signed weight, and the weight as written."""
    widest = max((abs(weight) for _, weight, _ in items), default=1.0) or 1.0
    cells: list[Html] = []
    for words, weight, written in items:
        width = 50 * abs(weight) / widest
        side = f"left:50%;width:{width:.2f}%" if weight > 0 else f"right:50%;width:{width:.2f}%"
        bar = tag("div", css=f"fill {'high' if weight > 0 else 'low'}", style=side)
        cells += [tag("div", words), tag("div", bar, css="axis"), tag("div", written, css="n")]
    return tag("div", *cells, css="drivers")


def facts(items: Iterable[tuple[str, object]]) -> Html:
    """Names and values."""
    return tag("dl", *(join((tag("dt", name), tag("dd", value))) for name, value in items))


def disclose(summary: object, *content: object) -> Html:
    """Something to unfold."""
    return tag("details", tag("summary", summary), *content)


def timeline(days: Iterable[tuple[str, Sequence[tuple[str, object]]]]) -> Html:
    """What happened, day by day: (time of day, what)."""
    items: list[Html] = []
    for day, events in days:
        items.append(tag("li", day, css="day"))
        items += [tag("li", tag("time", clock), tag("div", what)) for clock, what in events]
    return tag("ol", *items, css="time")


def empty(title: str, remedy: object = "") -> Html:
    """Nothing to show, and what to do about it."""
    return tag("div", tag("strong", title), tag("span", remedy, css="muted"), css="panel empty")
