"""A batch of an agent that calls the model: claim, decide, record, call, store, finish, in this order.

The agent's walk is in its own `agent.py`; here is what every such walk shares. What is to be stored comes down as data
(`Prepared`, `Ended`), each step is committed as it is made, and nothing here calls the agent back. A batch delivered
again continues where the last delivery ended, and pays for no answer twice.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from vigie.audit import Event
from vigie.database import Database, Transaction
from vigie.errors import ConsentChangedError, RecipientChangedError
from vigie.messages import BatchMessage
from vigie.runs import Run, load_run
from vigie.runtime import Request
from vigie.steps import StepEnd, batch_ended, batch_started, count_outcomes, end_steps
from vigie.task_tokens import TaskTokens
from vigie.vocabulary import CallStatus, EventStatus, EventType, Purpose, Reason, Step, StepOutcome
from vigie_llm.call_pool import BatchCalls, ReadAnswer, Turn
from vigie_llm.calls import Call, CallOutcome, CallPlan
from vigie_llm.claims import Claims
from vigie_llm.ledger import Earlier, Ledger, LedgerEntry
from vigie_llm.provider import Provider

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# Why a customer's step failed, by how the call ended.
REASONS = {
    CallStatus.REJECTED: Reason.ANSWER_REJECTED,
    CallStatus.BLOCKED: Reason.EGRESS_BLOCKED,
    CallStatus.REFUSED: Reason.MODEL_REFUSED,
    CallStatus.UNAVAILABLE: Reason.MODEL_UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class ModelTask[T: DataclassInstance]:
    """What distinguishes one model-calling agent from another.

    `prompt` names the run's prompt version, `insert` is the SQL for rows of results, `read` reads an answer.
    """

    step: Step
    purpose: Purpose
    prompt: str
    insert: str
    read: ReadAnswer[T]
    metric: str


class BatchCustomer(Protocol):
    """A customer of the batch whose step is not ended yet."""

    @property
    def customer_id(self) -> UUID: ...


@dataclass(frozen=True, slots=True)
class CustomerResult:
    """A row to store for a customer, with the events that report it."""

    customer_id: UUID
    row: tuple[Any, ...]
    events: tuple[Event, ...]


type Ending = CustomerResult | StepEnd


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is recorded of a customer before any call: the call to make, or how the step ends without one."""

    customer_id: UUID
    then: LedgerEntry | Ending
    consent_check: Event | None = None


@dataclass(frozen=True, slots=True)
class Ended[T: DataclassInstance]:
    """A call's outcome and how the customer's step ends: not yet, where there is no `ending`.

    `if_withdrawn` makes what is stored in its place where the consent to the call's purpose was withdrawn meanwhile.
    """

    outcome: CallOutcome[T]
    ending: Ending | None
    if_withdrawn: Callable[[], CustomerResult] | None = None


