"""A message of a dead-letter queue, parsed as far as it can be."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from vigie.vocabulary import CLOSE_AUDIT, DeadLetterReason, Step

STEPS = {
    "vigie-nlp-dlq": Step.ANALYSE,
    "vigie-prediction-dlq": Step.PREDICT,
    "vigie-action-dlq": Step.DECIDE,
    "vigie-audit-dlq": CLOSE_AUDIT,
}
RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
MOST_BATCHES = 2**31


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is known of a dead letter. Of one that cannot be read: its size and its fingerprint only."""

    message_id: str
    queue: str
    step: str
    size: int
    sha256: str
    run_id: str | None = None
    batch_no: int | None = None
    task_token: str | None = None

    @property
    def reason(self) -> DeadLetterReason:
        """Why it is in this queue: its agent's retries are exhausted, or its body names no task."""
        return DeadLetterReason.RETRIES_EXHAUSTED if self.task_token else DeadLetterReason.UNREADABLE


def parse_dead_letter(record: SQSRecord) -> DeadLetter:
    """Parse a message of a dead-letter queue; never fails, whatever it holds."""
    queue = record.event_source_arn.rpartition(":")[2]
    body = record.body.encode()
    fields = _fields(record.body)
    run_id, batch_no, token = fields.get("run_id"), fields.get("batch_no"), fields.get("task_token")
    return DeadLetter(
        message_id=record.message_id,
        queue=queue,
        step=STEPS[queue],
        size=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        run_id=run_id if isinstance(run_id, str) and RUN_ID.fullmatch(run_id) else None,
        batch_no=batch_no if type(batch_no) is int and 0 <= batch_no < MOST_BATCHES else None,
        task_token=token if isinstance(token, str) and token else None,
    )


def _fields(body: str) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
