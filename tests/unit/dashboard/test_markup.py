"""Nothing that is stored can become markup, and what is drawn can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard import markup
from dashboard.markup import Html

STYLE = (Path(__file__).resolve().parents[3] / "dashboard" / "style.css").read_text()
ATTACK = '<img src=x onerror="alert(1)">'
LEAST_CONTRAST = 4.5


@pytest.mark.parametrize(
    "drawn",
    [
        markup.table(ATTACK, [ATTACK], [[ATTACK]]),
        markup.panel(ATTACK, ATTACK, note=ATTACK),
        markup.bars([(ATTACK, [(0.5, "high")], ATTACK)]),
        markup.drivers([(ATTACK, -0.4, ATTACK)]),
        markup.facts([(ATTACK, ATTACK)]),
        markup.timeline([(ATTACK, [(ATTACK, ATTACK)])]),
        markup.link("customer", ATTACK, id=ATTACK),
        markup.prose(ATTACK),
        markup.empty(ATTACK, ATTACK),
        markup.tag("p", "x", title=ATTACK),
    ],
)
def test_stored_text_is_escaped_in_every_part(drawn: Html) -> None:
    assert "<img" not in drawn
    assert "lt;img" in drawn or "%3Cimg" in drawn


def test_links_leave_out_empty_filters() -> None:
    assert markup.link("audit", "see", run="r 1", agent="") == '<a href="audit?run=r+1">see</a>'


def test_the_strongest_driver_fills_its_side_and_the_others_are_in_proportion() -> None:
    drawn = markup.drivers([("more", 1.0, "+1"), ("less", -0.5, "−0.5")])
    assert "left:50%;width:50.00%" in drawn
    assert "right:50%;width:25.00%" in drawn


def test_a_bar_never_leaves_its_track() -> None:
    assert "width:100.00%" in markup.meter(1.7, "", "high")
    assert "width:0.00%" in markup.meter(-0.2, "", "high")


def colours() -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", STYLE))


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("text", "ground"),
    [("ink", "card"), ("ink", "ground"), ("muted", "card"), ("muted", "ground"), ("ink", "plain-ground"),
     *((tone, f"{tone}-ground") for tone in ("high", "medium", "low", "plain", "brand")), ("high", "card")],
)  # fmt: skip
def test_text_stands_out_from_its_ground(text: str, ground: str) -> None:
    lighter, darker = sorted((luminance(colours()[text]), luminance(colours()[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= LEAST_CONTRAST