class ModelBatch[T: DataclassInstance]:
    """A batch that this delivery holds, from `claim_batch`."""

    run: Run

    def __init__(
        self, task: ModelTask[T], database: Database, provider: Provider, message: BatchMessage, request: Request
    ) -> None:
        self._task = task
        self._database = database
        self._provider = provider
        self._message = message
        self._request = request
        self._ledger: Ledger
        self._plan: CallPlan[Any] = CallPlan((), 1)
        self._calls: BatchCalls[T] | None = None

    @property
    def prompt_version(self) -> str:
        """The prompt that the run was planned with."""
        return self.run.prompt_versions[self._task.prompt]

    @contextmanager
    def claiming(self) -> Iterator[Transaction]:
        """Open the transaction in which the batch's customers are read; audit a provider that is not the planned one.

        Raises:
            UnknownRunError: the run was never planned.
            RecipientChangedError: calls would go elsewhere than planned; nothing is sent.
        """
        try:
            with self._database.transaction(self._request.origin) as transaction:
                self.run = load_run(transaction, self._message.run_id)
                yield transaction
        except RecipientChangedError as error:
            self._audit_refused_recipient(error)
            raise

    def start(self, transaction: Transaction, candidates: Sequence[BatchCustomer]) -> dict[UUID, Earlier]:
        """Open the ledger and audit the batch's start; return the earlier calls about these customers.

        Those whose outcome is unknown are closed as lost: no other delivery holds the batch.
        """
        self._ledger = self._provider.ledger(
            self.run.run_id, self._task.purpose, self.prompt_version, self.run.endpoint
        )
        transaction.audit(batch_started(self._message.batch_no, len(candidates)))
        calls = self._ledger.earlier(transaction, [candidate.customer_id for candidate in candidates])
        for customer_id, call in calls.items():
            if call.outcome is None:
                self._ledger.close(transaction, customer_id, call.egress_id, CallStatus.LOST)
        return calls

    def turns[D](self, decisions: Sequence[D]) -> Iterator[Turn[D, T]]:
        """Yield, until every call has ended, decisions to `record` or outcomes to `store`; see `BatchCalls.turns`."""
        plan = self._plan = CallPlan(decisions, self._provider.calls_ahead)
        seconds_left = self._request.seconds_left
        claims = Claims(self._database.beside, seconds_left)
        self._calls = self._provider.start(self._task.read, seconds_left, claims.claim)
        yield from self._calls.turns(plan)

    def record(self, prepared: Iterable[Prepared]) -> None:
        """Commit what was decided; the calls may leave after it.

        What goes wrong, in preparing as well, is raised by `turns` once the calls under way are stored.
        """
        try:
            some = list(prepared)
            calls = self._commit_prepared(some) if some else []
        except Exception as error:
            self._plan.failure = error
            return
        if self._calls and calls:
            self._plan.mark_recorded(calls)
            self._calls.add(calls)

    def store(self, ended: Sequence[Ended[T]], tokens: TaskTokens) -> None:
        """Commit what came of some calls; where a consent was withdrawn meanwhile, one customer at a time."""
        if not ended:
            return
        try:
            if any(each.outcome.is_withdrawn for each in ended):
                raise ConsentChangedError("calls were withdrawn before they left")
            self._commit_ended(ended)
        except ConsentChangedError:
            for each in ended:
                self._store_alone(each)
        self._plan.mark_stored(each.outcome for each in ended)
        tokens.heartbeat(self._message.task_token)

    def finish(self, metrics: Metrics) -> dict[str, Any]:
        """Close the calls that were not sent; return how many customers ended in which way, and how many remain."""
        with self._database.transaction(self._request.origin) as transaction:
            for call in self._plan.not_sent:
                self._ledger.close(transaction, call.customer_id, call.egress_id, CallStatus.UNSENT)
            outcomes = count_outcomes(transaction, self.run.run_id, self._message.batch_no, self._task.step)
            transaction.audit(batch_ended(self._message.batch_no, outcomes, self._plan.remaining))
        metrics.add_metric(self._task.metric, MetricUnit.Count, outcomes.get(StepOutcome.DONE, 0))
        return {"outcomes": outcomes} | self._plan.answer

    def stop(self) -> None:
        """Begin no more calls."""
        if self._calls:
            self._calls.stop()

    def _commit_prepared(self, some: Sequence[Prepared]) -> list[Call]:
        entries = [each.then for each in some if isinstance(each.then, LedgerEntry)]
        with self._database.transaction(self._request.origin) as transaction:
            transaction.audit(*(each.consent_check for each in some if each.consent_check))
            calls = self._ledger.record(transaction, entries)
            self._end_steps(transaction, [each.then for each in some if not isinstance(each.then, LedgerEntry)])
        return calls

    def _commit_ended(self, ended: Sequence[Ended[T]]) -> None:
        with self._database.transaction(self._request.origin) as transaction:
            self._ledger.end(transaction, [each.outcome for each in ended])
            self._end_steps(transaction, [each.ending for each in ended if each.ending])

    def _store_alone(self, ended: Ended[T]) -> None:
        """Commit one outcome as it is, or what a withdrawal leaves of it."""
        bare = ended.outcome.without_content()
        reduced = [Ended(bare, ended.if_withdrawn())] if ended.if_withdrawn else []
        for each in reduced if bare.is_withdrawn else [ended, *reduced]:
            with suppress(ConsentChangedError):
                return self._commit_ended([each])
        withdrawn = StepEnd(ended.outcome.call.customer_id, StepOutcome.WITHDRAWN, Reason.CONSENT_WITHDRAWN)
        return self._commit_ended([Ended(bare, withdrawn)])

    def _end_steps(self, transaction: Transaction, endings: Sequence[Ending]) -> None:
        results = [ending for ending in endings if isinstance(ending, CustomerResult)]
        ends = [ending for ending in endings if isinstance(ending, StepEnd)]
        transaction.insert(self._task.insert, [result.row for result in results])
        ends += [StepEnd(result.customer_id, StepOutcome.DONE) for result in results]
        end_steps(transaction, self.run.run_id, self._task.step, ends)
        transaction.audit(*chain.from_iterable(result.events for result in results))

    def _audit_refused_recipient(self, error: RecipientChangedError) -> None:
        names = ("recipient", "address", "model")
        others = {f"other_{name}": getattr(error.found, name) != getattr(error.planned, name) for name in names}
        details = {"batch_no": self._message.batch_no, **others}
        with self._database.transaction(self._request.origin) as transaction:
            transaction.audit(Event(EventType.RECIPIENT_REFUSED, EventStatus.REFUSED, details=details))


@contextmanager
def claim_batch[T: DataclassInstance](
    task: ModelTask[T], database: Database, provider: Provider, message: BatchMessage, request: Request
) -> Iterator[ModelBatch[T]]:
    """Hold a batch, which one delivery at a time can, until its work is done.

    Raises:
        BatchBusyError: another delivery has held it for too long.
    """
    with database.exclusive(request.origin, task.step, message.run_id, message.batch_no):
        batch = ModelBatch(task, database, provider, message, request)
        try:
            yield batch
        finally:
            batch.stop()
