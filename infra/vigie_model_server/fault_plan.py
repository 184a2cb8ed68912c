"""Decide, reproducibly, what goes wrong with a request and how long it takes."""

import hashlib
import math
import random
import re
from collections import OrderedDict
from collections.abc import Iterator

from vigie_model_server.settings import Settings

MARKER_IDS = re.compile(rb"[0-9a-f]{32}")
REMEMBERED_BODIES = 100_000
LONGEST_DELAY_FACTOR = 20.0


class FaultPlan:
    """Outcome and delay of each request.

    First the settings' `plan` is used up in order of arrival. After that the rates apply: the draw
    depends on the seed, the request's text (its random markers left out) and how often that text was
    seen, so a run with the same texts meets the same faults whatever the order.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._planned: Iterator[str] = iter(settings.plan)
        self._seen: OrderedDict[bytes, int] = OrderedDict()

    def outcome(self, body: bytes) -> str:
        planned = next(self._planned, None)
        if planned is not None:
            return planned
        if not self.settings.rates:
            return "ok"
        return self._drawn(self._random(body, "outcome").random())

    def delay_seconds(self, body: bytes) -> float:
        """Seconds to wait before the answer, by the settings' distribution."""
        settings = self.settings
        if settings.latency_distribution == "fixed" or not settings.latency_spread_ms:
            return settings.latency_ms / 1000
        source = random.Random(_digest(settings.seed, body, "latency", 0))
        if settings.latency_distribution == "uniform":
            low = settings.latency_ms - settings.latency_spread_ms
            return max(0.0, source.uniform(low, settings.latency_ms + settings.latency_spread_ms)) / 1000
        return _lognormal_ms(source, settings.latency_ms, settings.latency_spread_ms) / 1000

    def _drawn(self, draw: float) -> str:
        for outcome, share in sorted(self.settings.rates.items()):
            if draw < share:
                return outcome
            draw -= share
        return "ok"

    def _random(self, body: bytes, purpose: str) -> random.Random:
        key = _digest(self.settings.seed, body, purpose, 0)
        times = self._seen.pop(key, 0)
        self._seen[key] = times + 1
        if len(self._seen) > REMEMBERED_BODIES:
            self._seen.popitem(last=False)
        return random.Random(_digest(self.settings.seed, body, purpose, times))


def _digest(seed: int, body: bytes, purpose: str, times: int) -> bytes:
    start = f"{seed}/{purpose}/{times}/".encode()
    return hashlib.blake2b(start + MARKER_IDS.sub(b"", body), digest_size=16).digest()


def _lognormal_ms(source: random.Random, median: float, deviation: float) -> float:
    """Log-normal with this median; `deviation` is taken relative to the median as sigma."""
    if median <= 0:
        return 0.0
    sigma = math.log1p(deviation / median)
    return min(median * LONGEST_DELAY_FACTOR, source.lognormvariate(math.log(median), sigma))
