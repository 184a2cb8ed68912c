"""A catalogue's file: read whole or refused, every mistake named with file, offer, field, value and remedy."""

from datetime import date
from pathlib import Path

import pytest

from vigie.catalogue import meets
from vigie.catalogue_file import CatalogueError, parse_catalogue, read_catalogue
from vigie_operations.campaigns import SHIPPED

TOP = 'version = "v1"\n'
POLICY = """
[policy]
per_customer_days = 30
most_per_year = 4
quiet_days_after_complaint = 90
margin_eur = 5
"""
OFFER = """
[[offer]]
code = "advisor_call"
title = { fr = "Un appel", en = "A call" }
message = { fr = "Nous vous appelons.", en = "We will call you." }
cost_eur = 25
save_rate = 0.25
save_rate_source = "assumed"
segments = ["High", "Medium"]
channels = ["phone", "email"]
"""
WHOLE = TOP + POLICY + OFFER


def problems(text: str) -> str:
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(text, "offers.toml")
    return str(caught.value)


def test_the_shipped_file_is_a_catalogue() -> None:
    read = read_catalogue(SHIPPED)
    assert len(read.offers) == 9
    assert {offer.save_rate_source for offer in read.offers} == {"assumed"}


def test_what_is_read_is_what_the_file_says() -> None:
    read = parse_catalogue(
        WHOLE
        + 'valid_from = 2026-01-01\ncooldown_days = 90\nbudget_line = "advice"\nsecond_approval = true\n'
        + 'requires = { tenure_months = { min = 12, max = 60 }, region = { in = ["north"] } }\n'
    )
    [offer] = read.offers
    assert (offer.offer_id, offer.cost_eur, offer.channels, offer.topics) == (
        "advisor_call",
        25,
        ("phone", "email"),
        (),
    )
    assert (offer.valid_from, offer.valid_until, offer.budget_line) == (date(2026, 1, 1), None, "advice")
    [as_json] = read.offers_as_json()
    assert as_json["valid_from"] == "2026-01-01"
    assert as_json["title_fr"] == "Un appel"
    assert read.policy.as_json()["margin_eur"] == 5


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("cost_eur = 25", "cost_eur = -1", "offers.toml: offer advisor_call: cost_eur = -1: write euros, 0 or more"),
        ("cost_eur = 25", "cost_eur = 2.555", "cost_eur = 2.555: write euros"),
        ("cost_eur = 25", "cost_eur = true", "cost_eur = True: write euros"),
        ("cost_eur = 25", "cost_eur = nan", "cost_eur = nan: write euros"),
        ("cost_eur = 25\n", "", "offer advisor_call: cost_eur is missing: write euros"),
        ("save_rate = 0.25", "save_rate = 1.5", "save_rate = 1.5: write the share"),
        ('"assumed"', '"guessed"', "save_rate_source = 'guessed': write assumed or measured"),
        ('["High", "Medium"]', '["Highest"]', "segments = ['Highest']: write a list of some of High, Medium, Low"),
        ('["High", "Medium"]', "[]", "segments = []: write a list of some of"),
        ('["phone", "email"]', '["phone", "phone"]', "channels = ['phone', 'phone']"),
        ('["phone", "email"]', '["fax"]', "channels = ['fax']: write a list of some of email, phone, letter, app"),
        (', en = "A call" }', " }", "offer advisor_call: title: en is missing"),
        ('"We will call you."', '"We will pay 50 euros."', "message: en = 'We will pay 50 euros.'"),
        ('"We will call you."', '"We will call you"', "message: en = 'We will call you': write 10 to 200 characters"),
        ('"We will call you."', '"See https://evil.example."', "message: en"),
        ('code = "advisor_call"', 'code = "Advisor Call"', "code = 'Advisor Call': write 3 to 40 lower-case"),
        ('code = "advisor_call"\n', "", "offer number 1: code is missing"),
        ("margin_eur = 5", "margin_eur = -5", "offers.toml: policy: margin_eur = -5"),
        ("margin_eur = 5\n", "", "policy: margin_eur is missing: write euros"),
        ("most_per_year = 4", "most_per_yaer = 4", "policy: 'most_per_yaer' is unknown: use per_customer_days"),
        ('version = "v1"', 'version = "so long ago"', "offers.toml: version = 'so long ago'"),
        ('version = "v1"', "version = 1", "version = 1: write up to 40"),
    ],
)
def test_every_mistake_is_named(old: str, new: str, said: str) -> None:
    assert old in WHOLE
    assert said in problems(WHOLE.replace(old, new))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("discount = 1", "offer advisor_call: 'discount' is unknown: use code, title"),
        ('topics = ["weather"]', "topics = ['weather']"),
        ('tones = ["angry"]', "tones = ['angry']"),
        ('languages = ["de"]', "languages = ['de']"),
        ("cooldown_days = 1.5", "cooldown_days = 1.5: write a whole number of days"),
        ('valid_from = "2026-01-01"', "valid_from = '2026-01-01': write a date such as 2026-01-31, without quotes"),
        (
            "valid_from = 2026-02-01\nvalid_until = 2026-01-01",
            "valid_until = 2026-01-01: write a day that is not before",
        ),
        ("requires = { tenure = 12 }", "requires.'tenure' = 12: write a feature's name"),
        ("requires = { tenure = { least = 12 } }", "requires.'tenure'"),
        ("requires = { tenure = { min = 12, max = 6 } }", "requires.'tenure'"),
        ('requires = { tenure = { min = "12" } }', "requires.'tenure'"),
        ("requires = { tenure = { in = [] } }", "requires.'tenure'"),
        ('budget_line = "Mine!"', "budget_line = 'Mine!'"),
        ('second_approval = "yes"', "second_approval = 'yes': write true or false"),
    ],
)
def test_every_mistake_of_what_may_be_left_out_is_named(line: str, said: str) -> None:
    assert said in problems(f"{WHOLE}{line}\n")


