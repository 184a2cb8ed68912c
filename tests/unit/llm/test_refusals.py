"""Refusals as Groq and other providers word them, against a real server: each ends as the kind it is."""

import json
from dataclasses import replace

import pytest

import vigie_llm.client
from tests.fakes.model_calls import free
from tests.unit.llm.conftest import Reply, ScriptedProvider, completion
from tests.unit.llm.test_client import Clock, ask
from vigie_llm.chat import ChatRequest
from vigie_llm.client import TRIES, GroqModel
from vigie_llm.completions import MOST_TOKENS
from vigie_llm.durations import LONGEST_SECONDS, parse_duration, parse_retry_after
from vigie_llm.errors import (
    AccountRefusedError,
    ModelRefusedError,
    ModelUnavailableError,
    NotNowError,
    TextTooLongError,
)
from vigie_llm.exchange import GENERATIONS

PROSE = "the prompt said: fees"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(vigie_llm.client, "time", clock)
    return clock


def error(status: int, **fields: object) -> Reply:
    return Reply(status, json.dumps({"error": {"message": PROSE} | fields}).encode())


ACCOUNT = {
    "a wrong key": (error(401, code="invalid_api_key", type="invalid_request_error"), "invalid_api_key"),
    "a key without a word": (Reply(401, b""), "invalid_api_key"),
    "a forbidden model": (error(403, code="model_permission_blocked_project"), "model_blocked"),
    "forbidden without a word": (Reply(403, b"error code: 1010"), "permission_denied"),
    "a forbidding page": (Reply(403, b"<html></html>", {"content-type": "text/html"}), "permission_denied"),
    "no credit": (Reply(402, b"{}"), "billing_not_active"),
    "no quota": (error(429, code="insufficient_quota"), "insufficient_quota"),
    "a model that is gone": (error(400, code="model_decommissioned"), "model_decommissioned"),
    "a model that is unknown": (error(404, code="model_not_found"), "model_not_found"),
    "terms not accepted": (error(400, code="model_terms_required"), "model_terms_required"),
    "a restricted organisation": (error(400, code="organization_restricted"), "organization_restricted"),
    "no strict answers": (
        error(400, message="This model does not support response format `json_schema`."), "no_json_schema",
    ),
    "a format that is refused by name": (error(400, param="response_format"), "no_json_schema"),
    "a wrong path": (Reply(404, b"404 page not found"), "wrong_address"),
    "a method that is refused": (Reply(405, b""), "wrong_address"),
    "a redirection": (Reply(302, b"", {"location": "http://127.0.0.1:9/sign-in"}), "wrong_address"),
    "a proxy's refusal": (Reply(407, b""), "proxy_refused"),
    "a portal's page": (Reply(200, b"<html><body>Sign in</body></html>", {"content-type": "text/html"}), "not_an_api"),
    "a page that poses as JSON": (Reply(200, b"<!DOCTYPE html><html>Sign in</html>"), "not_an_api"),
    "an error with 200": (
        Reply(200, b'{"error": {"code": "model_decommissioned", "message": "gone"}}'), "model_decommissioned",
    ),
    "a status inside 200": (Reply(200, b'{"error": {"code": 401, "message": "no"}}'), "invalid_api_key"),
    "a status as text inside 200": (Reply(200, b'{"error": {"code": "403", "message": "no"}}'), "permission_denied"),
    "fields at the top": (
        Reply(404, b'{"object": "error", "message": "no such model", "type": "NotFoundError", "code": 404}'),
        "wrong_address",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ACCOUNT)
def test_what_concerns_the_account_is_asked_once_and_named(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, name: str
) -> None:
    reply, code = ACCOUNT[name]
    scripted.replies = [reply]
    with pytest.raises(AccountRefusedError) as caught:
        ask(scripted, request_about, clock)
    assert (caught.value.code, len(scripted.received)) == (code, 1)
    assert caught.value.remedy
    assert "fees" not in f"{caught.value}{caught.value.remedy}"
    assert caught.value.__cause__ is None


AGAIN = {
    "JSON that was not generated": error(400, code="json_validate_failed", failed_generation=PROSE),
    "capacity": error(498, code="capacity_exceeded"),
    "capacity without a word": Reply(498, b""),
    "cancelled": Reply(499, b""),
    "too early": Reply(425, b""),
    "a time-out": Reply(408, b""),
    "a failed dependency": Reply(424, b""),
    "a limit": error(429, code="rate_limit_exceeded", type="tokens"),
    "an error with 200": Reply(200, b'{"error": "upstream error"}'),
    "a limit inside 200": Reply(200, b'{"error": {"code": 429, "message": "slow down"}}'),
    "no content": Reply(body=completion(None)),
    "empty content": Reply(body=completion("  ")),
    "a nest": Reply(200, b"[" * 100_000),
    "a number too long": Reply(200, b"1" * 10_000),
    "not UTF-8": Reply(200, b'{"choices": "\xff\xfe"}'),
}


@pytest.mark.parametrize("name", AGAIN)
def test_what_may_pass_is_asked_again(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, name: str
) -> None:
    scripted.replies = [AGAIN[name], Reply(body=completion("{}"))]
    assert ask(scripted, request_about, clock).content == "{}"
    assert len(scripted.received) == 2


@pytest.mark.parametrize("name", ["JSON that was not generated", "no content"])
def test_another_generation_has_a_fresh_seed(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, name: str
) -> None:
    scripted.replies = [AGAIN[name], AGAIN[name], Reply(body=completion("{}"))]
    ask(scripted, request_about, clock)
    sent = [json.loads(body) for _, body in scripted.received]
    assert [body.get("seed") for body in sent] == [None, 2, 3]
    assert sent[0]["temperature"] == 0 < sent[1]["temperature"]


def test_json_that_is_never_generated_ends_as_refused(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock
) -> None:
    scripted.replies = [AGAIN["JSON that was not generated"]]
    with pytest.raises(ModelRefusedError) as caught:
        ask(scripted, request_about, clock)
    assert not isinstance(caught.value, AccountRefusedError)
    assert len(scripted.received) == GENERATIONS


def test_content_that_never_comes_is_an_answer_without_content(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock
) -> None:
    """What it cost is kept; the schema's check rejects it."""
    scripted.replies = [Reply(body=completion(None))]
    answer = ask(scripted, request_about, clock)
    assert (answer.content, answer.tokens_in) == ("", 7 * GENERATIONS)


@pytest.mark.parametrize(
    "reply",
    [
        error(413, code="rate_limit_exceeded", type="tokens"),
        Reply(413, b"<html>Request Entity Too Large</html>"),
        error(400, code="context_length_exceeded"),
    ],
)
def test_a_text_that_is_too_long_is_not_sent_again_as_it_is(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, reply: Reply
) -> None:
    scripted.replies = [reply]
    with pytest.raises(TextTooLongError):
        ask(scripted, request_about, clock)
    assert len(scripted.received) == 1


def test_a_limit_that_outlasts_the_deadline_is_no_verdict_on_the_call(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock
) -> None:
    clock.left = 30
    scripted.replies = [Reply(429, headers={"retry-after": "432"})]
    with pytest.raises(NotNowError) as caught:
        ask(scripted, request_about, clock)
    assert caught.value.seconds == 432


def test_a_deadline_that_comes_first_is_no_verdict_on_the_provider(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock
) -> None:
    clock.left = 1.1
    scripted.replies = [Reply(503)]
    with pytest.raises(NotNowError):
        ask(scripted, request_about, clock)
    clock.left = 1000
    with pytest.raises(ModelUnavailableError) as caught:
        ask(scripted, request_about, clock)
    assert not isinstance(caught.value, NotNowError)


@pytest.mark.parametrize("headers", [{}, {"retry-after": "0"}, {"retry-after": "-1"}, {"retry-after": "1e400"}])
def test_a_limit_that_stays_ends_after_so_many_tries(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, headers: dict[str, str]
) -> None:
    scripted.replies = [Reply(429, headers=headers)]
    with pytest.raises(NotNowError):
        ask(scripted, request_about, clock)
    assert len(scripted.received) <= TRIES


def cut(content: object) -> bytes:
    return completion(content).replace(b'"stop"', b'"length"')


def test_an_answer_that_was_cut_is_asked_for_once_more_with_more_tokens(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock
) -> None:
    scripted.replies = [Reply(body=cut(None)), Reply(body=completion('{"a": 1}'))]
    answer = ask(scripted, request_about, clock)
    assert (answer.content, answer.tokens_out) == ('{"a": 1}', 6)
    asked = [json.loads(body)["max_completion_tokens"] for _, body in scripted.received]
    assert asked == [request_about.max_tokens, 4 * request_about.max_tokens]


def test_an_answer_that_is_cut_twice_is_taken_as_it_is(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock
) -> None:
    scripted.replies = [Reply(body=cut('{"a": '))]
    assert ask(scripted, request_about, clock).content == '{"a": '
    assert len(scripted.received) == 2


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ([{"type": "text", "text": '{"a": '}, {"type": "text", "text": "1}"}], '{"a": 1}'),
        ([{"type": "reasoning", "text": "hm"}, {"type": "output_text", "text": "{}"}], "{}"),
        ('<think>\nBraces {"b": 2}?\n</think>\n\n{"a": 1}', '{"a": 1}'),
        ('<think></think>{"a": 1}', '{"a": 1}'),
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ('<think>x</think>\n```\n{"a": 1}\n```\n', '{"a": 1}'),
        ('{"a": "a <think> inside"}', '{"a": "a <think> inside"}'),
        ('{"a": "```"}', '{"a": "```"}'),
    ],
)
def test_an_answer_is_read_without_its_dress(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, content: object, read: str
) -> None:
    scripted.replies = [Reply(body=completion(content))]
    assert ask(scripted, request_about, clock).content.strip() == read
    assert len(scripted.received) == 1


