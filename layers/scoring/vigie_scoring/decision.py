"""Turns a probability into a segment: by fixed thresholds, or by what an offer would earn."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SEGMENTS = ("High", "Medium", "Low")
MODES = ("thresholds", "expected_value")


class DecisionError(ValueError):
    """When the decision file cannot be used; names field, value and remedy."""


@dataclass(frozen=True)
class Offer:
    """What keeping a customer of a segment costs, and the share of leavers whom it keeps."""

    cost_eur: float
    save_rate: float

    def gain(self, probability: float, annual_value_eur: float) -> float:
        """Expected gain in euros: probability × value × save rate − cost."""
        return probability * annual_value_eur * self.save_rate - self.cost_eur

    def break_even(self, annual_value_eur: float) -> float:
        """The probability from which this offer pays for such a customer; above 1 it never does."""
        return self.cost_eur / (annual_value_eur * self.save_rate) if annual_value_eur > 0 else float("inf")


@dataclass(frozen=True)
class Decision:
    """The rule in force. In `expected_value` mode a customer of unknown value falls back on thresholds."""

    mode: str
    high: float
    medium: float
    offers: Mapping[str, Offer]

    def segment(self, probability: float, annual_value_eur: float | None = None) -> str:
        """`High`, `Medium` or `Low`."""
        if self.mode == "expected_value" and annual_value_eur is not None:
            return self._segment_by_value(probability, annual_value_eur)
        return "High" if probability >= self.high else "Medium" if probability >= self.medium else "Low"

    def _segment_by_value(self, probability: float, value: float) -> str:
        gains = {s: self.offers[s].gain(probability, value) for s in ("High", "Medium")}
        best = max(gains, key=lambda s: (gains[s], s == "Medium"))
        return best if gains[best] > 0 else "Low"


DEFAULT = Decision("thresholds", 0.70, 0.35, {"High": Offer(60.0, 0.30), "Medium": Offer(12.0, 0.12)})


def parse_decision(text: str) -> Decision:
    """Read a decision file (model/decision.toml); raises DecisionError."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise DecisionError(f"decision file is not TOML: {exc}") from exc
    if (mode := raw.get("mode")) not in MODES:
        raise DecisionError(f"mode: {mode!r}; write one of {', '.join(MODES)}")
    high, medium = (_share(raw, "thresholds", key) for key in ("high", "medium"))
    if medium > high:
        raise DecisionError(f"thresholds.medium: {medium} is above thresholds.high {high}; lower it")
    offers = {s: _parse_offer(raw.get("offers", {}), s) for s in ("High", "Medium")}
    return Decision(mode, high, medium, offers)


def _parse_offer(raw: Mapping[str, Any], segment: str) -> Offer:
    cost = raw.get(segment, {}).get("cost_eur")
    if not isinstance(cost, int | float) or isinstance(cost, bool) or cost < 0:
        raise DecisionError(f"offers.{segment}.cost_eur: {cost!r}; write euros, 0 or more")
    return Offer(float(cost), _share(raw, segment, "save_rate"))


def _share(raw: Mapping[str, Any], table: str, key: str) -> float:
    value = raw.get(table, {}).get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 1:
        raise DecisionError(f"{table}.{key}: {value!r}; write a share above 0, up to 1")
    return float(value)
