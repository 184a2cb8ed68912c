"""The outcomes of a label column: all counted, and nothing settled that only a person can say."""

import unicodedata
from pathlib import Path

import pytest

from model.column_profile import profile_of
from model.contract import Contract, ContractError, load_contract
from model.contract_checks import find_faults
from model.draft import main
from model.outcome_values import settle
from model.outcomes import read_outcomes
from model.row_faults import DataError
from model.validate import read_table


def write(folder: Path, outcomes: list[str], name: str = "file.csv") -> Path:
    path = folder / name
    rows = [f"C{row},{row % 7},{outcome}" for row, outcome in enumerate(outcomes)]
    path.write_text("\n".join(["id,visits,churn", *rows]) + "\n", encoding="utf-8")
    return path


def draft(data: Path, capsys: pytest.CaptureFixture[str], **options: str) -> tuple[int, str, Path]:
    out = data.with_suffix(".toml")
    given = [part for name, value in options.items() for part in (f"--{name}", value)]
    code = main(["--data", str(data), "--label", "churn", "--positive", "Yes", "--id", "id", "--out", str(out), *given])
    captured = capsys.readouterr()
    return code, captured.out + captured.err, out


TWO = ["Yes", "No"] * 30


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["Pending"] * 5, "'Pending' in 5 rows"),
        (["Unknown"], "'Unknown' in 1 row, first in line 62"),
        (["churn"], "Line 62 repeats the header; remove it."),
        (["60"], "'60' in 1 row, first in line 62"),
    ],
)
def test_a_third_outcome_is_asked_about_with_its_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    code, text, out = draft(write(tmp_path, TWO + more), capsys)
    assert code == 1
    assert said in text
    assert "only you know what they mean: 'Yes' in 30 rows, 'No' in 30 rows" in text
    assert not out.exists()


def test_a_second_outcome_that_may_mean_nothing_is_asked_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text, _ = draft(write(tmp_path, ["Yes", "unknown"] * 30), capsys)
    assert code == 1
    assert "NEGATIVE=" in text


def test_what_was_said_of_a_third_outcome_is_written_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path, [*TWO, "Pending", " pending", "Moved"])
    code, text, out = draft(data, capsys, negative="No", unknown="Pending,Moved")
    assert code == 0
    assert "outcome 'Pending' in 2 rows (Pending 1, pending 1)" in text
    contract = load_contract(out)
    assert contract.label.unknown == ("Pending", "Moved")
    table = read_table(data, contract, labelled=True)
    assert (len(table), table.counted.unknown) == (60, 3)
    assert len(read_table(data, contract)) == 63


def test_a_value_that_is_said_and_never_occurs_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = draft(write(tmp_path, TWO), capsys, negative="Non")
    assert code == 1
    assert "'non' never occurs in churn" in text


def test_one_and_one_point_nought_are_one_outcome() -> None:
    settled = settle(profile_of("churn", ["1.0", "0.0", "", "1.0"]), ["1"], [], [])
    assert ([o.name for o in settled.left], [o.name for o in settled.stayed], settled.blank) == (["1.0"], ["0.0"], 1)


def test_outcomes_in_decomposed_unicode_are_the_same() -> None:
    said = unicodedata.normalize("NFD", "Résilié")
    settled = settle(profile_of("churn", ["Résilié", "Actif"]), [said], [], [])
    assert [o.name for o in settled.left] == ["Résilié"]


def test_a_column_of_many_values_is_no_outcome() -> None:
    with pytest.raises(ContractError, match="holds 50 different values, and an outcome has few"):
        settle(profile_of("income", [str(n) for n in range(50)]), ["1"], [], [])


def contract_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Contract:
    return load_contract(draft(write(tmp_path, TWO), capsys)[2])


def test_an_outcome_that_the_contract_does_not_name_is_an_error_wherever_it_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contract = contract_of(tmp_path, capsys)
    data = write(tmp_path, ["Yes", "Pending"], "today.csv")
    for read in (
        lambda: read_table(data, contract, labelled=True), lambda: read_table(data, contract),
        lambda: read_outcomes(data, contract),
    ):  # fmt: skip
        with pytest.raises(DataError) as caught:
            read()
        assert (
            "today.csv, row 3, column churn: 'Pending': is no known label; write one of Yes, No" in caught.value.show()
        )


def test_outcomes_that_are_not_known_yet_are_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contract = contract_of(tmp_path, capsys)
    read = read_outcomes(write(tmp_path, ["YES", "", "no "], "today.csv"), contract)
    assert list(read.values()) == [1, None, 0]


def test_a_contract_may_not_give_one_outcome_two_meanings() -> None:
    label = {"column": "churn", "positive": ["Yes"], "negative": ["yes"], "horizon_days": 90}
    assert "label: ['yes'] named as positive and as negative; keep one" in find_faults({"label": label})
    label |= {"negative": ["No"], "unknown": ["NO"]}
    assert "label: ['no'] named as negative and as unknown; keep one" in find_faults({"label": label})
