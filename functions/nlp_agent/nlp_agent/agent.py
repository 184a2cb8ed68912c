"""The work of the nlp agent on one batch: consent, pseudonymisation, ledger, model, results."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from aws_lambda_powertools import Metrics

from nlp_agent.deciding import AnalysisCandidate, Decision, Skip, can_be_shorter, decide, join_feedback, most_characters
from nlp_agent.store import INSERT_ANALYSES, analysis_row, load_candidates
from vigie.audit import Event
from vigie.database import Database
from vigie.messages import BatchMessage
from vigie.runtime import Request
from vigie.steps import StepEnd, consent_check
from vigie.task_tokens import TaskTokens
from vigie.vocabulary import EventType, Purpose, Step, StepOutcome
from vigie_llm.analysis import Analysis, analysis_from, ask_for_analysis, read_analysis
from vigie_llm.calls import CallOutcome
from vigie_llm.decisions import Ask, Reuse, in_turn
from vigie_llm.ledger import LedgerEntry
from vigie_llm.model_batch import REASONS, CustomerResult, Ended, ModelTask, Prepared, claim_batch
from vigie_llm.provider import Provider
from vigie_llm.pseudonymise import pseudonymise

PURPOSE = Purpose.FEEDBACK_ANALYSIS
TASK = ModelTask(Step.ANALYSE, PURPOSE, "analysis", INSERT_ANALYSES, read_analysis, "CustomersAnalysed")


class NlpAgent:
    """Analyses batches, with one database connection and one provider."""

    def __init__(self, database: Database, provider: Provider) -> None:
        self._database = database
        self._provider = provider

    def work(self, message: BatchMessage, request: Request, tokens: TaskTokens, metrics: Metrics) -> dict[str, Any]:
        """Analyse a batch; return how many customers ended in which way, and how many remain.

        Raises:
            BusinessError: the batch cannot be analysed at all, or would go elsewhere than planned.
            TransientError: it could not be analysed now.
        """
        with claim_batch(TASK, self._database, self._provider, message, request) as batch:
            with batch.claiming() as transaction:
                candidates = load_candidates(transaction, message.run_id, message.batch_no)
                earlier = batch.start(transaction, candidates)
            decisions = in_turn([decide(each, earlier.get(each.customer_id)) for each in candidates])
            asked = {each.candidate.customer_id: each for each in decisions if isinstance(each, Ask)}
            run_id, version = batch.run.run_id, batch.prompt_version
            for turn in batch.turns(decisions):
                batch.record(_prepare(decision, run_id, version) for decision in turn.decisions)
                ended = [_end(outcome, asked[outcome.call.customer_id], run_id) for outcome in turn.outcomes]
                batch.store(ended, tokens)
            return batch.finish(metrics)


def _prepare(decision: Decision, run_id: str, prompt_version: str) -> Prepared:
    candidate = decision.candidate
    customer_id = candidate.customer_id
    check = consent_check(customer_id, PURPOSE, candidate.consent_id)
    match decision:
        case Skip():
            return Prepared(customer_id, StepEnd(customer_id, StepOutcome.SKIPPED, decision.reason), check)
        case Reuse():
            found = _result(run_id, candidate, decision.egress_id, analysis_from(decision.answer))
            return Prepared(customer_id, found, check)
        case Ask():
            return Prepared(customer_id, _entry(decision, prompt_version), check)


def _entry(ask: Ask[AnalysisCandidate], prompt_version: str) -> LedgerEntry:
    candidate, most = ask.candidate, most_characters(ask)
    masked = pseudonymise(join_feedback(candidate.feedback, most), candidate.known, candidate.language)
    request = ask_for_analysis(prompt_version, masked.text[:most], candidate.language, candidate.known)
    assert candidate.consent_id is not None  # noqa: S101  (see deciding.decide)
    details = {"replaced": masked.counts, "feedback_count": len(candidate.feedback)}
    event = Event(EventType.PSEUDONYMISATION, customer_id=candidate.customer_id, details=details)
    return LedgerEntry(candidate.customer_id, candidate.consent_id, ask.attempt, request, masked.counts, (event,))


def _end(outcome: CallOutcome[Analysis], ask: Ask[AnalysisCandidate], run_id: str) -> Ended[Analysis]:
    """How a customer's step ends with a call; not yet, where another round may ask with a shorter text."""
    if outcome.result is not None:
        return Ended(outcome, _result(run_id, ask.candidate, outcome.call.egress_id, outcome.result))
    if outcome.is_open or (outcome.is_too_long and can_be_shorter(ask)):
        return Ended(replace(outcome, is_open=True), None)
    return Ended(outcome, StepEnd(outcome.call.customer_id, StepOutcome.FAILED, REASONS[outcome.status]))


def _result(run_id: str, candidate: AnalysisCandidate, egress_id: UUID, analysis: Analysis) -> CustomerResult:
    event = Event(EventType.ANALYSIS_SAVED, customer_id=candidate.customer_id, details={"egress_id": str(egress_id)})
    return CustomerResult(candidate.customer_id, analysis_row(run_id, candidate, egress_id, analysis), (event,))
