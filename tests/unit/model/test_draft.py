"""A drafted contract fits the file it came from, and leaves to a person what only a person knows."""

import csv
import random
from pathlib import Path

import pytest

from model.contract import ROW_NUMBER, ContractError, load_contract, parse_contract
from model.draft import Asked, draft, main
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
    contract = parse_contract(draft(foreign, ASKED))
    table = read_table(foreign, contract, labelled=True)
    assert len(table) == 600
    assert train(table, quick=True).record["held_out"]["rows"] == 120


def test_types_gaps_and_ranges_are_read_off_the_file(foreign: Path) -> None:
    contract = parse_contract(draft(foreign, ASKED))
    types = {f.name: f.type for f in contract.features}
    assert types == {
        "age": "integer", "num_of_products": "integer", "has_cr_card": "boolean",
        "geography": "category", "balance": "number",
    }  # fmt: skip
    assert contract.feature("balance").missing == "kept"
    assert contract.consents.granted == ("profiling", "retention_offers")


def test_names_and_running_numbers_are_left_out_with_a_word_why(foreign: Path) -> None:
    text = draft(foreign, ASKED)
    assert "# Left out: 'Surname'" in text
    assert "# Left out: 'RowNumber'" in text


def test_what_may_be_sensitive_is_kept_for_fairness_only(foreign: Path) -> None:
    contract = parse_contract(draft(foreign, ASKED))
    assert [f.name for f in contract.features if f.sensitive] == ["age"]
    assert "age" not in {f.name for f in contract.inputs}


def test_a_wrong_label_or_value_lists_what_the_file_has(foreign: Path) -> None:
    with pytest.raises(ContractError, match="RowNumber, Surname"):
        draft(foreign, Asked("foreign", ROW_NUMBER, "Churn", "1", 180, ""))
    with pytest.raises(ContractError, match=r"'yes' never occurs in Exited, which holds \['0', '1'\]"):
        draft(foreign, Asked("foreign", ROW_NUMBER, "Exited", "yes", 180, ""))


def test_the_command_does_not_overwrite_a_contract(foreign: Path, tmp_path: Path) -> None:
    arguments = ["--data", str(foreign), "--label", "Exited", "--positive", "1", "--out", str(tmp_path / "f.toml")]
    assert main(arguments) == 0
    assert main(arguments) == 1


def test_the_shipped_telecom_contract_could_have_been_drafted(tmp_path: Path) -> None:
    assert {f.column for f in load_contract("telecom").features if f.sensitive} == {
        "gender", "SeniorCitizen", "Partner", "Dependents",
    }  # fmt: skip


def test_numbers_are_grouped_in_quarters_for_fairness(foreign: Path) -> None:
    age = parse_contract(draft(foreign, ASKED)).feature("age")
    groups = name_groups(age.numeric, [*range(20, 60), None])
    assert len(set(groups.tolist())) == 5
    assert groups[-1] == "(missing)"
