"""Turn a probability into a segment: by fixed thresholds, or by what an offer would earn."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vigie.vocabulary import Segment

WITH_OFFER = (Segment.HIGH, Segment.MEDIUM)
MODES = ("thresholds", "expected_value")


class DecisionError(ValueError):
    """When a decision rule cannot be used; names field, value and remedy."""


@dataclass(frozen=True)
class OfferTerms:
    """What keeping a customer of a segment costs, and the share of leavers whom it keeps."""

    cost_eur: float
    save_rate: float

    def gain(self, probability: float, annual_value_eur: float) -> float:
        """Expected gain in euros: probability × value × save rate − cost."""
        return probability * annual_value_eur * self.save_rate - self.cost_eur


@dataclass(frozen=True)
class DecisionRule:
    """The rule in force. In `expected_value` mode a customer of unknown value falls back on thresholds."""

    mode: str
    high: float
    medium: float
    offers: Mapping[Segment, OfferTerms]

    def segment(self, probability: float, annual_value_eur: float | None = None) -> Segment:
        """Return the segment of a customer with this churn probability."""
        if self.mode == "expected_value" and annual_value_eur is not None:
            return self._segment_by_value(probability, annual_value_eur)
        if probability >= self.high:
            return Segment.HIGH
        return Segment.MEDIUM if probability >= self.medium else Segment.LOW

    def as_frozen(self) -> dict[str, Any]:
        """Mode and offers as JSON, to be stored with a run next to its thresholds."""
        return {"mode": self.mode, "offers": {segment: asdict(offer) for segment, offer in self.offers.items()}}

    def _segment_by_value(self, probability: float, value: float) -> Segment:
        gains = {s: self.offers[s].gain(probability, value) for s in WITH_OFFER}
        best = max(gains, key=lambda s: (gains[s], s is Segment.MEDIUM))
        return best if gains[best] > 0 else Segment.LOW


DEFAULT = DecisionRule(
    "thresholds", 0.70, 0.35, {Segment.HIGH: OfferTerms(60.0, 0.30), Segment.MEDIUM: OfferTerms(12.0, 0.12)}
)


def parse_decision(text: str, high: float, medium: float) -> DecisionRule:
    """Read a decision file (functions/planner/planner/decision.toml).

    Raises:
        DecisionError: the file or a threshold cannot be used.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DecisionError(f"decision file is not TOML: {error}") from error
    return read_decision(raw, high, medium)


def read_decision(raw: Mapping[str, Any], high: float, medium: float) -> DecisionRule:
    """A rule from its parsed file, or from what was frozen with a run; errors as for `parse_decision`."""
    if (mode := raw.get("mode")) not in MODES:
        raise DecisionError(f"mode: {mode!r}; write one of {', '.join(MODES)}")
    for name, threshold in (("high", high), ("medium", medium)):
        _require_share(f"threshold {name}", threshold)
    if medium > high:
        raise DecisionError(f"threshold medium: {medium} is above threshold high {high}; lower it")
    return DecisionRule(mode, high, medium, {s: _read_offer(raw.get("offers", {}), s) for s in WITH_OFFER})


def _read_offer(raw: Mapping[str, Any], segment: Segment) -> OfferTerms:
    given = raw.get(segment, {})
    cost, save_rate = given.get("cost_eur"), given.get("save_rate")
    if not isinstance(cost, int | float) or isinstance(cost, bool) or cost < 0:
        raise DecisionError(f"offers.{segment}.cost_eur: {cost!r}; write euros, 0 or more")
    _require_share(f"offers.{segment}.save_rate", save_rate)
    return OfferTerms(float(cost), float(save_rate))


def _require_share(name: str, value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 1:
        raise DecisionError(f"{name}: {value!r}; write a share above 0, up to 1")
