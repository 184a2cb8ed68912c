"""The smallest change to a lower segment: found, exact, and never of what nobody can change."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from vigie_scoring import Scorer
from vigie_scoring.columns import word_of
from vigie_scoring.counterfactual import SEGMENTS, find_counterfactual, is_actionable

Json = dict[str, Any]
WORDS: dict[str, Any] = {"en": {}, "fr": {}}


def segment_of(probability: float) -> str:
    return "High" if probability >= 0.7 else "Medium" if probability >= 0.35 else "Low"


def segment(scorer: Scorer, row: Json) -> str:
    return segment_of(float(scorer.score([row]).probability[0]))


def feature(name: str, kind: str = "integer", **others: Any) -> Json:
    return {"name": name, "type": kind, "sensitive": False, "words": WORDS, **others}


def build(features: list[Json], terms: list[Json], intercept: float = 0.0, reference: Json | None = None) -> Scorer:
    return Scorer.from_json(json.dumps({
        "format": "vigie-scorer-1", "version": "t", "kind": "ebm", "contract": {"name": "t", "fingerprint": "f" * 64},
        "intercept": intercept, "features": features, "terms": terms, "reference": reference or {},
    }))  # fmt: skip


def table(name: str, cuts: list[float], values: list[float]) -> Json:
    return {"features": [name], "axes": [{"feature": name, "cuts": cuts}], "table": [0, *values, 0]}


def test_one_complaint_less(scorer: Scorer) -> None:
    row = {"complaints": 3, "channel": "branch", "balance": 200}
    assert segment(scorer, row) == "High"
    found = find_counterfactual(scorer, row, segment_of)
    assert found is not None
    [change] = found.changes
    assert found.segment_before == "High"
    assert found.segment == segment(scorer, {**row, change.feature: change.after}) != "High"
    assert change.feature != "age"


def test_a_customer_of_the_lowest_segment_has_none(scorer: Scorer) -> None:
    assert find_counterfactual(scorer, {"complaints": 0, "channel": "app", "balance": 900}, segment_of) is None


def test_the_nearest_value_below_a_cut_is_taken(scorer: Scorer) -> None:
    terms = [table("complaints", [2.0, 4.0], [0.0, 1.0, 3.0])]
    only = build([feature("complaints", range=[0, 9])], terms, intercept=-0.5)
    found = find_counterfactual(only, {"complaints": 7}, segment_of)
    assert found is not None
    assert [(c.feature, c.before, c.after) for c in found.changes] == [("complaints", 7, 3)]
    assert (found.segment_before, found.segment) == ("High", "Medium")


def test_two_features_only_where_one_does_not_suffice() -> None:
    terms = [table("a", [1], [0, 1]), table("b", [1], [0, 1])]
    two = build([feature("a", range=[0, 3]), feature("b", range=[0, 3])], terms, intercept=0.0)
    found = find_counterfactual(two, {"a": 2, "b": 3}, lambda p: "High" if p >= 0.6 else "Low")
    assert found is not None
    assert {c.feature: c.after for c in found.changes} == {"a": 0, "b": 0}
    assert found.segment == "Low"


def test_three_changes_are_none() -> None:
    names = ("a", "b", "c")
    three = build([feature(n, range=[0, 3]) for n in names], [table(n, [1], [0, 1]) for n in names])
    assert find_counterfactual(three, dict.fromkeys(names, 2), lambda p: "High" if p >= 0.6 else "Low") is None


def test_what_nobody_can_change_is_never_named() -> None:
    names = ("tenure_months", "age", "gender_code", "partner", "sentiment_score")
    fixed = build([feature(n, range=[0, 3]) for n in names], [table(n, [1], [0, 3]) for n in names])
    assert not any(is_actionable(f) for f in fixed.features)
    assert find_counterfactual(fixed, dict.fromkeys(names, 2), segment_of) is None
    sensitive = build([{**feature("complaints"), "sensitive": True}], [table("complaints", [1], [0, 3])])
    assert find_counterfactual(sensitive, {"complaints": 2}, segment_of) is None


def test_a_missing_value_is_not_imagined() -> None:
    only = build([feature("a", range=[0, 3])], [{**table("a", [1], [-3, 3]), "table": [2, -3, 3, 0]}])
    assert find_counterfactual(only, {"a": None}, segment_of) is None
    assert find_counterfactual(only, {"a": "many"}, segment_of) is None


def test_along_a_line_to_the_cent() -> None:
    line = {"features": ["fees"], "slope": 0.01, "offset": 0.0, "missing": 0.0, "unknown": 0.0}
    only = build([feature("fees", "number", range=[0, 1000])], [line])
    found = find_counterfactual(only, {"fees": 200.0}, segment_of)
    assert found is not None
    [change] = found.changes
    assert isinstance(change.after, float)
    assert segment(only, {"fees": change.after}) == "Medium"
    assert segment(only, {"fees": round(change.after + 0.01, 2)}) == "High"


def test_costs_are_measured_by_how_customers_differ() -> None:
    """Ten euros are little where customers differ by thousands; one complaint is much where most have none."""
    terms = [table("euros", [100], [0, 2]), table("complaints", [1], [0, 2])]
    spreads = {"features": {"euros": {"cuts": [0, 10_000]}, "complaints": {"cuts": [0, 1]}}}
    both = build(
        [feature("complaints", range=[0, 9]), feature("euros", "number", range=[0, 99_999])], terms, 0.0, spreads
    )
    found = find_counterfactual(both, {"complaints": 1, "euros": 110.0}, lambda p: "High" if p >= 0.95 else "Low")
    assert found is not None
    assert [c.feature for c in found.changes] == ["euros"]
    assert found.changes[0].after == 99.99


levels = st.floats(-3, 3).map(lambda x: round(x, 2))


@st.composite
def additive(draw: Callable[[Any], Any]) -> tuple[Scorer, Json]:
    """A random scorer of two integers, a number, a word and a pair; and a row."""
    features = [
        feature("a", range=[0, 12]), feature("b", range=[0, 12]), feature("fees", "number", range=[0, 3]),
        feature("channel", "category", categories=["app", "web", "branch"]),
    ]  # fmt: skip
    cuts = {n: sorted(draw(st.sets(st.integers(1, 12), min_size=1, max_size=4))) for n in ("a", "b")}
    cuts["fees"] = sorted(draw(st.sets(st.sampled_from([0.5, 0.755, 1.0, 1.25, 2.2]), min_size=1, max_size=3)))
    terms = [table(n, cuts[n], [draw(levels) for _ in range(len(cuts[n]) + 1)]) for n in ("a", "b", "fees")]
    axis = {"feature": "channel", "words": ["app", "web", "branch"]}
    terms.append({"features": ["channel"], "axes": [axis], "table": [draw(levels) for _ in range(5)]})
    pair = [[draw(levels) for _ in range(4)] for _ in range(4)]
    axes = [{"feature": "a", "cuts": [6]}, {"feature": "b", "cuts": [3]}]
    terms.append({"features": ["a", "b"], "axes": axes, "table": pair})
    if draw(st.booleans()):
        terms.append({"features": ["fees"], "slope": draw(levels), "offset": 0.1, "missing": 0.0, "unknown": 0.0})
    row = {
        "a": draw(st.integers(0, 12)), "b": draw(st.integers(0, 12)),
        "fees": draw(st.integers(0, 300)) / 100, "channel": draw(st.sampled_from(["app", "web", "branch"])),
    }  # fmt: skip
    return build(features, terms, intercept=draw(levels)), row


GRID: Json = {
    "a": range(13),
    "b": range(13),
    "fees": [k / 100 for k in range(301)],
    "channel": ["app", "web", "branch"],
}
RANGES = {"a": 12, "b": 12, "fees": 3}


def cost_of(name: str, before: Any, after: Any) -> float:
    return float(word_of(before) != word_of(after)) if name == "channel" else abs(after - before) / RANGES[name]


def lower(scorer: Scorer, rows: list[Json], rank: int) -> list[bool]:
    return [SEGMENTS.index(segment_of(float(p))) < rank for p in scorer.score(rows).probability]


@settings(max_examples=150, deadline=None)
@given(additive())
def test_no_smaller_single_change_exists_and_the_real_scorer_agrees(drawn: tuple[Scorer, Json]) -> None:
    scorer, row = drawn
    rank = SEGMENTS.index(segment(scorer, row))
    found = find_counterfactual(scorer, row, segment_of)
    tried = [(cost_of(n, row[n], v), {**row, n: v}) for n, values in GRID.items() for v in values if v != row[n]]
    enough = lower(scorer, [changed for _, changed in tried], rank)
    costs = [cost for (cost, _), lowered in zip(tried, enough, strict=True) if lowered]
    if found is not None:
        changed = {**row, **{c.feature: c.after for c in found.changes}}
        assert segment(scorer, changed) == found.segment
        assert SEGMENTS.index(found.segment) < rank
    if costs:
        assert found is not None
        assert len(found.changes) == 1
        assert abs(found.cost - min(costs)) < 1e-9
    elif found is not None:
        assert len(found.changes) == 2


@settings(max_examples=40, deadline=None)
@given(additive())
def test_no_smaller_pair_of_integers_exists(drawn: tuple[Scorer, Json]) -> None:
    scorer, row = drawn
    rank = SEGMENTS.index(segment(scorer, row))
    found = find_counterfactual(scorer, row, segment_of)
    if found is not None and len(found.changes) == 1:
        return
    pairs = [{**row, "a": a, "b": b} for a in GRID["a"] for b in GRID["b"]]
    costs = [
        cost_of("a", row["a"], changed["a"]) + cost_of("b", row["b"], changed["b"])
        for changed, lowered in zip(pairs, lower(scorer, pairs, rank), strict=True) if lowered
    ]  # fmt: skip
    if costs:
        assert found is not None
        assert found.cost <= min(costs) + 1e-9
