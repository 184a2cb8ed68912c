"""Small files as people hand them in: what `make contract` and `make load` say of each, and how they end."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from model.contract import Contract, load_contract
from model.draft import main
from model.load import Delivery, read_delivery
from model.row_faults import DataError
from model.validate import Table, read_table

CASES = Path(__file__).parents[2] / "data" / "cases"


@dataclass(frozen=True)
class Drafted:
    """How a draft ended: exit code, both outputs, and the contract it wrote."""

    code: int
    out: str
    err: str
    path: Path

    @property
    def contract(self) -> Contract:
        return load_contract(self.path)


Draft = Callable[..., Drafted]


@pytest.fixture
def draft(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Draft:
    def run(file: str | Path, **options: str) -> Drafted:
        path = CASES / file
        out = tmp_path / f"{path.stem}.toml"
        said = {"label": "churn", "positive": "Yes", "id": "id", "consents": "made up"} | options
        given = [part for name, value in said.items() if value for part in (f"--{name.replace('_', '-')}", value)]
        code = main(["--data", str(path), *given, "--no-cost", "--out", str(out)])
        captured = capsys.readouterr()
        return Drafted(code, captured.out, captured.err, out)

    return run


def load(file: str | Path, contract: Contract) -> Delivery:
    return read_delivery(CASES / file, contract, date(2026, 1, 1))


def table(file: str | Path, contract: Contract) -> Table:
    return read_table(CASES / file, contract, labelled=True)


READ = [
    "accents", "blank_lines", "bom", "bool_mixed_case", "cr_only", "dash_gap", "dates", "decimal_comma", "dollar",
    "dup_unnamed", "flag_x", "gender01", "ids_zero", "income_whole", "label_blank", "label_case", "na_hash", "names",
    "new_category", "new_gap", "pipe", "rare1pct", "region_na", "thousands", "tiny50", "utf16",
]  # fmt: skip
ROWS = {"rare1pct": 5000, "tiny50": 55}


@pytest.mark.parametrize("name", READ)
def test_a_sound_file_is_drafted_and_read_whole_and_its_rows_are_counted(draft: Draft, name: str) -> None:
    options = {"accents": {"label": "Résilié", "id": "N° client"}, "gender01": {"positive": "1"},
               "region_na": {"positive": "1"}}.get(name, {})  # fmt: skip
    found = draft(f"{name}.csv", **options)
    rows = ROWS.get(name, 400)
    assert (found.code, found.err) == (0, "")
    assert f"read {rows:,} rows" in found.out
    delivery = load(f"{name}.csv", found.contract)
    assert len(delivery.customers) == len(list(delivery.features)) == rows
    assert f"read {rows:,} rows of {name}.csv" in delivery.said[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("open_quote_pair", "row 102, column plan: '\"Basic': opens a quote in line 102 that is not closed there"),
        ("open_quote_8000", "row 51, column plan: '\"Basic': opens a quote in line 51 that is not closed there"),
        ("extra_cells", "row 2, column (all): 'C00000,1,3114.51,22,68,Pro,Yes,No': has 8 cells where the header has 7"),
        ("extra_cells", 'write 1,234 as "1,234"'),
        ("extra_cells", "100 faults"),
        ("extra_cells_label_first", "100 faults"),
        ("ids_blank", "row 9, column id: is empty; every row needs an id"),
        ("cp1252", "row 2, column (all): is not UTF-8 (it may be Windows-1252"),
        ("cp1252", "Save as, CSV UTF-8"),
    ],
)
def test_a_broken_file_is_refused_with_line_trait_and_remedy(draft: Draft, name: str, said: str) -> None:
    found = draft(f"{name}.csv")
    assert found.code == 1
    assert said in found.err
    assert not found.path.exists()


@pytest.mark.parametrize("name", ["open_quote_pair", "open_quote_8000", "extra_cells", "ids_blank", "cp1252"])
def test_loading_and_training_refuse_what_the_draft_refuses(draft: Draft, name: str) -> None:
    contract = draft("bom.csv").contract
    for read in (load, table):
        with pytest.raises(DataError) as caught:
            read(f"{name}.csv", contract)
        assert f"{name}.csv, row" in caught.value.show()


def test_spellings_of_an_outcome_are_one_and_counted(draft: Draft) -> None:
    found = draft("label_case.csv")
    assert "outcome 'Yes' in 94 rows (Yes 67, YES 27): left" in found.out
    labels = table("label_case.csv", found.contract).labels
    assert labels is not None
    assert labels.sum() == 94


def test_a_blank_outcome_is_loaded_and_never_trained_on(draft: Draft) -> None:
    found = draft("label_blank.csv")
    assert "empty in 80 rows: not known, so scored and never trained on" in found.out
    assert len(load("label_blank.csv", found.contract).customers) == 400
    trained = table("label_blank.csv", found.contract)
    assert (len(trained), trained.counted.unknown) == (320, 80)


def test_spellings_of_a_boolean_are_one(draft: Draft) -> None:
    found = draft("bool_mixed_case.csv")
    assert "Yes (201, also written YES)" in found.out
    assert {r["active"] for r in table("bool_mixed_case.csv", found.contract).rows} == {True, False}


def test_an_infinite_number_is_named_with_its_row_and_counts_as_a_gap_once_the_contract_says_so(draft: Draft) -> None:
    found = draft("inf.csv")
    assert "ASK balance holds 'inf' in line 5, which is no number and counts as a gap: correct the cell" in found.out
    assert "  balance: 1 cell missing" in load("inf.csv", found.contract).said
    with pytest.raises(DataError, match="1 fault") as caught:
        load("inf.csv", draft("bom.csv").contract)
    assert "row 5, column balance: 'inf': is no finite number; correct it, or empty the cell" in caught.value.show()


@pytest.mark.parametrize(("name", "gap"), [("dash_gap", "-"), ("na_hash", "#N/A")])
def test_one_odd_cell_is_a_gap_and_counted(draft: Draft, name: str, gap: str) -> None:
    found = draft(f"{name}.csv")
    assert f"399 of 400 cells are numbers; 1 gap {gap!r} (line 5)" in found.out
    assert found.contract.feature("balance").type == "number"
    assert "  balance: 1 cell missing" in load(f"{name}.csv", found.contract).said


def test_a_region_named_na_is_a_region(draft: Draft) -> None:
    found = draft("region_na.csv", positive="1")
    assert found.contract.feature("sales_area").categories == ("APAC", "EMEA", "NA")
    assert "'NA' taken as a category, not as a gap" in found.out


@pytest.mark.parametrize("name", ["thousands", "dollar", "decimal_comma", "bom"])
def test_numbers_are_read_as_what_they_are(draft: Draft, name: str) -> None:
    contract = draft(f"{name}.csv").contract
    first = table(f"{name}.csv", contract).rows[0]["balance"]
    assert first == (3114 if name == "thousands" else 3114.51)


def test_a_mark_or_nothing_is_a_flag(draft: Draft) -> None:
    found = draft("flag_x.csv")
    assert "complained: a flag: 'X' in 84 rows, empty in 316, taken as no" in found.out
    assert sum(r["complained"] is True for r in table("flag_x.csv", found.contract).rows) == 84


def test_whole_numbers_that_never_repeat_are_numbers(draft: Draft) -> None:
    found = draft("income_whole.csv")
    assert "income: whole numbers from 20,029 to 34,779" in found.out
    assert found.contract.feature("income") in found.contract.inputs


def test_columns_are_sensitive_by_name_and_values_in_six_languages(draft: Draft) -> None:
    contract = draft("names.csv").contract
    columns = [f.column for f in contract.features]
    sensitive = {f.column for f in contract.features if f.sensitive}
    last = columns.index("suburb")
    assert sensitive == set(columns[: last + 1])
    assert {"subscription_age", "family_plan", "region_manager", "phone_service", "number_of_address"} <= {
        f.column for f in contract.inputs
    }
    assert len(contract.inputs) == len(columns) - last - 1


def test_a_gender_in_numbers_asks_for_words(draft: Draft) -> None:
    found = draft("gender01.csv", positive="1")
    assert found.contract.feature("gender").sensitive
    assert "ASK say in the contract what 0 and 1 mean: words.en.true and words.en.false of gender" in found.out


@pytest.mark.parametrize(("name", "customer"), [("panel", "id"), ("panel_noise", "customer")])
def test_customers_by_month_are_refused_until_their_date_is_named(draft: Draft, name: str, customer: str) -> None:
    refused = draft(f"{name}.csv", id=customer)
    assert refused.code == 1
    assert "Say AS_OF=month" in refused.err
    assert "folds by customer" in refused.err
    assert "row's number is the id" not in refused.err
    numbered = draft(f"{name}.csv", id="")
    assert numbered.code == 1
    assert f"Say ID={customer} AS_OF=month" in numbered.err
    named = draft(f"{name}.csv", id=customer, as_of="month")
    assert named.code == 0
    assert named.contract.as_of_column == "month"
    assert "month" not in {f.column for f in named.contract.features}


def test_a_new_category_of_tomorrow_is_scored_as_unknown_and_counted(draft: Draft) -> None:
    contract = draft("bom.csv").contract
    delivery = load("new_category.csv", contract)
    said = "  plan: 1 cell with a category that the contract does not name, scored as unknown"
    assert said in delivery.said
    assert '"plan": "Premium"' in list(delivery.features)[4][2]


def test_a_new_gap_of_tomorrow_is_scored_as_missing_and_counted(draft: Draft) -> None:
    delivery = load("new_gap.csv", draft("bom.csv").contract)
    assert "  balance: 1 cell missing" in delivery.said
    assert '"balance": null' in list(delivery.features)[4][2]


def test_a_column_without_a_name_is_left_out_and_said_so(draft: Draft) -> None:
    assert "left out: column 1 has no name" in draft("dup_unnamed.csv").out


def test_zeros_in_front_of_an_id_are_kept(draft: Draft) -> None:
    assert table("ids_zero.csv", draft("ids_zero.csv").contract).ids[0] == "000000"


def test_french_headers_give_readable_names(draft: Draft) -> None:
    contract = draft("accents.csv", label="Résilié", id="N° client").contract
    assert [f.name for f in contract.features] == ["solde_eur", "anciennete", "age", "offre", "actif"]
    assert contract.feature("age").words["fr"].label == "Âge"


def test_dates_are_left_out_with_what_to_do(draft: Draft) -> None:
    out = draft("dates.csv").out
    assert "left out: joined holds dates" in out
    assert "left out: last_seen holds dates" in out


def test_blank_lines_are_counted(draft: Draft) -> None:
    assert "11 blank lines are left out" in draft("blank_lines.csv").out
