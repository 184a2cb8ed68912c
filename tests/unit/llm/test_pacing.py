"""Pacing: a provider's budget is used and not overdrawn, by workers who do not know of each other."""

import heapq
import random
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from vigie_llm.pacing import MOST_OF_OTHERS, Pacer, Sent, _Budget
from vigie_model_server.rate_limit import RateLimiter

SLOTS = 32


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Provider:
    """The model server's own limiter, and workers with a pacer each, on a clock of their own."""

    clock: Clock
    limiter: RateLimiter
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    admitted: int = 0
    tokens: int = 0
    refused: int = 0

    def run(self, pacers: list[Pacer], calls_each: int) -> float:
        """Seconds until every worker has made its calls; a refused call is not made again."""
        began, order = self.clock.now, count()
        left, running, asks = [calls_each] * len(pacers), [0] * len(pacers), [False] * len(pacers)
        events: list[tuple[float, int, int, Any]] = [
            (began, next(order), worker, None) for worker in range(len(pacers))
        ]
        while events:
            self.clock.now, _, worker, ended = heapq.heappop(events)
            if ended is None:
                asks[worker] = False
            else:
                running[worker] -= 1
                pacers[worker].record_response(*ended)
            while left[worker] and running[worker] < SLOTS:
                pause = pacers[worker].seconds_to_wait()
                if pause:
                    if not asks[worker]:
                        heapq.heappush(events, (self.clock.now + pause, next(order), worker, None))
                    asks[worker] = True
                    break
                pacers[worker].record_sent()
                left[worker] -= 1
                running[worker] += 1
                at = self.clock.now + self.rng.uniform(0.15, 0.3)
                heapq.heappush(events, (at, next(order), worker, (pacers[worker].now(), *self._call())))
        return self.clock.now - began

    def _call(self) -> tuple[dict[str, str], int]:
        tokens = self.rng.randint(300, 700)
        if self.limiter.admit("model", tokens) is None:
            self.admitted += 1
            self.tokens += tokens
        else:
            self.refused += 1
            tokens = 0
        return dict(self.limiter.headers()), tokens


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize(
    ("requests", "tokens", "workers", "least"),
    [
        *((1000, None, workers, 0.95) for workers in (1, 2, 4)),
        *((1000, 300_000, workers, 0.95) for workers in (1, 2, 4)),
        *((None, 250_000, workers, 0.95) for workers in (1, 2, 4)),
        *((200, None, workers, 0.95) for workers in (1, 2)),
        (30, 6_000, 1, 0.95),
    ],
)
def test_the_budget_is_used_and_next_to_nothing_refused(
    clock: Clock, requests: int | None, tokens: int | None, workers: int, least: float
) -> None:
    provider = Provider(clock, RateLimiter(requests, tokens, clock))
    a_minute = min(requests or 10**9, (tokens or 10**9) / 500)
    seconds = provider.run([Pacer(clock) for _ in range(workers)], int(10 * a_minute / workers))
    used = [provider.admitted / (requests * (1 + seconds / 60))] if requests else []
    used += [provider.tokens / (tokens * (1 + seconds / 60))] if tokens else []
    assert max(used) >= least
    assert provider.refused <= 0.005 * provider.admitted


def test_without_limits_nothing_waits_once_an_answer_arrived(clock: Clock) -> None:
    pacer = Pacer(clock)
    assert pacer.seconds_to_wait() == 0
    pacer.record_sent()
    assert pacer.seconds_to_wait() > 0
    pacer.record_response(pacer.now(), {})
    for _ in range(100):
        assert pacer.seconds_to_wait() == 0
        pacer.record_sent()


def test_a_call_that_never_left_leaves_its_place(clock: Clock) -> None:
    pacer = Pacer(clock)
    pacer.record_sent()
    pacer.record_not_sent()
    assert pacer.seconds_to_wait() == 0


