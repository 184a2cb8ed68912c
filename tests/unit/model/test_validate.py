"""A data file is read as its contract says, or refused whole with every faulty row named."""

from pathlib import Path

import pytest

from model.contract import load_contract, parse_contract
from model.load import read_delivery
from model.row_faults import DataError
from model.synthesise import AS_OF, synthesise
from model.validate import Table, read_table
from tests.unit.model.test_contract import GOOD

GYM = parse_contract(
    GOOD + 'missing = "filled"\nmissing_fill = "f"\nmissing_means = "not asked"\nmissing_values = ["", "?"]\n'
)
HEADER = "member,visits,Sex,gone\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "gym.csv"
    path.write_text(text, encoding="utf-8")
    return path


def faults(path: Path, labelled: bool = True) -> list[str]:
    with pytest.raises(DataError) as caught:
        read_table(path, GYM, labelled)
    return [str(f) for f in caught.value.faults]


def test_cells_become_typed_values_and_labels(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, HEADER + "A,3,m,yes\nB,0,?,no\n"), GYM, labelled=True)
    assert table.rows == ({"visits": 3, "sex": "m"}, {"visits": 0, "sex": "f"})
    assert table.labels is not None
    assert table.labels.tolist() == [1, 0]
    assert table.ids == ("A", "B")


def test_every_faulty_cell_is_named_with_row_column_value_and_remedy(tmp_path: Path) -> None:
    found = faults(write(tmp_path, HEADER + "A,101,f,yes\n,x,g,maybe\nA,1.5,m,no\nB,,m,no\n"))
    assert found == [
        "gym.csv, row 2, column visits: '101': is outside 0 to 100; correct it, or widen the contract's range",
        "gym.csv, row 3, column Sex: 'g': is no category of the contract, it knows f, m; a new one is added to "
        "categories, and the model trained again",
        "gym.csv, row 3, column gone: 'maybe': is no known label; write one of yes, no, empty the cell, "
        "or name it under positive, negative or unknown",
        "gym.csv, row 3, column member: is empty; every row needs an id",
        "gym.csv, row 3, column visits: 'x': is not a number; write digits with a decimal point",
        "gym.csv, row 4, column member: 'A': also stands in row 2; keep one of them, or, if rows are a customer "
        "at several dates, name the date's column as_of_column in the contract",
        "gym.csv, row 4, column visits: '1.5': is not a whole number; correct it, or call it a number in the contract",
        "gym.csv, row 5, column visits: is missing, and the contract refuses missing values here; if it may be, "
        'write missing = "kept" and missing_means in the contract',
    ]


def test_a_contract_that_does_not_fit_says_which_columns_and_the_nearest(tmp_path: Path) -> None:
    found = faults(write(tmp_path, "member,visit,gone\nA,3,yes\n"))
    assert found == [
        "gym.csv, column visits: not in the file, but contract gym reads feature visits from it; is it 'visit'?",
        "gym.csv, column Sex: not in the file, but contract gym reads feature sex from it",
    ]


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999"])
def test_what_is_no_finite_number_is_refused(tmp_path: Path, number: str) -> None:
    assert len(faults(write(tmp_path, f"{HEADER}A,{number},f,yes\n"))) == 1


def test_short_and_long_rows_are_faults(tmp_path: Path) -> None:
    assert "has 1 cell where the header has 4" in faults(write(tmp_path, HEADER + "A\n"))[0]
    assert "has 6 cells where the header has 4" in faults(write(tmp_path, HEADER + "A,1,f,yes,more,and more\n"))[0]


def test_an_empty_file_and_a_file_of_another_encoding_are_refused(tmp_path: Path) -> None:
    assert "no rows" in faults(write(tmp_path, HEADER))[0]
    (tmp_path / "gym.csv").write_bytes(HEADER.encode() + "A,1,é,yes".encode("latin-1"))
    assert "UTF-8" in faults(tmp_path / "gym.csv")[0]


