"""A Step Functions client as strict as AWS: a token is answered once, in time, or refused."""

import json
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.exceptions import ClientError

LONGEST_CAUSE = 32768
LONGEST_ERROR = 256


class AnswersTasks(Protocol):
    """The part of boto3's Step Functions client that answers task tokens."""

    def send_task_success(self, *, taskToken: str, output: str) -> dict[str, Any]: ...
    def send_task_failure(self, *, taskToken: str, error: str, cause: str) -> dict[str, Any]: ...
    def send_task_heartbeat(self, *, taskToken: str) -> dict[str, Any]: ...


@dataclass
class FakeStepFunctions:
    """A service that waits for `waiting` tokens; those in `timed_out` are too late, any other is malformed."""

    waiting: set[str] = field(default_factory=set)
    timed_out: set[str] = field(default_factory=set)
    answered: dict[str, dict[str, Any]] = field(default_factory=dict)
    heartbeats: list[str] = field(default_factory=list)

    def send_task_success(self, *, taskToken: str, output: str) -> dict[str, Any]:
        self._take(taskToken, "SendTaskSuccess")
        self.answered[taskToken] = {"output": json.loads(output)}
        return {}

    def send_task_failure(self, *, taskToken: str, error: str, cause: str) -> dict[str, Any]:
        if len(error) > LONGEST_ERROR or len(cause) > LONGEST_CAUSE:
            raise refusal("ValidationException", "SendTaskFailure")
        self._take(taskToken, "SendTaskFailure")
        self.answered[taskToken] = {"error": error, "cause": cause}
        return {}

    def send_task_heartbeat(self, *, taskToken: str) -> dict[str, Any]:
        self._require(taskToken, "SendTaskHeartbeat")
        self.heartbeats.append(taskToken)
        return {}

    def _take(self, token: str, operation: str) -> None:
        self._require(token, operation)
        self.waiting.remove(token)

    def _require(self, token: str, operation: str) -> None:
        if token in self.answered:
            raise refusal("TaskDoesNotExist", operation)
        if token in self.timed_out:
            raise refusal("TaskTimedOut", operation)
        if token not in self.waiting:
            raise refusal("InvalidToken", operation)


def refusal(code: str, operation: str) -> ClientError:
    """The error that boto3 raises."""
    return ClientError({"Error": {"Code": code, "Message": "refused"}}, operation)


def _proves_the_interface(fake: FakeStepFunctions) -> AnswersTasks:
    return fake
