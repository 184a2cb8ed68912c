"""Requests are refused for the reasons, and with the bodies, that Groq has."""

import copy
import json
from typing import Any

import pytest

from vigie_model_server.chat import RequestError, read_chat
from vigie_model_server.strict_schema import fault_of_strict_schema

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "a": {"type": "string"},
        "b": {
            "type": "array",
            "items": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
        },
    },
    "required": ["a", "b"],
    "additionalProperties": False,
}


def body(**changes: Any) -> bytes:
    data = {"model": "vigie-local-rules", "messages": [{"role": "user", "content": "Hello"}]} | changes
    return json.dumps(data).encode()


def refusal(request: bytes) -> tuple[int, dict[str, Any]]:
    with pytest.raises(RequestError) as caught:
        read_chat(request)
    return caught.value.reply.status, json.loads(caught.value.reply.body)["error"]


def test_a_correct_strict_schema_has_no_fault() -> None:
    assert fault_of_strict_schema(SCHEMA) is None


def test_a_field_that_is_not_required_is_a_fault() -> None:
    schema = copy.deepcopy(SCHEMA)
    schema["required"] = ["a"]
    assert "every key in properties" in str(fault_of_strict_schema(schema))


def test_additional_properties_are_a_fault_at_any_depth() -> None:
    schema = copy.deepcopy(SCHEMA)
    del schema["properties"]["b"]["items"]["additionalProperties"]
    assert str(fault_of_strict_schema(schema)).startswith("/properties/b/items: `additionalProperties:false`")


def test_a_faulty_strict_schema_is_refused_with_400_before_any_answer() -> None:
    format_ = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}}}
    status, error = refusal(body(response_format=format_))
    assert status == 400
    assert error["message"].startswith("invalid JSON schema for response_format: 'x'")


def test_the_same_schema_is_accepted_when_it_is_not_strict() -> None:
    format_ = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    assert read_chat(body(response_format=format_)).schema_name == "x"


def test_an_unknown_model_is_404() -> None:
    status, error = refusal(body(model="llama"))
    assert (status, error["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"messages": []}, "minimum number of items"),
        ({"messages": [{"role": "boss", "content": "x"}]}, "role"),
        ({"messages": [{"role": "user", "content": 3}]}, "must be a string"),
        ({"temperature": 3}, "temperature"),
        ({"n": 2}, "'n'"),
        ({"stream": True}, "stream"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"response_format": {"type": "json_object"}}, "must contain the word 'json'"),
    ],
)
def test_a_bad_field_is_400_and_named(changes: dict[str, Any], words: str) -> None:
    status, error = refusal(body(**changes))
    assert status == 400
    assert error["type"] == "invalid_request_error"
    assert words in error["message"]


@pytest.mark.parametrize("request_body", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_object_is_400(request_body: bytes) -> None:
    assert refusal(request_body)[0] == 400
