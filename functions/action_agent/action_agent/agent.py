"""The work of the action agent on one batch: segment, consent, model or catalogue, results."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from action_agent.deciding import (
    Action,
    Ask,
    Candidate,
    as_case,
    decide,
    from_catalogue,
    from_model,
    offers_for,
    why_not,
    without_offer,
)
from action_agent.store import insert_actions, load_candidates, load_offers, profiled_now
from vigie.audit import Event
from vigie.database import Database, Transaction
from vigie.errors import ConsentChangedError
from vigie.messages import BatchMessage
from vigie.runs import Run, load_run
from vigie.runtime import Request
from vigie.steps import StepEnd, count_outcomes, end_steps
from vigie.task_tokens import TaskTokens
from vigie.vocabulary import CallStatus, EventStatus, EventType, Purpose, Reason, Segment, Step, StepOutcome
from vigie_llm.action import Offer, WordedAction, ask_for_action, read_action
from vigie_llm.calls import Call, Outcome, Slices
from vigie_llm.chat import ChatAnswer
from vigie_llm.ledger import Earlier, Entry, Ledger
from vigie_llm.opening import open_ledger, refusal_audited
from vigie_llm.provider import Provider

STEP = Step.DECIDE
PURPOSE = Purpose.RETENTION_OFFERS
REASONS = {
    CallStatus.REJECTED: Reason.ANSWER_REJECTED,
    CallStatus.BLOCKED: Reason.EGRESS_BLOCKED,
    CallStatus.REFUSED: Reason.MODEL_REFUSED,
    CallStatus.UNAVAILABLE: Reason.MODEL_UNAVAILABLE,
}


class Actor:
    """Decides on batches, with one database connection and one provider."""

    def __init__(self, database: Database, provider: Provider) -> None:
        self._database = database
        self._provider = provider

    def act(self, message: BatchMessage, request: Request, tokens: TaskTokens, metrics: Metrics) -> dict[str, Any]:
        """Decide on a batch; the answer says how many customers came to what, and how many remain.

        Raises:
            BusinessError: the batch cannot be decided on at all, or would go elsewhere than planned.
            TransientError: it could not be decided on now.
        """
        with self._database.exclusive(request.origin, STEP, message.run_id, message.batch_no):
            with refusal_audited(self._database, request, message.batch_no):
                batch = self._take_up(message, request)
            slices = Slices(
                batch.in_turn(),
                self._provider.slice_size,
                lambda some: self._enter(some, batch, request, message.without_model),
            )
            for chunk in self._provider.run(slices, _accept, request.seconds_left):
                self._store(chunk, batch, request)
                slices.ended(chunk)
                tokens.heartbeat(message.task_token)
            return self._hand_back(message, slices, batch, request, metrics)

    def _take_up(self, message: BatchMessage, request: Request) -> "_Batch":
        with self._database.transaction(request.origin) as transaction:
            run = load_run(transaction, message.run_id)
            candidates = load_candidates(transaction, message.run_id, message.batch_no)
            offers = load_offers(transaction)
            ledger = open_ledger(self._provider, run, PURPOSE, run.prompt_versions["action"])
            earlier = ledger.earlier(transaction, [candidate.customer_id for candidate in candidates])
            details = {"batch_no": message.batch_no, "customers": len(candidates)}
            transaction.audit(Event(EventType.BATCH_START, details=details))
        return _Batch(run, ledger, offers, {candidate.customer_id: candidate for candidate in candidates}, earlier)

    def _enter(
        self, candidates: Sequence[Candidate], batch: "_Batch", request: Request, without_model: bool
    ) -> list[Call]:
        """Commit what can be decided at once, all of it where the model was waited for in vain; the others' calls may
        leave after it."""
        with self._database.transaction(request.origin) as transaction:
            impossible = [(candidate, why_not(candidate)) for candidate in candidates]
            ends = [StepEnd(candidate.customer_id, *why) for candidate, why in impossible if why]
            end_steps(transaction, batch.run.run_id, STEP, ends)
            ready = [candidate for candidate, why in impossible if why is None]
            transaction.audit(*(_consent_check(candidate) for candidate in ready))
            decided = [batch.decide(candidate) for candidate in ready]
            asked = [ask for ask in decided if isinstance(ask, Ask)]
            for ask in asked:
                if ask.lost:
                    batch.ledger.end_without_answer(transaction, ask.candidate.customer_id, ask.lost, CallStatus.LOST)
            actions = [action for action in decided if isinstance(action, Action)]
            if without_model:
                actions += [batch.catalogue(ask.candidate, CallStatus.UNAVAILABLE) for ask in asked]
                asked = []
            _save(transaction, batch.run, actions)
            return batch.ledger.enter(transaction, [batch.entry(ask) for ask in asked])

    def _store(self, chunk: list[Outcome[WordedAction]], batch: "_Batch", request: Request) -> None:
        """Commit what came of some calls; when a consent went meanwhile, one customer at a time."""
        try:
            self._store_together(chunk, batch, request)
        except ConsentChangedError:
            for outcome in chunk:
                try:
                    self._store_together([outcome], batch, request)
                except ConsentChangedError:
                    self._store_withdrawn(outcome, batch, request)

    def _store_together(self, chunk: Sequence[Outcome[WordedAction]], batch: "_Batch", request: Request) -> None:
        with self._database.transaction(request.origin) as transaction:
            batch.ledger.end(transaction, list(chunk))
            _save(transaction, batch.run, [batch.action(outcome) for outcome in chunk if not outcome.is_open])

    def _store_withdrawn(self, outcome: Outcome[WordedAction], batch: "_Batch", request: Request) -> None:
        candidate = batch.candidates[outcome.call.customer_id]
        with self._database.transaction(request.origin) as transaction:
            batch.ledger.end(transaction, [outcome.without_content()])
            if profiled_now(transaction, candidate.customer_id):
                action = without_offer(candidate, batch.segment(candidate), Reason.CONSENT_WITHDRAWN)
                _save(transaction, batch.run, [action])
            else:
                ended = StepEnd(candidate.customer_id, StepOutcome.WITHDRAWN, Reason.CONSENT_WITHDRAWN)
                end_steps(transaction, batch.run.run_id, STEP, [ended])

    def _hand_back(
        self, message: BatchMessage, slices: Slices[Candidate], batch: "_Batch", request: Request, metrics: Metrics
    ) -> dict[str, Any]:
        with self._database.transaction(request.origin) as transaction:
            for call in slices.unsent:
                batch.ledger.end_without_answer(transaction, call.customer_id, call.egress_id, CallStatus.UNSENT)
            outcomes = count_outcomes(transaction, message.run_id, message.batch_no, STEP)
            details = {"batch_no": message.batch_no, "outcomes": outcomes, "remaining": slices.remaining}
            transaction.audit(Event(EventType.BATCH_END, details=details))
        metrics.add_metric("ActionsDecided", MetricUnit.Count, outcomes.get("done", 0))
        return {"outcomes": outcomes} | slices.answer


class _Batch:
    """A batch being decided on: its run, its customers, and what may be offered to them."""

    def __init__(
        self,
        run: Run,
        ledger: Ledger,
        offers: dict[str, tuple[Offer, ...]],
        candidates: dict[UUID, Candidate],
        earlier: dict[UUID, Earlier],
    ) -> None:
        self.run = run
        self.ledger = ledger
        self.candidates = candidates
        self._offers = offers
        self._earlier = earlier

    def in_turn(self) -> list[Candidate]:
        """Those first who were asked about least often: what stops one customer's calls keeps nobody else waiting."""
        return sorted(self.candidates.values(), key=self._attempts)

    def _attempts(self, candidate: Candidate) -> int:
        earlier = self._earlier.get(candidate.customer_id)
        return earlier.attempt if earlier else 0

    def segment(self, candidate: Candidate) -> Segment:
        assert candidate.probability is not None  # noqa: S101  (see deciding.why_not)
        return self.run.decision.segment(candidate.probability, candidate.annual_value_eur)

    def decide(self, candidate: Candidate) -> Action | Ask:
        earlier = self._earlier.get(candidate.customer_id)
        return decide(candidate, self.segment(candidate), earlier, self.offers_of(candidate))

    def catalogue(self, candidate: Candidate, how: CallStatus) -> Action:
        """The catalogue's action, where a call ended so."""
        return from_catalogue(candidate, self.segment(candidate), REASONS[how], self.offers_of(candidate))

    def offers_of(self, candidate: Candidate) -> tuple[Offer, ...]:
        return self._offers[candidate.language]

    def entry(self, ask: Ask) -> Entry:
        candidate = ask.candidate
        offers = offers_for(ask.segment, self.offers_of(candidate))
        version = self.run.prompt_versions["action"]
        request = ask_for_action(version, as_case(candidate, ask.segment), offers, candidate.known)
        assert candidate.consent_id is not None  # noqa: S101  (see deciding.decide)
        return Entry(candidate.customer_id, candidate.consent_id, ask.attempt, request, {})

    def action(self, outcome: Outcome[WordedAction]) -> Action:
        """The action that comes of a call: the model's, or the catalogue's for a reason."""
        candidate = self.candidates[outcome.call.customer_id]
        if outcome.result is not None:
            return from_model(candidate, self.segment(candidate), outcome.result, outcome.call.egress_id)
        return self.catalogue(candidate, outcome.how)


