"""A budget that does not suffice: never overdrawn, close to the best that it can bring, the same whatever the order."""

from decimal import Decimal
from itertools import combinations
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.allocation import Allocation, Wanted, allocate, value_per_euro


def wanted(number: int, value: object, cost: object, line: str | None = None) -> Wanted:
    return Wanted(UUID(int=number), Decimal(str(value)), Decimal(str(cost)), line)


def numbers(made: Allocation) -> list[int]:
    return [each.customer_id.int for each in made.proposed]


def test_where_the_budget_suffices_everybody_gets_theirs_and_one_more_euro_brings_nothing() -> None:
    made = allocate([wanted(1, 10, 5), wanted(2, 1, 5)], Decimal(10))
    assert (numbers(made), made.over_budget, made.shadow_price, int(made.cost_eur)) == ([1, 2], (), 0.0, 10)


def test_where_it_is_short_the_best_get_it_and_the_next_one_sets_the_price() -> None:
    made = allocate([wanted(1, 10, 5), wanted(2, 40, 5), wanted(3, 20, 5), wanted(4, 5, 5)], Decimal(10))
    assert numbers(made) == [2, 3]
    assert made.shadow_price == 2.0
    assert [each.customer_id.int for each in made.over_budget] == [1, 4]


def test_a_cheaper_offer_fills_what_a_dear_one_leaves() -> None:
    made = allocate([wanted(1, 30, 6), wanted(2, 30, 7), wanted(3, 4, 4)], Decimal(10))
    assert (numbers(made), int(made.cost_eur)) == ([1, 3], 10)
    assert made.shadow_price == pytest.approx(30 / 7)


def test_equals_go_by_their_id() -> None:
    made = allocate([wanted(3, 10, 5), wanted(1, 10, 5), wanted(2, 10, 5)], Decimal(10))
    assert numbers(made) == [1, 2]


def test_what_costs_nothing_is_made_whatever_is_left() -> None:
    for budget in (0, -5):
        made = allocate([wanted(1, 10, 5), wanted(2, 3, 0)], Decimal(budget))
        assert (numbers(made), made.shadow_price) == ([2], 2.0)


def test_a_budget_line_is_short_by_itself() -> None:
    given_ones = [wanted(1, 50, 10, "advice"), wanted(2, 40, 10, "advice"), wanted(3, 10, 10)]
    made = allocate(given_ones, Decimal(100), {"advice": Decimal(15)})
    assert numbers(made) == [1, 3]
    # One more euro of the whole budget would bring nothing; one of the line would.
    assert (made.shadow_price, made.line_prices) == (0.0, {"advice": 4.0})


CENTS = st.integers(1, 10_000).map(lambda cents: Decimal(cents) / 100)
MANY = st.lists(st.tuples(CENTS, CENTS), max_size=30).map(
    lambda pairs: [Wanted(UUID(int=n), value, cost) for n, (value, cost) in enumerate(pairs)]
)
BUDGET = st.integers(0, 50_000).map(lambda cents: Decimal(cents) / 100)


@given(MANY, BUDGET)
def test_the_budget_is_never_overdrawn_and_everybody_is_accounted_for(many: list[Wanted], budget: Decimal) -> None:
    made = allocate(many, budget)
    assert made.cost_eur <= budget
    assert sorted(each.customer_id for each in (*made.proposed, *made.over_budget)) == [
        each.customer_id for each in many
    ]


@given(MANY, BUDGET)
def test_it_is_at_most_one_offer_s_cost_at_the_shadow_price_below_the_linear_bound(
    many: list[Wanted], budget: Decimal
) -> None:
    made = allocate(many, budget)
    value = float(sum(each.expected_value_eur for each in made.proposed))
    largest = max((float(each.cost_eur) for each in many), default=0.0)
    assert value >= linear_bound(many, budget) - made.shadow_price * largest - 1e-6
    assert (made.shadow_price > 0) == bool(made.over_budget)


@given(MANY, BUDGET, st.randoms(use_true_random=False))
def test_the_order_in_which_customers_come_changes_nothing(many: list[Wanted], budget: Decimal, random: Random) -> None:
    shuffled = list(many)
    random.shuffle(shuffled)
    assert allocate(shuffled, budget) == allocate(many, budget)


@given(st.lists(st.tuples(CENTS, CENTS), max_size=8), BUDGET)
def test_the_best_there_is_lies_between_it_and_the_bound(pairs: list[tuple[Decimal, Decimal]], budget: Decimal) -> None:
    many = [Wanted(UUID(int=n), value, cost) for n, (value, cost) in enumerate(pairs)]
    best = max(
        float(sum(each.expected_value_eur for each in some))
        for size in range(len(many) + 1)
        for some in combinations(many, size)
        if sum(each.cost_eur for each in some) <= budget
    )
    made = float(sum(each.expected_value_eur for each in allocate(many, budget).proposed))
    assert made - 1e-9 <= best <= linear_bound(many, budget) + 1e-6


@given(MANY, BUDGET)
def test_the_shadow_price_is_what_a_little_more_would_bring_at_most(many: list[Wanted], budget: Decimal) -> None:
    """By the linear relaxation, whose multiplier it is."""
    price = allocate(many, budget).shadow_price
    more = linear_bound(many, budget + Decimal("0.01")) - linear_bound(many, budget)
    assert more <= price * 0.01 + 1e-6


def linear_bound(many: list[Wanted], budget: Decimal) -> float:
    """The optimum where parts of offers could be made: by value per euro, the last one in part."""
    left, bound = float(budget), 0.0
    for each in sorted(many, key=value_per_euro, reverse=True):
        part = min(1.0, left / float(each.cost_eur))
        bound += part * float(each.expected_value_eur)
        left -= part * float(each.cost_eur)
    return bound
