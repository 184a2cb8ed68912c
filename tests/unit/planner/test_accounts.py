"""A run's accounts: every end of a step is in one count, the counts add up or are refused, and the status follows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.accounts import SUMS, StepCount, count_customers, count_reasons, require_sums, share_lost, status_of
from vigie.errors import CountsDifferError
from vigie.vocabulary import Reason, Step, StepOutcome

UNDONE = (StepOutcome.SKIPPED, StepOutcome.FAILED, StepOutcome.WITHDRAWN)
ends_of_a_step = st.lists(st.tuples(st.sampled_from(UNDONE), st.sampled_from(Reason)), max_size=30)


@given(st.fixed_dictionaries(dict.fromkeys(SUMS, ends_of_a_step)), st.integers(0, 20))
def test_whatever_customers_came_to_each_step_adds_up_to_the_plan(ends: dict[Step, Any], done: int) -> None:
    planned = max(map(len, ends.values())) + done
    counted = [StepCount(step, outcome, reason, 1) for step, some in ends.items() for outcome, reason in some]
    counted += [StepCount(step, StepOutcome.DONE, None, planned - len(some)) for step, some in ends.items()]
    counts = count_customers(planned, counted, failed=0, without_lost_analysis=0)
    for names in SUMS.values():
        assert sum(counts[name] for name in names) == planned
    assert sum(map(sum, (found.values() for found in count_reasons(counted).values()))) == sum(map(len, ends.values()))


@pytest.mark.parametrize("step", SUMS)
def test_counts_that_do_not_add_up_are_refused_by_step_and_sum(step: Step) -> None:
    counts = {"planned": 3} | {name: 0 for names in SUMS.values() for name in names}
    counts |= {names[0]: 3 for names in SUMS.values()}
    require_sums(counts)
    with pytest.raises(CountsDifferError, match=f"step {step}: .* = 4, but 3 customers were planned"):
        require_sums(counts | {SUMS[step][-1]: 1})


def counts_of(analysed: int, lost: int, predicted: int = 10, failed: int = 0) -> dict[str, int]:
    return {"analysed": analysed, "analysis_failed": lost, "predicted": predicted, "failed": failed}


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        (counts_of(10, 0), "succeeded"),
        (counts_of(0, 0, predicted=0), "succeeded"),
        (counts_of(95, 5), "succeeded"),
        (counts_of(94, 6), "partial"),
        (counts_of(0, 1), "partial"),
        (counts_of(10, 0, failed=1), "partial"),
        (counts_of(0, 10, predicted=0, failed=5), "failed"),
    ],
)
def test_a_run_is_as_good_as_its_customers_and_its_analyses(counts: dict[str, int], status: str) -> None:
    assert status_of(counts, 0.05) == status


def test_the_share_is_of_the_analyses_that_were_to_be_made() -> None:
    assert share_lost(counts_of(1, 1, predicted=1000)) == 0.5
    assert share_lost(counts_of(0, 0)) == 0.0
    assert status_of(counts_of(0, 10), 1.0) == "succeeded"
