"""Under which name a run goes on."""

import pytest

from vigie_operations.errors import RunError
from vigie_operations.resume import next_name

ENDED = ("FAILED", "ABORTED", "TIMED_OUT", "SUCCEEDED")


def test_a_run_whose_execution_is_lost_continues_under_its_own_name() -> None:
    assert next_name("run-1", dict[str, str]().get) == "run-1"


@pytest.mark.parametrize("status", ENDED)
def test_where_the_execution_ended_the_next_has_a_number(status: str) -> None:
    assert next_name("run-1", {"run-1": status}.get) == "run-1--resume-2"
    assert next_name("run-1", {"run-1": status, "run-1--resume-2": status}.get) == "run-1--resume-3"


@pytest.mark.parametrize("name", ["run-1", "run-1--resume-2"])
def test_a_run_under_way_is_not_started_twice(name: str) -> None:
    executions = {"run-1": "FAILED"} | {name: "RUNNING"}
    with pytest.raises(RunError, match=f"RUN='run-1' is under way as execution {name}. Wait for its end"):
        next_name("run-1", executions.get)


def test_a_name_that_leaves_no_room_for_a_number_is_refused() -> None:
    with pytest.raises(RunError, match="is too long to go on under another name: start another run"):
        next_name("x" * 75, {"x" * 75: "FAILED"}.get)
