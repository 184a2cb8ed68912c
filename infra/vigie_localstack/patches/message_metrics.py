"""Report how many messages a queue holds, and not each message.

Works around: LocalStack reports each message sent, received or deleted, and each question to an empty queue, to
CloudWatch with a request of its own. What alarms go by, how many messages a queue holds, it reports once a minute.
Tested by: tests/integration/localstack/test_patches.py, on a running LocalStack.
Can go: when LocalStack has a setting for these metrics alone.
"""

from __future__ import annotations

from typing import Any


def install() -> None:
    """Leave out the metrics NumberOfMessages… and NumberOfEmptyReceives of SQS."""
    from localstack.services.sqs.provider import CloudwatchDispatcher

    dispatcher: Any = CloudwatchDispatcher
    dispatcher.dispatch_sqs_metric = lambda *_arguments, **_named: None
