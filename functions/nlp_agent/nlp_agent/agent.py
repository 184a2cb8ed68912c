"""The work of the nlp agent on one batch: consent, pseudonymisation, ledger, model, results.

Each customer's steps are committed as they are made, so that a batch delivered again goes on where the last
delivery ended, and pays for no answer twice.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from nlp_agent.deciding import Ask, Candidate, Decision, Reuse, Skip, decide, in_turn, join_feedback
from nlp_agent.store import insert_analyses, load_candidates
from vigie.audit import Event
from vigie.database import Database, Transaction
from vigie.errors import ConsentChangedError
from vigie.messages import BatchMessage
from vigie.runs import Run, load_run
from vigie.runtime import Request
from vigie.steps import StepEnd, count_outcomes, end_steps
from vigie.task_tokens import TaskTokens
from vigie.vocabulary import CallStatus, EventStatus, EventType, Purpose, Reason, Step, StepOutcome
from vigie_llm.analysis import (
    Analysis,
    analysis_from,
    as_stored,
    ask_for_analysis,
    read_analysis,
)
from vigie_llm.calls import Call, Outcome, Slices
from vigie_llm.chat import ChatAnswer
from vigie_llm.ledger import Entry, Ledger
from vigie_llm.opening import open_ledger, refusal_audited
from vigie_llm.provider import Provider
from vigie_llm.pseudonymise import pseudonymise

STEP = Step.ANALYSE
PURPOSE = Purpose.FEEDBACK_ANALYSIS
REASONS = {
    CallStatus.REJECTED: Reason.ANSWER_REJECTED,
    CallStatus.BLOCKED: Reason.EGRESS_BLOCKED,
    CallStatus.REFUSED: Reason.MODEL_REFUSED,
    CallStatus.UNAVAILABLE: Reason.MODEL_UNAVAILABLE,
}


class Analyst:
    """Analyses batches, with one database connection and one provider."""

    def __init__(self, database: Database, provider: Provider) -> None:
        self._database = database
        self._provider = provider

    def analyse(self, message: BatchMessage, request: Request, tokens: TaskTokens, metrics: Metrics) -> dict[str, Any]:
        """Analyse a batch; the answer says how many customers came to what, and how many remain.

        Raises:
            BusinessError: the batch cannot be analysed at all, or would go elsewhere than planned.
            TransientError: it could not be analysed now.
        """
        with self._database.exclusive(request.origin, STEP, message.run_id, message.batch_no):
            with refusal_audited(self._database, request, message.batch_no):
                run, decisions, ledger = self._take_up(message, request)
            decided = {decision.candidate.customer_id: decision for decision in decisions}
            slices = Slices(decisions, self._provider.slice_size, lambda some: self._enter(some, run, ledger, request))
            for ended in self._provider.run(slices, _accept, request.seconds_left):
                chunk = [_left_open(outcome, decided) for outcome in ended]
                self._store(chunk, decided, ledger, request)
                slices.ended(chunk)
                tokens.heartbeat(message.task_token)
            return self._hand_back(message, slices, ledger, request, metrics)

    def _take_up(self, message: BatchMessage, request: Request) -> tuple[Run, list[Decision], Ledger]:
        with self._database.transaction(request.origin) as transaction:
            run = load_run(transaction, message.run_id)
            candidates = load_candidates(transaction, message.run_id, message.batch_no)
            ledger = open_ledger(self._provider, run, PURPOSE, run.prompt_versions["analysis"])
            earlier = ledger.earlier(transaction, [candidate.customer_id for candidate in candidates])
            transaction.audit(
                Event(EventType.BATCH_START, details={"batch_no": message.batch_no, "customers": len(candidates)})
            )
        return run, in_turn([decide(each, earlier.get(each.customer_id)) for each in candidates]), ledger

    def _enter(self, decisions: Sequence[Decision], run: Run, ledger: Ledger, request: Request) -> list[Call]:
        """Commit what was decided: skipped customers end here, the others' calls may leave after it."""
        asked = [decision for decision in decisions if isinstance(decision, Ask)]
        entries = [_entry(ask, run.prompt_versions["analysis"]) for ask in asked]
        reused = [decision for decision in decisions if isinstance(decision, Reuse)]
        with self._database.transaction(request.origin) as transaction:
            transaction.audit(*(_consent_check(decision.candidate) for decision in decisions))
            for ask, entry in zip(asked, entries, strict=True):
                if ask.lost:
                    ledger.end_without_answer(transaction, ask.candidate.customer_id, ask.lost, CallStatus.LOST)
                transaction.audit(_pseudonymised(entry, len(ask.candidate.feedback)))
            calls = ledger.enter(transaction, entries)
            found = [(reuse.candidate, reuse.egress_id, analysis_from(reuse.answer)) for reuse in reused]
            _save(transaction, run.run_id, found)
            skipped = [decision for decision in decisions if isinstance(decision, Skip)]
            end_steps(
                transaction,
                run.run_id,
                STEP,
                [StepEnd(skip.candidate.customer_id, StepOutcome.SKIPPED, skip.reason) for skip in skipped],
            )
        return calls

    def _store(
        self, chunk: list[Outcome[Analysis]], decided: dict[UUID, Decision], ledger: Ledger, request: Request
    ) -> None:
        """Commit what came of some calls; when a consent went meanwhile, one customer at a time."""
        try:
            self._store_together(chunk, decided, ledger, request)
        except ConsentChangedError:
            for outcome in chunk:
                try:
                    self._store_together([outcome], decided, ledger, request)
                except ConsentChangedError:
                    self._store_withdrawn(outcome, ledger, request)

    def _store_together(
        self, chunk: list[Outcome[Analysis]], decided: dict[UUID, Decision], ledger: Ledger, request: Request
    ) -> None:
        with self._database.transaction(request.origin) as transaction:
            ledger.end(transaction, chunk)
            found = [
                (decided[outcome.call.customer_id].candidate, outcome.call.egress_id, outcome.result)
                for outcome in chunk
                if outcome.result is not None
            ]
            _save(transaction, ledger.run_id, found)
            failed = [
                StepEnd(outcome.call.customer_id, StepOutcome.FAILED, REASONS[outcome.how])
                for outcome in chunk
                if outcome.result is None and not outcome.is_open
            ]
            end_steps(transaction, ledger.run_id, STEP, failed)

    def _store_withdrawn(self, outcome: Outcome[Analysis], ledger: Ledger, request: Request) -> None:
        with self._database.transaction(request.origin) as transaction:
            ledger.end(transaction, [outcome.without_content()])
            ended = StepEnd(outcome.call.customer_id, StepOutcome.WITHDRAWN, Reason.CONSENT_WITHDRAWN)
            end_steps(transaction, ledger.run_id, STEP, [ended])

    def _hand_back(
        self, message: BatchMessage, slices: Slices[Decision], ledger: Ledger, request: Request, metrics: Metrics
    ) -> dict[str, Any]:
        with self._database.transaction(request.origin) as transaction:
            for call in slices.unsent:
                ledger.end_without_answer(transaction, call.customer_id, call.egress_id, CallStatus.UNSENT)
            outcomes = count_outcomes(transaction, message.run_id, message.batch_no, STEP)
            details = {"batch_no": message.batch_no, "outcomes": outcomes, "remaining": slices.remaining}
            transaction.audit(Event(EventType.BATCH_END, details=details))
        metrics.add_metric("CustomersAnalysed", MetricUnit.Count, outcomes.get("done", 0))
        return {"outcomes": outcomes} | slices.answer


