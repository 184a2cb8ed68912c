"""Planning a run: who is in it, and with which model, prompts and thresholds."""

from pathlib import Path
from typing import Any

from planner import store
from planner.manifest import Manifests
from planner.requests import PlanRequest
from planner.settings import PlannerSettings
from vigie.audit import Event
from vigie.database import Database, Transaction
from vigie.decision import Decision, DecisionError, parse_decision
from vigie.errors import InvalidInputError, SettingsError
from vigie.runtime import Request

DECISION_FILE = Path(__file__).with_name("decision.toml")


def plan_run(
    asked: PlanRequest, settings: PlannerSettings, database: Database, manifests: Manifests, request: Request
) -> dict[str, Any]:
    """Plan a run once; asked again, answer what was planned.

    Returns the manifest's place and the counts that the state machine needs.

    Raises:
        InvalidInputError: a customer id is unknown, or a run to go on with was never planned or is closed.
        ModelNotApprovedError: there is no approved model.
    """
    request = request.for_run(asked.run_id)
    with database.transaction(request.origin) as transaction:
        planned = store.find_plan(transaction, asked.run_id)
        if asked.resumes:
            planned = _require_open(planned, asked.run_id)
        elif planned is None:
            planned = _plan(transaction, asked, settings)
    place = manifests.write(asked.run_id, planned.batches)
    return {
        "run_id": asked.run_id,
        "planned": planned.customers,
        "batches": planned.batches,
        "max_concurrency": settings.max_concurrency,
        "manifest": {"bucket": place.bucket, "key": place.key},
    }


def _require_open(planned: store.Plan | None, run_id: str) -> store.Plan:
    if planned is None:
        raise InvalidInputError(f"run {run_id} was never planned, so it cannot go on: start one with make run")
    if planned.closed:
        raise InvalidInputError(f"run {run_id} is closed and stays as it is: make redrive takes its failures up again")
    return planned


def _plan(transaction: Transaction, asked: PlanRequest, settings: PlannerSettings) -> store.Plan:
    model = store.approved_model(transaction, settings.contract)
    frozen = store.Frozen(
        model=model,
        prompts={"analysis": settings.analysis_prompt, "action": settings.action_prompt},
        decision=_decision_rule(settings),
        batch_size=asked.batch_size or settings.batch_size,
    )
    if asked.customer_ids:
        unknown = store.unknown_customers(transaction, asked.customer_ids, model.contract)
        if unknown:
            shown = ", ".join(str(customer_id) for customer_id in unknown[:10])
            raise InvalidInputError(
                f"customer_ids: {len(unknown)} have no features under contract {model.contract}: {shown}. "
                "Load them with make load, or leave them out."
            )
    store.insert_run(transaction, asked, frozen)
    left_out = store.choose_customers(transaction, asked, model.contract, frozen.batch_size)
    plan = store.count_plan(transaction, asked.run_id)
    transaction.audit(
        Event(
            "RUN_PLANNED",
            details={
                "planned": plan.customers,
                "batches": plan.batches,
                "left_out_without_profiling_consent": left_out,
                "contract": model.contract,
                "model_version": model.version,
                "scorer_sha256": model.scorer_sha256,
                "analysis_prompt": settings.analysis_prompt,
                "action_prompt": settings.action_prompt,
            },
        )
    )
    return plan


def _decision_rule(settings: PlannerSettings) -> Decision:
    try:
        return parse_decision(
            DECISION_FILE.read_text(encoding="utf-8"), settings.high_threshold, settings.medium_threshold
        )
    except DecisionError as error:
        raise SettingsError(f"the decision rule cannot be used: {error}") from error
