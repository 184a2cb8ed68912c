"""Requests and tokens a minute, shared by all callers, enforced and announced as Groq does."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from vigie_model_server.errors import error_reply
from vigie_model_server.reply import Reply

SECONDS_A_MINUTE = 60.0


@dataclass(slots=True)
class Bucket:
    """A token bucket that holds one window's budget, full at the start and refilled continuously."""

    limit: int
    clock: Callable[[], float]
    window: float = SECONDS_A_MINUTE
    level: float = field(init=False)
    updated: float = field(init=False)

    def __post_init__(self) -> None:
        self.level = float(self.limit)
        self.updated = self.clock()

    @property
    def per_second(self) -> float:
        return self.limit / self.window

    def refill(self) -> None:
        now = self.clock()
        self.level = min(float(self.limit), self.level + (now - self.updated) * self.per_second)
        self.updated = now

    def seconds_until(self, amount: float) -> float:
        """Seconds until `amount` is there; 0 when it is there now."""
        return max(0.0, (amount - self.level) / self.per_second)

    def seconds_until_full(self) -> float:
        return self.seconds_until(self.limit)


class RateLimiter:
    """Two buckets that are charged together or not at all; a limit of `None` is no limit."""

    def __init__(
        self,
        requests_per_minute: int | None,
        tokens_per_minute: int | None,
        clock: Callable[[], float] = monotonic,
        requests_window: float = SECONDS_A_MINUTE,
    ) -> None:
        self.requests = Bucket(requests_per_minute, clock, requests_window) if requests_per_minute else None
        self.tokens = Bucket(tokens_per_minute, clock) if tokens_per_minute else None

    def admit(self, model: str, tokens: int) -> Reply | None:
        """Charge one request of `tokens` tokens; a 429 or 413 answer when it does not fit."""
        self._refill()
        if self.tokens and tokens > self.tokens.limit:
            return self._too_large(model, tokens, self.tokens.limit)
        for bucket, amount, kind in ((self.requests, 1, "requests"), (self.tokens, tokens, "tokens")):
            if bucket and bucket.level < amount:
                return self._refuse(model, bucket, amount, kind)
        if self.requests:
            self.requests.level -= 1
        if self.tokens:
            self.tokens.level -= tokens
        return None

    def headers(self) -> list[tuple[str, str]]:
        """The `x-ratelimit-*` headers of this moment; none for a limit that is not set."""
        self._refill()
        found: list[tuple[str, str]] = []
        for name, bucket in (("requests", self.requests), ("tokens", self.tokens)):
            if bucket:
                found += [
                    (f"x-ratelimit-limit-{name}", str(bucket.limit)),
                    (f"x-ratelimit-remaining-{name}", str(max(0, math.floor(bucket.level)))),
                    (f"x-ratelimit-reset-{name}", duration(bucket.seconds_until_full())),
                ]
        return found

    def storm(self, model: str) -> Reply:
        """A 429 that no bucket asked for, as in a provider's bad hour."""
        return self._reply(model, "requests", 30, 30, 1, 2.0)

    def too_large(self, model: str) -> Reply:
        """A 413 for a request of more tokens than a minute has, whatever the limit that is set."""
        return self._too_large(model, 9_000, 8_000)

    def day_limit(self, model: str) -> Reply:
        """A 429 because a day's tokens are used up: no header announced it, and waiting takes long."""
        return self._reply(model, "tokens", 200_000, 199_990, 700, 432.5)

    def _refill(self) -> None:
        for bucket in (self.requests, self.tokens):
            if bucket:
                bucket.refill()

    def _refuse(self, model: str, bucket: Bucket, amount: int, kind: str) -> Reply:
        used = bucket.limit - math.floor(bucket.level)
        return self._reply(model, kind, bucket.limit, used, amount, bucket.seconds_until(amount))

    def _reply(self, model: str, kind: str, limit: int, used: int, requested: int, wait: float) -> Reply:
        abbreviation = "TPM" if kind == "tokens" else "RPM"
        message = (
            f"Rate limit reached for model `{model}` in organization `org_vigie_local` service tier `on_demand` on "
            f"{kind} per minute ({abbreviation}): Limit {limit}, Used {used}, Requested {requested}. "
            f"Please try again in {duration(wait)}. Need more tokens? This is the local model server: "
            "raise the limit at /_control."
        )
        reply = error_reply(429, message, code="rate_limit_exceeded", type_=kind, outcome="rate_limited")
        reply.headers += [*self.headers(), ("retry-after", str(max(1, math.ceil(wait))))]
        return reply

    def _too_large(self, model: str, tokens: int, limit: int) -> Reply:
        message = (
            f"Request too large for model `{model}` in organization `org_vigie_local` service tier `on_demand` on "
            f"tokens per minute (TPM): Limit {limit}, Requested {tokens}, "
            "please reduce your message size and try again."
        )
        reply = error_reply(413, message, code="rate_limit_exceeded", type_="tokens", outcome="too_large")
        reply.headers += self.headers()
        return reply


def duration(seconds: float) -> str:
    """Seconds in the provider's notation: `120ms`, `7.66s`, `2m59.56s`."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    shown = f"{rest:.2f}".rstrip("0").rstrip(".") + "s"
    return f"{int(minutes)}m{shown}" if minutes else shown


def estimated_tokens(text: str | bytes) -> int:
    """Tokens of a text by the usual rule of thumb, four bytes a token."""
    size = len(text) if isinstance(text, bytes) else len(text.encode())
    return max(1, math.ceil(size / 4))


def as_json(limiter: RateLimiter) -> str:
    """The present level of each bucket, for the control page."""
    return json.dumps(dict(limiter.headers()))
