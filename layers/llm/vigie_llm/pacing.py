"""Calls paced by what the provider says is left of its budget, before it has to refuse any.

A provider that limits calls and tokens a minute says in each answer how much was left when it took the call up
(`x-ratelimit-limit-*`, `x-ratelimit-remaining-*`), for all who share the account, and refills all the time. What is
left now is that, plus the refill, less what was sent since: our own calls are counted, those of others are told from
how much faster the budget shrinks than we spend it. That needs answers often: of a budget of a dozen calls a minute,
or of 200 with four workers, several workers are refused some or leave a tenth unused; a refused call is asked again.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

KINDS = ("requests", "tokens")
SECONDS_A_MINUTE = 60.0
# Of the limit, for what others send all at once.
RESERVE = 0.02
# Others' pace is measured over at least this long, and counts half after this long without an answer, or after the
# time in which the budget grows by this many calls.
MEASURED_SECONDS = 0.25
HALF_LIFE_SECONDS = 2.0
HALF_LIFE_CALLS = 8
# What was heard longer ago says little: one call goes out to ask.
STALE_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 0.5
SHORTEST_WAIT_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Sent:
    """A moment, and what had been sent until then."""

    at: float = -math.inf
    requests: float = 0.0
    tokens: float = 0.0

    def spent(self, kind: str) -> float:
        """Calls, or tokens."""
        return self.requests if kind == "requests" else self.tokens


@dataclass(frozen=True, slots=True)
class _Budget:
    """What was left when the call that was sent at `told` was taken up, and how fast others spend (a second)."""

    limit: float
    remaining: float
    told: Sent
    others: float = 0.0

    @property
    def refill(self) -> float:
        return self.limit / SECONDS_A_MINUTE

    def level(self, now: Sent, kind: str, cost: float) -> float:
        """What is left now, less what is kept for others; a call takes `cost` of it."""
        seconds = now.at - self.told.at
        half_life = max(HALF_LIFE_SECONDS, HALF_LIFE_CALLS * cost / self.refill)
        grown = (self.refill - self.others * math.exp2(-seconds / half_life)) * seconds
        mine = now.spent(kind) - self.told.spent(kind)
        return min(self.limit, self.remaining + grown) - mine - RESERVE * self.limit

    def pace_of_others(self, later: "_Budget", kind: str) -> float:
        """What others spend a second, from two answers."""
        seconds = later.told.at - self.told.at
        gone = self.remaining + self.refill * seconds - later.remaining
        measured = max(0.0, gone - (later.told.spent(kind) - self.told.spent(kind))) / seconds
        return (self.others + measured) / 2


class Pacer:
    """Says when the next call may leave. Knows no limit until an answer tells one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._budgets: dict[str, _Budget] = {}
        self._bases: dict[str, _Budget] = {}
        self._heard_at: float | None = None
        self._under_way = 0
        self._requests = self._tokens = self._tokens_a_call = 0.0

    def seconds_to_wait(self) -> float:
        """0 when a call may leave now, else when to ask again."""
        with self._lock:
            if self._heard_at is None:
                return 0.0 if self._under_way == 0 else SHORTEST_WAIT_SECONDS
            now = self._now()
            if self._budgets and self._under_way and now.at - self._heard_at > STALE_SECONDS:
                return SHORTEST_WAIT_SECONDS
            return max((self._wait(kind, budget, now) for kind, budget in self._budgets.items()), default=0.0)

    def sent(self) -> None:
        """A call is about to leave."""
        with self._lock:
            self._under_way += 1
            self._requests += 1
            self._tokens += self._tokens_a_call

    def now(self) -> Sent:
        """This moment, which a call keeps until it is answered."""
        with self._lock:
            return self._now()

    def unsent(self) -> None:
        """A call that was to leave did not."""
        with self._lock:
            self._under_way = max(0, self._under_way - 1)

    def heard(self, sent: Sent, headers: Mapping[str, str], tokens: int = 0) -> None:
        """A call that left at `sent` has ended: with an answer's headers and the tokens it took, or with nothing."""
        with self._lock:
            self._under_way = max(0, self._under_way - 1)
            self._heard_at = self._clock()
            # The dearest calls of late are what the next one is taken for.
            self._tokens_a_call = max(tokens, 0.99 * self._tokens_a_call)
            for kind in KINDS:
                limit, remaining = (_number(headers, f"x-ratelimit-{what}-{kind}") for what in ("limit", "remaining"))
                if limit and remaining is not None:
                    self._learn(kind, _Budget(limit, remaining, sent))

    def _now(self) -> Sent:
        return Sent(self._clock(), self._requests, self._tokens)

    def _learn(self, kind: str, heard: _Budget) -> None:
        known, base = self._budgets.get(kind), self._bases.get(kind)
        if known and known.told.at > heard.told.at:
            return  # Of two calls, the one taken up later knows better.
        others = known.others if known else 0.0
        if base and heard.told.at - base.told.at >= MEASURED_SECONDS:
            others = base.pace_of_others(heard, kind)
        self._budgets[kind] = _Budget(heard.limit, heard.remaining, heard.told, others)
        if base is None or heard.told.at - base.told.at >= MEASURED_SECONDS:
            self._bases[kind] = self._budgets[kind]

    def _wait(self, kind: str, budget: _Budget, now: Sent) -> float:
        cost = 1.0 if kind == "requests" else self._tokens_a_call
        # Others are taken to have as many calls under way as we, of which the last answer says nothing yet.
        missing = cost * (1 + self._under_way) - budget.level(now, kind, cost)
        if missing <= 0:
            return 0.0
        return min(LONGEST_WAIT_SECONDS, max(SHORTEST_WAIT_SECONDS, missing / budget.refill))


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        value = float(headers[name])
    except (KeyError, ValueError):
        return None
    return value if math.isfinite(value) else None
