"""What providers, gateways and portals answer in practice: each ends as the kind it is, and costs no call in vain."""

import json
import socket
import struct

import pytest

import vigie_llm.client
from tests.fakes.model_calls import free
from tests.unit.llm.conftest import completion
from tests.unit.llm.raw_provider import Manner, http, raw_provider
from tests.unit.llm.test_client import Clock
from vigie_llm.causes import REMEDIES
from vigie_llm.chat import ChatAnswer, ChatRequest
from vigie_llm.client import TRIES, GroqModel
from vigie_llm.errors import (
    AccountRefusedError,
    LlmError,
    ModelRefusedError,
    ModelUnavailableError,
    NotNowError,
    TextTooLongError,
)
from vigie_llm.exchange import GENERATIONS

PROSE = "the prompt said: fees"
NEVER = "Fri, 31 Dec 2199 23:59:59 GMT"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(vigie_llm.client, "time", clock)
    return clock


def error(status: int, *headers: str, **fields: object) -> bytes:
    return http(status, json.dumps({"error": {"message": PROSE} | fields}).encode(), *headers)


def said(status: int, body: object) -> bytes:
    return http(status, json.dumps(body).encode())


def choice(finish: object = "stop", **message: object) -> bytes:
    body = json.loads(completion("{}"))
    body["choices"][0]["finish_reason"] = finish
    body["choices"][0]["message"] |= message
    return said(200, body)


def usage(value: object) -> bytes:
    return said(200, json.loads(completion("{}")) | {"usage": value})


def reset_after_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def outcome(manner: Manner, request: ChatRequest, clock: Clock) -> tuple[str, int]:
    """What a call comes to, in a word, and how many requests it took."""
    with raw_provider(manner) as provider:
        model = GroqModel(provider.secret())
        try:
            came = _word(model.complete(request, clock.seconds_left, free))
        except LlmError as error:
            came = _named(error)
        finally:
            model.close()
        return came, len(provider.received)


def _word(answer: ChatAnswer) -> str:
    return answer.withheld or answer.content or "nothing"


def _named(error: LlmError) -> str:
    """Its kind, and our word for it; no word of the provider's is in it."""
    assert PROSE not in f"{error}{error.__dict__}"
    if isinstance(error, NotNowError):
        return f"minute: {error.seconds:g}"
    if isinstance(error, ModelUnavailableError):
        assert REMEDIES[error.cause]
        return f"moment: {error.cause}"
    assert isinstance(error, ModelRefusedError)
    assert error.__cause__ is None
    kinds = {AccountRefusedError: "account", TextTooLongError: "length", ModelRefusedError: "call"}
    return f"{kinds[type(error)]}: {error.code}"