def test_after_a_pause_one_call_goes_out_to_ask(clock: Clock) -> None:
    pacer = Pacer(clock)
    empty = {"x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": "0"}
    pacer.record_sent()
    pacer.record_response(pacer.now(), empty)
    assert 0 < pacer.seconds_to_wait() <= 0.5
    clock.now += 3600
    assert pacer.seconds_to_wait() == 0
    pacer.record_sent()
    assert pacer.seconds_to_wait() > 0


@pytest.mark.parametrize("said", ["", "many", "nan"])
def test_a_limit_that_is_no_number_is_no_limit(clock: Clock, said: str) -> None:
    pacer = Pacer(clock)
    pacer.record_response(pacer.now(), {"x-ratelimit-limit-requests": said, "x-ratelimit-remaining-requests": "0"})
    assert pacer.seconds_to_wait() == 0


def hear(pacer: Pacer, kind: str, limit: float, remaining: float, tokens: int = 0) -> None:
    """Send a call that is answered at once."""
    pacer.record_sent()
    headers = {f"x-ratelimit-limit-{kind}": str(limit), f"x-ratelimit-remaining-{kind}": str(remaining)}
    pacer.record_response(pacer.now(), headers, tokens)


@pytest.mark.parametrize(("pause", "asks_first"), [(1.5, False), (2.5, True)])
def test_when_the_last_answer_is_stale_one_call_asks_before_the_others(
    clock: Clock, pause: float, asks_first: bool
) -> None:
    pacer = Pacer(clock)
    hear(pacer, "requests", 1000, 1000)
    clock.now += pause
    assert pacer.seconds_to_wait() == 0
    pacer.record_sent()
    assert (pacer.seconds_to_wait() > 0) is asks_first


def test_a_call_that_asks_is_waited_for_two_seconds(clock: Clock) -> None:
    pacer = Pacer(clock)
    hear(pacer, "requests", 1000, 1000)
    clock.now += 2.5
    pacer.record_sent()
    clock.now += 1.5
    assert pacer.seconds_to_wait() > 0
    clock.now += 1
    assert pacer.seconds_to_wait() == 0


def test_what_others_spend_of_a_small_budget_is_remembered_while_some_calls_come_back(clock: Clock) -> None:
    pacer = Pacer(clock)
    hear(pacer, "requests", 12, 12)
    clock.now += 10
    hear(pacer, "requests", 12, 2)  # two came back and twelve are gone, of which we sent one
    clock.now += 20
    assert pacer.seconds_to_wait() > 0
    clock.now += 39
    assert pacer.seconds_to_wait() == 0


def test_the_next_call_is_taken_for_the_dearest_of_the_last_sixty_four(clock: Clock) -> None:
    pacer = Pacer(clock)
    hear(pacer, "tokens", 6000, 500, tokens=1000)
    for _ in range(63):
        hear(pacer, "tokens", 6000, 500, tokens=10)
    assert pacer.seconds_to_wait() > 0
    hear(pacer, "tokens", 6000, 500, tokens=10)
    assert pacer.seconds_to_wait() == 0


def test_what_others_spend_is_what_went_beyond_one_s_own_calls() -> None:
    """In ten seconds 100 came in and 150 went, of which 100 were one's own: others spent 5 a second."""
    first = _Budget(limit=600, remaining=300, observed_at=Sent(at=50, requests=40))
    later = _Budget(limit=600, remaining=250, observed_at=Sent(at=60, requests=140))
    assert first.pace_of_others(later, "requests") == pytest.approx(5 / 2)
    nothing_but_others = _Budget(limit=600, remaining=0, observed_at=Sent(at=50.1, requests=40))
    assert first.pace_of_others(nothing_but_others, "requests") == pytest.approx(MOST_OF_OTHERS * 10)


def test_a_refusal_that_concerns_every_call_frees_one_place() -> None:
    pacer = Pacer(clock=Clock())
    for _ in range(3):
        pacer.record_sent()
    pacer.record_refusal()
    assert pacer.seconds_to_wait() > 0  # two are still under way, and only one at a time goes now
    pacer.record_refusal()
    pacer.record_refusal()
    assert pacer.seconds_to_wait() == 0
