"""The agents beside a Step Functions as strict as AWS: a late, doubled or unknown token costs nobody anything."""

from collections.abc import Callable
from uuid import UUID

import pytest

from tests.integration.agents.conftest import Office, plan
from vigie.batches import complete_task
from vigie.errors import UnknownRunError
from vigie.task_tokens import TaskTokens

Hire = Callable[..., list[UUID]]
STEPS = ("analyse", "predict", "act")


def deliver(office: Office, step: str, token: str) -> None:
    """One delivery of the step's message, answered as its handler answers it."""
    complete_task(token, TaskTokens(office.step_functions), getattr(office, step), office.time_left)


@pytest.fixture
def planned(office: Office, hire: Hire) -> Office:
    plan(office, hire(3))
    return office


def work_through(office: Office, token: str) -> dict[str, int]:
    for step in STEPS:
        deliver(office, step, token)
    return office.counts()


@pytest.mark.parametrize("token", ["late", "unknown"])
def test_work_is_kept_though_no_one_waits_for_its_answer(planned: Office, token: str) -> None:
    planned.step_functions.timed_out.add("late")
    counts = work_through(planned, token)
    assert (counts["predictions"], counts["actions"], counts["run_steps"]) == (3, 3, 9)
    assert planned.step_functions.answered == {}


def test_after_a_late_answer_the_next_attempt_s_token_is_answered_and_nothing_is_done_twice(planned: Office) -> None:
    planned.step_functions.timed_out.add("late")
    once = work_through(planned, "late")
    calls = len(planned.model.asked)
    for step in STEPS:
        planned.step_functions.waiting.add(f"next-{step}")
        deliver(planned, step, f"next-{step}")
    assert planned.counts() == once
    assert set(planned.step_functions.answered) == {f"next-{step}" for step in STEPS}
    assert len(planned.model.asked) == calls > 0


@pytest.mark.parametrize("step", STEPS)
def test_a_doubled_delivery_is_answered_once(planned: Office, step: str) -> None:
    for before in STEPS[: STEPS.index(step)]:
        deliver(planned, before, "unknown")
    deliver(planned, step, "token")
    first, counts = dict(planned.step_functions.answered), planned.counts()
    deliver(planned, step, "token")
    assert (planned.step_functions.answered, planned.counts()) == (first, counts)
    assert "output" in first["token"]


@pytest.mark.parametrize("token", ["late", "unknown"])
def test_a_final_error_with_a_token_that_is_gone_is_acknowledged(office: Office, token: str) -> None:
    office.step_functions.timed_out.add("late")
    deliver(office, "predict", token)
    assert office.step_functions.answered == {}
    deliver(office, "predict", "token")
    assert office.step_functions.answered["token"]["error"] == UnknownRunError.__name__
