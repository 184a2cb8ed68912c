"""Results that deserve no belief: noise that repeats, rules over columns, and models no better than the base rate."""

import csv
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from model.base_rate_gate import describe_gate, describe_reach, measure_against_base_rate
from model.candidates import find_candidate
from model.compare import FOLDS, compare
from model.contract import parse_contract
from model.design import design_matrix
from model.draft import Asked, draft
from model.folds import find_people, split
from model.too_good import describe_carriers, find_carriers, is_too_good
from model.train import TrainingError, check_trainable, labels_of, used_inputs
from model.tuning import sample_people
from model.validate import Table, read_table

HEAD = """
name = "small"
id_column = "{id}"
{dated}
[label]
column = "churn"
positive = ["Yes"]
negative = ["No"]
horizon_days = 90
"""
FEATURE = """
[[feature]]
name = "{0}"
type = "number"
range = [-1e9, 1e9]
words.en.label = "{0}"
words.fr.label = "{0}"
"""
MONTH = """
[[feature]]
name = "month"
type = "category"
categories = ["2025-01-01", "2025-02-01", "2025-03-01", "2025-04-01"]
words.en.label = "Month"
words.fr.label = "Mois"
"""
Row = dict[str, object]
Read = Callable[..., Table]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write rows as a CSV and read them under a contract of number columns."""

    def write_and_read(
        rows: Sequence[Row], columns: Iterable[str], key: str = "(row number)", dated: str = "", more: str = ""
    ) -> Table:
        path = tmp_path / "small.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            out = csv.DictWriter(stream, rows[0])
            out.writeheader()
            out.writerows(rows)
        date = f'as_of_column = "{dated}"' if dated else ""
        text = HEAD.format(id=key, dated=date) + "".join(map(FEATURE.format, columns)) + more
        return read_table(path, parse_contract(text), labelled=True)

    return write_and_read


def noise_by_month(people: int = 120, months: int = 4, drifting: bool = False) -> list[Row]:
    """People whose columns say nothing of their label, each in several rows."""
    draw = random.Random(1)
    rows: list[Row] = []
    for number in range(people):
        fixed = {
            "balance": round(draw.uniform(0, 5000), 2),
            "fee": round(draw.uniform(5, 50), 2),
            "visits": draw.randrange(90),
        }
        label, tenure = draw.choice(("Yes", "No")), draw.randrange(1, 60)
        for month in range(months):
            grown = tenure + month if drifting else tenure
            rows.append(
                {"customer": f"C{number}", "month": f"2025-0{month + 1}-01", **fixed, "tenure": grown,
                 "calls": draw.randrange(3) if drifting else 1, "churn": label}
            )  # fmt: skip
    return rows


def crossing(groups: np.ndarray, labels: np.ndarray) -> int:
    """How many people stand on both sides of a split."""
    return sum(
        len(set(groups[train].tolist()) & set(groups[test].tolist()))
        for train, test in split(labels, groups, 5, 2, seed=7)
    )


def test_a_customer_with_several_dates_is_never_in_two_folds(read: Read) -> None:
    table = read(noise_by_month(), ("balance", "fee", "tenure"), key="customer", dated="month")
    people = find_people(table)
    assert (people.count, people.repeated_ids, people.twins) == (120, 120, 0)
    assert crossing(people.groups, labels_of(table)) == 0
    assert "120 customers have several rows (480 rows in all)" in next(iter(people.remarks("customer")))


def test_people_under_several_ids_are_found_counted_and_kept_in_one_fold(read: Read) -> None:
    table = read(noise_by_month(), ("balance", "fee", "tenure"))
    people = find_people(table)
    assert (people.count, people.twins) == (120, 480)
    assert crossing(people.groups, labels_of(table)) == 0
    (remark,) = people.remarks("(row number)")
    assert remark.startswith("WARNING 480 of 480 rows equal other rows in everything but the id")
    assert "as_of_column" in remark


def test_they_are_found_although_the_month_is_a_column(read: Read) -> None:
    table = read(noise_by_month(), ("balance", "fee", "tenure"), more=MONTH)
    people = find_people(table)
    assert (people.count, people.apart) == (120, ("month",))
    assert "is it month?" in next(iter(people.remarks("(row number)")))


def test_they_are_found_although_their_tenure_grows_with_the_month(read: Read) -> None:
    people = find_people(read(noise_by_month(drifting=True), ("balance", "fee", "visits", "tenure"), more=MONTH))
    assert people.count == 120
    assert set(people.apart) == {"month", "tenure"}


def test_a_few_rows_that_stand_twice_are_counted(read: Read) -> None:
    rows = noise_by_month(people=100, months=1)
    again = [{**row, "customer": f"again-{row['customer']}"} for row in rows[:7]]
    people = find_people(read([*rows, *again], ("balance", "fee", "tenure"), key="customer"))
    assert (people.count, people.twins) == (100, 14)


@pytest.mark.parametrize("seed", range(4))
def test_different_people_who_are_alike_by_chance_are_not_joined(read: Read, seed: int) -> None:
    draw = random.Random(seed)
    rows: list[Row] = [
        {"id": n, "balance": draw.randrange(3000), "tenure": draw.randrange(40), "products": draw.randrange(1, 4),
         "active": draw.randrange(2), "churn": draw.choice(("Yes", "No"))}
        for n in range(2000)
    ]  # fmt: skip
    table = read(rows, ("balance", "tenure", "products", "active"), key="id")
    assert find_people(table).count > 1990
    few = read(rows, ("tenure", "products", "active"), key="id")
    assert find_people(few).count > 1950


def test_twenty_rows_of_two_leavers_are_not_twenty_leavers(read: Read) -> None:
    rows = noise_by_month(people=60, months=12)
    for row in rows:
        row["churn"] = "Yes" if row["customer"] in ("C1", "C2") else "No"
    table = read(rows, ("balance", "fee", "tenure"))
    with pytest.raises(TrainingError, match="2 of 60 customers left"):
        check_trainable(table, allow_leaks=True, progress=lambda _: None)


def test_a_sample_takes_whole_people() -> None:
    groups = np.repeat(np.arange(500), 4)
    rows = sample_people(groups, 400)
    assert 350 < len(rows) < 450
    assert set(np.unique(groups[rows], return_counts=True)[1].tolist()) == {4}


def predictions(strength: float, size: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = (draw.random(size) < 0.25).astype(np.int64)
    shift = np.where(labels == 1, strength, -strength) + draw.normal(0, 1, size)
    return labels, 1 / (1 + np.exp(-(shift * strength - 1.1)))


def verdict(strength: float, size: int, repeat: int = 1) -> dict[str, object]:
    labels, found = (np.repeat(a, repeat) for a in predictions(strength, size))
    base = np.full(len(labels), labels.mean())
    return measure_against_base_rate(labels, found, base, np.repeat(np.arange(size), repeat))


def test_a_model_that_knows_something_is_better_than_the_base_rate() -> None:
    found = verdict(0.8, 400)
    assert found["better"]
    assert describe_gate(found).startswith("better than the base rate: Brier 0.")


def test_worthless_predictions_are_worse_than_the_base_rate() -> None:
    draw = np.random.default_rng(3)
    labels = (draw.random(55) < 0.5).astype(np.int64)
    found = measure_against_base_rate(labels, draw.random(55), np.full(55, 0.5), np.arange(55))
    assert not found["better"]
    assert describe_gate(found).startswith("worse than the base rate: Brier 0.")


def test_a_gain_that_chance_explains_is_not_enough() -> None:
    found = verdict(0.15, 60)
    assert not found["better"]


def test_the_same_person_ten_times_is_no_more_evidence_than_once() -> None:
    once, often = verdict(0.4, 60), verdict(0.4, 60, repeat=10)
    assert once["brier_gain"]["low"] == pytest.approx(often["brier_gain"]["low"], abs=1e-9)  # type: ignore[index]


def test_noise_passes_the_gate_by_chance_less_than_once_in_twenty() -> None:
    draw, passed = np.random.default_rng(5), 0
    for _ in range(400):
        labels = (draw.random(300) < 0.3).astype(np.int64)
        found = np.clip(0.3 + draw.normal(0, 0.02, 300), 0.01, 0.99)
        passed += measure_against_base_rate(labels, found, np.full(300, 0.3), np.arange(300))["better"]
    assert passed <= 20


def test_a_segment_that_no_score_reaches_is_named_with_a_threshold_that_is_reached() -> None:
    scores = np.linspace(0.001, 0.08, 5000)
    high, medium = describe_reach(scores)
    assert high.startswith("WARNING no customer would be in segment High: the highest score is 0.080, the threshold ")
    assert "HighThreshold 0.079" in high
    assert "(50)" in high
    assert "MediumThreshold 0.076" in medium
    assert describe_reach(np.array([0.1, 0.9])) == []


def rule_table(read: Read, rule: Callable[[list[float]], bool], size: int = 600) -> Table:
    draw = np.random.default_rng(2)
    rows: list[Row] = []
    for number in range(size):
        cells = draw.random(5).round(4).tolist()
        rows.append({"id": number, **dict(zip("abcde", cells, strict=True)), "churn": "Yes" if rule(cells) else "No"})
    return read(rows, tuple("abcde"), key="id")


def carriers(table: Table, auc: float = 1.0) -> tuple[list[str], float]:
    inputs = used_inputs(table)
    everything = dict.fromkeys((f.name for f in inputs), 1.0)
    matrix = design_matrix(table.rows, inputs)
    return find_carriers(matrix, labels_of(table), np.arange(len(table)), inputs, everything, auc)


@pytest.mark.parametrize(
    ("rule", "columns"),
    [
        (lambda c: c[1] > 0.7, ["b"]),
        (lambda c: c[1] > 0.6 and c[3] < 0.5, ["b", "d"]),
        (lambda c: (c[0] > 0.5) != (c[4] > 0.5), ["a", "e"]),
    ],
)
def test_a_rule_over_columns_is_named(read: Read, rule: Callable[[list[float]], bool], columns: list[str]) -> None:
    found, reached = carriers(rule_table(read, rule))
    assert sorted(found) == columns
    first, second = describe_carriers(0.9999, found, reached)
    assert first == "WARNING too good to be true: AUC 0.9999 on customers the model had not seen"
    assert "the answer away" in second
    assert ("a rule over" in second) == (len(columns) > 1)
    assert all(column in second for column in columns)


def test_near_perfect_figures_are_too_good_and_good_ones_are_not() -> None:
    labels = np.array([0, 1] * 200)
    assert is_too_good(labels, np.where(labels == 1, 0.97, 0.02))
    assert not is_too_good(*predictions(0.9, 2000))


def test_noise_that_every_fold_finds_again_is_not_better_than_the_base_rate() -> None:
    noise = Path(__file__).parents[2] / "data" / "cases" / "panel_noise.csv"
    asked = Asked("noise", "customer", "churn", "Yes", 90, "", as_of="month")
    table = read_table(noise, parse_contract(draft(noise, asked).text), labelled=True)
    inputs, groups, labels = used_inputs(table), find_people(table).groups, labels_of(table)
    curves = [find_candidate("ebm")]
    found = compare(design_matrix(table.rows, inputs), labels, inputs, candidates=curves, groups=groups)
    held_out = found.results[0].held_out[0]
    assert measure_against_base_rate(labels, held_out, found.base_rates, groups)["better"]
    assert not measure_against_base_rate(labels, held_out, found.base_rates, groups, FOLDS)["better"]
