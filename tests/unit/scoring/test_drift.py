"""Drift: quiet for the customers of training, loud for others, and fair to small runs."""

import json
from typing import Any

import numpy as np
import pytest

from vigie_scoring import Scorer
from vigie_scoring.drift import Drift, build_reference, measure_drift, stability_index

Json = dict[str, Any]


def draw(size: int, seed: int, shift: float = 0.0, app: float = 0.5) -> list[Json]:
    rng = np.random.default_rng(seed)
    return [
        {"complaints": int(c), "channel": "app" if u < app else "branch", "balance": b, "age": "old"}
        for c, u, b in zip(rng.poisson(1 + shift, size), rng.random(size), rng.uniform(0, 900, size), strict=True)
    ]


@pytest.fixture
def trained(raw: Json) -> Scorer:
    plain = Scorer.from_json(json.dumps(raw))
    rows = draw(4000, seed=1)
    raw["reference"] = build_reference(plain.features, plain.read_columns(rows), plain.score(rows).probability)
    return Scorer.from_json(json.dumps(raw))


def measure(scorer: Scorer, rows: list[Json]) -> dict[tuple[str, str], Drift]:
    found = measure_drift(scorer, rows, scorer.score(rows).probability)
    return {(d.subject, d.measure): d for d in found}


def test_the_same_kind_of_customers_raise_no_warning(trained: Scorer) -> None:
    assert {d.level for d in measure(trained, draw(2000, seed=2)).values()} == {"ok"}


def test_a_small_run_is_not_alarmed_by_chance(trained: Scorer) -> None:
    for seed in range(20):
        assert "alarm" not in {d.level for d in measure(trained, draw(30, seed)).values()}


def test_other_customers_alarm_for_the_feature_and_the_score(trained: Scorer) -> None:
    found = measure(trained, draw(1000, seed=3, shift=2.0))
    assert found["complaints", "psi"].level == "alarm"
    assert found["score", "psi"].level != "ok"
    assert found["balance", "psi"].level == "ok"


def test_a_moderate_shift_only_warns(trained: Scorer) -> None:
    assert measure(trained, draw(2000, seed=3, app=0.7))["channel", "psi"].level == "warning"


def test_values_gone_missing_are_measured_against_training(trained: Scorer) -> None:
    rows = [row | {"balance": None} if i % 3 == 0 else row for i, row in enumerate(draw(900, seed=4))]
    missing = measure(trained, rows)["balance", "missing_rate"]
    assert missing.value == pytest.approx(1 / 3)
    assert missing.details["trained"] == 0
    assert missing.level == "alarm"


def test_values_out_of_range_and_words_never_seen_are_counted(trained: Scorer) -> None:
    rows = draw(1000, seed=5)
    rows[0] |= {"balance": 5000.0, "channel": "pigeon"}
    rows[1] |= {"balance": "a lot"}
    found = measure(trained, rows)
    assert found["balance", "out_of_range"].value == 2
    assert found["channel", "out_of_range"].value == 1
    assert found["complaints", "out_of_range"].value == 0


def test_the_index_is_the_published_formula() -> None:
    expected, found = np.array([0.5, 0.5]), np.array([0.6, 0.4])
    assert stability_index(expected, found) == pytest.approx(0.1 * np.log(1.2) - 0.1 * np.log(0.8))


def test_a_scorer_without_reference_measures_nothing(scorer: Scorer) -> None:
    rows = draw(10, seed=1)
    assert measure_drift(scorer, rows, scorer.score(rows).probability) == []
