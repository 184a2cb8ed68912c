"""Turns raw feature values into columns: numbers with gaps, or words with gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

Words = list[str | None]
BOOLEANS = {True: "true", False: "false", None: None}


@dataclass(frozen=True)
class NumberColumn:
    """Numbers (n,), NaN where missing; `unknown` (n,) marks values that are not numbers at all."""

    values: Floats
    unknown: Flags | None = None


def read_numbers(name: str, rows: Sequence[Mapping[str, object]]) -> NumberColumn:
    """One numeric feature of every row; None, NaN, blank text and an absent key are missing."""
    raw: list[Any] = [row.get(name) for row in rows]
    try:
        return NumberColumn(np.array(raw, dtype=np.float64))
    except (TypeError, ValueError):
        return _read_slowly(raw)


def read_words(name: str, rows: Sequence[Mapping[str, object]]) -> Words:
    """One category or boolean of every row as text; None where missing."""
    raw: list[Any] = [row.get(name) for row in rows]
    kinds = set(map(type, raw))
    if kinds <= {str, NoneType} and "" not in raw:
        return raw
    if kinds <= {bool, NoneType}:
        return list(map(BOOLEANS.get, raw))
    return [word_of(v) for v in raw]


def word_of(value: object) -> str | None:
    """The text by which tables know a category: `true` and `false` for booleans, None if missing."""
    if value is None or value == "" or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    return str(value)


def number_of(value: object) -> float | None:
    """The number in a raw value, NaN when missing, None when it is not a number."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return float("nan")
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _read_slowly(raw: Sequence[object]) -> NumberColumn:
    numbers = [number_of(v) for v in raw]
    unknown = np.array([n is None for n in numbers], dtype=np.bool_)
    return NumberColumn(np.array([0.0 if n is None else n for n in numbers]), unknown)
