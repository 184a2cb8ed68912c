"""Completion of a task: the work's output or its final error answers the token; transient errors are tried again."""

import random
import time
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger

from vigie.errors import BusinessError, TransientError
from vigie.task_tokens import TaskTokens

logger = Logger(child=True)
TRIES = 4
FIRST_PAUSE_SECONDS = 0.5


def complete_task(
    token: str, tokens: TaskTokens, work: Callable[[], dict[str, Any]], seconds_left: Callable[[], float]
) -> None:
    """Do the work and answer its task token with the output, or with the error's class name when it is final.

    A transient error is tried again here, with jitter, while the function's deadline allows; then it is raised,
    so that SQS redelivers the message. Work must therefore look before it writes.
    """
    try:
        output = _try_repeatedly(work, seconds_left)
    except BusinessError as error:
        logger.exception("batch failed for good", error=type(error).__name__)
        tokens.fail(token, error)
        return
    tokens.succeed(token, output)


def _try_repeatedly(work: Callable[[], dict[str, Any]], seconds_left: Callable[[], float]) -> dict[str, Any]:
    for attempt in range(1, TRIES):
        try:
            return work()
        except TransientError as error:
            pause = random.uniform(0.5, 1) * FIRST_PAUSE_SECONDS * 2**attempt  # noqa: S311
            if seconds_left() < 2 * pause + 5:
                raise
            logger.warning("trying again", error=type(error).__name__, attempt=attempt)
            time.sleep(pause)
    return work()
