"""How a message is answered: done, failed for good, or left for another delivery."""

from collections.abc import Callable
from typing import Any

import pytest

import vigie.batches
from tests.fakes.step_functions import FakeStepFunctions
from vigie.batches import TRIES, complete_task
from vigie.errors import DatabaseUnavailableError, SettingsError, StatementRefusedError, UnknownRunError, VigieError
from vigie.task_tokens import TaskTokens


class Clock:
    """Stands for the time module: sleeping takes seconds off the deadline and no time."""

    def __init__(self, seconds_left: float) -> None:
        self.left = seconds_left
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.left -= seconds

    def seconds_left(self) -> float:
        return self.left


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(100)
    monkeypatch.setattr(vigie.batches, "time", clock)
    return clock


@pytest.fixture
def client() -> FakeStepFunctions:
    return FakeStepFunctions(waiting={"token"})


def failing(times: int, error: VigieError) -> tuple[Callable[[], dict[str, Any]], list[int]]:
    """Work that raises the error so many times, then succeeds; and the list of its attempts."""
    attempts: list[int] = []

    def work() -> dict[str, Any]:
        attempts.append(len(attempts) + 1)
        if len(attempts) <= times:
            raise error
        return {"attempts": len(attempts)}

    return work, attempts


def test_success_answers_the_token_with_the_output(clock: Clock, client: FakeStepFunctions) -> None:
    complete_task("token", TaskTokens(client), lambda: {"remaining": 0}, clock.seconds_left)
    assert client.answered == {"token": {"output": {"remaining": 0}}}


def test_a_business_error_fails_the_token_and_the_message_is_acknowledged(
    clock: Clock, client: FakeStepFunctions
) -> None:
    work, attempts = failing(9, UnknownRunError("run r was never planned"))
    complete_task("token", TaskTokens(client), work, clock.seconds_left)
    assert client.answered == {"token": {"error": "UnknownRunError", "cause": "run r was never planned"}}
    assert attempts == [1]


def test_a_transient_error_is_tried_again_with_growing_pauses(clock: Clock, client: FakeStepFunctions) -> None:
    work, _ = failing(TRIES - 1, DatabaseUnavailableError("gone"))
    complete_task("token", TaskTokens(client), work, clock.seconds_left)
    assert client.answered == {"token": {"output": {"attempts": TRIES}}}
    assert len(clock.pauses) == TRIES - 1
    for pause, attempt in zip(clock.pauses, range(1, TRIES), strict=True):
        assert 0.25 * 2**attempt <= pause <= 0.5 * 2**attempt


def test_an_outage_of_three_and_a_half_seconds_is_sat_out_within_one_delivery(
    clock: Clock, client: FakeStepFunctions
) -> None:
    work, attempts = failing(3, DatabaseUnavailableError("gone"))
    complete_task("token", TaskTokens(client), work, clock.seconds_left)
    assert attempts == [1, 2, 3, 4]
    assert sum(clock.pauses) >= 3.5


def test_a_transient_error_that_stays_is_raised_and_the_token_left_waiting(
    clock: Clock, client: FakeStepFunctions
) -> None:
    work, attempts = failing(99, DatabaseUnavailableError("gone"))
    with pytest.raises(DatabaseUnavailableError):
        complete_task("token", TaskTokens(client), work, clock.seconds_left)
    assert attempts == [1, 2, 3, 4]
    assert client.waiting == {"token"}


class ShortestPauses:
    """Stands for the random module."""

    def uniform(self, least: float, _most: float) -> float:
        return least


@pytest.mark.parametrize(("seconds_left", "expected"), [(5.99, [1]), (6.0, [1, 2])])
def test_another_attempt_is_made_while_two_pauses_and_five_seconds_are_left(
    clock: Clock, client: FakeStepFunctions, monkeypatch: pytest.MonkeyPatch, seconds_left: float, expected: list[int]
) -> None:
    monkeypatch.setattr(vigie.batches, "random", ShortestPauses())
    clock.left = seconds_left  # the first pause is half a second, the second one a second
    work, attempts = failing(99, DatabaseUnavailableError("gone"))
    with pytest.raises(DatabaseUnavailableError):
        complete_task("token", TaskTokens(client), work, clock.seconds_left)
    assert attempts == expected


def test_near_the_deadline_a_transient_error_is_raised_at_once(clock: Clock, client: FakeStepFunctions) -> None:
    clock.left = 5
    work, attempts = failing(1, DatabaseUnavailableError("gone"))
    with pytest.raises(DatabaseUnavailableError):
        complete_task("token", TaskTokens(client), work, clock.seconds_left)
    assert attempts == [1]
    assert clock.pauses == []


@pytest.mark.parametrize("error", [StatementRefusedError("23505", "t", "c"), SettingsError("X is missing")])
def test_a_fault_of_ours_is_raised_so_that_the_message_ends_in_the_dead_letter_queue(
    clock: Clock, client: FakeStepFunctions, error: VigieError
) -> None:
    work, attempts = failing(99, error)
    with pytest.raises(type(error)):
        complete_task("token", TaskTokens(client), work, clock.seconds_left)
    assert attempts == [1]
    assert client.waiting == {"token"}


def test_a_token_that_is_gone_is_no_reason_to_work_again(clock: Clock, client: FakeStepFunctions) -> None:
    complete_task("another", TaskTokens(client), lambda: {}, clock.seconds_left)
    assert client.answered == {}
