"""Segment rates by group: equal for equals, marked when one group is flagged far more, calm for small ones."""

import json
from typing import Any

import numpy as np
import pytest

from vigie_scoring import Scorer
from vigie_scoring.drift import Drift
from vigie_scoring.groups import measure_groups, name_groups, watch, wilson

Json = dict[str, Any]


@pytest.fixture
def watched(raw: Json) -> Scorer:
    raw["groups"] = [{"name": "gender", "type": "category", "sensitive": True, "words": {}}]
    return Scorer.from_json(json.dumps(raw))


def measure(scorer: Scorer, shares: dict[str, float], size: int) -> dict[tuple[str, str], Drift]:
    rows: list[Json] = []
    probability: list[float] = []
    for group, share in shares.items():
        rows += [{"gender": group}] * size
        probability += [0.9 if i < share * size else 0.1 for i in range(size)]
    found = measure_groups(scorer, rows, np.array(probability), high=0.7, medium=0.35)
    return {(d.subject, d.measure): d for d in found}


def test_groups_flagged_alike_raise_nothing(watched: Scorer) -> None:
    found = measure(watched, {"female": 0.2, "male": 0.22}, size=1000)
    assert {d.level for d in found.values()} == {"ok"}
    assert found["gender: male", "high_rate"].value == pytest.approx(0.22)


def test_a_group_flagged_far_more_often_is_marked_and_so_is_the_other(watched: Scorer) -> None:
    found = measure(watched, {"female": 0.6, "male": 0.2}, size=500)
    assert found["gender: female", "medium_or_high_rate"].level == "warning"
    assert found["gender: male", "medium_or_high_rate"].level == "warning"


def test_a_handful_of_customers_is_no_evidence(watched: Scorer) -> None:
    assert {d.level for d in measure(watched, {"female": 0.6, "male": 0.2}, size=5).values()} == {"ok"}


def test_every_rate_has_its_interval_and_size(watched: Scorer) -> None:
    rate = measure(watched, {"female": 0.5}, size=10)["gender: female", "high_rate"]
    assert (rate.details["low"], rate.details["high"]) == wilson(5, 10)
    assert rate.details["customers"] == 10


def test_an_unknown_group_is_a_group_too(watched: Scorer) -> None:
    found = measure_groups(watched, [{}, {"gender": "female"}], np.array([0.9, 0.1]), 0.7, 0.35)
    assert {d.subject for d in found} == {"gender: (missing)", "gender: female"}


def test_watching_no_customer_measures_nothing(watched: Scorer) -> None:
    assert watch(watched, [], np.empty(0), 0.7, 0.35) == []


def test_numbers_are_grouped_in_quarters(watched: Scorer) -> None:
    names = name_groups(True, [*range(100), None, "unreadable"])
    assert len(set(names.tolist())) == 5
    assert names[-1] == names[-2] == "(missing)"
    assert name_groups(True, [None]).tolist() == ["(missing)"]