@pytest.mark.parametrize(
    ("usage", "counted"),
    [(2**40, MOST_TOKENS), (10**400, MOST_TOKENS), (-1, 0), (True, 0), (12.0, 12), (12.7, 12), ("12", 0), (None, 0),
     (1e300, MOST_TOKENS), ({}, 0)],
)  # fmt: skip
def test_counts_that_the_provider_writes_are_clamped(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, usage: object, counted: int
) -> None:
    scripted.replies = [Reply(body=completion("{}", prompt_tokens=usage, completion_tokens=usage))]
    answer = ask(scripted, request_about, clock)
    assert (answer.tokens_in, answer.tokens_out) == (counted, counted)
    assert isinstance(answer.tokens_in, int)


def ask_model(scripted: ScriptedProvider, request: ChatRequest, clock: Clock, model_id: str) -> GroqModel:
    model = GroqModel(replace(scripted.secret(), model=model_id))
    try:
        model.complete(request, clock.seconds_left, free)
    finally:
        model.close()
    return model


@pytest.mark.parametrize(
    ("model_id", "effort"),
    [("openai/gpt-oss-20b", "low"), ("openai/gpt-oss-120b", "low"), ("llama-3.3-70b-versatile", None), ("m", None)],
)
def test_a_model_that_reasons_is_asked_to_be_brief(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock, model_id: str, effort: str | None
) -> None:
    ask_model(scripted, request_about, clock, model_id)
    assert json.loads(scripted.received[0][1]).get("reasoning_effort") == effort


