"""A dead letter is read as far as it can be read, whatever it holds."""

import hashlib
import json
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from dead_letters.messages import STEPS, DeadLetter, parse_dead_letter


def letter(body: str, queue: str = "vigie-nlp-dlq") -> DeadLetter:
    arn = f"arn:aws:sqs:us-east-1:000000000000:{queue}"
    return parse_dead_letter(SQSRecord({"messageId": "message-1", "body": body, "eventSourceARN": arn}))


def message(**changes: Any) -> str:
    return json.dumps({"run_id": "run-1", "batch_no": 3, "task_token": "token"} | changes)


@pytest.mark.parametrize("queue", STEPS)
def test_a_message_names_run_batch_step_and_task(queue: str) -> None:
    read = letter(message(), queue)
    assert (read.run_id, read.batch_no, read.task_token, read.step) == ("run-1", 3, "token", STEPS[queue])
    assert read.reason == "GivenUp"


@pytest.mark.parametrize(
    "body", ["", "no json", "[1]", "null", '{"run_id": "run-1"}', '{"task_token": ""}', "[" * 5000]
)
def test_a_message_without_a_task_is_unreadable_and_known_by_its_fingerprint(body: str) -> None:
    read = letter(body)
    assert (read.reason, read.task_token) == ("Unreadable", None)
    assert (read.size, read.sha256) == (len(body), hashlib.sha256(body.encode()).hexdigest())


@pytest.mark.parametrize("run_id", ["Ada Byron", "ada@example.org", "", 7, None, "x" * 81])
def test_what_cannot_be_a_run_id_is_not_kept_and_the_task_is_answered_all_the_same(run_id: object) -> None:
    read = letter(message(run_id=run_id))
    assert (read.run_id, read.task_token) == (None, "token")


@pytest.mark.parametrize("batch_no", [-1, True, "3", 2.5, 2**31, None])
def test_what_cannot_be_a_batch_number_is_not_kept(batch_no: object) -> None:
    assert letter(message(batch_no=batch_no)).batch_no is None
