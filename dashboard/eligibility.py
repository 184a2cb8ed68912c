"""To whom an offer may be made, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.view import View

Row = dict[str, Any]


def write_conditions(view: View, offer: Row, labels: Mapping[str, str]) -> list[str]:
    """A sentence for each condition; what is not restricted is not said."""
    words = view.words
    lists = {
        "segments": [words(f"segment.{name}") for name in offer["segments"]],
        "topics": [words.name_of("topic", name) for name in offer["topics"]],
        "tones": [words.name_of("heard", name) for name in offer["tones"]],
        "languages": [words(f"language.{name}") for name in offer["languages"]],
        "channels": [words.name_of("channel", name) for name in offer["channels"]],
    }
    named = [words(f"offers.{key}", names=", ".join(names)) for key, names in lists.items() if names]
    return named + [
        write_requirement(view, labels.get(feature, feature.replace("_", " ")), rule)
        for feature, rule in sorted(offer["requires"].items())
    ]


def write_requirement(view: View, name: str, rule: Row) -> str:
    """A condition on one of the model's features: at least, at most, between, or one of."""
    words = view.words
    if "in" in rule:
        return words("offers.one_of", feature=name, values=", ".join(str(value) for value in rule["in"]))
    low, high = (_written(view, rule.get(key)) for key in ("min", "max"))
    if low and high:
        return words("offers.between", feature=name, low=low, high=high)
    return words("offers.at_least", feature=name, low=low) if low else words("offers.at_most", feature=name, high=high)


def _written(view: View, value: float | None) -> str:
    return "" if value is None else view.formats.number(value, 2).rstrip("0").rstrip(".,")
