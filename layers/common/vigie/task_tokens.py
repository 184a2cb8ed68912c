"""Answers to Step Functions: the only module that touches task tokens.

A token that was answered already, timed out or never existed is no error here: the execution has gone on
without us, and no task waits for the answer.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

logger = Logger(child=True)
HEARTBEAT_SECONDS = 10.0
GONE = {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}


class TaskTokens:
    """Answers task tokens through a Step Functions client."""

    def __init__(self, client: Any = None) -> None:
        self._client = client or boto3.client("stepfunctions")
        self._beating = ""
        self._last_beat = 0.0

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """Answer with a JSON output; False when no task waits for it any more."""
        return self._answer("send_task_success", taskToken=token, output=json.dumps(output))

    def fail(self, token: str, error: Exception) -> bool:
        """Answer with the error's class name and its message; False when no task waits for it any more."""
        name, cause = type(error).__name__, str(error)[:1000]
        return self._answer("send_task_failure", taskToken=token, error=name, cause=cause)

    def heartbeat(self, token: str) -> None:
        """Send a heartbeat, at most every `HEARTBEAT_SECONDS`, however often this is called."""
        if token == self._beating and time.monotonic() - self._last_beat < HEARTBEAT_SECONDS:
            return
        self._beating, self._last_beat = token, time.monotonic()
        self._answer("send_task_heartbeat", taskToken=token)

    def _answer(self, operation: str, **arguments: str) -> bool:
        try:
            getattr(self._client, operation)(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise
            logger.warning("task token is gone", operation=operation, code=error.response["Error"]["Code"])
            return False
        return True
