"""The synthetic bank's customers and the law, known to its makers alone, by which they leave."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
AGE_BANDS = ("18-25", "26-35", "36-50", "51-65", "66+")
CHANNELS = ("app", "web", "branch", "phone")
GENDERS = ("female", "male", "undisclosed")
SENTIMENTS = ("negative", "neutral", "mixed", "positive")
INTERCEPT = -2.65


@dataclass(frozen=True)
class Population:
    """Columns by feature name (missing numbers are NaN, missing words None), and the truth.

    `sentiment_score` is the tone in [-1, 1] of what the customer wrote, NaN where nothing was written.
    """

    columns: dict[str, NDArray[np.generic]]
    sentiment_score: Floats
    sentiment: NDArray[np.object_]
    annual_value_eur: Floats
    age_years: NDArray[np.int64]
    true_probability: Floats
    churned: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.churned)


def draw_population(size: int, rng: np.random.Generator, feedback_share: float = 0.85) -> Population:
    """Draw customers; `feedback_share` of them wrote to the bank."""
    content = rng.normal(size=size)  # how content each one is: never seen, only through its traces
    age = np.clip(rng.normal(47, 16, size), 18, 95).astype(np.int64)
    columns = _draw_columns(size, rng, content, age)
    written = rng.random(size) < feedback_share
    score = np.clip(0.52 * content - 0.1 + rng.normal(0, 0.33, size), -1, 1).round(2)
    score = np.where(written, score, np.nan)
    log_odds = true_log_odds(columns, score)
    probability = 1 / (1 + np.exp(-log_odds))
    return Population(
        columns=columns,
        sentiment_score=score,
        sentiment=_name_sentiment(score, rng),
        annual_value_eur=_draw_value(columns, rng),
        age_years=age,
        true_probability=probability,
        churned=(rng.random(size) < probability).astype(np.int64),
    )


def _draw_columns(
    size: int, rng: np.random.Generator, content: Floats, age: NDArray[np.int64]
) -> dict[str, NDArray[np.generic]]:
    tenure = np.minimum(rng.gamma(1.4, 60, size), (age - 17) * 12).astype(np.int64)
    products = 1 + rng.binomial(6, np.clip(0.12 + tenure / 900 + 0.03 * content, 0.02, 0.7))
    activity = np.exp(rng.normal(3.4, 0.8, size) + 0.15 * content)
    online = rng.random(size) < np.clip(1.08 - age / 170, 0.4, 0.98)
    trend = np.clip(rng.normal(0.02 + 0.08 * content, 0.25, size), -1, 5).round(3)
    idle = rng.exponential(1 + 260 / (activity + 4))
    return {
        "tenure_months": tenure,
        "products": products,
        "transactions_90d": rng.poisson(activity),
        "days_since_last_activity": np.minimum(idle, 365).astype(np.int64),
        "logins_30d": np.where(online, rng.poisson(np.sqrt(activity) * 1.8), np.nan),
        "balance_eur": np.round(rng.lognormal(7.6, 1.3, size) - 600, 2),
        "balance_trend": np.where(tenure < 3, np.nan, trend),
        "complaints_90d": rng.poisson(0.35 * np.exp(-0.7 * content)),
        "fees_eur_90d": np.round(rng.gamma(1.2, 14, size) * (rng.random(size) < 0.8), 2),
        "salary_domiciled": rng.random(size) < np.where(age > 65, 0.35, 0.62),
        "has_loan": rng.random(size) < np.where((age > 25) & (age < 60), 0.33, 0.08),
        "preferred_channel": _draw_channel(online, rng),
        "age_band": np.array(AGE_BANDS, dtype=object)[np.searchsorted((26, 36, 51, 66), age, side="right")],
        "gender": np.array(GENDERS, dtype=object)[rng.choice(3, size, p=(0.49, 0.48, 0.03))],
    }


def _draw_channel(online: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.object_]:
    size = len(online)
    digital = rng.choice(4, size, p=(0.55, 0.22, 0.13, 0.1))
    classic = rng.choice((2, 3), size, p=(0.6, 0.4))
    channel = np.array(CHANNELS, dtype=object)[np.where(online, digital, classic)]
    channel[rng.random(size) < 0.03] = None
    return channel


def true_log_odds(columns: dict[str, NDArray[np.generic]], score: Floats) -> Floats:
    """The law: a sum of saturating effects and one interaction; gender and age play no part."""
    c = {k: v.astype(np.float64) for k, v in columns.items() if v.dtype != object}
    logins, trend = c["logins_30d"], c["balance_trend"]
    unpaid = 1 - c["salary_domiciled"]
    complaints = np.minimum(c["complaints_90d"], 4)
    total = (
        INTERCEPT
        + 1.5 * np.exp(-c["tenure_months"] / 24)
        - 0.38 * np.minimum(c["products"] - 1, 4)
        + 1.3 * np.exp(-c["transactions_90d"] / 18)
        + 1.4 / (1 + np.exp(-(c["days_since_last_activity"] - 32) / 7))
        + np.where(np.isnan(logins), 0.25, 1.0 * np.exp(-np.nan_to_num(logins) / 6))
        - 1.5 * np.clip(np.nan_to_num(trend), -0.6, 0.6)
        + 0.55 * complaints
        + 0.5 * np.minimum(c["fees_eur_90d"] / 60, 1)
        + 0.6 * unpaid
        - 0.45 * c["has_loan"]
        + 0.35 * unpaid * np.minimum(complaints, 2)
    )
    total = total + np.where(columns["preferred_channel"] == "branch", -0.25, 0.0)
    return np.asarray(total - 1.5 * np.nan_to_num(score), dtype=np.float64)


def _name_sentiment(score: Floats, rng: np.random.Generator) -> NDArray[np.object_]:
    named = np.full(len(score), None, dtype=object)
    middle = np.where(rng.random(len(score)) < 0.5, "neutral", "mixed")
    named[:] = np.where(score < -0.3, "negative", np.where(score > 0.3, "positive", middle))
    named[np.isnan(score)] = None
    return named


def _draw_value(columns: dict[str, NDArray[np.generic]], rng: np.random.Generator) -> Floats:
    balance = np.maximum(columns["balance_eur"].astype(np.float64), 0)
    products = columns["products"].astype(np.float64)
    value = 45 * products + 0.012 * balance + columns["fees_eur_90d"].astype(np.float64) * 4
    return np.asarray(np.round(value * rng.lognormal(0, 0.2, len(balance)), 2), dtype=np.float64)
