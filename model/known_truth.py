"""How close a model comes to the best achievable on the synthetic bank, whose true probabilities are known."""

import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from model.candidates import Candidate, fit
from model.contract import Contract, Feature
from model.design import design_matrix
from model.synthesise import SEED, draw_history
from model.synthetic_bank import Population, draw_population
from model.synthetic_feedback import FeedbackWriter
from model.synthetic_people import draw_person

Floats = NDArray[np.float64]


class FoundTone(Protocol):
    """What a reader finds in a text; the score goes from -1 to 1."""

    @property
    def score(self) -> float: ...


type ReadFeedback = Callable[[str], FoundTone]

SENTIMENT = "sentiment_score"
# What the agent finds is measured on fewer customers: each text has to be written and read.
READ = 6000


def measure_known_truth(
    contract: Contract, candidate: Candidate, customers: int, reader: ReadFeedback | None = None, seed: int = SEED
) -> dict[str, Any]:
    """Train on `customers`, then compare with the truth on as many others, with and without sentiment.

    Log loss is the expected one: it weighs both outcomes by their true probability, so that the
    best achievable is the truth's own entropy and no luck of the draw is left in.
    """
    trained, unseen = draw_history(customers, seed), draw_history(customers, seed + 1)
    least = expected_log_loss(unseen.true_probability, unseen.true_probability)
    inputs = {"with_sentiment": contract.inputs}
    inputs["without_sentiment"] = tuple(f for f in contract.inputs if f.name != SENTIMENT)
    found: dict[str, Any] = {"customers": customers, "best_log_loss": least}
    for name, features in inputs.items():
        model = _train(candidate, features, trained)
        loss = expected_log_loss(unseen.true_probability, _predict(model, features, unseen))
        found[name] = {"log_loss": loss, "above_best": loss / least - 1}
        if name == "with_sentiment":
            found["sentiment_found"] = measure_sentiment_found(model, features, reader, seed + 2) if reader else None
    return found


def measure_sentiment_found(model: Any, inputs: Sequence[Feature], reader: ReadFeedback, seed: int) -> dict[str, float]:
    """Return the expected log loss on customers of today with the tone as drawn, as `reader` reads it, and unread."""
    today = draw_population(READ, np.random.default_rng((seed, 1)))
    texts = _write_feedback(today, seed)
    read = np.array([reader(t).score if t is not None else np.nan for t in texts])
    unread = np.full(len(today), np.nan)
    scores = {"as_drawn": today.sentiment_score, "as_read": read, "unread": unread}
    losses = {
        name: expected_log_loss(today.true_probability, _predict(model, inputs, today, score))
        for name, score in scores.items()
    }
    known = ~np.isnan(read)
    agreement = float(np.corrcoef(read[known], today.sentiment_score[known])[0, 1])
    best = expected_log_loss(today.true_probability, today.true_probability)
    return {"customers": READ, "best": best, **losses, "correlation_with_truth": agreement}


def expected_log_loss(truth: Floats, predicted: Floats) -> float:
    """Cross-entropy of predictions under the true probabilities, shape (n,) both."""
    safe = np.clip(predicted, 1e-12, 1 - 1e-12)
    return float(-(truth * np.log(safe) + (1 - truth) * np.log(1 - safe)).mean())


def _train(candidate: Candidate, inputs: Sequence[Feature], population: Population) -> Any:
    return fit(candidate, inputs, design_matrix(_as_rows(population), inputs), population.churned)


def _predict(model: Any, inputs: Sequence[Feature], population: Population, score: Floats | None = None) -> Floats:
    matrix = design_matrix(_as_rows(population, score), inputs)
    return np.asarray(model.predict_proba(matrix)[:, 1], dtype=np.float64)


def _as_rows(population: Population, score: Floats | None = None) -> list[dict[str, object]]:
    columns = population.columns | {SENTIMENT: population.sentiment_score if score is None else score}
    cells = [column.tolist() for column in columns.values()]
    return [dict(zip(columns, values, strict=True)) for values in zip(*cells, strict=True)]


def _write_feedback(population: Population, seed: int) -> list[str | None]:
    writer, draw = FeedbackWriter.shipped(), random.Random(f"{seed}/read")
    texts: list[str | None] = []
    for sentiment, score in zip(population.sentiment.tolist(), population.sentiment_score.tolist(), strict=True):
        person = draw_person("female", draw) | {"customer_number": "12345678"}
        texts.append(None if sentiment is None else writer.write(person, sentiment, score, draw))
    return texts
