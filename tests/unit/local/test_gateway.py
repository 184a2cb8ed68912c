"""A mapping of the local cloud has several invocations under way at once, and never more messages than places."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from vigie_local import gateway
from vigie_local.gateway import invoke_side_by_side, report_no_single_message


def poller_of(handle: Callable[[Any], None], messages: list[str]) -> Any:
    """What LocalStack's poller does, without LocalStack: each poll takes one message and handles it."""

    class Poller:
        def poll_events(self) -> None:
            if not messages:
                raise LookupError("empty")
            self.handle_messages([messages.pop(0)])

        def handle_messages(self, some: list[str]) -> None:
            handle(some)

    invoke_side_by_side(Poller, 2)
    return Poller()


def test_two_messages_are_worked_on_at_once_and_the_third_stays_in_its_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "PLACE_SECONDS", 0.05)
    together, release = threading.Barrier(3), threading.Event()

    def handle(_messages: Any) -> None:
        together.wait(timeout=20)
        release.wait(timeout=20)

    messages = ["a", "b", "c"]
    poller = poller_of(handle, messages)
    for _ in range(3):
        poller.poll_events()
    together.wait(timeout=20)
    assert messages == ["c"]
    release.set()


def test_a_place_is_free_again_after_an_invocation_that_failed_and_after_an_empty_poll() -> None:
    handled: list[Any] = []

    def handle(some: Any) -> None:
        handled.append(some)
        raise ZeroDivisionError

    messages = [str(number) for number in range(6)]
    poller = poller_of(handle, messages)
    for _ in range(5):
        if messages:
            poller.poll_events()
    messages.clear()
    for _ in range(5):
        with pytest.raises(LookupError):
            poller.poll_events()
    messages.append("last")
    poller.poll_events()
    deadline = time.monotonic() + 20
    while ["last"] not in handled:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_single_messages_are_not_reported() -> None:
    class Dispatcher:
        def dispatch_sqs_metric(self, *, metric: str) -> None:
            raise AssertionError(metric)

    report_no_single_message(Dispatcher)
    Dispatcher().dispatch_sqs_metric(metric="NumberOfMessagesSent")
