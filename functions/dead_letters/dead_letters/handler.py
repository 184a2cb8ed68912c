"""Entry point of `vigie-dead-letters`, behind the four dead-letter queues."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from dead_letters.messages import parse_dead_letter
from dead_letters.recording import record_and_answer
from vigie.runtime import open_database, request_of
from vigie.settings import AgentSettings
from vigie.task_tokens import TaskTokens

logger = Logger(location=None)
metrics = Metrics()
# Each message fails alone: one that stays is no error of the function.
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
settings = AgentSettings.from_environment()
tokens = TaskTokens()
database = open_database(settings.database_secret)


def record_handler(record: SQSRecord, lambda_context: LambdaContext) -> None:
    """Record one dead letter and fail its task."""
    letter = parse_dead_letter(record)
    logger.append_keys(run_id=letter.run_id, batch_no=letter.batch_no)
    logger.warning("dead letter", queue=letter.queue, reason=letter.reason)
    if record_and_answer(letter, database, tokens, request_of("dead_letters", lambda_context)):
        metrics.add_metric("DeadLetters", MetricUnit.Count, 1)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Process the messages of an SQS event; those that stay are delivered again."""
    return process_partial_response(event, record_handler, processor, context)
