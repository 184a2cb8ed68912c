"""Messages that no delivery can work on, through the deployed stack: the batch fails alone, the run ends in time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.conftest import Cloud, wait_until
from vigie_local.secrets import database_secret, role_passwords
from vigie_operations.redrive import redrive

pytestmark = pytest.mark.timeout(600)


@contextmanager
def shut_out(cloud: Cloud, role: str, queue: str, function: str) -> Iterator[None]:
    """The function's way into the database is wrong, and its messages come back soon: four tries take seconds."""
    sqs, manager = cloud.client("sqs"), cloud.client("secretsmanager")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    content = json.loads(manager.get_secret_value(SecretId=database_secret(role))["SecretString"])
    kept = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]

    def give(password: str) -> None:
        facts = json.dumps(content | {"password": password})
        manager.put_secret_value(SecretId=database_secret(role), SecretString=facts)
        cloud.client("lambda").update_function_configuration(FunctionName=function, Description="forgets its secret")

    give("wrong")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=kept)
        give(role_passwords(cloud.settings.private)[role])


@pytest.fixture(scope="module")
def given_up(cloud: Cloud) -> dict[str, Any]:
    """The output of a run whose predictions nobody could make."""
    with shut_out(cloud, "prediction_agent", "vigie-prediction", "vigie-prediction-agent"):
        return cloud.run("dead-predictions", {"limit": 6, "batch_size": 3})


def test_batches_whose_agent_cannot_work_fail_alone_and_the_run_ends(cloud: Cloud, given_up: dict[str, Any]) -> None:
    output, counts = given_up, given_up["customers"]
    assert (output["status"], counts["planned"], counts["failed"]) == ("failed", 6, 6)
    letters = cloud.query("SELECT batch_no, step, reason FROM dead_letters WHERE run_id = %s", "dead-predictions")
    assert sorted(letters) == [(0, "predict", "GivenUp"), (1, "predict", "GivenUp")]
    told = cloud.query(
        "SELECT count(*) FROM audit_log WHERE run_id = %s AND event_type = 'DEAD_LETTERED'", "dead-predictions"
    )
    assert told == [(2,)]
    wait_until(lambda: not cloud.depth("vigie-prediction-dlq"), seconds=20)
    # Step Functions, the agents' records and the logs agree on what failed.
    assert output["audit"]["gaps"] == 0


def test_who_failed_is_redriven_once_as_another_run(cloud: Cloud, given_up: dict[str, Any]) -> None:
    before = cloud.query("SELECT md5(r::text) FROM runs r WHERE run_id = 'dead-predictions'")
    [report] = redrive(cloud.target, "dead-predictions")
    assert (report.status, report.customers["planned"], report.customers["failed"]) == ("succeeded", 6, 0)
    marked = cloud.query("SELECT DISTINCT redriven_as FROM dead_letters WHERE run_id = 'dead-predictions'")
    assert marked == [(report.run_id,)]
    same = "SELECT customer_id FROM run_customers WHERE run_id = %s ORDER BY 1"
    assert cloud.query(same, report.run_id) == cloud.query(same, "dead-predictions")
    assert redrive(cloud.target, "dead-predictions") == []
    assert cloud.query("SELECT md5(r::text) FROM runs r WHERE run_id = 'dead-predictions'") == before


def test_a_dead_letter_of_the_audit_lets_the_run_finish(cloud: Cloud) -> None:
    with shut_out(cloud, "audit_agent", "vigie-audit", "vigie-audit-agent"):
        output = cloud.run("dead-audit", {"limit": 3})
    assert (output["status"], output["customers"]["failed"]) == ("succeeded", 0)
    assert output["audit"] == {"tree_size": None, "root_hash": None, "gaps": None}
    assert cloud.query("SELECT step FROM dead_letters WHERE run_id = 'dead-audit'") == [("close_audit",)]


def test_a_poison_message_is_on_record_and_stays_in_its_queue(cloud: Cloud) -> None:
    sqs = cloud.client("sqs")
    url = sqs.get_queue_url(QueueName="vigie-action-dlq")["QueueUrl"]
    sent = sqs.send_message(QueueUrl=url, MessageBody="not JSON")
    sql = "SELECT reason, body_bytes FROM dead_letters WHERE message_id = %s"
    try:
        wait_until(lambda: cloud.query(sql, sent["MessageId"]), seconds=60)
        assert cloud.query(sql, sent["MessageId"]) == [("Unreadable", 8)]
        assert cloud.depth("vigie-action-dlq") == 1
    finally:
        sqs.purge_queue(QueueUrl=url)
    wait_until(lambda: not cloud.depth("vigie-action-dlq"), seconds=60)
