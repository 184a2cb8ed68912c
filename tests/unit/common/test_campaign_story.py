"""The campaign's story with fewer seeds than `make evaluate-campaigns` plays, and what it says of a broken interval."""

from dataclasses import replace

import pytest

from tests.evaluations.campaign_story import Story, compare_policies, misses, play, summary

SEEDS, CUSTOMERS = range(1, 7), 4_000


@pytest.fixture(scope="module")
def effect() -> list[Story]:
    return [play(seed, True, CUSTOMERS) for seed in SEEDS]


@pytest.fixture(scope="module")
def none() -> list[Story]:
    return [play(seed, False, CUSTOMERS) for seed in SEEDS]


def test_the_interval_covers_the_truth_at_every_look(effect: list[Story], none: list[Story]) -> None:
    stories = [*effect, *none]
    assert all(story.looks >= 15 for story in stories)
    assert sum(not story.covered for story in stories) <= 1
    assert sum(not story.parts_covered for story in stories) <= 2


def test_where_nothing_moves_anybody_nothing_is_claimed(none: list[Story]) -> None:
    assert all(story.truth == 0 for story in none)
    assert sum(story.claimed for story in none) <= 1
    assert sum(story.claimed_part for story in none) <= 1
    assert sum(story.uplift_carried for story in none) <= 1


def test_offers_that_work_have_a_true_lift(effect: list[Story]) -> None:
    assert all(0.005 < story.truth < 0.05 for story in effect)


def test_expected_value_earns_more_than_risk_and_chance(effect: list[Story], none: list[Story]) -> None:
    profits = [compare_policies(seed, CUSTOMERS) for seed in SEEDS]
    for each in profits:
        assert each.expected_value > 1.2 * each.highest_risk
        assert each.expected_value > 2 * each.random
    assert misses(summary(effect, none, profits)) == []


def test_what_is_not_as_promised_is_named(effect: list[Story], none: list[Story]) -> None:
    profits = [compare_policies(1, CUSTOMERS)]
    missed = [replace(story, covered=False) for story in effect]
    claimed = [replace(story, claimed=True) for story in none]
    poor = [replace(profits[0], expected_value=profits[0].random - 1)]
    assert len(misses(summary(missed, claimed, poor))) == 3


def test_the_same_seed_tells_the_same_story(effect: list[Story]) -> None:
    assert play(1, True, CUSTOMERS) == effect[0]
