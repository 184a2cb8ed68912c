"""The prediction agent's SQL. It can read no name and no text."""

import json
from typing import Any

from prediction_agent.scoring import SENTIMENT, Prediction, ScoringCandidate
from vigie.database import Transaction
from vigie.errors import ModelNotApprovedError
from vigie.runs import Run
from vigie_scoring.drift import Drift

CANDIDATES = """
SELECT r.customer_id, consent_granted_now(r.customer_id, 'profiling'), f.features, a.score,
       a.score IS NULL AND coalesce(
           (SELECT s.outcome FROM run_steps s
            WHERE s.run_id = r.run_id AND s.step = 'analyse' AND s.customer_id = r.customer_id), 'failed') = 'failed'
FROM run_customers r
LEFT JOIN LATERAL (
    SELECT features FROM customer_features
    WHERE customer_id = r.customer_id AND contract = %(contract)s ORDER BY as_of DESC LIMIT 1
) f ON true
LEFT JOIN feedback_analyses a ON a.run_id = r.run_id AND a.customer_id = r.customer_id
WHERE r.run_id = %(run_id)s AND r.batch_no = %(batch_no)s
  AND (SELECT true FROM run_steps s
       WHERE s.run_id = r.run_id AND s.step = 'predict' AND s.customer_id = r.customer_id) IS NULL
ORDER BY r.customer_id
"""
INSERT_PREDICTIONS = """
INSERT INTO predictions (run_id, customer_id, model_version, probability, log_odds, intercept, contributions,
                         drivers, sentiment_score, analysis_lost)
VALUES %s ON CONFLICT (run_id, customer_id) DO NOTHING
"""

PREDICTED = """
SELECT f.features, p.sentiment_score, p.probability
FROM predictions p
JOIN LATERAL (
    SELECT features FROM customer_features
    WHERE customer_id = p.customer_id AND contract = %(contract)s ORDER BY as_of DESC LIMIT 1
) f ON true
WHERE p.run_id = %(run_id)s ORDER BY p.customer_id LIMIT %(most)s
"""
INSERT_MEASURES = """
INSERT INTO run_drift (run_id, subject, measure, value, level, details)
VALUES %s ON CONFLICT (run_id, subject, measure) DO NOTHING
"""


def load_candidates(transaction: Transaction, run: Run, batch_no: int) -> list[ScoringCandidate]:
    """The customers of a batch whose prediction is not ended."""
    rows = transaction.fetch(CANDIDATES, {"run_id": run.run_id, "batch_no": batch_no, "contract": run.contract})
    return [ScoringCandidate(*row) for row in rows]


def load_scorer(transaction: Transaction, version: str) -> bytes:
    """The bytes of a registered scorer.

    Raises:
        ModelNotApprovedError: it is not registered, or was never approved.
    """
    rows = transaction.fetch(
        "SELECT scorer FROM model_registry WHERE version = %s AND state IN ('approved', 'retired')", (version,)
    )
    if not rows:
        raise ModelNotApprovedError(f"model {version} is not approved: approve it with make promote")
    return bytes(rows[0][0])


def insert_predictions(transaction: Transaction, run: Run, predictions: list[Prediction]) -> None:
    """Store predictions.

    Raises:
        ConsentChangedError: by the transaction, when a consent was withdrawn meanwhile.
    """
    transaction.insert(
        INSERT_PREDICTIONS,
        [
            (
                run.run_id,
                prediction.customer_id,
                run.model_version,
                prediction.probability,
                prediction.log_odds,
                prediction.intercept,
                json.dumps(prediction.contributions),
                json.dumps(prediction.drivers, ensure_ascii=False),
                prediction.sentiment_score,
                prediction.analysis_lost,
            )
            for prediction in predictions
        ],
    )


def all_predicted(transaction: Transaction, run_id: str) -> bool:
    """Whether every planned customer's prediction has ended, one way or another."""
    rows = transaction.fetch(
        "SELECT planned = (SELECT count(*) FROM run_steps s WHERE s.run_id = r.run_id AND s.step = 'predict')"
        " FROM runs r WHERE run_id = %s",
        (run_id,),
    )
    return bool(rows[0][0])


def load_predicted(transaction: Transaction, run: Run, most: int) -> list[tuple[dict[str, Any], float]]:
    """Model inputs and probabilities of a run's customers, the first `most` of them by their random ids."""
    rows = transaction.fetch(PREDICTED, {"run_id": run.run_id, "contract": run.contract, "most": most})
    return [({**features, SENTIMENT: sentiment}, probability) for features, sentiment, probability in rows]


def insert_measures(transaction: Transaction, run_id: str, measures: list[Drift]) -> None:
    """Store what was measured of a run."""
    transaction.insert(
        INSERT_MEASURES,
        [(run_id, m.subject, m.measure, m.value, m.level, json.dumps(m.details)) for m in measures],
    )
