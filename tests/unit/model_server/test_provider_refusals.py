"""The model server refuses and answers as Groq documents: status, code, and the odd dress of an answer."""

import asyncio
import json
from typing import Any

import pytest

from vigie_llm.completions import first_choice, read_completion
from vigie_llm.refusals import Concerns, judge, judge_error_body
from vigie_model_server.rate_limit import RateLimiter, duration
from vigie_model_server.reply import Reply
from vigie_model_server.request_reader import Request
from vigie_model_server.server import ModelServer
from vigie_model_server.settings import Settings

BODY = {"model": "vigie-local-rules", "messages": [{"role": "user", "content": "Hello"}]}


def answered(outcome: str, **changes: Any) -> Reply:
    server = ModelServer(Settings(plan=(outcome,)), access_log=False)
    body = json.dumps(BODY | changes).encode()
    headers = [(b"authorization", b"Bearer any"), (b"content-length", str(len(body)).encode())]
    return asyncio.run(server.answer(Request("POST", "/openai/v1/chat/completions", headers, body, "127.0.0.1", True)))


@pytest.mark.parametrize(
    ("outcome", "status", "concerns"),
    [
        ("json_validate_failed", 400, Concerns.GENERATION),
        ("too_large", 413, Concerns.LENGTH),
        ("day_limit", 429, Concerns.MINUTE),
        ("rate_limited", 429, Concerns.MINUTE),
        ("capacity_exceeded", 498, Concerns.MINUTE),
        ("cancelled", 499, Concerns.MOMENT),
        ("error_500", 500, Concerns.MOMENT),
        ("error_502", 502, Concerns.MOMENT),
        ("error_503", 503, Concerns.MOMENT),
        ("unexplained_400", 400, Concerns.CALL),
        ("unauthorised", 401, Concerns.ACCOUNT),
        ("forbidden", 403, Concerns.ACCOUNT),
        ("model_not_found", 404, Concerns.ACCOUNT),
        ("model_decommissioned", 400, Concerns.ACCOUNT),
        ("no_json_schema", 400, Concerns.ACCOUNT),
        ("no_quota", 429, Concerns.ACCOUNT),
        ("redirected", 307, Concerns.ACCOUNT),
    ],
)
def test_each_refusal_is_judged_as_what_it_is(outcome: str, status: int, concerns: Concerns) -> None:
    reply = answered(outcome)
    assert (reply.status, reply.outcome) == (status, outcome)
    assert judge(reply.status, reply.body).concerns == concerns


def test_a_day_s_limit_asks_for_minutes() -> None:
    assert dict(answered("day_limit").headers)["retry-after"] == "433"
    assert duration(432.5) == "7m12.5s"


def test_an_error_with_200_is_one() -> None:
    reply = answered("error_body")
    assert reply.status == 200
    assert judge_error_body(json.loads(reply.body)) is not None


@pytest.mark.parametrize("outcome", ["parts", "thoughts", "fenced", "odd_usage"])
def test_an_odd_dress_holds_the_same_answer(outcome: str) -> None:
    plain = read_completion(json.loads(answered("ok").body))
    odd = answered(outcome)
    assert odd.body != answered("ok").body
    assert read_completion(json.loads(odd.body)).content.strip() == plain.content


@pytest.mark.parametrize(("outcome", "is_cut"), [("null_content", False), ("cut_at_length", True)])
def test_an_answer_without_content_says_whether_it_was_cut(outcome: str, is_cut: bool) -> None:
    completion = read_completion(json.loads(answered(outcome).body))
    assert (completion.content, completion.is_cut) == ("", is_cut)


@pytest.mark.parametrize(("outcome", "withheld"), [("filtered", "CONTENT_FILTERED"), ("declined", "MODEL_REFUSED")])
def test_an_answer_that_is_withheld_says_why(outcome: str, withheld: str) -> None:
    assert read_completion(json.loads(answered(outcome).body)).withheld == withheld


def test_another_service_gives_no_completion() -> None:
    assert first_choice(json.loads(answered("no_completion").body)) is None


def test_a_model_that_does_not_reason_refuses_an_effort() -> None:
    reply = answered("ok", reasoning_effort="low")
    assert reply.status == 400
    assert json.loads(reply.body)["error"]["param"] == "reasoning_effort"


def test_a_limit_of_requests_may_be_a_day_s_as_groq_s_is() -> None:
    limiter = RateLimiter(14_400, None, lambda: 0.0, requests_window=86_400)
    for _ in range(30):
        limiter.admit("m", 1)
    assert dict(limiter.headers()) == {
        "x-ratelimit-limit-requests": "14400",
        "x-ratelimit-remaining-requests": "14370",
        "x-ratelimit-reset-requests": "3m0s",
    }
