"""The suite sees a call that arrives after its consent was withdrawn, and none where there is none."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, cast

import pytest

from tests.chaos.environment import ChaosEnvironment
from tests.chaos.withdrawals import WINDOW_SECONDS, late_calls, seconds_after_withdrawal

WITHDRAWN_AT = 1000.0


class OneCall:
    """A cloud whose ledger holds one call about `ada`, which the model server answered after half a second."""

    def __init__(self, arrived: float, purpose: str = "feedback_analysis", entered: float = WITHDRAWN_AT - 5) -> None:
        self._arrived = arrived
        self._row = (hashlib.sha256(b"the fees").hexdigest(), "ada", purpose, entered)

    def query(self, _sql: str, *_parameters: object) -> list[tuple[Any, ...]]:
        return [self._row]

    def model_requests(self) -> list[dict[str, Any]]:
        body = json.dumps({"messages": [{"role": "user", "content": "the fees"}]})
        return [{"path": "/v1/chat/completions", "body": body, "at": self._arrived + 0.5, "latency_ms": 500.0}]


def environment(cloud: OneCall, withdrawn: str = "feedback_analysis", customer: str = "ada") -> ChaosEnvironment:
    return ChaosEnvironment(cast(Any, cloud), Path(), [(customer, withdrawn, WITHDRAWN_AT)])


@pytest.mark.parametrize("purpose", ["feedback_analysis", "retention_offers"])
def test_a_call_beyond_the_window_is_found(purpose: str) -> None:
    late = environment(OneCall(WITHDRAWN_AT + WINDOW_SECONDS + 0.1, purpose))
    assert [finding.kind for finding in late_calls(late)] == ["wrong"]


def test_a_call_within_the_window_is_measured_and_no_finding() -> None:
    in_the_air = environment(OneCall(WITHDRAWN_AT + 0.25))
    assert list(seconds_after_withdrawal(in_the_air)) == [pytest.approx(0.25)]
    assert late_calls(in_the_air) == []


@pytest.mark.parametrize(
    "unconcerned",
    [
        environment(OneCall(WITHDRAWN_AT - 1)),
        environment(OneCall(WITHDRAWN_AT + 9), customer="sam"),
        environment(OneCall(WITHDRAWN_AT + 9), withdrawn="profiling"),
        environment(OneCall(WITHDRAWN_AT + 9, "retention_offers", entered=WITHDRAWN_AT + 8)),
    ],
)
def test_a_call_that_does_not_rest_on_what_was_withdrawn_is_no_finding(unconcerned: ChaosEnvironment) -> None:
    assert late_calls(unconcerned) == []
