"""A customer's drivers in a manager's words, in French and English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vigie_scoring.columns import number_of, word_of
from vigie_scoring.scorer import ScoredFeature, Scorer

if TYPE_CHECKING:
    from numpy.typing import NDArray

# In log-odds: 0.7 doubles the odds of leaving, 0.25 raises them by a quarter.
STRONG, MODERATE, NEGLIGIBLE = 0.7, 0.25, 0.02
COUNTS = {
    "en": ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"),
    "fr": ("Zéro", "Un", "Deux", "Trois", "Quatre", "Cinq", "Six", "Sept", "Huit", "Neuf", "Dix"),
}
VERDICTS = {
    "en": {
        "raises": {k: f"raises the risk {k}" for k in ("strongly", "moderately", "slightly")},
        "lowers": {k: f"lowers the risk {k}" for k in ("strongly", "moderately", "slightly")},
    },
    "fr": {
        "raises": {"strongly": "augmente fortement le risque", "moderately": "augmente modérément le risque",
                   "slightly": "augmente légèrement le risque"},
        "lowers": {"strongly": "réduit fortement le risque", "moderately": "réduit modérément le risque",
                   "slightly": "réduit légèrement le risque"},
    },
}  # fmt: skip
COLON = {"en": ": ", "fr": " : "}
BOOLEANS = {"en": {"true": "yes", "false": "no"}, "fr": {"true": "oui", "false": "non"}}
MISSING = {"en": "{label}: not known", "fr": "{label} : non renseigné"}


def explain(
    scorer: Scorer,
    row_contributions: NDArray[np.float64] | Sequence[float],
    raw_row: Mapping[str, object],
    language: str,
    top: int = 5,
) -> list[dict[str, object]]:
    """The strongest drivers of one row, strongest first, without any sensitive attribute.

    `row_contributions` is one row of `Scores.contributions` (k,). Each driver has `feature`,
    `contribution` (log-odds), `direction`, `strength` and `words`. Languages other than French
    read English. Contributions under 0.02 are not reasons.
    """
    language = language if language in VERDICTS else "en"
    shares = scorer.share_by_feature(np.asarray(row_contributions, dtype=np.float64)[None, :])[0]
    order = np.argsort(-np.abs(shares), kind="stable")
    named = [i for i in order if not scorer.features[i].sensitive and abs(shares[i]) >= NEGLIGIBLE]
    return [_describe_driver(scorer.features[i], float(shares[i]), raw_row, language) for i in named[:top]]


def describe(feature: ScoredFeature, value: object, language: str) -> str:
    """The fact itself: `Three complaints in 90 days`."""
    said = feature.words.get(language) or feature.words.get("en") or {}
    label = said.get("label", feature.name)
    word = word_of(value)
    number = number_of(value) if feature.numeric else None
    if word is None or not word.strip():
        return said.get("missing") or MISSING[language].format(label=label)
    if number is None:
        spoken = BOOLEANS[language].get(word, word) if feature.type == "boolean" else word
        return said.get(word) or f"{label}{COLON[language]}{spoken}"
    return _describe_number(said, label, number, language)


def _describe_driver(
    feature: ScoredFeature, share: float, raw_row: Mapping[str, object], language: str
) -> dict[str, object]:
    direction = "raises" if share > 0 else "lowers"
    strength = "strongly" if abs(share) >= STRONG else "moderately" if abs(share) >= MODERATE else "slightly"
    fact = describe(feature, raw_row.get(feature.name), language)
    return {
        "feature": feature.name,
        "contribution": round(share, 6),
        "direction": direction,
        "strength": strength,
        "words": f"{fact}{COLON[language]}{VERDICTS[language][direction][strength]}",
    }


def _describe_number(said: Mapping[str, str], label: str, number: float, language: str) -> str:
    template = _choose_phrase(said, number)
    written = write_number(number, language)
    if template is None:
        return f"{label}{COLON[language]}{written}"
    whole = float(number).is_integer() and 0 <= number <= 10
    return template.format(
        label=label,
        value=written,
        Count=COUNTS[language][int(number)] if whole else written,
        percent=_write_percent(number, language),
    )


def _choose_phrase(said: Mapping[str, str], number: float) -> str | None:
    if "below" in said and abs(number) > 0.1:
        return said["below"] if number < 0 else said.get("above")
    if "below" in said or number == 0:
        return said.get("zero", said.get("many"))
    return said.get("one", said.get("many")) if number == 1 else said.get("many")


def write_number(number: float, language: str) -> str:
    """A number as people of that language write it, with at most two decimals."""
    digits = 0 if abs(number) >= 100 or float(number).is_integer() else 2
    text = f"{number:,.{digits}f}".replace("-", "−")
    if language == "fr":
        text = text.replace(",", "\u202f").replace(".", ",")
    return text


def _write_percent(number: float, language: str) -> str:
    return f"{number * 100:+.0f}".replace("-", "−") + ("\u202f%" if language == "fr" else "%")
