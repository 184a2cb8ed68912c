"""What a column is, judged by its values and its name, in several languages; each guess in a sentence."""

import numpy as np
import pytest

from model.cells import NumberFormat, number_format, to_number
from model.draft_text import _name
from model.guess import Column, guess
from model.protected import find_protected

LABELS = np.array([0, 1] * 100, dtype=np.int64)


def judge(name: str, *values: str) -> Column:
    """A column of 200 cells in which these repeat, so that none of them says who left."""
    pairs = [v for v in values for _ in range(2)]
    return guess(name, [pairs[i % len(pairs)] for i in range(200)], LABELS)


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["1,234", "999", "12,000"], [1234, 999, 12000]),
        (["1,234.50", "12.25"], [1234.5, 12.25]),
        (["12,50", "7", "0,5"], [12.5, 7, 0.5]),
        (["1.234,50", "12,5"], [1234.5, 12.5]),
        (["1 234,5", "1\u202f234", "3"], [1234.5, 1234, 3]),
        (["1'234.50", "12.5"], [1234.5, 12.5]),
        (["$12.50", "$1,200.00"], [12.5, 1200]),
        (["12,50 €", "7,25 €"], [12.5, 7.25]),
        (["12%", "7.5%"], [12, 7.5]),
        (["-3.5", "+2"], [-3.5, 2]),
    ],
)
def test_numbers_are_read_as_people_write_them(cells: list[str], read: list[float]) -> None:
    written = number_format(cells)
    assert isinstance(written, NumberFormat)
    assert [to_number(cell, written) for cell in cells] == read


@pytest.mark.parametrize("cells", [["1,234", "2,500"], ["1.234", "2.500", "9.750", "3.125", "4.005"]])
def test_a_mark_that_can_be_read_in_two_ways_is_not_guessed(cells: list[str]) -> None:
    said = number_format(cells)
    assert isinstance(said, str)
    assert "may be" in said
    column = judge("balance", *cells)
    assert column.type == ""
    assert "can be read in two ways" in column.why


@pytest.mark.parametrize("cell", ["1_000", "inf", "nan", "1e999", "", "12,50", "1,23", "0x10"])
def test_what_a_program_may_take_for_a_number_is_none(cell: str) -> None:
    assert to_number(cell) is None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Alter", "34 51"), ("leeftijd", "34 51"), ("Età", "34 51"), ("customer_age", "34 51"), ("Âge", "34 51"),
        ("tranche_age", "a b"), ("date_of_birth", "a b"), ("Geburtsjahr", "1970 1980"), ("over65", "Yes No"),
        ("Estado civil", "a b"), ("stato_civile", "a b"), ("nbr_enfants", "0 1 2"), ("AnzahlKinder", "0 1"),
        ("Nationalität", "a b"), ("pays_naissance", "a b"), ("mother_tongue", "ar fr"), ("PLZ", "10115 80331"),
        ("código_postal", "a b"), ("geo_lat", "48.85 45.76") , ("lng", "2.35 4.83"), ("is_married", "0 1"),
        ("x7", "M. Mme"), ("x7", "F M"), ("x7", "male female other"), ("x7", "Herr Frau Divers"), ("x7", "dhr. mevr."),
        ("x7", "célibataire marié divorcé"), ("x7", "18-25 26-40 41-65 66+"), ("market", "France Spain Germany"),
        ("x7", "catholic muslim atheist"), ("title", "Mr Mrs Ms Dr"), ("handicap", "0 1"), ("zwanger", "ja nee"),
    ],
)  # fmt: skip
def test_what_the_law_protects_is_seen_by_name_or_values(name: str, values: str) -> None:
    found = find_protected(name, values.split())
    assert found
    assert "a person's" in found.why


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("contract_age", "1 2 3"), ("age_of_account", "1 2 3"), ("card_age_months", "1 2 3"), ("tenure", "1 2 3"),
        ("Ancienneté", "1 2 3"), ("country_manager", "0 1"), ("state", "open closed"), ("origin", "web branch"),
        ("title", "director engineer"), ("generation", "3G 4G 5G"), ("Total_Relationship_Count", "1 2 3 4"),
        ("usage_band", "0-10 11-20 21-30"), ("partner_offer", "0 1"), ("health_plan", "0 1"), ("plan", "S M L"),
        ("age", "200 900 1500"), ("x7", "18 30 70"), ("mileage", "1 2"), ("percentage", "1 2"),
        ("family_package", "0 1"),
    ],
)  # fmt: skip
def test_what_only_sounds_like_it_is_not(name: str, values: str) -> None:
    assert find_protected(name, values.split()) is None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("email", "Yes No"),
        ("phone", "0 1"),
        ("mobile", "iPhone Samsung"),
        ("address_changes", "0 1 2"),
        ("device_name", "A B"),
    ],
)
def test_two_values_identify_no_one(name: str, values: str) -> None:
    assert judge(name, *values.split()).type


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("contact", "p{}@example.org"),
        ("reach", "+3363998{:04d}"),
        ("konto", "FR76900017941{:013d}"),
        ("phone", "06399812{:02d}"),
    ],
)
def test_ways_to_reach_a_person_are_known_by_their_values(name: str, cell: str) -> None:
    column = guess(name, [cell.format(n % 90) for n in range(200)], LABELS)
    assert column.type == ""
    assert "identif" in column.why


def test_a_column_of_one_value_holds_nothing_and_of_one_and_blanks_is_a_flag() -> None:
    assert judge("x", "A").why == "holds one value only"
    assert judge("x", "A", "").type == "boolean"


def test_a_category_keeps_its_most_frequent_spelling() -> None:
    column = guess("plan", ["Basic"] * 120 + ["basic "] * 20 + ["PRO"] * 30 + ["Pro"] * 30, LABELS)
    assert column.categories == ("Basic", "Pro") or column.categories == ("Basic", "PRO")
    assert "also written basic" in column.said


def test_a_few_odd_cells_are_gaps_and_many_make_it_a_column_of_words() -> None:
    numbers = [str(n) for n in range(60)]
    few = guess("fee", [*(numbers * 4)[:196], "twelve", "-", "n.d.", ""], LABELS)
    assert (few.type, "196 of 200 cells are numbers" in few.said) == ("integer", True)
    assert {"twelve", "-", "n.d.", ""} <= set(few.missing_values)
    many = guess("fee", (numbers * 3)[:140] + ["twelve", "six"] * 30, LABELS)
    assert many.type == ""


def test_huge_numbers_do_not_break_the_range() -> None:
    column = judge("x", "1e300", "-1e300", "5")
    assert (column.type, column.low, column.high) == ("integer", -1e300, 1e300)


@pytest.mark.parametrize(
    ("column", "name"),
    [("Âge", "age"), ("N° client", "n_client"), ("Solde (€)", "solde_eur"), ("Größe", "grosse"), ("cœur", "coeur"),
     ("NPSScore", "nps_score"), ("% utilisé", "percent_utilise"), ("Баланс", "feature"), ("年龄", "feature")],
)  # fmt: skip
def test_features_get_readable_names(column: str, name: str) -> None:
    assert _name(Column(column, "integer"), set()) == name