def _accept(call: Call, answer: ChatAnswer) -> tuple[WordedAction, dict[str, Any]]:
    worded = read_action(call.request, answer)
    return worded, asdict(worded)


def _consent_check(candidate: Candidate) -> Event:
    status = EventStatus.REFUSED if candidate.consent_id is None else EventStatus.OK
    details = {"purpose": PURPOSE, "consent_id": candidate.consent_id}
    return Event(EventType.CONSENT_CHECK, status, candidate.customer_id, details)


def _save(transaction: Transaction, run: Run, actions: list[Action]) -> None:
    insert_actions(transaction, run.run_id, actions)
    end_steps(transaction, run.run_id, STEP, [StepEnd(action.customer_id, StepOutcome.DONE) for action in actions])
    for action in actions:
        chosen = {"segment": action.segment, "probability": round(action.probability, 6)}
        transaction.audit(Event(EventType.SEGMENTATION, customer_id=action.customer_id, details=chosen))
        saved: dict[str, Any] = {"source": action.source, "offer_id": action.offer_id, "reason": action.source_reason}
        details = {name: value for name, value in saved.items() if value is not None}
        details["analysis_lost"] = action.analysis_lost
        transaction.audit(Event(EventType.ACTION_SAVED, customer_id=action.customer_id, details=details))
