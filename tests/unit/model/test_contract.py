"""A contract says what it wants, has a fingerprint, and is refused with every fault named."""

import pytest

from model.contract import ContractError, load_contract, parse_contract

GOOD = """
name = "gym"
id_column = "member"
[label]
column = "gone"
positive = ["yes"]
negative = ["no"]
horizon_days = 30
[[feature]]
name = "visits"
type = "integer"
range = [0, 100]
direction = "lowers"
words.fr.label = "Visites"
words.en.label = "Visits"
[[feature]]
name = "sex"
column = "Sex"
type = "category"
categories = ["f", "m"]
sensitive = true
used = false
words.fr.label = "Sexe"
words.en.label = "Sex"
"""


@pytest.mark.parametrize("name", ["bank", "telecom"])
def test_the_shipped_contracts_parse_and_say_everything_in_both_languages(name: str) -> None:
    contract = load_contract(name)
    assert contract.name == name
    assert all(f.words[language].label for f in contract.features for language in ("fr", "en"))
    assert not any(f.sensitive for f in contract.inputs)
    assert any(f.sensitive for f in contract.features)


def test_attributes_kept_for_fairness_are_no_inputs() -> None:
    contract = parse_contract(GOOD)
    assert [f.name for f in contract.inputs] == ["visits"]
    assert contract.feature("sex").column == "Sex"


def test_the_fingerprint_ignores_layout_but_not_meaning() -> None:
    fingerprint = parse_contract(GOOD).fingerprint()
    assert parse_contract("# a comment\n" + GOOD).fingerprint() == fingerprint
    assert parse_contract(GOOD.replace("[0, 100]", "[0, 101]")).fingerprint() != fingerprint


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('type = "integer"', 'type = "colour"', r"feature 1 \(visits\).type: 'colour'; write one of number"),
        ("range = [0, 100]", "range = [100, 0]", r"feature 1 \(visits\).range"),
        ('direction = "lowers"', 'direction = "down"', r"feature 1 \(visits\).direction"),
        ('categories = ["f", "m"]', "", r"feature 2 \(sex\).categories: missing"),
        ("sensitive = true", 'sensitive = "yes"', r"feature 2 \(sex\).sensitive: 'yes'; write true or false"),
        ("sensitive = true", "sensitiv = true", r"feature 2 \(sex\).sensitiv: unknown key"),
        ('words.fr.label = "Visites"', "", r"feature 1 \(visits\).words.fr.label: missing"),
        ('name = "sex"', 'name = "visits"', "feature visits: named twice"),
        ('column = "Sex"', 'column = "gone"', "feature column 'gone': is also the label"),
        ('column = "Sex"', 'column = "member"', "feature column 'member': is also the id_column"),
        ('negative = ["no"]', 'negative = ["yes"]', "named as positive and as negative"),
        ("horizon_days = 30", "", "label.horizon_days"),
        ('id_column = "member"', "", "id_column: missing"),
        ('range = [0, 100]', 'range = [0, 100]\nmissing = "kept"', "missing_means: missing"),
        ('[label]', '[consents]\ngranted = ["everything"]\n[label]', "consents.granted: 'everything'"),
    ],
)  # fmt: skip
def test_each_fault_names_its_place_and_remedy(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(ContractError, match=said):
        parse_contract(GOOD.replace(old, new, 1))


def test_every_fault_is_named_at_once() -> None:
    text = GOOD.replace("sensitive = true", "sensitive = 1").replace("horizon_days = 30", "")
    with pytest.raises(ContractError) as caught:
        parse_contract(text)
    assert len(caught.value.faults) == 2


def test_an_unknown_contract_lists_the_shipped_ones() -> None:
    with pytest.raises(ContractError, match="bank, telecom"):
        load_contract("insurance")


def test_what_is_not_toml_says_where() -> None:
    with pytest.raises(ContractError, match="not TOML"):
        parse_contract("name = ")
