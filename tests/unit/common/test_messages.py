"""An SQS body is read once into a frozen message, or refused by the name of what is wrong with it."""

import json

import pytest

from vigie.errors import InvalidInputError
from vigie.messages import BatchMessage, SealMessage

GOOD = {"run_id": "run-1", "batch_no": 0, "task_token": "token"}


def test_a_batch_message_is_read_whole() -> None:
    assert BatchMessage.parse(json.dumps(GOOD)) == BatchMessage("run-1", 0, "token")


def test_a_seal_message_is_read_whole() -> None:
    assert SealMessage.parse('{"run_id": "run-1", "task_token": "token"}') == SealMessage("run-1", "token")


@pytest.mark.parametrize("body", ["", "nonsense", "[]", "null", '"text"', "1"])
def test_a_body_that_is_no_object_is_refused_with_what_to_send(body: str) -> None:
    for kind in (BatchMessage, SealMessage):
        with pytest.raises(InvalidInputError, match="not a JSON object: send run_id"):
            kind.parse(body)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("run_id", None), ("run_id", ""), ("run_id", 7),
        ("batch_no", None), ("batch_no", "0"), ("batch_no", True), ("batch_no", 1.5),
        ("task_token", None), ("task_token", ""), ("task_token", []),
    ],
)  # fmt: skip
def test_a_field_that_is_missing_or_of_the_wrong_type_is_named(field: str, value: object) -> None:
    with pytest.raises(InvalidInputError, match=f"message field {field} must be"):
        BatchMessage.parse(json.dumps(GOOD | {field: value}))


def test_the_error_does_not_repeat_the_token() -> None:
    with pytest.raises(InvalidInputError) as caught:
        BatchMessage.parse(json.dumps(GOOD | {"batch_no": "secret-looking"}))
    assert "secret-looking" not in str(caught.value)
    assert "token" not in str(caught.value)
