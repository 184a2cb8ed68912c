"""Entry point of `vigie-planner`, which the state machine invokes to plan a run and to finish it."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from planner.closing import finish_run
from planner.manifest import Manifests
from planner.planning import plan_run
from planner.requests import FinishRequest, PlanRequest
from planner.settings import PlannerSettings
from vigie.errors import InvalidInputError
from vigie.runtime import open_database, request_of

logger = Logger(location=None)
metrics = Metrics()
settings = PlannerSettings.from_environment()
database = open_database(settings.database_secret)
manifests = Manifests(settings.runs_bucket)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Plan or finish, as the event's `do` says."""
    logger.append_keys(run_id=event.get("run_id"))
    request = request_of("planner", context)
    match event.get("do"):
        case "plan":
            planned = plan_run(PlanRequest.parse(event), settings, database, manifests, request)
            metrics.add_metric("CustomersPlanned", MetricUnit.Count, planned["planned"])
            return planned
        case "finish":
            finished = finish_run(FinishRequest.parse(event), database, request)
            metrics.add_metric("CustomersFailed", MetricUnit.Count, finished["customers"]["failed"])
            metrics.add_metric("AnalysesLost", MetricUnit.Count, finished["customers"].get("analysis_failed", 0))
            return finished
        case other:
            raise InvalidInputError(f"do={other!r} is unknown: use plan or finish")
