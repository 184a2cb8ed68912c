"""The scorer adds up what its file says, and says what is wrong with a file."""

import hashlib
import json
import math
from typing import Any

import numpy as np
import pytest

from vigie_scoring import Scorer, ScorerError, ScorerHashError, load_verified

Json = dict[str, Any]


def log_odds(scorer: Scorer, row: Json) -> float:
    return float(scorer.score([row]).log_odds[0])


def test_a_score_is_the_sum_that_a_person_can_check_by_hand(scorer: Scorer) -> None:
    row = {"complaints": 3, "channel": "branch", "balance": 200, "age": "old"}
    assert log_odds(scorer, row) == pytest.approx(-1.0 + 1.1 + 0.1 + 0.8 + (0.5 - 0.2) + 2.0)


def test_contributions_and_intercept_sum_to_the_log_odds(scorer: Scorer) -> None:
    rng = np.random.default_rng(0)
    rows: list[Json] = [
        {"complaints": int(rng.integers(0, 5)), "channel": str(rng.choice(["app", "branch", "moon"]))}
        for _ in range(99)
    ]
    scores = scorer.score(rows)
    assert np.array_equal(scores.intercept + scores.contributions.sum(axis=1), scores.log_odds)
    assert scores.contributions.shape == (99, len(scores.terms))
    assert np.allclose(scores.probability, 1 / (1 + np.exp(-scores.log_odds)))


def test_shares_by_feature_sum_to_the_same_log_odds(scorer: Scorer) -> None:
    scores = scorer.score([{"complaints": 3, "channel": "app", "balance": 10}, {}])
    shares = scorer.share_by_feature(scores.contributions)
    assert shares.shape == (2, 4)
    assert np.allclose(scores.intercept + shares.sum(axis=1), scores.log_odds, atol=1e-12)


@pytest.mark.parametrize("gap", [{}, {"complaints": None}, {"complaints": float("nan")}, {"complaints": " "}])
def test_a_gap_takes_the_place_for_missing_values(scorer: Scorer, gap: Json) -> None:
    assert log_odds(scorer, gap) == pytest.approx(-1.0 + 0.01 + 0.03 + 0.05)


def test_a_number_that_is_none_takes_the_place_for_unknown_values(scorer: Scorer) -> None:
    row = {"complaints": "many", "balance": "a lot", "channel": "pigeon"}
    assert log_odds(scorer, row) == pytest.approx(-1.0 + 0.02 + 0.04 + 0.06)


def test_one_bad_number_does_not_touch_its_neighbours(scorer: Scorer) -> None:
    together = scorer.score([{"complaints": "x"}, {"complaints": 3}, {"complaints": None}]).log_odds
    alone = [log_odds(scorer, row) for row in ({"complaints": "x"}, {"complaints": 3}, {})]
    assert together.tolist() == alone


@pytest.mark.parametrize(("value", "part"), [(0.4999, -0.3), (0.5, 0.2), (2.4999, 0.2), (2.5, 1.1), (1e12, 1.1)])
def test_a_value_equal_to_a_cut_belongs_above_it(scorer: Scorer, value: float, part: float) -> None:
    assert scorer.score([{"complaints": value}]).contributions[0, 0] == part


def test_numbers_written_as_text_are_read(scorer: Scorer) -> None:
    assert log_odds(scorer, {"complaints": "3"}) == log_odds(scorer, {"complaints": 3})


def test_no_rows_give_no_scores(scorer: Scorer) -> None:
    assert scorer.score([]).probability.shape == (0,)


def test_extreme_log_odds_stay_probabilities(raw: Json) -> None:
    for intercept, expected in ((5000.0, 1.0), (-5000.0, 0.0)):
        raw["intercept"] = intercept
        assert Scorer.from_json(json.dumps(raw)).score([{}]).probability[0] == expected


def test_one_changed_byte_is_refused(raw: Json) -> None:
    payload = json.dumps(raw).encode()
    approved = hashlib.sha256(payload).hexdigest()
    assert load_verified(payload, approved).version == "test-1"
    with pytest.raises(ScorerHashError, match=approved):
        load_verified(payload + b" ", approved)


def spoil(raw: Json, *path: Any, value: Any) -> str:
    place = raw
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(raw)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("format",), "vigie-scorer-0", "format"),
        (("intercept",), "low", "intercept"),
        (("contract", "name"), None, "contract.name"),
        (("features", 0, "type"), "colour", r"features\[0\].type"),
        (("terms", 0, "table"), [1, 2], r"terms\[0\].table"),
        (("terms", 0, "table", 2), "x", r"terms\[0\].table"),
        (("terms", 0, "axes", 0, "cuts"), [2.5, 0.5], "rising"),
        (("terms", 1, "features"), ["nobody"], r"terms\[1\].features"),
        (("terms", 1, "axes", 0, "words"), ["app", "app"], "different words"),
        (("terms", 3, "features"), ["channel"], "numeric"),
        (("terms", 3, "slope"), None, r"terms\[3\]"),
    ],
)
def test_a_damaged_file_says_where(raw: Json, path: tuple[Any, ...], value: Any, said: str) -> None:
    with pytest.raises(ScorerError, match=said):
        Scorer.from_json(spoil(raw, *path, value=value))


def test_a_table_with_an_infinite_value_is_refused(raw: Json) -> None:
    raw["terms"][0]["table"][1] = math.inf
    with pytest.raises(ScorerError, match="not finite"):
        Scorer.from_json(json.dumps(raw))


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(ScorerError, match="not JSON"):
        Scorer.from_json(b"\x80pickle")