ANSWERS: dict[str, tuple[bytes, str, int]] = {
    "cut at the length": (choice("length"), "{}", 2),
    "no reason to end": (choice(None), "{}", 1),
    "an unknown reason to end": (choice("banana"), "{}", 1),
    "a reason that is no text": (choice(7), "{}", 1),
    "a refusal that is null": (choice(refusal=None), "{}", 1),
    "parts": (choice(content=[{"type": "text", "text": "{}"}]), "{}", 1),
    "parts of other types": (choice(content=[1, None, {"text": 5}]), "nothing", GENERATIONS),
    "an object as content": (choice(content={"a": 1}), "nothing", GENERATIONS),
    "calls of tools": (choice("tool_calls", content=None, tool_calls=[{"id": "1"}]), "nothing", GENERATIONS),
    "thoughts that do not end": (choice(content="<think> hm"), "nothing", GENERATIONS),
    "thoughts that were cut": (choice("length", content="<think> hm"), "nothing", 2),
    "the end of thoughts alone": (choice(content='hm {"b": 2}?\n</think>\n{}'), "{}", 1),
    "thoughts twice": (choice(content="<think>a</think>\n<think>b</think>{}"), "{}", 1),
    "thoughts in capitals": (choice(content="<THINK>a</THINK>{}"), "{}", 1),
    "thoughts by another name": (choice(content="<reasoning>a</reasoning>{}"), "{}", 1),
    "a sentence before": (choice(content="Here is the JSON:\n{}\nI hope it helps."), "{}", 1),
    "a sentence and a fence": (choice(content="Sure:\n```json\n{}\n```"), "{}", 1),
    "a byte order mark": (choice(content="\ufeff{}"), "{}", 1),
    "a byte order mark before the body": (http(200, b"\xef\xbb\xbf" + completion("{}")), "{}", 1),
    "JSON that is said to be a page": (http(200, completion("{}"), kind="text/html"), "{}", 1),
    "HTTP 1.0 without a length": (b"HTTP/1.0 200 OK\r\n\r\n" + completion("{}"), "{}", 1),
    "hints before": (b"HTTP/1.1 103 Hints\r\n\r\n" + http(200, completion("{}")), "{}", 1),
    "an error that is null": (said(200, json.loads(completion("{}")) | {"error": None}), "{}", 1),
    "headers that are no text": (http(200, completion("{}"), "x-ratelimit-limit-tokens: \xff\xfe"), "{}", 1),
    "no usage": (usage(None), "{}", 1),
    "usage as a list": (usage([1]), "{}", 1),
    "usage below zero": (usage({"prompt_tokens": -5, "completion_tokens": -(2**63)}), "{}", 1),
    "usage as texts": (usage({"prompt_tokens": "12", "completion_tokens": "x"}), "{}", 1),
    "usage of 2^63": (usage({"prompt_tokens": 2**63, "completion_tokens": 2**63}), "{}", 1),
    "filtered": (choice("content_filter", content=""), "CONTENT_FILTERED", 1),
    "filtered in mid-answer": (choice("content_filter", content='{"a": '), "CONTENT_FILTERED", 1),
    "refused by the model": (choice(content=None, refusal="I cannot"), "MODEL_REFUSED", 1),
    "refused in a part": (choice(content=[{"type": "refusal", "refusal": "no"}]), "MODEL_REFUSED", 1),
}  # fmt: skip
MOMENTS: dict[str, tuple[Manner, str]] = {
    "nothing with 200": (http(200), "Unreadable"),
    "204": (b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n", "Unreadable"),
    "half a body": (http(200, completion("{}")[:-20]), "Unreadable"),
    "a body shorter than said": (http(200, completion("{}"), "content-length: 9999"), "Reset"),
    "a length below zero": (http(200, b"{}", "content-length: -5"), "Reset"),
    "a list": (said(200, []), "Unreadable"),
    "a text": (said(200, "ok"), "Unreadable"),
    "null": (said(200, None), "Unreadable"),
    "an object without choices": (said(200, {"status": "ok"}), "Unreadable"),
    "no choice": (said(200, {"choices": []}), "Unreadable"),
    "choices that are null": (said(200, {"choices": None}), "Unreadable"),
    "choices that are texts": (said(200, {"choices": ["{}"]}), "Unreadable"),
    "a stream of events": (http(200, b"data: {}\n\n", kind="text/event-stream"), "Unreadable"),
    "an error in a choice's place": (said(200, {"choices": [{"error": {"code": 502}}]}), "Status"),
    "an end by error": (choice("error", content=None), "Status"),
    "an error as a text with 200": (said(200, {"error": "upstream"}), "Status"),
    "an overloaded model": (said(529, {"error": {"type": "overloaded_error"}}), "Status"),
    "a fault that a gateway calls a bad request": (error(400, code=503), "Status"),
    "a page of the edge": (http(520, b"<html>520</html>", kind="text/html"), "Status"),
    "reset after the headers": (reset_after_headers, "Reset"),
    "another protocol": (b"SSH-2.0-OpenSSH\r\n", "Reset"),
    "a date that is none": (error(503, "retry-after: Fri, 99 Foo 2199"), "Status"),
    **{str(status): (http(status), "Status") for status in (408, 409, 423, 425, 499, 500, 501, 502, 503, 504, 520, 522,
                                                            524, 529, 530, 599)},
}  # fmt: skip
MINUTES: dict[str, tuple[bytes, str]] = {
    "a day": (error(429, "retry-after: 43200", code="rate_limit_exceeded"), "minute: 43200"),
    "an hour": (error(429, "retry-after: 1h"), "minute: 3600"),
    "a date": (error(429, f"retry-after: {NEVER}"), "minute: 604800"),
    "a day of maintenance": (error(503, "retry-after: 86400"), "minute: 86400"),
    "milliseconds of their own": (error(429, "retry-after-ms: 7200000", "retry-after: 1"), "minute: 7200"),
}
LIMITS = {
    "a past date": "retry-after: Fri, 31 Dec 1999 23:59:59 GMT",
    "below zero": "retry-after: -5",
    "no number": "retry-after: NaN",
    "a quarter of a second": "retry-after: 250ms",
    "without a word": "x-other: 1",
    "a reset that has passed": "x-ratelimit-reset-tokens: -1s",
}
FINAL: dict[str, tuple[bytes, str]] = {
    "no quota, in the type alone": (error(429, code=None, type="insufficient_quota"), "account: insufficient_quota"),
    "a billing limit": (error(429, code="billing_hard_limit_reached"), "account: insufficient_quota"),
    "a spending limit": (error(400, code="spend_limit_exceeded"), "account: insufficient_quota"),
    "no credit, with 200": (said(200, {"error": {"code": 402, "message": PROSE}}), "account: billing_not_active"),
    "a restricted organisation": (error(403, code="organization_restricted"), "account: organization_restricted"),
    "a decommissioned model, 404": (error(404, code="model_decommissioned"), "account: model_decommissioned"),
    "an unknown model, in words": (
        said(404, {"object": "error", "message": "The model `m` does not exist.", "code": 404}),
        "account: model_not_found",
    ),
    "an unknown model, as a text": (said(404, {"error": 'model "m" not found, try pulling it first'}),
                                    "account: model_not_found"),
    "an unknown deployment": (error(404, code="DeploymentNotFound"), "account: model_not_found"),
    "a wrong path": (said(404, {"detail": "Not Found"}), "account: wrong_address"),
    "a key in a list": (said(400, [{"error": {"code": 400, "message": "API key not valid."}}]),
                        "account: invalid_api_key"),
    "errors in a list": (said(400, {"errors": [{"code": "model_decommissioned"}]}), "account: model_decommissioned"),
    "an error that is a list": (said(400, {"error": [{"code": "invalid_api_key"}]}), "account: invalid_api_key"),
    "an error that is a list, with 200": (said(200, {"error": [{"code": "model_decommissioned"}]}),
                                          "account: model_decommissioned"),
    "a status that a gateway passes on": (error(400, code=401), "account: invalid_api_key"),
    "a key in capitals": (error(401, code="INVALID_API_KEY"), "account: invalid_api_key"),
    "a detail": (said(401, {"detail": "Unauthorized"}), "account: invalid_api_key"),
    "an address at the edge": (http(403, b"error code: 1010", kind="text/plain"), "account: permission_denied"),
    "for legal reasons": (http(451), "account: permission_denied"),
    "what it does not speak": (http(415), "account: wrong_address"),
    "an upgrade": (http(426), "account: wrong_address"),
    "an empty page": (http(200, b"", kind="text/html"), "account: not_an_api"),
    **{f"redirected by {status}": (http(status, b"", "location: http://127.0.0.1:9/"), "account: wrong_address")
       for status in (301, 302, 303, 307, 308)},
    "a context that is full, in words": (
        said(400, {"message": "This model's maximum context length is 4096 tokens.", "type": "BadRequestError"}),
        "length: context_length_exceeded",
    ),
    "a context that is full, by type": (error(400, code=400, type="exceed_context_size_error"),
                                        "length: context_length_exceeded"),
    "filtered before": (error(400, code="content_filter", param="prompt"), "call: content_filter"),
    "a code that is a fraction": (error(400, code=4.5), "call: refused"),
    "a code that is a list": (error(400, code=["a"]), "call: refused"),
    "a code without measure": (http(400, b'{"error": {"code": 1' + b"0" * 400 + b"}}"), "call: refused"),
    "no code": (error(400, code=None, type=None, param=None), "call: refused"),
    "fewer tokens than are asked for": (
        error(400, param="max_completion_tokens", message="must be less than or equal to `512`"), "call: refused",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_read_for_what_it_says(request_about: ChatRequest, clock: Clock, name: str) -> None:
    manner, *expected = ANSWERS[name]
    assert list(outcome(manner, request_about, clock)) == expected


@pytest.mark.parametrize("name", MOMENTS)
def test_what_may_pass_is_tried_again_and_its_cause_named(request_about: ChatRequest, clock: Clock, name: str) -> None:
    manner, cause = MOMENTS[name]
    assert outcome(manner, request_about, clock) == (f"moment: {cause}", TRIES)


@pytest.mark.parametrize("name", MINUTES)
def test_a_wait_longer_than_there_is_time_costs_one_call(request_about: ChatRequest, clock: Clock, name: str) -> None:
    manner, expected = MINUTES[name]
    assert outcome(manner, request_about, clock) == (expected, 1)


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_that_names_no_wait_is_tried_again_and_is_no_verdict(
    request_about: ChatRequest, clock: Clock, name: str
) -> None:
    came, requests = outcome(error(429, LIMITS[name]), request_about, clock)
    assert came.startswith("minute: ")
    assert requests == TRIES


@pytest.mark.parametrize("name", FINAL)
def test_a_refusal_ends_at_the_first_answer_as_its_kind(request_about: ChatRequest, clock: Clock, name: str) -> None:
    manner, expected = FINAL[name]
    assert outcome(manner, request_about, clock) == (expected, 1)


@pytest.mark.parametrize(
    ("refused", "left_out", "instead"),
    [
        (error(400, param="temperature", message="Unsupported value: 'temperature' does not support 0 with this model"),
         "temperature", None),
        (error(400, code="unsupported_parameter", param="max_completion_tokens", message="Unsupported parameter"),
         "max_completion_tokens", "max_tokens"),
        (said(422, {"detail": "unknown field max_completion_tokens"}), "max_completion_tokens", "max_tokens"),
    ],
)  # fmt: skip
def test_what_a_server_does_not_know_is_left_out_from_then_on(
    request_about: ChatRequest, clock: Clock, refused: bytes, left_out: str, instead: str | None
) -> None:
    with raw_provider(refused, http(200, completion("{}"))) as provider:
        model = GroqModel(provider.secret())
        for _ in range(2):
            assert model.complete(request_about, clock.seconds_left, free).content == "{}"
        model.close()
    bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in provider.received]
    assert [left_out in body for body in bodies] == [True, False, False]
    assert instead is None or [body.get(instead) for body in bodies] == [None, 64, 64]
