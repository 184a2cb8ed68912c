"""Entry point of `vigie-audit-agent`, behind the queue `vigie-audit` and on a schedule."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from audit_agent.closing import Closer, report_not_sealed
from audit_agent.execution_history import Executions
from audit_agent.log_reading import Logs
from audit_agent.publishing import CheckpointStore
from audit_agent.reconciling import Reconciler
from audit_agent.sealing import Sealer
from audit_agent.settings import AuditSettings
from audit_agent.signing import Signer
from audit_agent.witnessing import parse_witnesses
from vigie.batches import complete_task
from vigie.errors import InvalidInputError, VigieError
from vigie.messages import SealMessage
from vigie.runtime import open_database, request_of, tune_garbage_collection
from vigie.task_tokens import TaskTokens

logger = Logger(location=None)
metrics = Metrics()
processor = BatchProcessor(EventType.SQS)
settings = AuditSettings.from_environment()
tokens = TaskTokens()
database = open_database(settings.database_secret)
sealer = Sealer(
    database,
    Signer(settings.audit_key, settings.audit_origin, ed25519_key=settings.audit_ed25519_key),
    CheckpointStore(settings.checkpoint_bucket),
    parse_witnesses(settings.witnesses),
)
reconciler = Reconciler(
    database, Logs(settings.groups), Executions(settings.state_machine_arn), settings.log_wait_seconds
)
closer = Closer(database, reconciler, sealer)
tune_garbage_collection()


def record_handler(record: SQSRecord, lambda_context: LambdaContext) -> None:
    """Close the audit of one run."""
    message = SealMessage.parse(record.body)
    logger.append_keys(run_id=message.run_id)
    request = request_of("audit_agent", lambda_context).for_run(message.run_id)
    complete_task(
        message.task_token, tokens, lambda: closer.close(message.run_id, request, metrics), request.seconds_left
    )


def watch(context: LambdaContext) -> None:
    """Seal what waits, and go on sealing while a run is on."""
    try:
        sealer.watch(request_of("audit_agent", context))
    except VigieError as error:
        report_not_sealed(error, metrics)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse | None:
    """Close runs, as SQS asks (messages that fail are delivered again), or seal, as the schedule and runs ask."""
    if "Records" in event:
        return process_partial_response(event, record_handler, processor, context)
    if event.get("do") != "seal":
        raise InvalidInputError(f"do={event.get('do')!r} is unknown: use seal, or send a message to vigie-audit")
    watch(context)
    return None
