"""Scores customers from a readable JSON file, with every feature's exact part of the answer."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie_scoring.columns import read_numbers, read_words
from vigie_scoring.errors import ScorerError, ScorerHashError
from vigie_scoring.terms import Column, Term, parse_term

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FORMAT = "vigie-scorer-1"
TYPES = ("number", "integer", "boolean", "category")


@dataclass(frozen=True)
class ScoredFeature:
    """What the scorer knows of one input: its type, whether it is sensitive, its words and range."""

    name: str
    type: str
    sensitive: bool
    words: Mapping[str, Mapping[str, str]]
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        """True for numbers and integers, false for categories and booleans."""
        return self.type in ("number", "integer")


@dataclass(frozen=True)
class Scores:
    """Scores of n rows: `intercept + contributions.sum(axis=1) == log_odds`, exactly."""

    intercept: float
    terms: tuple[Term, ...]
    contributions: Floats  # (n, k), one column per term, in log-odds
    log_odds: Floats  # (n,)
    probability: Floats  # (n,)


@dataclass(frozen=True)
class Scorer:
    """A sum of tables and lines that gives the log-odds of leaving.

    `groups` are the attributes declared sensitive, read for fairness whether they are inputs or not.
    """

    version: str
    kind: str
    contract_name: str
    contract_fingerprint: str
    intercept: float
    features: tuple[ScoredFeature, ...]
    terms: tuple[Term, ...]
    groups: tuple[ScoredFeature, ...] = ()
    reference: Mapping[str, Any] = field(default_factory=dict)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The keys read from each row, in the contract's order."""
        return tuple(f.name for f in self.features)

    @classmethod
    def from_json(cls, text: str | bytes) -> Scorer:
        """Build a scorer from its file; raises ScorerError naming what is wrong and where."""
        try:
            raw = json.loads(text)
        except ValueError as exc:
            raise ScorerError(f"scorer is not JSON: {exc}") from exc
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            found = raw.get("format") if isinstance(raw, dict) else type(raw).__name__
            raise ScorerError(f"format: {found!r}; this program reads {FORMAT!r}; train again")
        return _build(raw)

    def score(self, rows: Sequence[Mapping[str, object]]) -> Scores:
        """Score raw feature dicts; absent keys and None are missing, unseen words are unknown."""
        columns = self.read_columns(rows)
        contributions = np.empty((len(rows), len(self.terms)))
        for k, term in enumerate(self.terms):
            contributions[:, k] = term.contribute(columns)
        log_odds = self.intercept + contributions.sum(axis=1)
        return Scores(self.intercept, self.terms, contributions, log_odds, to_probability(log_odds))

    def read_columns(self, rows: Sequence[Mapping[str, object]]) -> dict[str, Column]:
        """Every input as a column, by feature name."""
        return {f.name: (read_numbers if f.numeric else read_words)(f.name, rows) for f in self.features}

    def share_by_feature(self, contributions: Floats) -> Floats:
        """Contributions (n, k) per term to (n, features): a pair's part is halved between its two.

        Rows sum to the same log-odds, up to the rounding of one addition per pair.
        """
        position = {name: i for i, name in enumerate(self.feature_names)}
        shares = np.zeros((len(contributions), len(self.features)))
        for k, term in enumerate(self.terms):
            for name in term.features:
                shares[:, position[name]] += contributions[:, k] / len(term.features)
        return shares


def load_verified(payload: bytes, expected_sha256: str) -> Scorer:
    """Build a scorer only if its bytes have this SHA-256 (hex); else raises ScorerHashError."""
    found = hashlib.sha256(payload).hexdigest()
    if found != expected_sha256.lower():
        raise ScorerHashError(expected_sha256, found)
    return Scorer.from_json(payload)


def to_probability(log_odds: Floats) -> Floats:
    """The logistic function, without overflow at either end."""
    small = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0, 1 / (1 + small), small / (1 + small))


def _build(raw: Mapping[str, Any]) -> Scorer:
    contract = _want(raw, "contract", dict)
    features = tuple(_build_feature(f, i) for i, f in enumerate(_want(raw, "features", list)))
    numeric = {f.name: f.numeric for f in features}
    intercept = _want(raw, "intercept", (int, float))
    if not math.isfinite(intercept):
        raise ScorerError(f"intercept: {intercept} is not a finite number")
    terms = _want(raw, "terms", list)
    return Scorer(
        version=_want(raw, "version", str),
        kind=_want(raw, "kind", str),
        contract_name=_want(contract, "name", str, "contract."),
        contract_fingerprint=_want(contract, "fingerprint", str, "contract."),
        intercept=float(intercept),
        features=features,
        terms=tuple(parse_term(t, numeric, f"terms[{i}]") for i, t in enumerate(terms)),
        groups=tuple(_build_feature(f, i, "groups") for i, f in enumerate(raw.get("groups", []))),
        reference=raw.get("reference", {}),
    )


def _build_feature(raw: Mapping[str, Any], position: int, of: str = "features") -> ScoredFeature:
    place = f"{of}[{position}]."
    kind = _want(raw, "type", str, place)
    if kind not in TYPES:
        raise ScorerError(f"{place}type: {kind!r}; must be one of {', '.join(TYPES)}")
    low, high = raw.get("range", (None, None))
    return ScoredFeature(
        name=_want(raw, "name", str, place),
        type=kind,
        sensitive=_want(raw, "sensitive", bool, place),
        words=_want(raw, "words", dict, place),
        low=low,
        high=high,
        categories=tuple(raw.get("categories", ())),
    )


def _want(raw: Mapping[str, Any], key: str, kind: type | tuple[type, ...], place: str = "") -> Any:
    if not isinstance(raw, Mapping) or not isinstance(raw.get(key), kind):
        found = type(raw.get(key)).__name__ if isinstance(raw, Mapping) and key in raw else "nothing"
        raise ScorerError(f"{place}{key}: found {found}; the scorer file is damaged or of another version")
    return raw[key]
