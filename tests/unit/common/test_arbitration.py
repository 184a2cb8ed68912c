"""Which offer is made: the highest expected value among those that may be, and a reason for every other."""

from dataclasses import replace
from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.arbitration import Contact, Subject, arbitrate, expected_value
from vigie.catalogue import CatalogueOffer, Policy
from vigie.vocabulary import Segment, Verdict

TODAY = date(2026, 11, 28)
POLICY = Policy(per_customer_days=30, most_per_year=2, quiet_days_after_complaint=90, margin_eur=5)
CALL = CatalogueOffer("call", 25, 0.25, "assumed", ("High", "Medium"), ("phone",))
HELP = CatalogueOffer("help", 8, 0.12, "assumed", ("High", "Medium", "Low"), ("email", "app"))
SUBJECT = Subject(Segment.HIGH, 0.8, 500, "en", "none")


def verdicts(subject: Subject = SUBJECT, *offers: CatalogueOffer, policy: Policy = POLICY) -> dict[str, str]:
    made = arbitrate(subject, offers or (CALL, HELP), policy, TODAY)
    return {one.offer_id: one.verdict for one in made.considered}


def test_the_expected_value_is_probability_times_value_times_save_rate_less_the_cost() -> None:
    assert expected_value(CALL, 0.8, 500) == 75
    assert expected_value(HELP, 0.8, 500) == 40


def test_the_most_valuable_offer_is_chosen_and_the_others_say_why_not() -> None:
    made = arbitrate(SUBJECT, (HELP, CALL), POLICY, TODAY)
    assert made.verdict is Verdict.PROPOSED
    assert made.chosen is not None
    assert (made.chosen.offer_id, made.chosen.expected_value_eur, made.chosen.channel) == ("call", 75, "phone")
    assert verdicts() == {"call": "chosen", "help": "lower_value"}
    assert [one.offer_id for one in made.choices] == ["call"]


def test_within_the_margin_another_may_be_chosen_and_no_other() -> None:
    near = replace(CALL, offer_id="near", cost_eur=30)
    made = arbitrate(SUBJECT, (HELP, near, CALL), POLICY, TODAY)
    assert [one.offer_id for one in made.choices] == ["call", "near"]
    chosen = made.choosing("near")
    assert chosen.chosen is not None
    assert (chosen.chosen.offer_id, len(chosen.choices)) == ("near", 2)
    with pytest.raises(ValueError, match="help is not within the margin"):
        made.choosing("help")
    assert verdicts(SUBJECT, near, CALL, policy=replace(POLICY, margin_eur=4.99))["near"] == "lower_value"


@pytest.mark.parametrize(
    ("offer", "subject", "verdict"),
    [
        (replace(CALL, valid_until=date(2026, 11, 27)), SUBJECT, "not_valid_today"),
        (replace(CALL, valid_from=date(2026, 11, 29)), SUBJECT, "not_valid_today"),
        (CALL, replace(SUBJECT, segment=Segment.LOW), "wrong_segment"),
        (replace(CALL, tones=("negative",)), SUBJECT, "wrong_tone"),
        (replace(CALL, topics=("fees",)), SUBJECT, "wrong_topic"),
        (replace(CALL, topics=("fees",)), replace(SUBJECT, topics=("card",)), "wrong_topic"),
        (replace(CALL, languages=("fr",)), SUBJECT, "wrong_language"),
        (replace(CALL, requires={"tenure": {"min": 12}}), SUBJECT, "missing_feature"),
        (replace(CALL, requires={"tenure": {"min": 12}}), replace(SUBJECT, features={"tenure": 3}), "requirement"),
        (CALL, replace(SUBJECT, yearly_value_eur=None), "missing_value"),
        (CALL, replace(SUBJECT, probability=0.2), "below_break_even"),
        (CALL, replace(SUBJECT, yearly_value_eur=0), "below_break_even"),
    ],
)
def test_an_offer_that_cannot_be_made_says_why(offer: CatalogueOffer, subject: Subject, verdict: str) -> None:
    assert verdicts(subject, offer) == {"call": verdict}
    made = arbitrate(subject, (offer,), POLICY, TODAY)
    assert made.verdict is (Verdict.BELOW_BREAK_EVEN if verdict == "below_break_even" else Verdict.NOT_ELIGIBLE)
    assert made.chosen is None


def test_the_days_of_its_period_belong_to_an_offer() -> None:
    assert verdicts(SUBJECT, replace(CALL, valid_from=TODAY, valid_until=TODAY)) == {"call": "chosen"}


def test_exactly_at_break_even_nothing_is_made() -> None:
    assert verdicts(replace(SUBJECT, probability=0.2), CALL) == {"call": "below_break_even"}
    assert verdicts(replace(SUBJECT, probability=0.2001), CALL) == {"call": "chosen"}


def test_a_missing_value_is_the_policy_s_default_where_it_has_one() -> None:
    policy = replace(POLICY, default_yearly_value_eur=500)
    assert verdicts(replace(SUBJECT, yearly_value_eur=None), policy=policy) == {"call": "chosen", "help": "lower_value"}


