"""The parts a score is a sum of: look-up tables over one or two features, and straight lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie_scoring.columns import NumberColumn, Words
from vigie_scoring.errors import ScorerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Indices = NDArray[np.intp]

Column = NumberColumn | Words


@dataclass(frozen=True)
class Axis:
    """How one feature finds its place in a table: 0 is missing, the last place is unknown.

    Numbers fall between `cuts` (a value equal to a cut belongs above it); words are looked up.
    """

    feature: str
    cuts: Floats
    places: Mapping[str | None, int]
    size: int

    def locate(self, column: Column) -> Indices:
        """Place in the table for every row, shape (n,)."""
        if isinstance(column, NumberColumn):
            return self._locate_numbers(column)
        unknown, places = self.size - 1, self.places
        found = map(places.get, column, repeat(unknown))
        return np.fromiter(found, dtype=np.intp, count=len(column))

    def _locate_numbers(self, column: NumberColumn) -> Indices:
        found: Indices = np.searchsorted(self.cuts, column.values, side="right") + 1
        found[np.isnan(column.values)] = 0
        if column.unknown is not None:
            found[column.unknown] = self.size - 1
        return found


@dataclass(frozen=True)
class Term:
    """One part of the sum. `table` has one dimension per feature; a line has `slope` instead."""

    features: tuple[str, ...]
    axes: tuple[Axis, ...] = ()
    table: Floats | None = None
    slope: float = 0.0
    offset: float = 0.0
    missing: float = 0.0
    unknown: float = 0.0

    @property
    def name(self) -> str:
        """The feature, or both features of a pair joined by ` & `."""
        return " & ".join(self.features)

    def contribute(self, columns: Mapping[str, Column]) -> Floats:
        """This term's part of every row's log-odds, shape (n,)."""
        if self.table is None:
            return self._contribute_line(columns[self.features[0]])
        places = tuple(axis.locate(columns[axis.feature]) for axis in self.axes)
        return np.asarray(self.table[places], dtype=np.float64)

    def _contribute_line(self, column: Column) -> Floats:
        assert isinstance(column, NumberColumn)  # noqa: S101 - checked when the term was parsed
        line = self.offset + self.slope * column.values
        line[np.isnan(column.values)] = self.missing
        if column.unknown is not None:
            line[column.unknown] = self.unknown
        return line


def parse_term(raw: Mapping[str, Any], numeric: Mapping[str, bool], place: str) -> Term:
    """Build a term from its JSON; `numeric` says which features are numbers."""
    features = tuple(raw.get("features", ()))
    for name in features:
        if name not in numeric:
            raise ScorerError(f"{place}.features: {name!r} is not among the scorer's features")
    if not 1 <= len(features) <= 2:
        raise ScorerError(f"{place}.features: a term has one or two, this has {len(features)}")
    if "slope" in raw:
        return _parse_line(raw, features, numeric, place)
    axes = tuple(_parse_axis(a, numeric, place) for a in raw.get("axes", ()))
    if tuple(a.feature for a in axes) != features:
        raise ScorerError(f"{place}.axes: must name {list(features)} in that order")
    table = _numbers(raw.get("table"), f"{place}.table")
    if table.shape != (shape := tuple(a.size for a in axes)):
        raise ScorerError(f"{place}.table: has shape {table.shape}, its axes want {shape}")
    return Term(features, axes, table)


def _parse_line(raw: Mapping[str, Any], features: tuple[str, ...], numeric: Mapping[str, bool], place: str) -> Term:
    if len(features) != 1 or not numeric[features[0]]:
        raise ScorerError(f"{place}: a line needs one numeric feature, not {list(features)}")
    keys = ("slope", "offset", "missing", "unknown")
    values = _numbers([raw.get(k) for k in keys], f"{place}.{'/'.join(keys)}")
    slope, offset, missing, unknown = values.tolist()
    return Term(features, slope=slope, offset=offset, missing=missing, unknown=unknown)


def _parse_axis(raw: Mapping[str, Any], numeric: Mapping[str, bool], place: str) -> Axis:
    feature = str(raw.get("feature"))
    if feature not in numeric:
        raise ScorerError(f"{place}.axes: {feature!r} is not among the scorer's features")
    if numeric[feature]:
        cuts = _numbers(raw.get("cuts"), f"{place}.axes[{feature}].cuts")
        if cuts.ndim != 1 or np.any(np.diff(cuts) <= 0):
            raise ScorerError(f"{place}.axes[{feature}].cuts: must be one rising list")
        return Axis(feature, cuts, {}, len(cuts) + 3)
    words: Sequence[str] = raw.get("words", ())
    if not words or len(set(words)) != len(words):
        raise ScorerError(f"{place}.axes[{feature}].words: must be a list of different words")
    places: dict[str | None, int] = {word: i for i, word in enumerate(words, start=1)}
    return Axis(feature, np.empty(0), {**places, None: 0}, len(words) + 2)


def _numbers(raw: object, place: str) -> Floats:
    try:
        values = np.array(raw, dtype=np.float64)
    except (TypeError, ValueError) as exc:
        raise ScorerError(f"{place}: must hold numbers only, in rows of equal length") from exc
    if not np.all(np.isfinite(values)):
        raise ScorerError(f"{place}: holds a value that is missing or not finite")
    return values
