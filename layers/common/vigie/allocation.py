"""Who gets an offer when the budget does not suffice for everybody.

This is a 0-1 knapsack: choose customers so that the sum of expected values is highest and the sum of costs is within
the budget. Taken by expected value per euro of cost, the highest first (Dantzig, "Discrete-Variable Extremum Problems",
Operations Research 5, 1957), the result is at most the shadow price times one offer's cost below the optimum.

The shadow price is the Lagrange multiplier of the budget in the knapsack's linear relaxation: the expected euros that
one more euro of budget would bring, which is the value per euro of the first customer for whom it does not suffice. It
is 0 where everybody gets theirs. Expected values are net of cost, so it counts what the euro brings beyond itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Wanted:
    """An offer to one customer: what it would bring, and what it costs, in euros to the cent."""

    customer_id: UUID
    expected_value_eur: Decimal
    cost_eur: Decimal
    budget_line: str | None = None


@dataclass(frozen=True, slots=True)
class Allocation:
    """Who gets an offer and who does not, in the order in which they were looked at."""

    proposed: tuple[Wanted, ...]
    over_budget: tuple[Wanted, ...]
    shadow_price: float = 0.0
    # By budget line: the same for one more euro of the line.
    line_prices: Mapping[str, float] = field(default_factory=dict)

    @property
    def cost_eur(self) -> Decimal:
        """What the proposed offers cost."""
        return sum((each.cost_eur for each in self.proposed), Decimal(0))


def allocate(wanted: Sequence[Wanted], budget_eur: Decimal, lines: Mapping[str, Decimal] | None = None) -> Allocation:
    """Spend a budget on offers; `lines` says what is left of each budget line, no line has no limit of its own.

    An offer for which the money does not suffice is passed over, and a cheaper one behind it may still be taken.
    Of equal offers the more valuable one goes first, then the customer whose id is lower.
    """
    left, left_of = max(budget_eur, Decimal(0)), dict(lines or {})
    proposed: list[Wanted] = []
    over: list[Wanted] = []
    shadow_price, line_prices = 0.0, dict[str, float]()
    for each in sorted(wanted, key=_order):
        in_line = left_of.get(each.budget_line, each.cost_eur) if each.budget_line else each.cost_eur
        if each.cost_eur <= min(left, in_line):
            proposed.append(each)
            left -= each.cost_eur
            if each.budget_line in left_of:
                left_of[each.budget_line] -= each.cost_eur
            continue
        over.append(each)
        if each.cost_eur > in_line and each.budget_line:
            line_prices.setdefault(each.budget_line, value_per_euro(each))
        elif not shadow_price:
            shadow_price = value_per_euro(each)
    return Allocation(tuple(proposed), tuple(over), shadow_price, line_prices)


def value_per_euro(wanted: Wanted) -> float:
    """What an offer brings for each euro that it costs; of one that costs nothing, without end."""
    return float(wanted.expected_value_eur / wanted.cost_eur) if wanted.cost_eur else float("inf")


def _order(wanted: Wanted) -> tuple[bool, Decimal, Decimal, UUID]:
    per_euro = wanted.expected_value_eur / wanted.cost_eur if wanted.cost_eur else Decimal(0)
    return (bool(wanted.cost_eur), -per_euro, -wanted.expected_value_eur, wanted.customer_id)
