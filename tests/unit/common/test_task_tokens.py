"""Tokens are answered once; a token that is gone is no error, anything else is."""

import pytest
from botocore.exceptions import ClientError

from tests.fakes.step_functions import FakeStepFunctions, refusal
from vigie.errors import ModelNotApprovedError
from vigie.task_tokens import TaskTokens


@pytest.fixture
def client() -> FakeStepFunctions:
    return FakeStepFunctions(waiting={"waiting"}, timed_out={"late"})


@pytest.fixture
def tokens(client: FakeStepFunctions) -> TaskTokens:
    return TaskTokens(client)


def test_success_sends_the_output_as_json(tokens: TaskTokens, client: FakeStepFunctions) -> None:
    assert tokens.succeed("waiting", {"remaining": 0})
    assert client.answered == {"waiting": {"output": {"remaining": 0}}}


def test_failure_sends_the_class_name_and_the_message(tokens: TaskTokens, client: FakeStepFunctions) -> None:
    assert tokens.fail("waiting", ModelNotApprovedError("x" * 2000))
    assert client.answered["waiting"] == {"error": "ModelNotApprovedError", "cause": "x" * 1000}


@pytest.mark.parametrize("token", ["late", "never-existed", ""])
def test_a_token_that_is_gone_is_no_error(tokens: TaskTokens, token: str) -> None:
    tokens.heartbeat(token)
    assert not tokens.succeed(token, {})
    assert not tokens.fail(token, ModelNotApprovedError("no"))


def test_a_token_answered_twice_is_no_error_and_the_first_answer_stays(
    tokens: TaskTokens, client: FakeStepFunctions
) -> None:
    assert tokens.succeed("waiting", {"first": True})
    assert not tokens.succeed("waiting", {"first": False})
    tokens.heartbeat("waiting")
    assert client.answered["waiting"] == {"output": {"first": True}}


def test_heartbeats_of_one_task_are_rare_and_each_task_has_its_own(
    tokens: TaskTokens, client: FakeStepFunctions
) -> None:
    for token in ("waiting", "waiting", "late", "late", "waiting"):
        tokens.heartbeat(token)
    assert client.heartbeats == ["waiting", "waiting"]


def test_any_other_refusal_is_raised(monkeypatch: pytest.MonkeyPatch, client: FakeStepFunctions) -> None:
    def refuse(**arguments: str) -> dict[str, str]:
        raise refusal("AccessDeniedException", "SendTaskSuccess")

    monkeypatch.setattr(client, "send_task_success", refuse)
    with pytest.raises(ClientError, match="AccessDenied"):
        TaskTokens(client).succeed("waiting", {})
