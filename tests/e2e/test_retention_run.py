"""A run of 200 customers through the deployed stack, started and read with the plain AWS CLI."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.conftest import Cloud, wait_until

CUSTOMERS = 200
QUEUES = ("vigie-nlp", "vigie-prediction", "vigie-action", "vigie-audit")
RESULTS = ("feedback_analyses", "predictions", "actions")


@dataclass(frozen=True)
class FinishedRun:
    run_id: str
    began: float
    output: dict[str, Any]

    @property
    def customers(self) -> dict[str, int]:
        counts: dict[str, int] = self.output["customers"]
        return counts


@pytest.fixture(scope="module")
def finished(cloud: Cloud) -> FinishedRun:
    began = time.time() - 1
    return FinishedRun("e2e-first", began, cloud.run("e2e-first", {"limit": CUSTOMERS}))


def test_counts_add_up(cloud: Cloud, finished: FinishedRun) -> None:
    counts = finished.customers
    assert finished.output["run_id"] == finished.run_id
    assert finished.output["status"] == "succeeded"
    assert counts["planned"] == CUSTOMERS
    assert counts["analysed"] + counts["without_consent"] + counts["without_feedback"] == CUSTOMERS
    assert counts["without_consent"] > 0
    assert counts["analysed"] > CUSTOMERS / 2
    assert counts["predicted"] == counts["actions"] == CUSTOMERS
    assert counts["failed"] == 0
    for table, name in zip(RESULTS, ("analysed", "predicted", "actions"), strict=True):
        stored = cloud.query(f"SELECT count(*) FROM {table} WHERE run_id = %s", finished.run_id)
        assert stored == [(counts[name],)]


def test_who_consented_and_wrote_has_one_analysis_and_nobody_else_has(cloud: Cloud, finished: FinishedRun) -> None:
    wrong = cloud.query(
        """
        SELECT r.customer_id FROM run_customers r
        LEFT JOIN current_consents c ON c.customer_id = r.customer_id AND c.purpose = 'feedback_analysis'
        LEFT JOIN feedback_analyses a ON a.run_id = r.run_id AND a.customer_id = r.customer_id
        WHERE r.run_id = %s AND (a.customer_id IS NOT NULL) <>
              (c.granted IS TRUE AND EXISTS (SELECT FROM feedback f WHERE f.customer_id = r.customer_id))
        """,
        finished.run_id,
    )
    assert wrong == []


def test_who_did_not_consent_has_a_refused_check_and_no_call(cloud: Cloud, finished: FinishedRun) -> None:
    refused = cloud.query(
        """
        SELECT count(DISTINCT r.customer_id), count(DISTINCT e.customer_id), count(DISTINCT l.customer_id)
        FROM run_customers r
        LEFT JOIN current_consents c ON c.customer_id = r.customer_id AND c.purpose = 'feedback_analysis'
        LEFT JOIN audit_log e ON e.run_id = r.run_id AND e.customer_id = r.customer_id
            AND e.event_type = 'CONSENT_CHECK' AND e.status = 'refused'
            AND e.details ->> 'purpose' = 'feedback_analysis'
        LEFT JOIN egress_ledger l ON l.run_id = r.run_id AND l.customer_id = r.customer_id
            AND l.purpose = 'feedback_analysis'
        WHERE r.run_id = %s AND c.granted IS NOT TRUE
        """,
        finished.run_id,
    )
    without = finished.customers["without_consent"]
    assert refused == [(without, without, 0)]


def test_every_planned_customer_has_one_prediction_one_action_and_every_step_ended(
    cloud: Cloud, finished: FinishedRun
) -> None:
    rows = cloud.query(
        """
        SELECT count(*), count(p.customer_id), count(a.customer_id),
               (SELECT count(*) FROM run_steps s WHERE s.run_id = %s)
        FROM run_customers r LEFT JOIN predictions p USING (run_id, customer_id)
        LEFT JOIN actions a USING (run_id, customer_id) WHERE r.run_id = %s
        """,
        finished.run_id,
        finished.run_id,
    )
    assert rows == [(CUSTOMERS, CUSTOMERS, CUSTOMERS, 3 * CUSTOMERS)]


def test_without_consent_to_offers_there_is_a_segment_and_no_call(cloud: Cloud, finished: FinishedRun) -> None:
    rows = cloud.query(
        """
        SELECT c.granted IS TRUE, a.source, count(*), count(l.egress_id)
        FROM actions a
        LEFT JOIN current_consents c ON c.customer_id = a.customer_id AND c.purpose = 'retention_offers'
        LEFT JOIN egress_ledger l ON l.run_id = a.run_id AND l.customer_id = a.customer_id
            AND l.purpose = 'retention_offers'
        WHERE a.run_id = %s GROUP BY 1, 2
        """,
        finished.run_id,
    )
    by_consent = {(consented, source): (count, calls) for consented, source, count, calls in rows}
    assert set(by_consent) == {(True, "model"), (False, "none")}
    assert by_consent[False, "none"][1] == 0


def test_each_result_has_its_audit_events(cloud: Cloud, finished: FinishedRun) -> None:
    for table, types in (
        ("feedback_analyses", ("CONSENT_CHECK", "ANONYMISATION", "LLM_CALL_START", "LLM_CALL_END", "ANALYSIS_SAVED")),
        ("predictions", ("CONSENT_CHECK", "PREDICTION_SAVED")),
        ("actions", ("CONSENT_CHECK", "SEGMENTATION", "ACTION_SAVED")),
    ):
        for event_type in types:
            lacking = cloud.query(
                f"SELECT customer_id FROM {table} r WHERE run_id = %s AND NOT EXISTS (SELECT FROM audit_log e"
                " WHERE e.run_id = r.run_id AND e.customer_id = r.customer_id AND e.event_type = %s)",
                finished.run_id,
                event_type,
            )
            assert lacking == [], f"{table} without {event_type}"


def test_each_event_is_in_the_database_and_in_the_log(cloud: Cloud, finished: FinishedRun) -> None:
    stored = {str(row[0]) for row in cloud.query("SELECT event_id FROM audit_log WHERE run_id = %s", finished.run_id)}
    assert len(stored) > 10 * CUSTOMERS
    # A log line may arrive a moment after the invocation that wrote it ended.
    wait_until(lambda: cloud.logged_events(finished.run_id, finished.began) >= stored, seconds=30)
    assert cloud.logged_events(finished.run_id, finished.began) == stored


def test_the_run_is_measured_against_what_the_model_was_trained_on(cloud: Cloud, finished: FinishedRun) -> None:
    measured = cloud.query(
        "SELECT subject, measure FROM run_drift WHERE run_id = %s AND subject = 'sentiment_score'", finished.run_id
    )
    assert measured


def test_dead_letter_queues_are_empty(cloud: Cloud, finished: FinishedRun) -> None:
    assert {queue: cloud.depth(f"{queue}-dlq") for queue in QUEUES} == dict.fromkeys(QUEUES, 0)


def test_nothing_that_left_names_a_customer(cloud: Cloud, finished: FinishedRun) -> None:
    recorded = json.dumps(cloud.model_server("GET", "/requests"), ensure_ascii=False)
    assert recorded.count("feedback_analysis") >= finished.customers["analysed"]
    known = cloud.query(
        "SELECT email, iban, customer_number, last_name FROM customers JOIN run_customers USING (customer_id)"
        " WHERE run_id = %s",
        finished.run_id,
    )
    for email, iban, number, _ in known:
        for identifier in (email, iban, number):
            assert identifier not in recorded


def test_a_second_run_adds_and_overwrites_nothing(cloud: Cloud, finished: FinishedRun) -> None:
    def fingerprints() -> list[tuple[Any, ...]]:
        return [
            cloud.query(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t WHERE run_id = %s",
                        finished.run_id)[0]
            for table in (*RESULTS, "egress_ledger", "run_steps")
        ]  # fmt: skip

    before = fingerprints()
    second = cloud.run("e2e-second", {"limit": 20, "batch_size": 7, "purpose": "test"})
    assert second["customers"]["planned"] == second["customers"]["actions"] == 20
    assert fingerprints() == before


def test_a_message_delivered_twice_changes_nothing(cloud: Cloud, finished: FinishedRun) -> None:
    def counts() -> list[tuple[Any, ...]]:
        tables = (*RESULTS, "egress_ledger", "run_steps")
        return [cloud.query(f"SELECT count(*) FROM {table} WHERE run_id = %s", finished.run_id)[0] for table in tables]

    def batches_taken_up() -> int:
        sql = "SELECT count(*) FROM audit_log WHERE run_id = %s AND event_type = 'BATCH_END'"
        return int(cloud.query(sql, finished.run_id)[0][0])

    before, taken_up = counts(), batches_taken_up()
    sqs = cloud.client("sqs")
    for queue in QUEUES[:3]:
        body = {"run_id": finished.run_id, "batch_no": 0, "task_token": "answered-long-ago"}
        sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"], MessageBody=json.dumps(body))
    wait_until(lambda: batches_taken_up() == taken_up + 3 and not any(map(cloud.depth, QUEUES)), seconds=60)
    assert counts() == before
    assert not any(cloud.depth(f"{queue}-dlq") for queue in QUEUES)


def test_an_unknown_field_of_the_input_is_refused_by_name_and_nothing_is_planned(cloud: Cloud) -> None:
    ended = cloud.wait(cloud.start("e2e-refused", {"costumer_ids": [], "limit": 0}))
    assert (ended["status"], ended["error"]) == ("FAILED", "InvalidInputError")
    assert "costumer_ids is unknown: use customer_ids" in ended["cause"]
    assert "limit=0 is not a whole number" in ended["cause"]
    assert cloud.query("SELECT count(*) FROM runs WHERE run_id = 'e2e-refused'") == [(0,)]


def test_with_the_provider_down_the_run_goes_on_with_the_catalogue(cloud: Cloud) -> None:
    cloud.model_server("PUT", body={"rates": {"error_503": 1.0}})
    try:
        output = cloud.run("e2e-provider-down", {"limit": 10})
    finally:
        cloud.model_server("PUT", body={"rates": {}})
    counts = output["customers"]
    assert (output["status"], counts["analysed"], counts["predicted"], counts["actions"]) == ("succeeded", 0, 10, 10)
    sources = dict(
        cloud.query(
            "SELECT coalesce(source_reason, source), count(*) FROM actions WHERE run_id = %s GROUP BY 1",
            "e2e-provider-down",
        )
    )
    assert set(sources) <= {"ModelUnavailable", "NoConsent"}
    assert sources["ModelUnavailable"] > 0


def test_a_scorer_that_was_changed_is_refused_and_its_batches_are_counted_as_failed(cloud: Cloud) -> None:
    original = cloud.query("SELECT version, scorer FROM model_registry WHERE state = 'approved'")[0]
    cloud.query("UPDATE model_registry SET scorer = scorer || ' '::bytea WHERE version = %s", original[0])
    cloud.client("lambda").update_function_configuration(
        FunctionName="vigie-prediction-agent", Description="a fresh environment, with no scorer loaded yet"
    )
    try:
        output = cloud.run("e2e-changed-scorer", {"limit": 6, "batch_size": 3})
    finally:
        cloud.query("UPDATE model_registry SET scorer = %s WHERE version = %s", bytes(original[1]), original[0])
    assert output["status"] == "failed"
    assert (output["customers"]["predicted"], output["customers"]["failed"]) == (0, 6)
    audited = cloud.query(
        "SELECT status, count(*) > 0 FROM audit_log WHERE run_id = 'e2e-changed-scorer' AND event_type = 'MODEL_LOADED'"
        " GROUP BY 1"
    )
    assert audited == [("refused", True)]
