"""Entry point of `vigie-audit-agent`, behind the queue `vigie-audit`."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from audit_agent.closing import close_audit
from vigie.batches import answer
from vigie.messages import SealMessage
from vigie.runtime import open_database, request_of
from vigie.settings import AgentSettings
from vigie.task_tokens import TaskTokens

logger = Logger(location=None)  # type: ignore[arg-type]
metrics = Metrics()
processor = BatchProcessor(EventType.SQS)
settings = AgentSettings.from_environment()
tokens = TaskTokens()
database = open_database(settings.database_secret)


def record_handler(record: SQSRecord, lambda_context: LambdaContext) -> None:
    """Close the audit of one run."""
    message = SealMessage.parse(record.body)
    logger.append_keys(run_id=message.run_id)
    request = request_of("audit_agent", lambda_context).for_run(message.run_id)
    answer(message.task_token, tokens, lambda: close_audit(message.run_id, database, request), request.seconds_left)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Take up the messages of an SQS event; those that fail are delivered again."""
    return process_partial_response(event, record_handler, processor, context)
