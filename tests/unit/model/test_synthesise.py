"""The synthetic bank: same seed same bytes, fictional details only, words that carry the feeling."""

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from stdnum import iban

from model.synthesise import synthesise
from model.synthetic_bank import draw_population

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    synthesise(folder, customers=2000, seed=7, history=500)
    return folder


def read(folder: Path, name: str) -> Rows:
    with (folder / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        synthesise(tmp_path / name, customers=60, seed=11, history=40)
    files = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert len(files) == 7
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_another_seed_writes_other_customers(tmp_path: Path) -> None:
    synthesise(tmp_path / "a", customers=60, seed=1, history=40)
    synthesise(tmp_path / "b", customers=60, seed=2, history=40)
    assert (tmp_path / "a/features.csv").read_bytes() != (tmp_path / "b/features.csv").read_bytes()


def test_contact_details_can_belong_to_no_one(bank: Path) -> None:
    for row in read(bank, "customers.csv"):
        assert re.fullmatch(r"\+3363998\d{4}|\+447700900\d{3}", row["phone"])
        assert row["email"].endswith(("@example.org", "@example.net", ".example"))
        assert row["iban"][4:9] == "90417" or row["iban"][4:8] == "VGIE"
        assert iban.validate(row["iban"], check_country=row["iban"].startswith("FR"))


def test_identifiers_are_unique_and_formed_as_documented(bank: Path) -> None:
    rows = read(bank, "customers.csv")
    assert len({r["customer_number"] for r in rows}) == len({r["customer_id"] for r in rows}) == len(rows)
    assert all(re.fullmatch(r"\d{8}", r["customer_number"]) for r in rows)


def test_every_combination_of_consents_occurs_and_some_were_withdrawn(bank: Path) -> None:
    now: dict[str, dict[str, bool]] = {r["customer_id"]: {} for r in read(bank, "customers.csv")}
    withdrawn = 0
    for row in sorted(read(bank, "consents.csv"), key=lambda r: r["recorded_at"]):
        was = now[row["customer_id"]].get(row["purpose"])
        now[row["customer_id"]][row["purpose"]] = row["granted"] == "true"
        withdrawn += was is True and row["granted"] == "false"
    purposes = ("feedback_analysis", "profiling", "retention_offers")
    combinations = Counter(tuple(c.get(p, False) for p in purposes) for c in now.values())
    assert len(combinations) == 8
    without = sum(n for c, n in combinations.items() if not c[0]) / len(now)
    assert 0.12 < without < 0.18
    assert withdrawn > 50


def test_most_customers_wrote_once_and_some_never(bank: Path) -> None:
    counts = Counter(Counter(r["customer_id"] for r in read(bank, "feedback.csv")).values())
    assert counts[1] > 1000
    assert set(counts) == {1, 2, 3}
    assert 200 < 2000 - sum(counts.values()) < 400


def test_unhappy_customers_leave_more_often(bank: Path) -> None:
    truth = read(bank, "truth.csv")
    mean = {
        s: np.mean([float(r["true_probability"]) for r in truth if r["sentiment"] == s])
        for s in ("negative", "neutral", "positive")
    }
    assert mean["negative"] > mean["neutral"] + 0.1 > mean["positive"] + 0.15


def test_feedback_holds_what_people_write(bank: Path) -> None:
    texts = [r["text"] for r in read(bank, "feedback.csv")]
    assert not any("{" in t or "}" in t for t in texts)
    assert any("+33639" in t or "06 39 98" in t for t in texts)
    assert any("FR76" in t for t in texts)
    assert any("\n" in t for t in texts)
    assert any("vs " in t for t in texts)
    assert any(re.search(r"[A-ZÀ-Ü ,.']{30}", t) for t in texts)


def test_outcomes_follow_the_true_probability() -> None:
    drawn = draw_population(50_000, np.random.default_rng(3))
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        chosen = (drawn.true_probability >= low) & (drawn.true_probability < low + 0.2)
        assert abs(drawn.churned[chosen].mean() - drawn.true_probability[chosen].mean()) < 0.02
