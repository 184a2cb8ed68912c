"""Save rates drawn towards the assumed ones, and effects by segment that are shown where the numbers carry them."""

import random
import tomllib
from dataclasses import replace

import pytest

from vigie.lift import HOLDOUT, TREATMENT, Arm, Cell, Stratum, measure
from vigie.save_rates import PRIOR_LEAVERS, as_toml, shrink, update
from vigie.uplift import measure_uplift


def campaign(times: int, treated_left: int, offer: str = "fee_review") -> list[Cell]:
    """900 treated, all of whom were handed the offer, and 100 held out of whom half left, so many times."""
    return [
        Cell("High", TREATMENT, offer, 900 * times, 900 * times, treated_left * times, 0, 900 * times, 0.0,
             450.0 * times, 450.0 * times),
        Cell("High", HOLDOUT, offer, 100 * times, 100 * times, 50 * times, at_risk=50.0 * times),
    ]  # fmt: skip


def rate(times: int, treated_left: int, before: float = 0.3, offer: str = "fee_review") -> float:
    found = campaign(times, treated_left, offer)
    [only] = update(found, measure(found), {"fee_review": before})
    return only.after


def test_the_assumed_rate_stays_where_nothing_was_measured() -> None:
    found = campaign(1, 360, "another")
    [only] = update(found, measure(found), {"fee_review": 0.3})
    assert (only.before, only.after, only.measured, only.source, only.weight) == (0.3, 0.3, None, "assumed", 0)


def test_the_more_is_measured_the_nearer_the_rate_comes_to_it() -> None:
    """Of 450 who would have left, 360 did: a save rate of 0.2, assumed to be 0.3."""
    after = [rate(times, 360) for times in (1, 10, 100, 1000)]
    assert after == sorted(after, reverse=True)
    assert 0.2 < after[-1] < 0.205
    assert 0.25 < after[0] < 0.3


def test_a_measured_rate_counts_those_only_to_whom_something_was_handed_over() -> None:
    """Half of them were: the same lift is owed to half as many would-be leavers."""
    found = [replace(cell, handed_over=450, at_risk_handed=cell.at_risk_handed / 2) for cell in campaign(1, 360)]
    [only] = update(found, measure(found), {"fee_review": 0.3})
    assert only.measured == pytest.approx(0.4)


def test_a_model_that_expects_too_many_leavers_is_corrected_by_the_held_out() -> None:
    found = [
        replace(cell, at_risk=2 * cell.at_risk, at_risk_handed=2 * cell.at_risk_handed) for cell in campaign(100, 360)
    ]
    [only] = update(found, measure(found), {"fee_review": 0.3})
    assert only.measured == pytest.approx(0.2, abs=0.005)


def test_the_prior_weighs_as_so_many_leavers() -> None:
    assert shrink(0.3, 0.5, 0.3 * 0.7 / (PRIOR_LEAVERS + 1)) == pytest.approx((0.4, 0.5))
    assert shrink(0.0, 0.5, 0.1) == (0.0, 0.0)
    assert shrink(0.3, -5.0, 0.0001)[0] == 0.0
    assert shrink(0.3, 5.0, 0.0001)[0] == 1.0


def test_the_fragment_is_what_the_next_catalogue_takes() -> None:
    found = campaign(10, 360)
    rates = update(found, measure(found), {"fee_review": 0.3, "branch_meeting": 0.1})
    offers = {offer["code"]: offer for offer in tomllib.loads(as_toml("autumn", rates))["offer"]}
    assert offers["branch_meeting"] == {"code": "branch_meeting", "save_rate": 0.1, "save_rate_source": "assumed"}
    assert offers["fee_review"]["save_rate_source"] == "measured"
    assert 0.2 < offers["fee_review"]["save_rate"] < 0.3


def stratum(name: str, lift: float, size: int = 4000, left: float = 0.4, noise: random.Random | None = None) -> Stratum:
    def draw(count: int, share: float) -> int:
        return sum(noise.random() < share for _ in range(count)) if noise else round(count * share)

    treated, held_out = int(size * 0.8), int(size * 0.2)
    return Stratum(name, Arm(treated, draw(treated, 1 - left + lift)), Arm(held_out, draw(held_out, 1 - left)))


def test_effects_that_differ_are_shown_by_segment_and_drawn_together() -> None:
    found = measure_uplift([stratum("High", 0.2), stratum("Low", 0.0)])
    assert found is not None
    assert found.is_carried
    assert 0.0 < found.effects["Low"] < found.common < found.effects["High"] < 0.2


def test_one_effect_for_all_is_not_told_apart() -> None:
    found = measure_uplift([stratum("High", 0.1), stratum("Low", 0.1)])
    assert found is not None
    assert not found.is_carried
    assert found.effects == pytest.approx({"High": 0.1, "Low": 0.1})


def test_chance_alone_is_hardly_ever_taken_for_a_difference() -> None:
    draw = random.Random(1)
    carried = 0
    for _ in range(100):
        found = measure_uplift([stratum(name, 0.05, 1000, noise=draw) for name in ("High", "Medium", "Low")])
        carried += bool(found and found.is_carried)
    assert carried <= 3


def test_too_few_leavers_or_one_segment_say_nothing() -> None:
    assert measure_uplift([stratum("High", 0.2)]) is None
    rare = Stratum("Low", Arm(1000, 995), Arm(250, 248))
    assert measure_uplift([stratum("High", 0.2), rare]) is None
