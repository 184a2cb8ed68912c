"""Values as French and English readers write them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from dashboard.formatting import Formats

FRENCH = Formats("fr", ZoneInfo("Europe/Paris"))
ENGLISH = Formats("en", UTC)
MIDNIGHT = datetime(2026, 1, 31, 23, 30, 5, 120_000, UTC)


@pytest.mark.parametrize(
    ("value", "french", "english"),
    [(1234567, "1\u202f234\u202f567", "1,234,567"), (-3, "−3", "−3"), (None, "–", "–")],
)
def test_numbers_follow_the_language(value: float | None, french: str, english: str) -> None:
    assert (FRENCH.number(value), ENGLISH.number(value)) == (french, english)


def test_percentages_and_amounts_follow_the_language() -> None:
    assert (FRENCH.percent(0.4237, 1), ENGLISH.percent(0.4237, 1)) == ("42,4\u00a0%", "42.4%")
    assert (FRENCH.euros(2510), ENGLISH.euros(2510)) == ("2\u202f510\u00a0€", "€2,510")


def test_a_moment_is_shown_in_the_readers_time_zone() -> None:
    assert FRENCH.moment(MIDNIGHT) == "1er\u00a0févr.\u00a02026 à 00:30"
    assert ENGLISH.moment(MIDNIGHT) == "31\u00a0Jan\u00a02026, 23:30"
    assert FRENCH.clock(MIDNIGHT) == "00:30:05,120"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.42, "0.4\u00a0s"), (59.4, "59\u00a0s"), (74, "1\u00a0min 14\u00a0s"), (7500, "2\u00a0h 05\u00a0min"),
     (400_000, "4\u00a0d")],
)  # fmt: skip
def test_durations_use_the_unit_that_suits(seconds: float, written: str) -> None:
    assert ENGLISH.duration(seconds) == written