def _accept(call: Call, answer: ChatAnswer) -> tuple[Analysis, dict[str, Any]]:
    analysis = read_analysis(call.request, answer)
    return analysis, as_stored(analysis)


def _left_open(outcome: Outcome[Analysis], decided: dict[UUID, Decision]) -> Outcome[Analysis]:
    """The same outcome, open where another round may ask with a shorter text."""
    decision = decided[outcome.call.customer_id]
    may_pass = outcome.is_too_long and isinstance(decision, Ask) and decision.can_be_shorter
    return replace(outcome, is_open=True) if may_pass else outcome


def _entry(ask: Ask, prompt_version: str) -> Entry:
    candidate = ask.candidate
    text = join_feedback(candidate.feedback, ask.most_characters)
    masked = pseudonymise(text, candidate.known, candidate.language)
    request = ask_for_analysis(prompt_version, masked.text[: ask.most_characters], candidate.language, candidate.known)
    assert candidate.consent_id is not None  # noqa: S101  (decided in cases.decide)
    return Entry(candidate.customer_id, candidate.consent_id, ask.attempt, request, masked.counts)


def _consent_check(candidate: Candidate) -> Event:
    status = EventStatus.REFUSED if candidate.consent_id is None else EventStatus.OK
    details = {"purpose": PURPOSE, "consent_id": candidate.consent_id}
    return Event(EventType.CONSENT_CHECK, status, candidate.customer_id, details)


def _pseudonymised(entry: Entry, feedback_count: int) -> Event:
    details = {"replaced": entry.entity_counts, "feedback_count": feedback_count}
    return Event(EventType.PSEUDONYMISATION, customer_id=entry.customer_id, details=details)


def _save(transaction: Transaction, run_id: str, found: list[tuple[Candidate, UUID, Analysis]]) -> None:
    insert_analyses(transaction, run_id, found)
    end_steps(
        transaction, run_id, STEP, [StepEnd(candidate.customer_id, StepOutcome.DONE) for candidate, _, _ in found]
    )
    for candidate, egress_id, analysis in found:
        details = {"sentiment": analysis.sentiment, "topics": len(analysis.topics), "egress_id": str(egress_id)}
        transaction.audit(Event(EventType.ANALYSIS_SAVED, customer_id=candidate.customer_id, details=details))
