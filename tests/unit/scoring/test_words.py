"""Drivers read like a manager's language, and never name a sensitive attribute."""

from typing import Any

import pytest

from vigie_scoring import Scorer, explain
from vigie_scoring.scorer import ScoredFeature
from vigie_scoring.words import describe, write_number

Row = dict[str, Any]


def drivers(scorer: Scorer, row: Row, language: str, top: int = 5) -> list[Row]:
    return explain(scorer, scorer.score([row]).contributions[0], row, language, top)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Three complaints: raises the risk strongly"),
        ("fr", "Trois réclamations : augmente fortement le risque"),
    ],
)
def test_the_strongest_driver_comes_first_in_the_managers_language(scorer: Scorer, language: str, words: str) -> None:
    assert drivers(scorer, {"complaints": 3, "channel": "app"}, language)[0]["words"] == words


def test_a_sensitive_attribute_is_never_named_however_strong(scorer: Scorer) -> None:
    row = {"complaints": 3, "channel": "app", "balance": 10, "age": "old"}
    assert scorer.score([row]).contributions[0].max() == 2.0
    told = drivers(scorer, row, "en", top=99)
    assert "age" not in {d["feature"] for d in told}
    assert not any("Age" in str(d["words"]) or "old" in str(d["words"]) for d in told)


def test_direction_and_strength_follow_the_contribution(scorer: Scorer) -> None:
    told = {d["feature"]: d for d in drivers(scorer, {"complaints": 0, "balance": 1000}, "en")}
    assert (told["complaints"]["direction"], told["complaints"]["strength"]) == ("lowers", "moderately")
    assert told["balance"]["words"] == "Balance: 1,000: lowers the risk moderately"


def test_no_more_drivers_than_asked_and_none_that_hardly_count(scorer: Scorer) -> None:
    assert len(drivers(scorer, {"complaints": 3, "channel": "app", "balance": 0}, "en", top=2)) == 2
    assert drivers(scorer, {"balance": 499.0}, "en")[0]["feature"] != "balance"


def test_a_gap_is_worded_as_not_known(scorer: Scorer) -> None:
    told = drivers(scorer, {}, "fr")
    assert told[0]["words"] == "Solde : non renseigné : augmente légèrement le risque"


def test_zero_one_and_many_have_their_own_words(scorer: Scorer) -> None:
    said = [drivers(scorer, {"complaints": n}, "en")[0]["words"] for n in (0, 1, 12)]
    assert [w.split(":")[0] for w in said] == ["No complaint", "One complaint", "12 complaints"]


def test_an_unknown_language_is_answered_in_english(scorer: Scorer) -> None:
    assert drivers(scorer, {"complaints": 3}, "de") == drivers(scorer, {"complaints": 3}, "en")


def test_numbers_are_written_as_people_write_them() -> None:
    assert write_number(-1234.5, "en") in ("−1,234", "−1,235")
    assert write_number(1234.0, "fr") == "1\u202f234"
    assert write_number(2.5, "fr") == "2,50"


def test_yes_and_no_are_said_in_the_managers_language() -> None:
    feature = ScoredFeature("active", "boolean", False, {"en": {"label": "Active"}, "fr": {"label": "Actif"}})
    assert (describe(feature, True, "en"), describe(feature, False, "fr")) == ("Active: yes", "Actif : non")
