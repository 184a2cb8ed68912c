"""What leaving the sensitive columns out costs is measured and said, for a person to decide."""

import random
from pathlib import Path

import numpy as np
import pytest

from model.contract import load_contract
from model.draft import main
from model.sensitive_cost import describe_cost_of_file, measure_sensitive_cost
from model.validate import read_table


@pytest.fixture
def ages(tmp_path: Path) -> Path:
    """A file in which age says who leaves, and the balance says little."""
    draw = random.Random(4)
    lines = ["id,balance,age,churn"]
    for row in range(900):
        age = draw.randint(18, 80)
        left = draw.random() < (0.7 if age > 55 else 0.1)
        lines.append(f"C{row},{draw.random() * 100 + 5 * left:.2f},{age},{'Yes' if left else 'No'}")
    path = tmp_path / "ages.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def draft(data: Path, *more: str) -> Path:
    out = data.with_suffix(".toml")
    asked = ["--data", str(data), "--label", "churn", "--positive", "Yes", "--id", "id", "--out", str(out)]
    assert main([*asked, *more]) == 0
    return out


def test_the_draft_prints_the_cost_with_and_without(ages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = draft(ages)
    said = capsys.readouterr().out
    assert "leaving age out: AUC 0." in said
    assert "3-fold cross-validation on 900 rows, quick settings" in said
    cost = measure_sensitive_cost(read_table(ages, load_contract(out), labelled=True))
    assert cost
    assert cost.auc_with > cost.auc_without + 0.1
    assert cost.brier_with < cost.brier_without - 0.03


def test_a_large_file_says_how_the_cost_is_measured(ages: Path) -> None:
    out = draft(ages, "--no-cost")
    (said,) = describe_cost_of_file(ages, out, load_contract(out), 1_000_000)
    assert f"not measured here on 1,000,000 rows: make evaluate DATA={ages} CONTRACT={out}" in said


def test_without_sensitive_columns_or_enough_outcomes_nothing_is_measured(ages: Path) -> None:
    out = draft(ages, "--no-cost")
    table = read_table(ages, load_contract(out), labelled=True)
    few = np.zeros(len(table), dtype=np.int64)
    few[:5] = 1
    object.__setattr__(table, "labels", few)
    assert measure_sensitive_cost(table) is None


def test_rows_of_one_customer_stay_in_one_fold(tmp_path: Path) -> None:
    """Noise by month: a model that recognises customers would score far above one half."""
    cases = Path(__file__).parents[2] / "data" / "cases"
    out = tmp_path / "panel.toml"
    asked = ["--label", "churn", "--positive", "Yes", "--id", "customer", "--as-of", "month", "--no-cost"]
    assert main(["--data", str(cases / "panel_noise.csv"), *asked, "--out", str(out)]) == 0
    text = out.read_text(encoding="utf-8").replace('name = "visits"', 'sensitive = true\nused = false\nname = "visits"')
    out.write_text(text, encoding="utf-8")
    cost = measure_sensitive_cost(read_table(cases / "panel_noise.csv", load_contract(out), labelled=True))
    assert cost
    assert 0.4 < cost.auc_with < 0.6
