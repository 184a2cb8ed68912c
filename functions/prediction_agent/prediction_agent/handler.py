"""Entry point of `vigie-prediction-agent`, behind the queue `vigie-prediction`."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from prediction_agent.agent import PredictionAgent
from vigie.batches import complete_task
from vigie.messages import BatchMessage
from vigie.runtime import open_database, request_of, tune_garbage_collection
from vigie.settings import AgentSettings
from vigie.task_tokens import TaskTokens

logger = Logger(location=None)
metrics = Metrics()
processor = BatchProcessor(EventType.SQS)
settings = AgentSettings.from_environment()
tokens = TaskTokens()
agent = PredictionAgent(open_database(settings.database_secret))
tune_garbage_collection()


def record_handler(record: SQSRecord, lambda_context: LambdaContext) -> None:
    """Predict for the customers of one batch."""
    message = BatchMessage.parse(record.body)
    logger.append_keys(run_id=message.run_id, batch_no=message.batch_no)
    request = request_of("prediction_agent", lambda_context).for_run(message.run_id)
    complete_task(message.task_token, tokens, lambda: agent.work(message, request, metrics), request.seconds_left)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Process the batches of an SQS event; those that fail are delivered again."""
    return process_partial_response(event, record_handler, processor, context)
