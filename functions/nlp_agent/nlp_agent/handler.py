"""Entry point of `vigie-nlp-agent`, behind the queue `vigie-nlp`."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from nlp_agent.agent import NlpAgent
from vigie.batches import complete_task
from vigie.messages import BatchMessage
from vigie.runtime import open_database, request_of, tune_garbage_collection
from vigie.task_tokens import TaskTokens
from vigie_llm.provider import LlmSettings, Provider

logger = Logger(location=None)
metrics = Metrics()
processor = BatchProcessor(EventType.SQS)
settings = LlmSettings.from_environment()
tokens = TaskTokens()
provider = Provider(settings)
agent = NlpAgent(open_database(settings.database_secret), provider)
tune_garbage_collection()


def record_handler(record: SQSRecord, lambda_context: LambdaContext) -> None:
    """Analyse the feedback of one batch."""
    message = BatchMessage.parse(record.body)
    logger.append_keys(run_id=message.run_id, batch_no=message.batch_no)
    request = request_of("nlp_agent", lambda_context).for_run(message.run_id)
    complete_task(
        message.task_token, tokens, lambda: agent.work(message, request, tokens, metrics), request.seconds_left
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse | dict[str, str]:
    """Process the batches of an SQS event (those that fail are delivered again), or describe the model provider."""
    if event.get("do") == "describe_provider":
        return provider.describe().facts()
    return process_partial_response(event, record_handler, processor, context)
