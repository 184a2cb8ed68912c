"""Segments: the proof of concept's thresholds by default, expected value when asked for."""

from pathlib import Path

import pytest

from vigie.decision import DEFAULT, DecisionError, DecisionRule, OfferTerms, parse_decision, read_decision
from vigie.vocabulary import Segment

SHIPPED = Path(__file__).parents[3] / "functions" / "planner" / "planner" / "decision.toml"
OFFERS = {Segment.HIGH: OfferTerms(60, 0.30), Segment.MEDIUM: OfferTerms(12, 0.12)}


@pytest.mark.parametrize(
    ("probability", "segment"), [(1, "High"), (0.70, "High"), (0.69, "Medium"), (0.35, "Medium"), (0.34, "Low")]
)
def test_the_default_cuts_at_seventy_and_thirty_five_percent(probability: float, segment: str) -> None:
    assert DEFAULT.segment(probability, annual_value_eur=1e6) == segment


def test_the_shipped_file_decides_as_the_default_does() -> None:
    shipped = parse_decision(SHIPPED.read_text(encoding="utf-8"), 0.70, 0.35)
    for probability in (0, 0.34, 0.35, 0.69, 0.70, 1):
        for value in (None, 0, 100, 5000):
            assert shipped.segment(probability, value) == DEFAULT.segment(probability, value)
    by_value = DecisionRule("expected_value", 0.70, 0.35, shipped.offers)
    assert [by_value.segment(0.5, value) for value in (199, 201, 500, 600)] == ["Low", "Medium", "Medium", "High"]


def test_by_expected_value_an_offer_is_made_only_where_it_pays() -> None:
    rule = DecisionRule("expected_value", 0.7, 0.35, OFFERS)
    assert rule.segment(0.9, 10) == "Low"
    assert rule.segment(0.5, 300) == "Medium"
    assert rule.segment(0.5, 2000) == "High"


def test_by_expected_value_the_chosen_offer_earns_most() -> None:
    rule = DecisionRule("expected_value", 0.7, 0.35, OFFERS)
    for probability in (0.05, 0.2, 0.5, 0.9):
        for value in (10, 100, 400, 1000, 5000):
            gains = {s: o.gain(probability, value) for s, o in OFFERS.items()} | {Segment.LOW: 0.0}
            assert gains[rule.segment(probability, value)] == max(gains.values())


def test_of_two_offers_that_earn_the_same_the_medium_one_is_made() -> None:
    rule = DecisionRule("expected_value", 0.7, 0.35, dict.fromkeys(OFFERS, OfferTerms(60, 0.30)))
    assert rule.segment(0.5, 1000) == "Medium"


def test_an_offer_that_earns_nothing_is_not_made() -> None:
    rule = DecisionRule(
        "expected_value", 0.7, 0.35, dict(zip(OFFERS, (OfferTerms(100, 0.25), OfferTerms(50, 0.125)), strict=True))
    )
    assert {offer.gain(0.5, 800) for offer in rule.offers.values()} == {0}
    assert rule.segment(0.5, 800) == "Low"


def test_a_customer_of_unknown_value_falls_back_on_thresholds() -> None:
    assert DecisionRule("expected_value", 0.7, 0.35, OFFERS).segment(0.8, None) == "High"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('mode = "thresholds"', 'mode = "guess"', "mode"),
        ("save_rate = 0.12", "save_rate = 0", "Medium.save_rate"),
        ("cost_eur = 60", "cost_eur = -1", "offers.High.cost_eur"),
    ],
)
def test_a_bad_file_names_field_value_and_remedy(old: str, new: str, said: str) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(DecisionError, match=said):
        parse_decision(text.replace(old, new), 0.70, 0.35)


@pytest.mark.parametrize(("high", "medium", "said"), [(70, 0.35, "threshold high"), (0.7, 0.9, "threshold medium")])
def test_bad_thresholds_are_named(high: float, medium: float, said: str) -> None:
    with pytest.raises(DecisionError, match=said):
        parse_decision(SHIPPED.read_text(encoding="utf-8"), high, medium)


def test_a_frozen_rule_reads_back_the_same() -> None:
    rule = DecisionRule("expected_value", 0.6, 0.3, OFFERS)
    assert read_decision(rule.as_frozen(), 0.6, 0.3) == rule


def offers_of(cost: object, save_rate: object) -> dict[str, object]:
    terms = {"cost_eur": cost, "save_rate": save_rate}
    return {"mode": "thresholds", "offers": {Segment.HIGH: terms, Segment.MEDIUM: terms}}


@pytest.mark.parametrize(("cost", "save_rate"), [(0, 1), (0.5, 0.001)])
def test_the_ends_of_what_an_offer_may_cost_and_save_can_be_written(cost: float, save_rate: float) -> None:
    rule = read_decision(offers_of(cost, save_rate), 0.5, 0.5)
    assert rule.offers[Segment.HIGH] == OfferTerms(float(cost), float(save_rate))
    assert (rule.high, rule.medium) == (0.5, 0.5)


@pytest.mark.parametrize("cost", [-0.01, True, "5", None])
def test_a_cost_that_is_no_amount_is_refused_by_name(cost: object) -> None:
    with pytest.raises(DecisionError, match=r"offers.High.cost_eur: .*; write euros"):
        read_decision(offers_of(cost, 0.5), 0.7, 0.35)


@pytest.mark.parametrize("save_rate", [0, -1, 1.01, 2, True, "0.5", None])
def test_a_save_rate_that_is_no_share_is_refused_by_name(save_rate: object) -> None:
    with pytest.raises(DecisionError, match=r"offers.High.save_rate: .*; write a share"):
        read_decision(offers_of(5, save_rate), 0.7, 0.35)


def test_a_file_that_is_not_toml_is_refused_as_such() -> None:
    with pytest.raises(DecisionError, match="decision file is not TOML"):
        parse_decision("mode = ", 0.7, 0.35)
