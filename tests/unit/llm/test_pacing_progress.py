"""Pacing under headers that lie: whatever a provider says, calls go on leaving, within the bound that pacing states."""

import heapq
import random
from collections.abc import Callable
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie_llm.pacing import PROBE_SECONDS, Pacer

Headers = dict[str, str]
SLOTS = 16
# A call that hangs is ended by its own timeout.
LONGEST_CALL_SECONDS = 20.0
MOST_CALLS = 2000
# What the pacer waits at most between two calls, and the rounding of its own questions.
LONGEST_SILENCE = PROBE_SECONDS + 1.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def simulate(answer: Callable[[int], tuple[Headers, int, float]], seconds: float = 900.0) -> list[float]:
    """When calls left, of more than anybody could send; `answer` gives each call's headers, tokens and duration."""
    clock, order = Clock(), count()
    pacer, began = Pacer(clock), clock.now
    sent: list[float] = []
    ends: list[tuple[float, int, object]] = []
    while clock.now < began + seconds and len(sent) < MOST_CALLS:
        while ends and ends[0][0] <= clock.now:
            pacer.record_response(*heapq.heappop(ends)[2])  # type: ignore[misc]
        pause = pacer.seconds_to_wait() if len(ends) < SLOTS else ends[0][0] - clock.now
        assert pause <= LONGEST_CALL_SECONDS
        if pause == 0:
            pacer.record_sent()
            headers, tokens, took = answer(len(sent))
            heapq.heappush(ends, (clock.now + took, next(order), (pacer.now(), headers, tokens)))
            sent.append(clock.now - began)
        else:
            clock.now += min(pause, max(0.001, ends[0][0] - clock.now)) if ends else pause
    return [*sent, clock.now - began]


def longest_silence(sent: list[float]) -> float:
    return max(later - earlier for earlier, later in pairwise(sent))


def limits(kind: str, limit: object, remaining: object, reset: object = None) -> Headers:
    headers = {f"x-ratelimit-limit-{kind}": str(limit), f"x-ratelimit-remaining-{kind}": str(remaining)}
    return headers if reset is None else headers | {f"x-ratelimit-reset-{kind}": str(reset)}


TEXTS = [
    "",
    "0",
    "-1",
    "1",
    "nan",
    "inf",
    "1e308",
    "1e-9",
    "7m12.5s",
    "1.5s",
    "250ms",
    "2h",
    "0.3",
    "soon",
    "30",
    "9999999",
]
header = st.one_of(
    st.just(None),
    st.sampled_from(TEXTS),
    st.floats(allow_nan=True, allow_infinity=True).map(str),
    st.integers(min_value=-(2**70), max_value=2**70).map(str),
)
NAMES = [f"x-ratelimit-{what}-{kind}" for kind in ("requests", "tokens") for what in ("limit", "remaining", "reset")]
answers = st.tuples(
    st.fixed_dictionaries(dict.fromkeys(NAMES, header)).map(
        lambda headers: {name: value for name, value in headers.items() if value is not None}
    ),
    st.sampled_from([0, 1, 500, 7000, 2**40, -5]),
    st.sampled_from([0.05, 0.3, 3.0, LONGEST_CALL_SECONDS]),
)


@settings(max_examples=60, deadline=None)
@given(script=st.lists(answers, min_size=1, max_size=12))
def test_whatever_the_headers_say_a_call_leaves_within_the_bound(script: list[tuple[Headers, int, float]]) -> None:
    assert longest_silence(simulate(lambda number: script[number % len(script)], seconds=300)) <= LONGEST_SILENCE


@settings(max_examples=15, deadline=None)
@given(script=st.lists(answers, min_size=1, max_size=8), quiet=st.sampled_from([{}, limits("requests", 1000, 999)]))
def test_after_lies_have_ended_the_pace_is_that_of_the_truth(
    script: list[tuple[Headers, int, float]], quiet: Headers
) -> None:
    """Five minutes after the last wrong header, nothing of it slows a provider with plenty of room."""

    def answer(number: int) -> tuple[Headers, int, float]:
        return script[number] if number < len(script) else (quiet, 500, 0.3)

    sent = simulate(answer, seconds=len(script) * LONGEST_SILENCE + 300 + 64 * LONGEST_SILENCE)
    assert len(sent) > 1000


@pytest.mark.parametrize(
    ("headers", "least_a_minute"),
    [
        ({}, 1000),
        (limits("requests", 1, 0), 1),
        (limits("requests", 1, 1), 1),
        (limits("tokens", 100, 100), 1),
        (limits("tokens", 30_000, 30_000), 40),
        (limits("tokens", 30_000, 0), 1),
        (limits("requests", 100, 0), 15),
        (limits("requests", 0, 0), 1000),
        (limits("requests", 60, 30, "nonsense"), 20),
        (limits("requests", "1e308", 0), 20),
    ],
)
def test_constant_headers_leave_a_pace(headers: Headers, least_a_minute: float) -> None:
    sent = simulate(lambda _: (headers, 600, 0.3), seconds=600)
    assert len(sent) - 1 >= min(MOST_CALLS - 1, 0.9 * 10 * least_a_minute)


