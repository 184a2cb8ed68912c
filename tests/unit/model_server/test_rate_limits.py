"""Limits are one budget for all callers, refilled continuously and announced in Groq's headers."""

import json

from vigie_model_server.rate_limit import RateLimiter, duration


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_requests_beyond_the_minutes_budget_are_refused_until_refilled() -> None:
    clock = Clock()
    limiter = RateLimiter(2, None, clock)
    assert limiter.admit("m", 1) is None
    assert limiter.admit("m", 1) is None
    refused = limiter.admit("m", 1)
    assert refused is not None
    assert refused.status == 429
    assert dict(refused.headers)["retry-after"] == "30"
    clock.now = 30.0
    assert limiter.admit("m", 1) is None


def test_waiting_as_long_as_retry_after_says_is_always_enough() -> None:
    clock = Clock()
    limiter = RateLimiter(None, 600, clock)
    assert limiter.admit("m", 550) is None
    refused = limiter.admit("m", 123)
    assert refused is not None
    clock.now += float(dict(refused.headers)["retry-after"])
    assert limiter.admit("m", 123) is None


def test_a_refused_call_costs_nothing() -> None:
    limiter = RateLimiter(10, 100, Clock())
    assert limiter.admit("m", 90) is None
    assert limiter.admit("m", 50) is not None
    assert dict(limiter.headers())["x-ratelimit-remaining-requests"] == "9"
    assert dict(limiter.headers())["x-ratelimit-remaining-tokens"] == "10"


def test_the_body_of_a_refusal_is_groqs() -> None:
    limiter = RateLimiter(None, 100, Clock())
    limiter.admit("m", 90)
    refused = limiter.admit("m", 50)
    assert refused is not None
    error = json.loads(refused.body)["error"]
    assert error["code"] == "rate_limit_exceeded"
    assert error["type"] == "tokens"
    assert "tokens per minute (TPM): Limit 100, Used 90, Requested 50. Please try again in 24s" in error["message"]


def test_a_request_larger_than_the_whole_budget_is_413() -> None:
    refused = RateLimiter(None, 100, Clock()).admit("m", 101)
    assert refused is not None
    assert refused.status == 413


def test_headers_state_limit_remainder_and_reset() -> None:
    limiter = RateLimiter(30, 6000, Clock())
    limiter.admit("m", 600)
    assert dict(limiter.headers()) == {
        "x-ratelimit-limit-requests": "30",
        "x-ratelimit-remaining-requests": "29",
        "x-ratelimit-reset-requests": "2s",
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-tokens": "5400",
        "x-ratelimit-reset-tokens": "6s",
    }


def test_durations_are_written_as_the_provider_writes_them() -> None:
    assert [duration(value) for value in (0.12, 7.66, 179.56, 60)] == ["120ms", "7.66s", "2m59.56s", "1m0s"]