def test_a_server_that_does_not_know_the_effort_is_asked_without_it(
    scripted: ScriptedProvider, request_about: ChatRequest, clock: Clock
) -> None:
    refusal = error(400, message="Unsupported parameter: reasoning_effort", param="reasoning_effort")
    scripted.replies = [refusal, Reply(body=completion("{}"))]
    ask_model(scripted, request_about, clock, "openai/gpt-oss-20b")
    assert ["reasoning_effort" in json.loads(body) for _, body in scripted.received] == [True, False]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7m12.5s", 432.5), ("1.5s", 1.5), ("250ms", 0.25), ("2h", 7200), ("2m59.56s", 179.56), ("1d", 86400),
     ("30", 30), ("0", 0), ("0s", 0), ("1e3", 1000), ("inf", LONGEST_SECONDS), ("9" * 30, LONGEST_SECONDS),
     ("99999999h", LONGEST_SECONDS), ("-1", None), ("-1s", None), ("nan", None), ("", None), (None, None),
     ("soon", None), ("5x", None), ("s", None), ("1s " * 100, None), ("1 s", None)],
)  # fmt: skip
def test_durations_are_read_as_providers_write_them(text: str | None, seconds: float | None) -> None:
    read = parse_duration(text)
    assert read == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("7", 7, 7), ("Fri, 31 Dec 1999 23:59:59 GMT", 0, 0), ("Fri, 31 Dec 2199 23:59:59 GMT", 86400, LONGEST_SECONDS)],
)
def test_a_date_to_retry_after_is_read(text: str, low: float, high: float) -> None:
    seconds = parse_retry_after(text)
    assert seconds is not None
    assert low <= seconds <= high