def test_the_refusal_shows_twenty_and_writes_all(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "".join(f"m{i},x,f,no\n" for i in range(50)))
    with pytest.raises(DataError) as caught:
        read_table(path, GYM, labelled=True)
    shown = caught.value.show().splitlines()
    assert len(shown) == 22
    assert "30 more" in shown[-1]
    caught.value.write(tmp_path / "faults.csv")
    assert len((tmp_path / "faults.csv").read_text().splitlines()) == 51


def test_the_refusals_own_message_repeats_no_value(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_table(write(tmp_path, HEADER + "A,secret-value,f,no\n"), GYM, labelled=True)
    assert "secret-value" not in str(caught.value)
    assert "secret-value" in caught.value.show()


def test_the_known_traps_of_the_telecom_set_are_handled(telecom: Table) -> None:
    assert len(telecom) == 7043
    arrived = [r for r in telecom.rows if r["tenure_months"] == 0]
    assert len(arrived) == 11
    assert {r["total_charges"] for r in arrived} == {0.0}
    assert {type(r["senior"]) for r in telecom.rows} == {bool}


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    synthesise(tmp_path, customers=30, seed=9, history=40)
    return tmp_path


def spoil(folder: Path, file: str, row: int, column: int, value: str) -> None:
    lines = (folder / file).read_text(encoding="utf-8").split("\n")
    cells = lines[row - 1].split(",")
    cells[column] = value
    lines[row - 1] = ",".join(cells)
    (folder / file).write_text("\n".join(lines), encoding="utf-8")


def test_a_sound_bank_is_delivered_whole(bank: Path) -> None:
    delivery = read_delivery(bank, load_contract("bank"), AS_OF)
    assert len(delivery.customers) == len(delivery.features) == 30
    assert delivery.granted == ()


@pytest.mark.parametrize(
    ("file", "column", "value", "said"),
    [
        ("customers.csv", 0, "17", "customer_id: '17': is not a UUID"),
        ("customers.csv", 1, "123", "customer_number: '123': write 8 digits"),
        ("customers.csv", 4, "nobody", "email"),
        ("customers.csv", 5, "0639981234", "phone: '0639981234': write it as"),
        ("consents.csv", 1, "marketing", "purpose: 'marketing': write one of"),
        ("consents.csv", 2, "yes", "granted: 'yes': write one of true, false"),
        ("consents.csv", 5, "2999-01-01T00:00:00Z", "recorded_at: '2999-01-01T00:00:00Z': lies in the future"),
        ("consents.csv", 5, "2024-01-01T00:00:00", "has no time zone"),
        ("consents.csv", 0, "00000000-0000-4000-8000-000000000000", "is not in customers.csv"),
        ("features.csv", 0, "00000000-0000-4000-8000-000000000000", "is not in customers.csv"),
        ("features.csv", 1, "30/06/2026", "as_of: '30/06/2026': is not a date"),
        ("features.csv", 3, "0", "products: '0': is outside 1 to 12"),
        ("feedback.csv", 4, "de", "language: 'de': write one of fr, en"),
    ],
)
def test_each_bad_field_of_the_bank_files_is_named(bank: Path, file: str, column: int, value: str, said: str) -> None:
    spoil(bank, file, 2, column, value)
    with pytest.raises(DataError) as caught:
        read_delivery(bank, load_contract("bank"), AS_OF)
    assert f"{file}, row 2, column" in caught.value.show()
    assert said in caught.value.show()


def test_faults_of_several_files_are_listed_together(bank: Path) -> None:
    spoil(bank, "customers.csv", 3, 1, "x")
    spoil(bank, "consents.csv", 4, 2, "x")
    with pytest.raises(DataError) as caught:
        read_delivery(bank, load_contract("bank"), AS_OF)
    assert {f.file for f in caught.value.faults} == {"customers.csv", "consents.csv"}


def test_a_folder_without_features_says_what_is_missing(bank: Path) -> None:
    (bank / "features.csv").unlink()
    with pytest.raises(DataError) as caught:
        read_delivery(bank, load_contract("bank"), AS_OF)
    assert "features.csv" in caught.value.show()
