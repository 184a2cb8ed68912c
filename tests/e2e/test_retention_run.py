"""A run of 200 customers through the deployed stack, started and read with the plain AWS CLI."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.conftest import MACHINE, Cloud, wait_until
from vigie_local import commands
from vigie_local.settings import REPOSITORY

CUSTOMERS = 200
QUEUES = ("vigie-nlp", "vigie-prediction", "vigie-action", "vigie-audit")
STATE_MACHINE_FILE = REPOSITORY / "infra" / "statemachine" / "retention_run.asl.json"
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


@pytest.fixture(scope="module")
def provider_down(cloud: Cloud) -> dict[str, Any]:
    """The output of a run that the model provider answered with 503 throughout, as `make run` makes it."""
    cloud.model_server("PUT", body={"rates": {"error_503": 1.0}})
    try:
        assert commands.run(cloud.settings, Namespace(input='{"limit": 40}')) == 1
    finally:
        cloud.model_server("PUT", body={"rates": {}})
    [(run_id,)] = cloud.query("SELECT run_id FROM runs ORDER BY planned_at DESC LIMIT 1")
    arn = f"{MACHINE.replace(':stateMachine:', ':execution:')}:{run_id}"
    ended = cloud.aws("stepfunctions", "describe-execution", "--execution-arn", arn)
    output: dict[str, Any] = json.loads(ended["output"])
    return output


def test_counts_add_up(cloud: Cloud, finished: FinishedRun) -> None:
    counts = finished.customers
    assert finished.output["run_id"] == finished.run_id
    assert finished.output["status"] == "succeeded"
    assert counts["planned"] == CUSTOMERS
    assert counts["analysed"] + counts["without_consent"] + counts["without_feedback"] == CUSTOMERS
    assert counts["analysis_failed"] == counts["without_lost_analysis"] == 0
    assert counts["without_consent"] > 0
    assert counts["analysed"] > CUSTOMERS / 2
    assert counts["predicted"] == counts["actions"] == CUSTOMERS
    assert counts["failed"] == 0
    for table, name in zip(RESULTS, ("analysed", "predicted", "actions"), strict=True):
        stored = cloud.query(f"SELECT count(*) FROM {table} WHERE run_id = %s", finished.run_id)
        assert stored == [(counts[name],)]


def test_who_consented_and_wrote_has_one_analysis_and_no_one_else_has(cloud: Cloud, finished: FinishedRun) -> None:
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
        (
            "feedback_analyses",
            ("CONSENT_CHECK", "PSEUDONYMISATION", "LLM_CALL_START", "LLM_CALL_END", "ANALYSIS_SAVED"),
        ),
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


def test_with_the_provider_down_the_run_continues_with_the_catalogue(
    provider_down: dict[str, Any], cloud: Cloud
) -> None:
    counts = provider_down["customers"]
    assert (counts["analysed"], counts["predicted"], counts["actions"], counts["failed"]) == (0, 40, 40, 0)
    sources = dict(
        cloud.query(
            "SELECT coalesce(source_reason, source), count(*) FROM actions WHERE run_id = %s GROUP BY 1",
            provider_down["run_id"],
        )
    )
    assert set(sources) <= {"ModelUnavailable", "NoConsent"}
    assert sources["ModelUnavailable"] > 0


def test_a_run_that_lost_its_analyses_is_partial_and_its_counts_add_up(
    provider_down: dict[str, Any], cloud: Cloud
) -> None:
    counts, run_id = provider_down["customers"], provider_down["run_id"]
    assert (provider_down["status"], provider_down["audit"]["gaps"]) == ("partial", 0)
    ended = ("analysed", "without_consent", "without_feedback", "analysis_failed")
    assert sum(counts[name] for name in ended) == counts["planned"] == 40
    assert provider_down["reasons"]["analyse"]["ModelUnavailable"] == counts["analysis_failed"] > 0
    for table in ("predictions", "actions"):
        marked = cloud.query(f"SELECT count(*) FROM {table} WHERE run_id = %s AND analysis_lost", run_id)
        assert marked == [(counts["analysis_failed"],)]


def test_what_was_lost_is_made_anew_by_a_redrive_and_a_second_finds_nothing(
    provider_down: dict[str, Any], cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id, lost = provider_down["run_id"], provider_down["customers"]["analysis_failed"]
    before = cloud.query(
        "SELECT md5(string_agg(a::text, '|' ORDER BY customer_id)) FROM actions a WHERE run_id = %s", run_id
    )
    assert commands.redrive(cloud.settings, Namespace(run_id=run_id)) == 0
    assert f"takes up {lost} customers of {run_id}" in capsys.readouterr().err
    [(again, counts)] = cloud.query(
        "SELECT n.run_id, n.counts FROM redrives d JOIN runs n ON n.run_id = d.redriven_as WHERE d.run_id = %s", run_id
    )
    assert (counts["planned"], counts["analysed"], counts["without_lost_analysis"]) == (lost, lost, 0)
    members = "SELECT customer_id FROM run_customers WHERE run_id = %s ORDER BY 1"
    marked = "SELECT customer_id FROM predictions WHERE run_id = %s AND analysis_lost ORDER BY 1"
    assert cloud.query(members, again) == cloud.query(marked, run_id)
    assert (
        cloud.query(
            "SELECT md5(string_agg(a::text, '|' ORDER BY customer_id)) FROM actions a WHERE run_id = %s", run_id
        )
        == before
    )
    assert commands.redrive(cloud.settings, Namespace(run_id=run_id)) == 0
    assert "Nothing to redrive" in capsys.readouterr().err


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


MANY = json.dumps({"customer_ids": [f"00000000-0000-4000-8000-{number:012}" for number in range(12_000)]})
NO_OBJECT = "the execution's input is not a JSON object: give {} to run everybody due"
ODD = {
    "list": ("[1, 2]", NO_OBJECT),
    "text": ('"x"', NO_OBJECT),
    "null": ("null", NO_OBJECT),
    "number": ("7", NO_OBJECT),
    "bool": ("true", NO_OBJECT),
    "brackets": ('{"}errorMessage{": 1}', "}errorMessage{ is unknown: use customer_ids, limit, batch_size, purpose"),
    "many": (MANY, "customer_ids are 12000 ids of 468001 bytes together"),
    "unheard": ('{"redrive": "unheard-of"}', "redrive=unheard-of was never planned: name a closed run"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_input_that_cannot_be_ends_with_the_planner_s_own_words(cloud: Cloud, name: str) -> None:
    given, cause = ODD[name]
    states = cloud.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=MACHINE, name=f"e2e-odd-{name}", input=given)["executionArn"]
    ended = cloud.wait(arn)
    assert (ended["status"], ended["error"]) == ("FAILED", "InvalidInputError")
    assert ended["cause"].startswith(cause)
    assert "stackTrace" not in ended["cause"]


LAMBDA = {"errorMessage": "say it", "errorType": "InvalidInputError", "stackTrace": []}
NUMBER = json.dumps({"errorMessage": 7, "errorType": "x"})
CAUSES = {
    "a function's error": (json.dumps(LAMBDA), "say it"),
    "the same in another order, without spaces": (json.dumps(LAMBDA, sort_keys=True, separators=(",", ":")), "say it"),
    "the type alone first": (json.dumps({"errorType": "Sandbox.Timedout", "errorMessage": "late"}), "late"),
    "a message that looks like JSON": (json.dumps(LAMBDA | {"errorMessage": '{"a": 1}'}), '{"a": 1}'),
    "a message with quotes and braces": (json.dumps(LAMBDA | {"errorMessage": 'x="}{"'}), 'x="}{"'),
    "text": ("The task was stopped.", "The task was stopped."),
    "JSON without a message": ('{"reason": "errorMessage"}', '{"reason": "errorMessage"}'),
    "a message that is no text": (NUMBER, NUMBER),
    "what only looks like JSON": ('{"errorMessage": oh no}', '{"errorMessage": oh no}'),
    "cut off": ('{"errorType": "x", "errorMessage": "oh', '{"errorType": "x", "errorMessage": "oh'),
    "none": (None, "no cause is given: the function did not answer in its time"),
}


def test_whatever_the_cause_of_a_failure_its_class_and_words_are_the_execution_s(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    definition = json.loads(STATE_MACHINE_FILE.read_text(encoding="utf-8"))["States"]
    names = ("ReadError", "UnwrapError", "AnyMessage", "TakeMessage", "NoCause", "RunFailed")
    tail = {"StartAt": "ReadError", "States": {name: definition[name] for name in names}}
    role = "arn:aws:iam::000000000000:role/any"
    made = states.create_state_machine(name="only-the-end", definition=json.dumps(tail), roleArn=role)
    try:
        for number, (name, (cause, expected)) in enumerate(CAUSES.items()):
            error = {"Error": "SomeError"} | ({} if cause is None else {"Cause": cause})
            started = states.start_execution(
                stateMachineArn=made["stateMachineArn"], name=f"cause-{number}", input=json.dumps(error)
            )
            ended = cloud.wait(started["executionArn"])
            assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "SomeError", expected), name
    finally:
        states.delete_state_machine(stateMachineArn=made["stateMachineArn"])


def test_the_command_says_whose_customers_a_run_covers_and_where_calls_go(cloud: Cloud) -> None:
    done = cloud.vigie("--json", "run", "--input", '{"limit": 3, "purpose": "test"}')
    assert done.returncode == 0, done.stderr
    [report] = json.loads(done.stdout)
    assert report["customers"]["planned"] == 3
    [(contract, version)] = cloud.query("SELECT contract, model_version FROM runs WHERE run_id = %s", report["run_id"])
    assert f"Customers of contract {contract}, model {version}\n" in done.stderr
    assert "rules on this machine (nothing leaves it)" in done.stderr
