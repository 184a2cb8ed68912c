"""The work of the action agent on one batch: segment, consent, model or catalogue, results."""

from typing import Any, NamedTuple

from aws_lambda_powertools import Metrics

from action_agent.arbitrating import arbitrate_batch
from action_agent.deciding import Action, Decision, Prospect, SettledAction, decide
from action_agent.store import INSERT_ACTIONS, action_row, load_candidates, load_offers, load_phrases
from vigie.audit import Event
from vigie.database import Database
from vigie.messages import BatchMessage
from vigie.runtime import Request
from vigie.steps import StepEnd, consent_check
from vigie.task_tokens import TaskTokens
from vigie.vocabulary import EventType, Purpose, Reason, Step, Wording
from vigie_llm.action import ask_for_action, read_action, read_draft
from vigie_llm.calls import CallOutcome
from vigie_llm.decisions import Ask, in_turn
from vigie_llm.ledger import LedgerEntry
from vigie_llm.model_batch import REASONS, CustomerResult, Ended, ModelTask, Prepared, claim_batch
from vigie_llm.phrases import Choice
from vigie_llm.provider import Provider

PURPOSE = Purpose.RETENTION_OFFERS
TASK = ModelTask(Step.DECIDE, PURPOSE, "action", INSERT_ACTIONS, read_action, "ActionsDecided")


class Question(NamedTuple):
    """How the model is asked in a run: the prompt's version, and whether for a draft as well."""

    version: str
    with_draft: bool


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
                offers, phrases = load_offers(transaction), load_phrases(transaction)
                earlier = batch.start(transaction, candidates)
                rulings = arbitrate_batch(transaction, batch.run, candidates) or {}
            rule, run_id = batch.run.decision, batch.run.run_id
            question = Question(batch.prompt_version, batch.run.wording is Wording.DRAFTED)
            decisions = in_turn([
                decide(each, rule, offers, phrases, earlier.get(each.customer_id), rulings.get(each.customer_id))
                for each in candidates
            ])  # fmt: skip
            asked = {each.candidate.candidate.customer_id: each for each in decisions if isinstance(each, Ask)}
            for turn in batch.turns(decisions):
                batch.record(_prepare(each, run_id, question, message.without_model) for each in turn.decisions)
                ended = [_end(outcome, asked[outcome.call.customer_id], run_id) for outcome in turn.outcomes]
                batch.store(ended, tokens)
            return batch.finish(metrics)


def _prepare(decision: Decision, run_id: str, question: Question, without_model: bool) -> Prepared:
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
    return Prepared(customer_id, _entry(decision, question), check)


def _entry(ask: Ask[Prospect], question: Question) -> LedgerEntry:
    prospect, candidate = ask.candidate, ask.candidate.candidate
    request = ask_for_action(
        question.version, prospect.as_case(), prospect.offers, prospect.options, candidate.known, question.with_draft
    )
    assert candidate.consent_id is not None  # noqa: S101  (see deciding.decide)
    return LedgerEntry(candidate.customer_id, candidate.consent_id, ask.attempt, request, {})


def _end(outcome: CallOutcome[Choice], ask: Ask[Prospect], run_id: str) -> Ended[Choice]:
    """How a customer's step ends with a call: with the model's action, or the catalogue's for a reason."""
    if outcome.is_open:
        return Ended(outcome, None)
    prospect = ask.candidate
    action = None
    if outcome.result is not None and outcome.answer is not None:
        draft = read_draft(outcome.call.request, outcome.answer)
        action = prospect.from_model(outcome.result, outcome.call.egress_id, draft)
    action = action or prospect.from_catalogue(REASONS.get(outcome.status, Reason.ANSWER_REJECTED))
    return Ended(
        outcome, _result(run_id, action), lambda: _result(run_id, prospect.without_offer(Reason.CONSENT_WITHDRAWN))
    )


def _result(run_id: str, action: Action) -> CustomerResult:
    call = {"egress_id": str(action.egress_id)} if action.egress_id else {}
    details = {**call, "analysis_lost": action.analysis_lost}
    events = (
        Event(EventType.SEGMENTATION, customer_id=action.customer_id),
        Event(EventType.ACTION_SAVED, customer_id=action.customer_id, details=details),
    )
    return CustomerResult(action.customer_id, action_row(run_id, action), events)