def test_an_outage_without_headers_is_over_when_it_is_over() -> None:
    """The run of 60 that never ended: resets during a whole run, with a token limit in force before."""
    known = limits("tokens", 30_000, 29_000, "2s")
    sent = simulate(lambda number: ({}, 0, 0.1) if 5 < number < 300 else (known, 600, 0.3), seconds=1200)
    assert longest_silence(sent) <= LONGEST_SILENCE
    assert len(sent) > 500


def test_a_limit_for_a_day_is_not_paced_as_a_minute_s() -> None:
    """Of 14,400 a day, with ten left, some ten calls leave and then one every six seconds, not four a second."""
    left = [10.0]
    refill = 14_400 / 86_400

    def answer(number: int) -> tuple[Headers, int, float]:
        left[0] -= 1
        return limits("requests", 14_400, max(0, int(left[0])), "23h59m"), 500, 0.3

    clock_of_last = 0.0
    sent = []
    for moment in simulate(answer, seconds=600):
        left[0] += (moment - clock_of_last) * refill
        clock_of_last = moment
        sent.append(moment)
    assert len(sent) <= 10 + 600 * refill * 1.3 + SLOTS
    assert longest_silence(sent) <= LONGEST_SILENCE


@pytest.mark.parametrize("workers", [1, 2])
def test_a_pause_fills_one_budget_and_not_two(workers: int) -> None:
    """What flowed over while nothing was sent must not pay for a burst."""
    clock = Clock()
    pacer = Pacer(clock)
    pacer.record_sent()
    pacer.record_response(pacer.now(), limits("requests", 60, 59))
    clock.now += 100
    burst = 0
    while burst < 500:
        if pacer.seconds_to_wait():
            break
        pacer.record_sent()
        pacer.record_not_sent()
        burst += 1
    assert burst <= 60


def test_a_request_to_wait_holds_everybody_and_then_one_call_asks() -> None:
    clock = Clock()
    pacer = Pacer(clock)
    pacer.record_sent()
    pacer.record_response(pacer.now(), {})
    pacer.hold(7.0)
    assert 0 < pacer.seconds_to_wait() <= 0.5
    clock.now += 7.1
    assert pacer.seconds_to_wait() == 0
    pacer.record_sent()
    assert pacer.seconds_to_wait() > 0
    pacer.record_response(pacer.now(), {})
    assert pacer.seconds_to_wait() == 0


def test_a_request_to_wait_for_ever_is_bounded() -> None:
    clock = Clock()
    pacer = Pacer(clock)
    pacer.record_sent()
    pacer.record_response(pacer.now(), {})
    pacer.hold(1e9)
    clock.now += PROBE_SECONDS
    assert pacer.seconds_to_wait() == 0


def test_after_a_refusal_of_everything_one_call_goes_at_a_time() -> None:
    pacer = Pacer(Clock())
    pacer.record_sent()
    pacer.record_response(pacer.now(), {})
    for _ in range(3):
        pacer.record_sent()
    for _ in range(3):
        pacer.record_refusal()
    assert pacer.seconds_to_wait() == 0
    pacer.record_sent()
    assert pacer.seconds_to_wait() > 0


@pytest.mark.parametrize("pause", [6.0, 70.0, 3600.0])
def test_after_a_pause_one_call_asks_before_the_others_follow(pause: float) -> None:
    """What was mended or broken meanwhile is met by one call, not by as many as may be under way at once."""
    clock = Clock()
    pacer = Pacer(clock)
    pacer.record_sent()
    pacer.record_response(pacer.now(), {})
    clock.now += pause
    assert pacer.seconds_to_wait() == 0
    pacer.record_sent()
    assert pacer.seconds_to_wait() > 0
    pacer.record_response(pacer.now(), {})
    assert pacer.seconds_to_wait() == 0


def test_a_limit_that_answers_no_longer_name_is_forgotten() -> None:
    clock = Clock()
    pacer = Pacer(clock)
    pacer.record_sent()
    pacer.record_response(pacer.now(), limits("tokens", 1000, 0), 500)
    assert pacer.seconds_to_wait() > 0
    for _ in range(3):
        pacer.record_sent()
        pacer.record_response(pacer.now(), {}, 500)
    for _ in range(20):
        assert pacer.seconds_to_wait() == 0
        pacer.record_sent()


def test_limits_that_change_with_every_answer_leave_a_pace() -> None:
    rng = random.Random(5)

    def answer(_: int) -> tuple[Headers, int, float]:
        limit = rng.choice([1, 10, 1000, 10**9])
        reset = rng.choice(["7m12.5s", "1.5s", "0", "2h", "-3", "86400"])
        return limits("requests", limit, rng.randint(0, limit), reset), rng.choice([0, 800, 2**40]), rng.uniform(0.1, 5)

    assert longest_silence(simulate(answer, seconds=2000)) <= LONGEST_SILENCE
