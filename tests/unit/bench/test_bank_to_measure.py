"""The bank that is measured: everybody has feedback and every consent, so every customer costs two calls."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from model.synthesise import PURPOSES
from tests.bench.customers import write_bank

CUSTOMERS = 40


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bank")
    write_bank(path, CUSTOMERS)
    return path


def test_all_consented_to_every_purpose_and_none_withdrew(folder: Path) -> None:
    consents = read(folder / "consents.csv")
    given = {(row["customer_id"], row["purpose"]) for row in consents if row["granted"] == "true"}
    ids = {row["customer_id"] for row in read(folder / "customers.csv")}
    assert given == {(customer, purpose) for customer in ids for purpose in PURPOSES}
    assert len(consents) == CUSTOMERS * len(PURPOSES)


def test_everybody_has_written_something(folder: Path) -> None:
    feedback = read(folder / "feedback.csv")
    assert {row["customer_id"] for row in feedback} == {row["customer_id"] for row in read(folder / "customers.csv")}
    assert all(row["text"].strip() for row in feedback)
    assert len({row["feedback_id"] for row in feedback}) == len(feedback)


def test_the_same_size_gives_the_same_bank(folder: Path, tmp_path: Path) -> None:
    write_bank(tmp_path, CUSTOMERS)
    for name in ("customers.csv", "consents.csv", "feedback.csv", "features.csv"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
