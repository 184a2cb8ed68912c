"""Planning a run: who is in it, and with which model, prompts and thresholds."""

from pathlib import Path
from typing import Any

from planner import store
from planner.campaigns import find_campaign, require_prerequisites
from planner.manifest import Manifests
from planner.requests import PlanRequest
from planner.settings import PlannerSettings
from vigie.audit import Event
from vigie.database import Database, Transaction
from vigie.decision import DecisionError, DecisionRule, parse_decision
from vigie.errors import InvalidInputError, SettingsError
from vigie.runtime import Request
from vigie.vocabulary import EventType, Wording

DECISION_FILE = Path(__file__).with_name("decision.toml")


def plan_run(
    asked: PlanRequest, settings: PlannerSettings, database: Database, manifests: Manifests, request: Request
) -> dict[str, Any]:
    """Plan a run once; asked again, answer what was planned.

    Returns the manifest's place and the counts that the state machine needs.

    Raises:
        InvalidInputError: a customer id is unknown, a run to go on with was never planned or is closed, or a run to
            process again was never planned, is not closed, or has no customers left to process; or the campaign
            cannot be proposed into.
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
    redriven = _find_redriven(transaction, asked.redrive) if asked.redrive else None
    model = store.approved_model(transaction, redriven.contract if redriven else settings.contract)
    frozen = store.Frozen(
        model=model,
        prompts={"analysis": settings.analysis_prompt, "action": settings.action_prompt},
        decision=_decision_rule(settings),
        batch_size=asked.batch_size or settings.batch_size,
        most_lost_analyses=_most_lost_analyses(settings),
        wording=_wording(settings),
    )
    _require_known(transaction, asked, model.contract)
    purpose = redriven.purpose if redriven else asked.purpose
    campaign = find_campaign(transaction, asked, model.contract, purpose)
    store.insert_run(transaction, asked, purpose, frozen, campaign)
    left_out = store.choose_customers(transaction, asked, model.contract, frozen.batch_size, settings.round_size)
    if campaign:
        require_prerequisites(transaction, asked.run_id, campaign)
    plan = store.count_plan(transaction, asked.run_id)
    if asked.redrive:
        _note_redrive(transaction, asked.redrive, asked.run_id, plan)
    transaction.audit(_planned(asked, settings, frozen, plan, left_out, campaign))
    return plan


def _find_redriven(transaction: Transaction, run_id: str) -> store.Redriven:
    found = store.find_redriven(transaction, run_id)
    if found is None:
        raise InvalidInputError(f"redrive={run_id} was never planned: name a closed run")
    if not found.closed:
        raise InvalidInputError(f"redrive={run_id} is not closed: complete it first with make resume RUN={run_id}")
    return found


def _note_redrive(transaction: Transaction, of: str, run_id: str, plan: store.Plan) -> None:
    if not plan.customers:
        raise InvalidInputError(
            f"redrive={of}: no customer is left to process; a later run has them, or their consent to profiling is gone"
        )
    store.note_redrive(transaction, of, run_id)


def _require_known(transaction: Transaction, asked: PlanRequest, contract: str) -> None:
    unknown = store.unknown_customers(transaction, asked.customer_ids, contract) if asked.customer_ids else []
    if unknown:
        shown = ", ".join(str(customer_id) for customer_id in unknown[:10])
        raise InvalidInputError(
            f"customer_ids: {len(unknown)} have no features under contract {contract}: {shown}. "
            "Load them with make load, or leave them out."
        )


def _planned(
    asked: PlanRequest,
    settings: PlannerSettings,
    frozen: store.Frozen,
    plan: store.Plan,
    left_out: int,
    campaign: str | None,
) -> Event:
    details: dict[str, Any] = {
        "planned": plan.customers,
        "batches": plan.batches,
        "left_out_without_profiling_consent": left_out,
        "contract": frozen.model.contract,
        "model_version": frozen.model.version,
        "scorer_sha256": frozen.model.scorer_sha256,
        "analysis_prompt": settings.analysis_prompt,
        "action_prompt": settings.action_prompt,
        "most_lost_analyses": frozen.most_lost_analyses,
        **({"redrives": asked.redrive} if asked.redrive else {}),
        **({"campaign": campaign} if campaign else {}),
        **_endpoint(asked),
    }
    return Event(EventType.RUN_PLANNED, details=details)


def _endpoint(asked: PlanRequest) -> dict[str, str]:
    """Where the run's calls go, as the audit event states it."""
    frozen = asked.endpoint
    return {"recipient": frozen.recipient, "address": frozen.address, "llm_model": frozen.model} if frozen else {}


def _most_lost_analyses(settings: PlannerSettings) -> float:
    share = settings.most_lost_analyses
    if not 0 <= share <= 1:
        raise SettingsError(f"MOST_LOST_ANALYSES={share} is no share: set one from 0 to 1 in template.yaml")
    return share


def _wording(settings: PlannerSettings) -> Wording:
    try:
        return Wording(settings.wording)
    except ValueError as error:
        raise SettingsError(
            f"WORDING={settings.wording} is not known: set composed or drafted in template.yaml"
        ) from error


def _decision_rule(settings: PlannerSettings) -> DecisionRule:
    try:
        return parse_decision(
            DECISION_FILE.read_text(encoding="utf-8"), settings.high_threshold, settings.medium_threshold
        )
    except DecisionError as error:
        raise SettingsError(f"the decision rule cannot be used: {error}") from error