def test_all_mistakes_are_named_at_once() -> None:
    found = problems(WHOLE.replace("cost_eur = 25", "cost_eur = -1").replace("margin_eur = 5", "margin_eur = -5"))
    assert len(found.splitlines()) == 2


def test_a_code_stands_once() -> None:
    until, after = "valid_until = 2026-06-30\n", "valid_from = 2026-06-30\n"
    assert "advisor_call: code stands 2 times, in periods that overlap" in problems(WHOLE + until + OFFER + after)
    assert "in several periods" in problems(WHOLE + until + OFFER + after.replace("30", "29").replace("06-29", "07-01"))


@pytest.mark.parametrize(
    "text", ["", "version =", "[policy]\n[policy]", TOP + POLICY, TOP + OFFER, TOP + POLICY + "offer = 5"]
)
def test_what_is_no_catalogue_is_refused(text: str) -> None:
    assert problems(text).startswith("offers.toml: ")


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    for name in ("missing.toml", "binary.toml"):
        with pytest.raises(CatalogueError, match=f"{name}: cannot be read as UTF-8 text"):
            read_catalogue(tmp_path / name)


@pytest.mark.parametrize(
    ("requirement", "value", "met"),
    [
        ({"min": 12}, 12, True), ({"min": 12}, 11.9, False), ({"max": 60}, 61, False), ({"min": 1, "max": 2}, 2, True),
        ({"min": 12}, None, None), ({"min": 12}, "13", None), ({"min": 0}, True, None),
        ({"in": ["a", "b"]}, "b", True), ({"in": ["a"]}, "c", False), ({"in": [True]}, True, True),
        ({"in": [True]}, 1, False), ({"in": [1]}, 1.0, True), ({"in": ["a"]}, None, None),
    ],
)  # fmt: skip
def test_a_requirement_is_met_or_not_or_cannot_be_told(
    requirement: dict[str, object], value: object, met: object
) -> None:
    assert meets(requirement, value) is met
