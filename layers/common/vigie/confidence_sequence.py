"""A confidence sequence: an interval that holds at every look at once, however often somebody looks.

I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas, "Time-uniform central limit theory and asymptotic
confidence sequences", Annals of Statistics 52 (2024), arXiv 2103.06476 (2021), theorem 2.2: for a mean of t values with
standard deviation s, at level 1 - a and for one fixed r > 0,

    mean(t) ± s · sqrt( 2 (t r² + 1) / (t² r²) · log( sqrt(t r² + 1) / a ) )

holds at every t from some number on, with the probability 1 - a in the limit (hence LEAST_IN_ARM in vigie.lift). r says
where the interval is tightest: their approximation for t = planned is r² = (-2 log a + log(-2 log a) + 1) / planned. It
has to be chosen before anything is seen, so it is a constant here and no option: at ten times more or fewer outcomes
than planned, the interval is wider by a quarter at most.
"""

import math

# Outcomes at which the interval is tightest, in relation to one that holds at a single look.
PLANNED = 5_000
ALPHA = 0.05
# The standard normal's quantile at 0.8: what four campaigns in five can tell.
POWER = 0.8416
MOST = 100_000_000


def tightness(planned: float, alpha: float = ALPHA) -> float:
    """r² of the formula above for an interval that is tightest at `planned` values."""
    logged = -2 * math.log(alpha)
    return (logged + math.log(logged) + 1) / planned


def half_width(values: float, alpha: float = ALPHA, planned: float = PLANNED) -> float:
    """Half the interval's width after `values` values of standard deviation 1; it falls with every value."""
    scaled = values * tightness(planned, alpha)
    return math.sqrt(2 * (scaled + 1) / (values * scaled) * math.log(math.sqrt(scaled + 1) / alpha))


def values_needed(effect: float, deviation: float, alpha: float = ALPHA, planned: float = PLANNED) -> int | None:
    """How many values show an effect of this size in four cases of five; None beyond a hundred million."""

    def shows(values: float) -> bool:
        return deviation * (half_width(values, alpha, planned) + POWER / math.sqrt(values)) <= abs(effect)

    if not shows(MOST):
        return None
    low, high = 1, MOST
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) else (middle + 1, high)
    return low
