"""Store each line of a function's log once.

Works around: LocalStack adds the end of an invocation's log to CloudWatch Logs; the executor has delivered it by then.
Tested by: tests/integration/executor/test_logs.py, on a running LocalStack.
Can go: when the interface of executors lets them say that they deliver logs themselves.
"""

from __future__ import annotations


def install() -> None:
    """Stop LocalStack from adding log lines. The executor installs this: it needs it under any LocalStack."""
    from localstack.services.lambda_.invocation.logs import LogHandler

    setattr(LogHandler, "add_logs", lambda *_: None)  # noqa: B010
