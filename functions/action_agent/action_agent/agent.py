"""The work of the action agent on one batch: segment, consent, model or catalogue, results."""

from typing import Any

from aws_lambda_powertools import Metrics

from action_agent.deciding import Action, Decision, Prospect, SettledAction, decide
from action_agent.store import INSERT_ACTIONS, action_row, load_candidates, load_offers
from vigie.audit import Event
from vigie.database import Database
from vigie.messages import BatchMessage
from vigie.runtime import Request
from vigie.steps import StepEnd, consent_check
from vigie.task_tokens import TaskTokens
from vigie.vocabulary import EventType, Purpose, Reason, Step
from vigie_llm.action import WordedAction, ask_for_action, read_action
from vigie_llm.calls import CallOutcome
from vigie_llm.decisions import Ask, in_turn
from vigie_llm.ledger import LedgerEntry
from vigie_llm.model_batch import REASONS, CustomerResult, Ended, ModelTask, Prepared, claim_batch
from vigie_llm.provider import Provider

PURPOSE = Purpose.RETENTION_OFFERS
TASK = ModelTask(Step.DECIDE, PURPOSE, "action", INSERT_ACTIONS, read_action, "ActionsDecided")


class ActionAgent:
    """Decides on batches, with one database connection and one provider."""

    def __init__(self, database: Database, provider: Provider) -> None:
        self._database = database
        self._provider = provider

    def work(self, message: BatchMessage, request: Request, tokens: TaskTokens, metrics: Metrics) -> dict[str, Any]:
        """Decide on a batch; return how many customers ended in which way, and how many remain.

        Where the model was unavailable for too long, the catalogue decides on all that are left.

        Raises:
            BusinessError: the batch cannot be decided on at all, or would go elsewhere than planned.
            TransientError: it could not be decided on now.
        """
        with claim_batch(TASK, self._database, self._provider, message, request) as batch:
            with batch.claiming() as transaction:
                candidates = load_candidates(transaction, message.run_id, message.batch_no)
                offers = load_offers(transaction)
                earlier = batch.start(transaction, candidates)
            rule, run_id, version = batch.run.decision, batch.run.run_id, batch.prompt_version
            decisions = in_turn([decide(each, rule, offers, earlier.get(each.customer_id)) for each in candidates])
            asked = {each.candidate.candidate.customer_id: each for each in decisions if isinstance(each, Ask)}
            for turn in batch.turns(decisions):
                batch.record(_prepare(each, run_id, version, message.without_model) for each in turn.decisions)
                ended = [_end(outcome, asked[outcome.call.customer_id], run_id) for outcome in turn.outcomes]
                batch.store(ended, tokens)
            return batch.finish(metrics)


def _prepare(decision: Decision, run_id: str, prompt_version: str, without_model: bool) -> Prepared:
    if isinstance(decision, StepEnd):
        return Prepared(decision.customer_id, decision)
    prospect = decision.candidate
    customer_id = prospect.candidate.customer_id
    check = consent_check(customer_id, PURPOSE, prospect.candidate.consent_id)
    if isinstance(decision, SettledAction):
        return Prepared(customer_id, _result(run_id, decision.action), check)
    if without_model:
        action = prospect.from_catalogue(Reason.MODEL_UNAVAILABLE)
        return Prepared(customer_id, _result(run_id, action), check)
    return Prepared(customer_id, _entry(decision, prompt_version), check)


def _entry(ask: Ask[Prospect], prompt_version: str) -> LedgerEntry:
    prospect, candidate = ask.candidate, ask.candidate.candidate
    request = ask_for_action(prompt_version, prospect.as_case(), prospect.offers, candidate.known)
    assert candidate.consent_id is not None  # noqa: S101  (see deciding.decide)
    return LedgerEntry(candidate.customer_id, candidate.consent_id, ask.attempt, request, {})


def _end(outcome: CallOutcome[WordedAction], ask: Ask[Prospect], run_id: str) -> Ended[WordedAction]:
    """How a customer's step ends with a call: with the model's action, or the catalogue's for a reason."""
    if outcome.is_open:
        return Ended(outcome, None)
    prospect = ask.candidate
    if outcome.result is not None:
        action = prospect.from_model(outcome.result, outcome.call.egress_id)
    else:
        action = prospect.from_catalogue(REASONS[outcome.status])
    return Ended(
        outcome, _result(run_id, action), lambda: _result(run_id, prospect.without_offer(Reason.CONSENT_WITHDRAWN))
    )


def _result(run_id: str, action: Action) -> CustomerResult:
    chosen = {"segment": action.segment, "probability": round(action.probability, 6)}
    saved: dict[str, Any] = {"source": action.source, "offer_id": action.offer_id, "reason": action.source_reason}
    details = {name: value for name, value in saved.items() if value is not None}
    details["analysis_lost"] = action.analysis_lost
    events = (
        Event(EventType.SEGMENTATION, customer_id=action.customer_id, details=chosen),
        Event(EventType.ACTION_SAVED, customer_id=action.customer_id, details=details),
    )
    return CustomerResult(action.customer_id, action_row(run_id, action), events)
