"""A mapping of the local cloud has as many invocations under way as it says, and asks a queue that holds something."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from vigie_localstack.patches import queue_polling
from vigie_localstack.patches.queue_polling import patch_mappings


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_polling, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(queue_polling, "LOOK_SECONDS", 0.001)


def poller_of(
    handle: Callable[[Any], None],
    messages: list[str],
    scaling: dict[str, int] | None,
    there: bool = True,
    stopped: threading.Event | None = None,
) -> Any:
    """What LocalStack's factory and poller do, without LocalStack: each poll takes one message and handles it."""

    class Poller:
        source_arn = "queue"

        def poll_events(self) -> None:
            if not messages:
                raise LookupError("empty")
            self.handle_messages([messages.pop(0)])

        def handle_messages(self, some: list[str]) -> None:
            handle(some)

    class Worker:
        poller = Poller()
        _shutdown_event = stopped or threading.Event()

    class Factory:
        esm_config = {"ScalingConfig": scaling} if scaling else {}

        def get_esm_worker(self) -> Worker:
            return Worker()

    patch_mappings(Factory, Poller, lambda _arn: len(messages) if there else None)
    return Factory().get_esm_worker().poller


def test_two_messages_are_worked_on_at_once_and_the_third_stays_in_its_queue() -> None:
    together, release = threading.Barrier(3), threading.Event()

    def handle(_messages: Any) -> None:
        together.wait(timeout=20)
        release.wait(timeout=20)

    messages = ["a", "b", "c"]
    poller = poller_of(handle, messages, {"MaximumConcurrency": 2})
    for _ in range(3):
        poller.poll_events()
    together.wait(timeout=20)
    assert messages == ["c"]
    release.set()


def test_without_the_setting_one_message_is_worked_on_before_the_next_is_asked_for() -> None:
    handled: list[Any] = []
    poller = poller_of(handled.append, ["a", "b"], None)
    poller.poll_events()
    assert handled == [["a"]]
    poller.poll_events()
    assert handled == [["a"], ["b"]]


def test_a_place_is_free_again_after_an_invocation_that_failed_and_after_a_queue_that_stayed_empty() -> None:
    handled: list[Any] = []

    def handle(some: Any) -> None:
        handled.append(some)
        raise ZeroDivisionError

    messages = [str(number) for number in range(6)]
    poller = poller_of(handle, messages, {"MaximumConcurrency": 2})
    poll_until(poller, lambda: len(handled) == 6)
    for _ in range(5):
        poller.poll_events()
    messages.append("last")
    poll_until(poller, lambda: ["last"] in handled)


def test_an_empty_queue_is_not_asked_and_a_message_is_taken_as_soon_as_it_is_there() -> None:
    handled: list[Any] = []
    messages: list[str] = []
    poller = poller_of(handled.append, messages, None)
    poller.poll_events()
    assert handled == []
    threading.Timer(0.02, messages.append, ["late"]).start()
    poll_until(poller, lambda: handled == [["late"]])


@pytest.mark.parametrize("scaling", [None, {"MaximumConcurrency": 2}])
def test_a_mapping_that_is_stopped_takes_nothing_more(
    scaling: dict[str, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_polling, "PATIENCE_SECONDS", 20)
    handled: list[Any] = []
    messages: list[str] = []
    stopped = threading.Event()
    poller = poller_of(handled.append, messages, scaling, stopped=stopped)

    def stop_and_send() -> None:
        stopped.set()
        messages.append("after")

    threading.Timer(0.02, stop_and_send).start()
    poller.poll_events()
    poller.poll_events()
    assert messages == ["after"]


def test_a_queue_that_is_gone_is_asked_so_that_localstack_says_so() -> None:
    poller = poller_of(lambda _: None, [], None, there=False)
    with pytest.raises(LookupError):
        poller.poll_events()


def poll_until(poller: Any, done: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end
        poller.poll_events()
