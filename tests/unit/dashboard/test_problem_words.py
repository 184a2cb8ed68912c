"""Every gap that the reconciliation can name is said in words, in both languages."""

from __future__ import annotations

from dashboard.wording import load_texts
from vigie.vocabulary import GapName


def test_no_gap_is_shown_by_its_name_in_the_code() -> None:
    words = load_texts()["problem"]
    assert set(GapName) - set(words) == set()
    for said in words.values():
        assert "" != said["en"] != said["fr"] != ""
