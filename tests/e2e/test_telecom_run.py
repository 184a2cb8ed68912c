"""Customers of another trade, without names or feedback: loaded, trained for, promoted and run by the same commands."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from model.contract import load_contract
from model.sources import SourceError, find_telecom
from tests.e2e.conftest import Cloud
from vigie_local import demo_bank

CUSTOMERS = 300
CONTRACT = load_contract("telecom")


@dataclass(frozen=True)
class TelecomRun:
    """A finished run, and the versions of the first and of the promoted model."""

    output: dict[str, Any]
    versions: list[str]

    @property
    def run_id(self) -> str:
        return str(self.output["run_id"])


def take_customers(source: Path, out: Path, customers: int) -> str:
    """The first rows of the public file."""
    with source.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))[: customers + 1]
    with out.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return str(out)


@pytest.fixture(scope="module")
def finished(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TelecomRun]:
    try:
        source = find_telecom()
    except SourceError as exc:
        pytest.skip(str(exc))
    folder = tmp_path_factory.mktemp("telecom")
    fewer, more = (take_customers(source, folder / f"{n}.csv", n) for n in (CUSTOMERS, 2 * CUSTOMERS))

    def command(module: str, *arguments: str) -> None:
        assert (
            demo_bank.run_with_cloud(cloud.settings, ["python", "-m", module, "--contract", "telecom", *arguments]) == 0
        )

    def versions(state: str) -> list[str]:
        sql = "SELECT version FROM model_registry WHERE contract = 'telecom' AND state = %s"
        return [row[0] for row in cloud.query(sql, state)]

    try:
        command("model.load", "--data", fewer)
        command("model.train", "--data", fewer, "--quick", "--out", str(folder / "first"))
        assert versions("approved") == []
        command("model.promote", "--by", "the tests")
        first = versions("approved")
        command("model.train", "--data", more, "--quick", "--out", str(folder / "second"))
        assert versions("approved") == first
        command("model.promote", "--by", "the tests")
        assert versions("retired") == first
        yield TelecomRun(cloud.run("e2e-telecom", {}), [*first, *versions("approved")])
    finally:
        # Runs use the model that was approved last: the other tests' runs are for the bank.
        cloud.query("UPDATE model_registry SET state = 'retired', retired_at = now() WHERE contract = 'telecom'")


def test_every_customer_is_predicted_and_acted_on_without_a_name_or_a_word_of_feedback(
    cloud: Cloud, finished: TelecomRun
) -> None:
    counts = finished.output["customers"]
    assert (finished.output["status"], counts["failed"], finished.output["audit"]["gaps"]) == ("succeeded", 0, 0)
    assert counts["planned"] == counts["predicted"] == counts["actions"] == CUSTOMERS
    assert (counts["analysed"], counts["without_consent"] + counts["without_feedback"]) == (0, CUSTOMERS)
    personal = "coalesce(first_name, last_name, email, phone, address, iban, customer_number)"
    known = cloud.query(
        f"SELECT count({personal}), count(f.text) FROM run_customers r JOIN customers USING (customer_id)"
        " LEFT JOIN feedback f USING (customer_id) WHERE r.run_id = %s",
        finished.run_id,
    )
    assert known == [(0, 0)]


def test_the_run_is_made_with_the_promoted_model_and_not_the_first(cloud: Cloud, finished: TelecomRun) -> None:
    first, promoted = finished.versions
    assert first != promoted
    pinned = "SELECT model_version, contract FROM runs WHERE run_id = %s"
    assert cloud.query(pinned, finished.run_id) == [(promoted, "telecom")]
    predicted_by = "SELECT DISTINCT model_version FROM predictions WHERE run_id = %s"
    assert cloud.query(predicted_by, finished.run_id) == [(promoted,)]


def test_each_customer_s_contributions_sum_to_their_score(cloud: Cloud, finished: TelecomRun) -> None:
    predictions = cloud.query(
        "SELECT intercept, contributions, log_odds, probability FROM predictions WHERE run_id = %s", finished.run_id
    )
    assert len(predictions) == CUSTOMERS
    for intercept, contributions, log_odds, probability in predictions:
        assert set(contributions) == {f.name for f in CONTRACT.inputs}
        assert intercept + sum(contributions.values()) == pytest.approx(log_odds, abs=1e-6)
        assert probability == pytest.approx(1 / (1 + math.exp(-log_odds)), abs=1e-9)


def test_drivers_are_worded_in_both_languages_and_name_nothing_sensitive(cloud: Cloud, finished: TelecomRun) -> None:
    rows = cloud.query("SELECT drivers FROM predictions WHERE run_id = %s", finished.run_id)
    drivers = [driver for (told,) in rows for driver in told]
    assert len(drivers) >= CUSTOMERS
    assert {d["feature"] for d in drivers} <= {f.name for f in CONTRACT.inputs if not f.sensitive}
    assert all("the risk" in d["words_en"] and "le risque" in d["words_fr"] for d in drivers)


def test_every_action_has_a_segment_and_words_for_who_may_have_an_offer(cloud: Cloud, finished: TelecomRun) -> None:
    segments = cloud.query(
        "SELECT segment, count(*), bool_and(message <> '') FROM actions WHERE run_id = %s GROUP BY 1", finished.run_id
    )
    assert sum(count for _, count, _ in segments) == CUSTOMERS
    assert {segment for segment, _, _ in segments} == {"High", "Medium", "Low"}
    assert all(worded for _, _, worded in segments)


def test_the_run_keeps_its_drift_and_its_rates_by_declared_group(cloud: Cloud, finished: TelecomRun) -> None:
    kept = cloud.query(
        "SELECT measure, array_agg(subject) FROM run_drift WHERE run_id = %s GROUP BY 1", finished.run_id
    )
    subjects = {measure: set(found) for measure, found in kept}
    assert subjects["psi"] == {f.name for f in CONTRACT.inputs} | {"score"}
    assert subjects["missing_rate"] == subjects["out_of_range"] == {f.name for f in CONTRACT.inputs}
    assert {"gender: Female", "gender: Male", "senior: true"} <= subjects["medium_or_high_rate"]
