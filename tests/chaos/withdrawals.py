"""Withdrawals in the middle of a run, and the calls that arrived after one was committed."""

from __future__ import annotations

import contextlib
import hashlib
import random
import time
from collections.abc import Callable, Iterator

import psycopg2

from tests.chaos.checking import Finding, prompt_of
from tests.chaos.environment import ChaosEnvironment
from vigie.vocabulary import Purpose
from vigie_llm.claims import FRESH_SECONDS

SECONDS = (1.0, 4.0)
MOST_AT_ONCE = 12
# A claim that was asked for longer ago does not count: docs/performance.md has how long it takes as measured.
WINDOW_SECONDS = FRESH_SECONDS
RECORD = "SELECT record_consent(customer, %s, %s, 'chaos', '1') FROM unnest(%s::uuid[]) AS customer"


def withdraw_at_random(environment: ChaosEnvironment, rng: random.Random, run_id: str) -> Callable[[], None]:
    """Withdraw some customers' consents again and again while the run is on; return what gives them again."""
    planned = "SELECT customer_id::text FROM run_customers WHERE run_id = %s ORDER BY 1"
    customers = [row[0] for row in environment.cloud.query(planned, run_id)]
    rng.shuffle(customers)
    end = time.monotonic() + rng.uniform(*SECONDS)
    while customers and time.monotonic() < end and _is_on(environment, run_id):
        some = [customers.pop() for _ in range(min(len(customers), rng.randint(1, MOST_AT_ONCE)))]
        purpose = rng.choice(tuple(Purpose))
        # The database may be the thing that is disturbed.
        with contextlib.suppress(psycopg2.Error):
            environment.cloud.query(RECORD, purpose, False, some)
            environment.withdrawn.extend((customer, purpose, time.time()) for customer in some)
        time.sleep(rng.uniform(0.0, 0.2))

    def give_again() -> None:
        for purpose in Purpose:
            those = [customer for customer, withdrawn, _ in environment.withdrawn if withdrawn == purpose]
            environment.cloud.query(RECORD, purpose, True, those)

    return give_again


def seconds_after_withdrawal(environment: ChaosEnvironment) -> Iterator[float]:
    """How long after the commit of a withdrawal that it rests on each later call arrived."""
    if not environment.withdrawn:
        return
    ledger = "SELECT prompt_sha256, customer_id::text, purpose, extract(epoch FROM sent_at)::float8 FROM egress_ledger"
    rows = {row[0]: row[1:] for row in environment.cloud.query(ledger)}
    for request in environment.cloud.model_requests():
        prompt = prompt_of(request)
        customer, purpose, entered = rows.get(hashlib.sha256((prompt or "").encode()).hexdigest(), ("", "", 0.0))
        arrived = request["at"] - request["latency_ms"] / 1000
        for who, withdrawn, at in environment.withdrawn:
            # A call for an offer that is entered later does not rest on an analysis that is gone.
            rests_on_it = who == customer and purpose in (withdrawn, Purpose.RETENTION_OFFERS) and entered < at
            if rests_on_it and arrived > at:
                yield arrived - at


def late_calls(environment: ChaosEnvironment) -> list[Finding]:
    """Calls that arrived after a committed withdrawal, beyond the window."""
    late = [seconds for seconds in seconds_after_withdrawal(environment) if seconds > WINDOW_SECONDS]
    return [Finding("wrong", f"a call arrived {seconds:.2f} s after its consent was withdrawn") for seconds in late]


def _is_on(environment: ChaosEnvironment, run_id: str) -> bool:
    return environment.cloud.query("SELECT status FROM runs WHERE run_id = %s", run_id) == [("running",)]
