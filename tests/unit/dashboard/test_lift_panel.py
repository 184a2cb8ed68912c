"""The panel that says whether a campaign works, from the rows of `arm_outcomes`."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.formatting import Formats
from dashboard.lift_panel import lift_panel
from dashboard.view import View
from dashboard.wording import Wording


class Rows:
    """A reader of the database that knows these outcomes."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def fetch(self, sql: str, parameters: object = None) -> list[dict[str, Any]]:
        if "arm_outcomes" in sql:
            return self._rows
        return [{"offer_id": "fee_review", "title_fr": "Un réexamen de vos frais", "title_en": "A review of your fees"}]


def rows(treated: tuple[int, int], held_out: tuple[int, int]) -> list[dict[str, Any]]:
    """Members and how many of them left, in each arm."""
    empty = {"accepted": 0, "handed_over": 0, "cost_eur": 0, "at_risk": 0.0, "at_risk_handed": 0.0,
             "expected_saved": 0.0}  # fmt: skip
    return [
        {"segment": "High", "arm": arm, "offer_id": "fee_review", "members": members, "with_outcome": members,
         "churned": churned, **empty, "cost_eur": 3000 if arm == "treatment" else 0}
        for arm, (members, churned) in {"treatment": treated, "holdout": held_out}.items()
    ]  # fmt: skip


def panel(language: str, found: list[dict[str, Any]]) -> str:
    return str(lift_panel(View(Wording(language), Formats(language), Rows(found)), "spring"))  # type: ignore[arg-type]


@pytest.mark.parametrize(("language", "said"), [("en", "no outcome is recorded"), ("fr", "aucune issue n’est")])
def test_without_an_outcome_it_says_how_to_record_one(language: str, said: str) -> None:
    unknown = [{**row, "with_outcome": 0, "churned": 0} for row in rows((100, 0), (10, 0))]
    for found in ([], unknown):
        assert said in panel(language, found)
        assert "make load-outcomes" in panel(language, found)


@pytest.mark.parametrize(("language", "said"), [("en", "Cannot tell yet: about"), ("fr", "On ne peut pas encore")])
def test_few_outcomes_show_no_lift_and_how_many_more_are_needed(language: str, said: str) -> None:
    found = panel(language, rows((20, 5), (10, 3)))
    assert said in found
    assert "+" not in found


def test_a_large_effect_is_told_with_its_interval_and_by_segment_and_offer() -> None:
    found = panel("en", rows((4000, 400), (4000, 1600)))
    assert "More of the treated stayed: +30.0 points, between +" in found
    assert "High" in found
    assert "A review of your fees" in found


def test_french_is_written_as_the_french_write_it() -> None:
    found = panel("fr", rows((4000, 1600), (4000, 400)))
    assert "restés moins souvent\u00a0: −30,0 point" in found
    assert "Élevé" in found
    assert "Un réexamen de vos frais" in found
