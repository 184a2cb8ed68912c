"""Find people who appear in a file under several ids: rows that are alike beyond chance."""

import itertools
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.validate import Table

Codes = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Marks = NDArray[np.bool_]
# Two columns that name a customer together count only where they do so for this share of the rows: by chance, a few
# rows of any file share a rare pair.
SHARE_BY_PAIRS = 0.05
# Rows that differ in a column or two (a date, a tenure that grows) count only where so many do.
SHARE_APART, MOST_APART, LEAST_COLUMNS, MOST_CHANCE = 0.2, 2, 3, 0.01
ROWS_APART = 50_000
COLUMNS_IN_PAIRS = 6
SEED = 7


@dataclass(frozen=True)
class Twins:
    """Which rows (n,) equal rows of another id, which of them are alike, and in which columns they may differ."""

    rows: Marks
    alike: Codes
    apart: tuple[str, ...] = ()


def find_twins(table: Table, ids: Codes) -> Twins:
    """Rows that equal rows of other ids and hold a value, or two, that no other customer has."""
    draw = np.random.default_rng(SEED)
    features = table.contract.from_file
    columns = [number([row.get(f.name) for row in table.rows]) for f in features]
    cells = [_hash(column, draw) for column in columns]
    names = [
        _known(cell, [row.get(f.name) is None for row in table.rows]) for f, cell in zip(features, cells, strict=True)
    ]
    naming = [k for k, f in enumerate(features) if f.numeric]
    total = np.sum(cells, axis=0, dtype=np.uint64)
    for apart in _choices(len(cells), len(table)):
        signature = total - np.sum([cells[k] for k in apart], axis=0, dtype=np.uint64) if apart else total
        alike = np.unique(signature, return_inverse=True)[1].astype(np.int64)
        several = _several(alike, ids)
        if several.mean() < (SHARE_APART if apart else 1 / len(ids)):
            continue
        if apart and _chance([columns[k] for k in range(len(cells)) if k not in apart]) > MOST_CHANCE:
            continue
        rows = several & _is_named([names[k] for k in naming if k not in apart], alike, by_pairs=not apart)
        if rows.mean() >= (SHARE_APART if apart else 1 / len(ids)):
            return Twins(rows, alike, tuple(features[k].column for k in apart))
    return Twins(np.zeros(len(ids), dtype=bool), np.arange(len(ids)))


def number(values: Iterable[Hashable]) -> Codes:
    """A number for each different value, counted from 0."""
    places: dict[Hashable, int] = {}
    return np.array([places.setdefault(v, len(places)) for v in values], dtype=np.int64)


def _choices(columns: int, rows: int) -> Iterator[tuple[int, ...]]:
    """Sets of columns in which rows may differ, the most selective first: few people agree in all columns."""
    most = min(MOST_APART if rows <= ROWS_APART else 1, columns - LEAST_COLUMNS)
    yield ()
    for size in range(1, most + 1):
        yield from itertools.combinations(range(columns), size)


def _several(alike: Codes, ids: Codes) -> Marks:
    """Rows whose like rows have more than one id."""
    first = np.full(int(alike.max()) + 1, -1)
    first[alike] = ids
    differing = np.zeros(len(first), dtype=bool)
    differing[alike[first[alike] != ids]] = True
    return np.asarray(differing[alike], dtype=np.bool_)


def _chance(columns: Sequence[Codes]) -> float:
    """How often two rows that share the widest column's value share all others, if that were chance."""
    shares = sorted((np.bincount(c) / len(c) for c in columns), key=len)[:-1]
    return float(np.prod([(share**2).sum() for share in shares]))


def _is_named(columns: Sequence[Hashes], alike: Codes, by_pairs: bool) -> Marks:
    size = np.bincount(alike)[alike]
    by_one = _mark(columns, size)
    if not by_pairs:
        return by_one
    widest = sorted(columns, key=lambda c: -len(np.unique(c)))[:COLUMNS_IN_PAIRS]
    by_two = _mark([a + np.uint64(3) * b for a, b in itertools.combinations(widest, 2)], size)
    together = (by_one | by_two) & (size > 1)
    return together if together.mean() >= SHARE_BY_PAIRS else by_one


def _mark(columns: Iterable[Hashes], size: Codes) -> Marks:
    """Rows with a value, in any of the columns, that stands in the rows alike only."""
    found = np.zeros(len(size), dtype=bool)
    for column in columns:
        _, place, count = np.unique(column, return_inverse=True, return_counts=True)
        found |= count[place] == size
    return found


def _hash(codes: Codes, draw: np.random.Generator) -> Hashes:
    table = draw.integers(0, 2**63, int(codes.max()) + 1, dtype=np.uint64)
    return table[codes]


def _known(cell: Hashes, gaps: Sequence[bool]) -> Hashes:
    # A gap identifies no one: all gaps count as one value that many have.
    return np.where(np.array(gaps), np.uint64(0), cell)
