"""What the prediction agent decides: who is scored, with which row, and what is kept of the scores."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vigie.vocabulary import Reason
from vigie_scoring import Scorer, Scores, explain

SENTIMENT = "sentiment_score"
CONTRIBUTION_DIGITS = 9


@dataclass(frozen=True, slots=True)
class ScoringCandidate:
    """A customer of the batch without a prediction yet. `features` are missing when none were loaded.

    `analysis_lost` says that there is no sentiment because the analysis failed or was given up, and not for want of
    consent or feedback. The model takes both for a customer who wrote nothing.
    """

    customer_id: UUID
    consent_id: int | None
    features: dict[str, Any] | None
    sentiment_score: float | None
    analysis_lost: bool = False


@dataclass(frozen=True, slots=True)
class Prediction:
    """A churn probability, and what it is made of: intercept and contributions (log-odds) sum to log_odds."""

    customer_id: UUID
    probability: float
    log_odds: float
    intercept: float
    contributions: dict[str, float]
    drivers: list[dict[str, Any]]
    sentiment_score: float | None
    analysis_lost: bool = False


def skip_reason(candidate: ScoringCandidate) -> Reason | None:
    """The reason why a customer cannot be scored, or None."""
    if candidate.consent_id is None:
        return Reason.NO_CONSENT
    return Reason.NO_FEATURES if candidate.features is None else None


def as_row(candidate: ScoringCandidate) -> dict[str, Any]:
    """The model's input: the loaded features, and the sentiment just found; missing where there is none."""
    return {**(candidate.features or {}), SENTIMENT: candidate.sentiment_score}


def score_candidates(scorer: Scorer, candidates: list[ScoringCandidate]) -> list[Prediction]:
    """Score customers together, and explain each score."""
    rows = [as_row(candidate) for candidate in candidates]
    scores = scorer.score(rows)
    return [_prediction(scorer, scores, index, candidate, rows[index]) for index, candidate in enumerate(candidates)]


def _prediction(
    scorer: Scorer, scores: Scores, index: int, candidate: ScoringCandidate, row: dict[str, Any]
) -> Prediction:
    contributions = scores.contributions[index]
    named = zip(scores.terms, contributions, strict=True)
    return Prediction(
        customer_id=candidate.customer_id,
        probability=float(scores.probability[index]),
        log_odds=float(scores.log_odds[index]),
        intercept=scores.intercept,
        contributions={" x ".join(term.features): round(float(part), CONTRIBUTION_DIGITS) for term, part in named},
        drivers=_drivers(scorer, contributions, row),
        sentiment_score=candidate.sentiment_score,
        analysis_lost=candidate.analysis_lost,
    )


def _drivers(scorer: Scorer, contributions: Any, row: dict[str, Any]) -> list[dict[str, Any]]:
    """The strongest drivers, worded in both languages: the customer's and the manager's may differ."""
    english = explain(scorer, contributions, row, "en")
    french = explain(scorer, contributions, row, "fr")
    return [
        {key: value for key, value in one.items() if key != "words"}
        | {"words_en": one["words"], "words_fr": other["words"]}
        for one, other in zip(english, french, strict=True)
    ]
