"""A drafted contract fits the file it came from, and leaves to a person what only a person knows."""

import csv
import dataclasses
import random
from pathlib import Path

import pytest

from model.contract import ROW_NUMBER, ContractError, load_contract, parse_contract
from model.draft import Asked, draft, main
from model.guess import guess, label_of, labels_of
from model.train import train
from model.validate import read_table
from vigie_scoring.groups import name_groups


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Semicolons, quotes, a byte-order mark, a name, a running number, gaps, an age."""
    draw = random.Random(2)
    path = tmp_path / "foreign.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        out = csv.writer(stream, delimiter=";")
        out.writerow(("RowNumber", "Surname", "Age", "NumOfProducts", "HasCrCard", "Geography", "Balance", "Exited"))
        for row in range(600):
            age = draw.randint(18, 80)
            left = int(draw.random() < (0.6 if age > 50 else 0.1))
            balance = "" if draw.random() < 0.1 else f"{draw.random() * 1000:.2f}"
            place = draw.choice(("France", 'The "North"', "Spain"))
            out.writerow((row, f"Name{row}", age, draw.randint(1, 4), draw.randint(0, 1), place, balance, left))
    return path


ASKED = Asked("foreign", ROW_NUMBER, "Exited", "1", 180, "public data set")


def test_the_draft_fits_its_file_and_trains(foreign: Path) -> None:
    contract = parse_contract(draft(foreign, ASKED).text)
    table = read_table(foreign, contract, labelled=True)
    assert len(table) == 600
    assert train(table, quick=True).record["held_out"]["rows"] == 600


def test_types_gaps_and_ranges_are_read_off_the_file(foreign: Path) -> None:
    contract = parse_contract(draft(foreign, ASKED).text)
    types = {f.name: f.type for f in contract.features}
    assert types == {
        "age": "integer", "num_of_products": "integer", "has_cr_card": "boolean",
        "geography": "category", "balance": "number",
    }  # fmt: skip
    assert contract.feature("balance").missing == "kept"
    assert contract.consents.granted == ("profiling", "retention_offers")


def test_names_and_running_numbers_are_left_out_with_a_word_why(foreign: Path) -> None:
    text = draft(foreign, ASKED).text
    assert "# Left out: 'Surname'" in text
    assert "# Left out: 'RowNumber'" in text


def test_what_may_be_sensitive_is_kept_for_fairness_only(foreign: Path) -> None:
    contract = parse_contract(draft(foreign, ASKED).text)
    assert [f.name for f in contract.features if f.sensitive] == ["age", "geography"]
    assert {"age", "geography"}.isdisjoint(f.name for f in contract.inputs)


def test_a_wrong_label_or_value_lists_what_the_file_has(foreign: Path) -> None:
    with pytest.raises(ContractError, match="RowNumber, Surname"):
        draft(foreign, Asked("foreign", ROW_NUMBER, "Churn", "1", 180, ""))
    with pytest.raises(
        ContractError, match=r"'yes' never occurs in Exited, which holds '0' in 4\d\d rows, '1' in 1\d\d"
    ):
        draft(foreign, Asked("foreign", ROW_NUMBER, "Exited", "yes", 180, ""))


def test_the_command_does_not_overwrite_a_contract(foreign: Path, tmp_path: Path) -> None:
    arguments = ["--data", str(foreign), "--label", "Exited", "--positive", "1", "--out", str(tmp_path / "f.toml")]
    assert main(arguments) == 0
    assert main(arguments) == 1


def write(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def half_left(*made: str) -> list[str]:
    """Forty rows, every other customer left; `made` are cells with {row} and {left} filled in."""
    return [",".join(made).format(row=row, left=row % 2, half=row // 2) for row in range(40)]


ANSWERS = Asked("bank", "Id", "Exited", "1", 90, "")


def test_a_column_that_gives_the_answer_away_is_reported_and_is_no_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = "Id,Balance,Complain,Naive_Bayes_Classifier_Dependent_count_1,Exit_reason,Exited"
    rows = half_left("{row}", "{half}", "{left}", "0.{left}9", "{half}", "{left}")
    data = write(tmp_path / "bank.csv", header, rows)
    contract = parse_contract(draft(data, ANSWERS).text)
    assert [f.column for f in contract.inputs] == ["Balance"]
    assert not any(f.sensitive for f in contract.features)
    arguments = ["--data", str(data), "--label", "Exited", "--positive", "1", "--id", "Id"]
    assert main([*arguments, "--out", str(tmp_path / "b.toml")]) == 0
    said = capsys.readouterr().out
    for reason in (
        "LEAK? Complain: predicts the outcome almost by itself (AUC 1.000)",
        "LEAK? Naive_Bayes_Classifier_Dependent_count_1: predicts the outcome almost by itself",
        "LEAK? Exit_reason: its name speaks of leaving",
        'no customer would be predicted: CONSENTS="on what ground"',
    ):
        assert reason in said


@pytest.mark.parametrize(
    "column", ["Geography", "Gender", "Customer_Age", "Marital_Status", "SeniorCitizen", "dependents", "Code postal"]
)
def test_what_the_law_protects_is_known_by_its_name(column: str) -> None:
    assert guess(column, [str(n % 7) for n in range(40)], labels_of(["0", "1"] * 20, "1")).sensitive


@pytest.mark.parametrize("column", ["Average", "Usage", "Percentage", "Months_on_book", "Agency", "Statement"])
def test_a_name_that_only_contains_such_a_word_is_not_taken_for_it(column: str) -> None:
    guessed = guess(column, [str(n % 7) for n in range(40)], labels_of(["0", "1"] * 20, "1"))
    assert (guessed.type, guessed.sensitive, guessed.why) == ("integer", False, "")


@pytest.mark.parametrize("column", ["Surname", "first_name", "Name", "CustomerName", "Nom"])
def test_a_name_of_a_person_is_left_out_however_few_there_are(column: str) -> None:
    assert guess(column, ["Hill", "Smith"] * 20, labels_of(["0", "1"] * 20, "1")).type == ""


def test_decimal_commas_are_read_as_what_they_are() -> None:
    guessed = guess("Solde", [f"{n},50" for n in range(60)], labels_of(["0", "1"] * 30, "1"))
    assert (guessed.type, guessed.written.decimal, guessed.high) == ("number", ",", 120)


def test_known_columns_get_a_managers_words_in_both_languages() -> None:
    assert [label_of("NumOfProducts", language) for language in ("en", "fr")] == ["Products held", "Produits détenus"]
    assert [label_of("Total_Trans_Ct", language) for language in ("en", "fr")] == [
        "Number of transactions", "Nombre d'opérations",
    ]  # fmt: skip
    assert label_of("FooBar_2", "fr") == "Foo bar 2"


def test_columns_of_the_same_words_get_names_of_their_own(tmp_path: Path) -> None:
    data = write(tmp_path / "b.csv", "Id,A b,A_b,é,ü,Exited", half_left("{row}", *["{half}"] * 4, "{left}"))
    names = [f.name for f in parse_contract(draft(data, ANSWERS).text).features]
    assert len(set(names)) == 4


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (dataclasses.replace(ASKED, id_column="NumOfProducts"), "ID: NumOfProducts holds 4 different values in 600"),
        (dataclasses.replace(ASKED, id_column="customer"), "ID: no column 'customer'"),
    ],
)
def test_an_id_that_is_none_is_refused_before_loading(foreign: Path, asked: Asked, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        draft(foreign, asked)


def test_a_label_of_one_value_has_nothing_to_teach(tmp_path: Path) -> None:
    data = write(tmp_path / "b.csv", "Id,Exited", ["1,1", "2,1"])
    with pytest.raises(ContractError, match="who stayed is needed too"):
        draft(data, ANSWERS)


def test_a_contract_without_its_ending_would_not_be_found_again(
    foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(foreign), "--label", "Exited", "--positive", "1", "--out", str(tmp_path / "f")]
    assert main(arguments) == 1
    assert "write OUT=f.toml" in capsys.readouterr().err


def test_the_shipped_telecom_contract_could_have_been_drafted(tmp_path: Path) -> None:
    assert {f.column for f in load_contract("telecom").features if f.sensitive} == {
        "gender", "SeniorCitizen", "Partner", "Dependents",
    }  # fmt: skip


def test_numbers_are_grouped_in_quarters_for_fairness(foreign: Path) -> None:
    age = parse_contract(draft(foreign, ASKED).text).feature("age")
    groups = name_groups(age.numeric, [*range(20, 60), None])
    assert len(set(groups.tolist())) == 5
    assert groups[-1] == "(missing)"
