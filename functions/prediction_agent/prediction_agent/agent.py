"""The work of the prediction agent on one batch: results, steps and their events commit together."""

from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from prediction_agent.scoring import Prediction, ScoringCandidate, score_candidates, skip_reason
from prediction_agent.store import insert_predictions, load_candidates, load_scorer
from prediction_agent.watching import watch_run
from vigie.audit import Event
from vigie.database import Database, Transaction
from vigie.errors import ModelNotApprovedError
from vigie.messages import BatchMessage
from vigie.runs import Run, load_run
from vigie.runtime import Request
from vigie.steps import StepEnd, batch_ended, batch_started, consent_check, count_outcomes, end_steps
from vigie.vocabulary import EventStatus, EventType, Purpose, Reason, Step, StepOutcome
from vigie_scoring import Scorer, ScorerError, ScorerHashError, load_verified

STEP = Step.PREDICT
PURPOSE = Purpose.PROFILING


class PredictionAgent:
    """Predicts for batches, with one database connection and the scorer it loaded last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loaded: tuple[str, str, Scorer] | None = None

    def work(self, message: BatchMessage, request: Request, metrics: Metrics) -> dict[str, Any]:
        """Predict for a batch; return how many customers ended in which way.

        Raises:
            ModelNotApprovedError: the run's scorer is not the registered one; nothing is predicted.
            TransientError: it could not be done now.
        """
        with self._database.transaction(request.origin) as transaction:
            run = load_run(transaction, message.run_id)
        scorer = self._scorer(run, request)
        with self._database.transaction(request.origin) as transaction:
            # A second delivery waits for the first here, and then finds nothing left to do.
            key = f"{STEP}/{message.run_id}/{message.batch_no}"
            transaction.cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))
            candidates = load_candidates(transaction, run, message.batch_no)
            transaction.audit(batch_started(message.batch_no, len(candidates)))
            _predict_all(transaction, run, scorer, candidates)
            outcomes = count_outcomes(transaction, run.run_id, message.batch_no, STEP)
            transaction.audit(batch_ended(message.batch_no, outcomes, 0))
        watch_run(run, scorer, self._database, request)
        metrics.add_metric("CustomersPredicted", MetricUnit.Count, outcomes.get(StepOutcome.DONE, 0))
        return {"outcomes": outcomes, "remaining": 0}

    def _scorer(self, run: Run, request: Request) -> Scorer:
        """The run's scorer, its bytes checked against the hash that was frozen when the run was planned."""
        pinned = (run.model_version, run.scorer_sha256)
        if self._loaded and self._loaded[:2] == pinned:
            return self._loaded[2]
        details = {"model_version": run.model_version, "scorer_sha256": run.scorer_sha256}
        with self._database.transaction(request.origin) as transaction:
            payload = load_scorer(transaction, run.model_version)
        try:
            scorer = load_verified(payload, run.scorer_sha256)
        except (ScorerHashError, ScorerError) as error:
            with self._database.transaction(request.origin) as transaction:
                transaction.audit(Event(EventType.MODEL_LOADED, EventStatus.REFUSED, details=details))
            raise ModelNotApprovedError(f"the scorer of model {run.model_version} was refused: {error}") from error
        with self._database.transaction(request.origin) as transaction:
            transaction.audit(Event(EventType.MODEL_LOADED, details=details))
        self._loaded = (*pinned, scorer)
        return scorer


def _predict_all(transaction: Transaction, run: Run, scorer: Scorer, candidates: list[ScoringCandidate]) -> None:
    transaction.audit(*(consent_check(each.customer_id, PURPOSE, each.consent_id) for each in candidates))
    impossible = [(candidate, skip_reason(candidate)) for candidate in candidates]
    ready = [candidate for candidate, reason in impossible if reason is None]
    predictions = score_candidates(scorer, ready) if ready else []
    insert_predictions(transaction, run, predictions)
    transaction.audit(*(_saved(run, prediction) for prediction in predictions))
    ends = [StepEnd(prediction.customer_id, StepOutcome.DONE) for prediction in predictions]
    ends += [_ended_without(candidate, reason) for candidate, reason in impossible if reason is not None]
    end_steps(transaction, run.run_id, STEP, ends)


def _ended_without(candidate: ScoringCandidate, reason: Reason) -> StepEnd:
    """End the step of a customer without a prediction. Planned customers had consented: none now means withdrawn."""
    if reason is Reason.NO_CONSENT:
        return StepEnd(candidate.customer_id, StepOutcome.WITHDRAWN, Reason.CONSENT_WITHDRAWN)
    return StepEnd(candidate.customer_id, StepOutcome.FAILED, reason)


def _saved(run: Run, prediction: Prediction) -> Event:
    details = {
        "model_version": run.model_version,
        "with_sentiment": prediction.sentiment_score is not None,
        "analysis_lost": prediction.analysis_lost,
    }
    return Event(EventType.PREDICTION_SAVED, customer_id=prediction.customer_id, details=details)
