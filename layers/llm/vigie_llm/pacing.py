"""Calls paced by what the provider says is left of its budget, before it has to refuse any.

A provider that limits calls and tokens a minute says in each answer how much was left when it took the call up
(`x-ratelimit-limit-*`, `x-ratelimit-remaining-*`), for all who share the account, and refills all the time. What is
left now is that, plus the refill, less what was sent since: our own calls are counted, those of others are inferred
from how much faster the budget shrinks than we spend it. That needs answers often: of a budget of a dozen calls a
minute, or of 200 with four workers, several workers are refused some or leave a tenth unused; a refused call is
asked again.

What responses say only ever delays a call: levels refill by themselves, what was not renewed for `EXPIRES_SECONDS` is
forgotten, and whatever the headers said, a call may leave `PROBE_SECONDS` after the last one.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from vigie_llm.durations import parse_duration

KINDS = ("requests", "tokens")
SECONDS_A_MINUTE = 60.0
# A limit is for a minute, unless its reset header fits an hour or a day better (Groq's requests are a day's).
WINDOWS = (SECONDS_A_MINUTE, 3600.0, 86400.0)
# Of less than this a rounded reset header says little.
SPENT_TO_JUDGE = 5.0
# Kept of the refill, for what others send all at once: 2 % of a minute's limit.
RESERVE_SECONDS = 1.2
# Others' pace is measured over at least this long, and counts half after this long without an answer, or after the
# time in which the budget grows by this many calls.
MEASURED_SECONDS = 0.25
HALF_LIFE_SECONDS = 2.0
HALF_LIFE_CALLS = 8
# Others are never taken to spend more than so many times the refill: a wrong header would silence us for long.
MOST_OF_OTHERS = 10.0
# An older response says little: one call goes out to ask.
STALE_SECONDS = 2.0
# An older response says nothing.
EXPIRES_SECONDS = 120.0
# A limit that so many answers in a row no longer name is no longer there.
ANSWERS_WITHOUT = 3
# After so long without a call under way, the next one asks alone: much may have changed.
IDLE_SECONDS = 5.0
# The longest silence, whatever the responses said.
PROBE_SECONDS = 60.0
# The next call is expected to cost as much as the most expensive of so many.
CALLS_REMEMBERED = 64
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
    """What was left at `since`, and how fast others spend (a second); `observed_at`: when the call left."""

    limit: float
    remaining: float
    observed_at: Sent
    window: float = SECONDS_A_MINUTE
    others: float = 0.0
    since: Sent | None = None

    @property
    def refill(self) -> float:
        return self.limit / self.window

    @property
    def reserve(self) -> float:
        return RESERVE_SECONDS * self.refill

    def level(self, now: Sent, kind: str, cost: float) -> float:
        """What is left now, less what is kept for others; a call takes `cost` of it."""
        return min(self.limit, self._uncapped(now, kind, cost)) - self.reserve

    def settled(self, now: Sent, kind: str, cost: float) -> "_Budget":
        """The same budget; what would have flowed over is forgotten, so that it cannot pay for later calls."""
        if self._uncapped(now, kind, cost) <= self.limit:
            return self
        return replace(self, remaining=self.limit, since=now, others=self._others_at(now, cost))

    def pace_of_others(self, later: "_Budget", kind: str) -> float:
        """What others spend a second, from two answers."""
        seconds = later.observed_at.at - self.observed_at.at
        gone = self.remaining + self.refill * seconds - later.remaining
        measured = max(0.0, gone - (later.observed_at.spent(kind) - self.observed_at.spent(kind))) / seconds
        return min((self.others + measured) / 2, MOST_OF_OTHERS * later.refill)

    def _uncapped(self, now: Sent, kind: str, cost: float) -> float:
        since = self.since or self.observed_at
        grown = (self.refill - self._others_at(now, cost)) * (now.at - since.at)
        return self.remaining + grown - (now.spent(kind) - since.spent(kind))

    def _others_at(self, now: Sent, cost: float) -> float:
        half_life = max(HALF_LIFE_SECONDS, HALF_LIFE_CALLS * cost / self.refill)
        return self.others * math.exp2(-(now.at - (self.since or self.observed_at).at) / half_life)


class Pacer:
    """The decision when the next call may leave; without limit until a response names one.

    While it probes (at first, after a pause, and after a refusal that concerns every call) one call is under way at a
    time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._budgets: dict[str, _Budget] = {}
        self._bases: dict[str, _Budget] = {}
        self._probing = True
        self._response_at = self._sent_at = self._held_until = -math.inf
        self._under_way = 0
        self._requests = self._tokens = 0.0
        self._missed = dict.fromkeys(KINDS, 0)
        self._costs: deque[int] = deque(maxlen=CALLS_REMEMBERED)

    def seconds_to_wait(self) -> float:
        """0 when a call may leave now, else when to ask again."""
        with self._lock:
            now = self._now()
            self._forget_expired(now)
            if self._under_way == 0 and now.at - self._response_at > IDLE_SECONDS:
                self._probing = True
            if now.at - self._sent_at >= PROBE_SECONDS:
                return 0.0
            if now.at < self._held_until:
                return min(LONGEST_WAIT_SECONDS, max(SHORTEST_WAIT_SECONDS, self._held_until - now.at))
            if (self._probing and self._under_way) or self._is_asking(now):
                return SHORTEST_WAIT_SECONDS
            return max((self._wait(kind, budget, now) for kind, budget in self._budgets.items()), default=0.0)

    def record_sent(self) -> None:
        """Count a call that is about to leave."""
        with self._lock:
            now = self._now()
            self._sent_at = now.at
            for kind, budget in self._budgets.items():
                self._budgets[kind] = budget.settled(now, kind, self._cost(kind))
            self._under_way += 1
            self._requests += 1
            self._tokens += self._cost("tokens")

    def now(self) -> Sent:
        """Return this moment, which a call keeps until it is answered."""
        with self._lock:
            return self._now()

    def record_not_sent(self) -> None:
        """Take back a call that did not leave."""
        with self._lock:
            self._under_way = max(0, self._under_way - 1)

    def record_response(self, sent: Sent, headers: Mapping[str, str], tokens: int = 0) -> None:
        """Note the end of a call that left at `sent`: a response's headers and the tokens it took, or nothing."""
        with self._lock:
            self._under_way = max(0, self._under_way - 1)
            self._response_at = self._clock()
            self._probing = False
            if tokens > 0:
                self._costs.append(tokens)
            for kind in KINDS:
                if self._read(kind, sent, headers) or not tokens:
                    continue
                self._missed[kind] += 1
                if self._missed[kind] >= ANSWERS_WITHOUT:
                    self._forget(kind)

    def record_refusal(self) -> None:
        """Note a refusal that concerns every call: calls go one at a time until one is answered."""
        with self._lock:
            self._under_way = max(0, self._under_way - 1)
            self._probing = True

    def hold(self, seconds: float) -> None:
        """Hold every call for as long as the provider asks; the call that follows goes alone."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock() + min(seconds, PROBE_SECONDS))
            self._probing = True

    def _now(self) -> Sent:
        return Sent(self._clock(), self._requests, self._tokens)

    def _cost(self, kind: str) -> float:
        return 1.0 if kind == "requests" else float(max(self._costs, default=0))

    def _forget_expired(self, now: Sent) -> None:
        for kind in [
            kind for kind, budget in self._budgets.items() if now.at - budget.observed_at.at > EXPIRES_SECONDS
        ]:
            self._forget(kind)
            self._probing = True

    def _forget(self, kind: str) -> None:
        self._budgets.pop(kind, None)
        self._bases.pop(kind, None)

    def _is_asking(self, now: Sent) -> bool:
        """Whether the last response is stale, and a call under way will soon bring a newer one."""
        is_stale = bool(self._budgets) and now.at - self._response_at > STALE_SECONDS
        return is_stale and self._under_way > 0 and now.at - self._sent_at <= STALE_SECONDS

    def _read(self, kind: str, sent: Sent, headers: Mapping[str, str]) -> bool:
        """Learn from the headers; False where they name no such limit."""
        limit, remaining = (_number(headers, f"x-ratelimit-{what}-{kind}") for what in ("limit", "remaining"))
        if limit is None or limit < 1 or remaining is None:
            return False
        self._missed[kind] = 0
        known = self._budgets.get(kind)
        remaining = min(limit, max(0.0, remaining))
        reset = parse_duration(headers.get(f"x-ratelimit-reset-{kind}"))
        window = _window(limit, remaining, reset) or (known.window if known else SECONDS_A_MINUTE)
        self._learn(kind, _Budget(limit, remaining, sent, window))
        return True

    def _learn(self, kind: str, newer: _Budget) -> None:
        known, base = self._budgets.get(kind), self._bases.get(kind)
        if known and known.observed_at.at > newer.observed_at.at:
            return  # Of two calls, the one that left later knows better.
        others = known.others if known else 0.0
        if base and newer.observed_at.at - base.observed_at.at >= MEASURED_SECONDS:
            others = base.pace_of_others(newer, kind)
        self._budgets[kind] = replace(newer, others=others)
        if base is None or newer.observed_at.at - base.observed_at.at >= MEASURED_SECONDS:
            self._bases[kind] = self._budgets[kind]

    def _wait(self, kind: str, budget: _Budget, now: Sent) -> float:
        cost = self._cost(kind)
        # Others are taken to have as many calls under way as we, of which the last answer says nothing yet. More than
        # a full budget is never there.
        needed = min(cost * (1 + self._under_way), budget.limit - budget.reserve)
        missing = needed - budget.level(now, kind, cost)
        if missing <= 0:
            return 0.0
        return min(LONGEST_WAIT_SECONDS, max(SHORTEST_WAIT_SECONDS, missing / budget.refill))


def _window(limit: float, remaining: float, reset: float | None) -> float | None:
    """Infer the time a limit is for from how long what was spent takes to come back; None when that is unclear."""
    spent = limit - remaining
    if not reset or (spent < SPENT_TO_JUDGE and remaining > 0):
        return None
    implied = limit * reset / spent
    return min(WINDOWS, key=lambda window: abs(math.log(implied / window)))


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        value = float(headers[name])
    except (KeyError, ValueError):
        return None
    return value if math.isfinite(value) else None