def test_an_offer_rests_after_it_was_made_and_says_how_long_ago() -> None:
    used = replace(SUBJECT, contacts=(Contact("call", "phone", 40), Contact("call", "phone", 200)))
    made = arbitrate(used, (replace(CALL, cooldown_days=90), HELP), POLICY, TODAY)
    assert made.considered[1].as_json() == {"offer_id": "call", "verdict": "cooldown", "cost_eur": 25, "days": 40}
    assert verdicts(used, replace(CALL, cooldown_days=40)) == {"call": "contact_policy"}
    once = replace(SUBJECT, contacts=(Contact("call", "phone", 40),))
    assert verdicts(once, replace(CALL, cooldown_days=40)) == {"call": "chosen"}


def test_a_channel_rests_and_the_next_one_is_taken() -> None:
    policy = replace(POLICY, per_channel_days={"email": 60})
    mailed = replace(SUBJECT, contacts=(Contact("other", "email", 40),))
    made = arbitrate(mailed, (HELP,), policy, TODAY)
    assert made.chosen is not None
    assert made.chosen.channel == "app"
    assert verdicts(mailed, replace(HELP, channels=("email",)), policy=policy) == {"help": "channel_rest"}


@pytest.mark.parametrize(
    ("subject", "rule", "days"),
    [
        (replace(SUBJECT, contacts=(Contact(None, None, 29),)), "per_customer_days", 29),
        (replace(SUBJECT, contacts=(Contact(None, None, 300), Contact(None, None, 364))), "most_per_year", 300),
        (replace(SUBJECT, complaint_days=0), "quiet_days_after_complaint", 0),
        (replace(SUBJECT, complaint_days=89), "quiet_days_after_complaint", 89),
    ],
)
def test_who_is_to_be_left_alone_is_and_the_rule_is_said(subject: Subject, rule: str, days: int) -> None:
    made = arbitrate(subject, (CALL, HELP), POLICY, TODAY)
    assert made.verdict is Verdict.CONTACT_POLICY
    assert {(one.verdict, one.rule, one.days) for one in made.considered} == {("contact_policy", rule, days)}
    # Who could be offered nothing anyhow is not kept waiting by the policy.
    assert arbitrate(subject, (replace(CALL, languages=("fr",)),), POLICY, TODAY).verdict is Verdict.NOT_ELIGIBLE


@pytest.mark.parametrize(
    "subject",
    [
        replace(SUBJECT, contacts=(Contact(None, None, 30),)),
        replace(SUBJECT, contacts=(Contact(None, None, 300), Contact(None, None, 365))),
        replace(SUBJECT, complaint_days=90),
    ],
)
def test_on_the_day_that_the_policy_ends_offers_are_made(subject: Subject) -> None:
    assert arbitrate(subject, (CALL,), POLICY, TODAY).verdict is Verdict.PROPOSED


def test_what_is_held_out_keeps_what_would_have_been_offered() -> None:
    held = arbitrate(SUBJECT, (CALL, HELP), POLICY, TODAY).held_out()
    assert (held.verdict, held.chosen and held.chosen.offer_id) == (Verdict.HELD_OUT, "call")


MONEY = st.integers(0, 20_000).map(lambda cents: cents / 100)
OFFERS = st.lists(
    st.builds(
        CatalogueOffer,
        offer_id=st.sampled_from("abcdef"),
        cost_eur=MONEY,
        save_rate=st.integers(0, 1000).map(lambda share: share / 1000),
        save_rate_source=st.just("assumed"),
        segments=st.sampled_from((("High",), ("Low",), ("High", "Low"))),
        channels=st.just(("email",)),
        cooldown_days=st.integers(0, 200),
    ),
    max_size=5,
    unique_by=lambda offer: offer.offer_id,
)
SUBJECTS = st.builds(
    Subject,
    segment=st.sampled_from(Segment),
    probability=st.floats(0, 1),
    yearly_value_eur=st.one_of(st.none(), MONEY.map(lambda euros: euros * 10)),
    language=st.just("en"),
    tone=st.just("none"),
    contacts=st.lists(
        st.builds(Contact, st.sampled_from("abcdef"), st.just("email"), st.integers(0, 500)), max_size=3
    ).map(tuple),
    complaint_days=st.one_of(st.none(), st.integers(0, 200)),
)


@given(SUBJECTS, OFFERS, MONEY)
def test_what_is_chosen_is_worth_most_and_pays_for_itself(
    subject: Subject, offers: list[CatalogueOffer], margin: float
) -> None:
    made = arbitrate(subject, offers, replace(POLICY, margin_eur=margin), TODAY)
    assert sorted(one.offer_id for one in made.considered) == sorted(offer.offer_id for offer in offers)
    assert (made.verdict is Verdict.PROPOSED) == (made.chosen is not None)
    if made.chosen is None:
        return
    best = made.chosen.expected_value_eur or 0
    assert best > 0
    may_be = {
        one.offer_id: one.expected_value_eur or 0 for one in made.considered if one.expected_value_eur is not None
    }
    assert best == max(may_be.values())
    for choice in made.choices:
        assert (choice.expected_value_eur or 0) > 0
        assert (choice.expected_value_eur or 0) >= round(best - margin, 2)


@given(SUBJECTS, OFFERS.filter(lambda offers: len(offers) <= 4))
def test_the_order_of_the_catalogue_changes_nothing(subject: Subject, offers: list[CatalogueOffer]) -> None:
    assert len({arbitrate(subject, order, POLICY, TODAY) for order in permutations(offers)}) == 1
