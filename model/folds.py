"""Splits customers into folds so that nobody is in two of them: not under one id, nor under several."""

import itertools
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array  # type: ignore[import-untyped]
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # type: ignore[import-untyped]

from model.contract import ROW_NUMBER, Feature
from model.validate import Table, Value

Codes = NDArray[np.int64]
Rows = NDArray[np.intp]
# Two columns that name a customer together count only where they do so for this share of the rows: by chance, a few
# rows of any file share a rare pair.
SHARE_BY_PAIRS = 0.05
COLUMNS_IN_PAIRS = 6


@dataclass(frozen=True)
class People:
    """Who is who: `groups` (n,) numbers the people, as far as the file tells them apart."""

    groups: Codes
    repeated_ids: int
    twins: int

    @property
    def count(self) -> int:
        """How many people there are."""
        return int(self.groups.max()) + 1 if len(self.groups) else 0

    def remarks(self, id_column: str) -> Iterator[str]:
        """What a person should know before believing any figure."""
        if self.repeated_ids:
            yield (
                f"{self.repeated_ids:,} customers have several rows ({len(self.groups):,} rows in all): "
                "a customer is never in two folds"
            )
        if self.twins:
            remedy = "name the column that identifies a person as the contract's id_column" + (
                ", and the date as as_of_column" if id_column == ROW_NUMBER else ""
            )
            yield (
                f"WARNING {self.twins:,} of {len(self.groups):,} rows equal another customer's in everything but the "
                f"id ({id_column}): are they the same people under several ids? They are kept in one fold; {remedy}, "
                "and load again, or each of them is counted, scored and acted on several times"
            )


def find_people(table: Table) -> People:
    """Join rows of one id, and rows that are alike beyond chance."""
    ids = _number(table.ids)
    cells = [_number([row.get(f.name) for row in table.rows]) for f in table.contract.from_file]
    alike = _number(list(zip(*(c.tolist() for c in cells), strict=True))) if cells else np.arange(len(table))
    twins = _is_twin(table, cells, alike, ids)
    joined = np.where(twins, alike, len(table) + np.arange(len(table)))
    return People(_components(ids, joined), sum(n > 1 for n in Counter(ids.tolist()).values()), int(twins.sum()))


def split(labels: Codes, groups: Codes, folds: int, repeats: int, seed: int) -> list[tuple[Rows, Rows]]:
    """Stratified folds, `repeats` times; whoever has several rows has them all in one fold."""
    return [pair for number in range(repeats) for pair in _split_once(labels, groups, folds, seed + number)]


def _split_once(labels: Codes, groups: Codes, folds: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
    if len(np.unique(groups)) == len(groups):
        yield from StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
    else:
        yield from StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(labels, labels, groups)


def _is_twin(table: Table, cells: Sequence[Codes], alike: Codes, ids: Codes) -> NDArray[np.bool_]:
    """Rows that equal a row of another id, and hold a value, or two, that no other customer has."""
    size = np.bincount(alike)[alike]
    several = _sizes(np.unique(np.stack([alike, ids], axis=1), axis=0)[:, 0], len(size))[alike] > 1
    numbers = [_known(table, f, c) for f, c in zip(table.contract.from_file, cells, strict=True) if f.numeric]
    widest = sorted(numbers, key=lambda c: -len(np.unique(c)))[:COLUMNS_IN_PAIRS]
    by_one = several & _names(numbers, size)
    pairs = [_number(list(zip(a.tolist(), b.tolist(), strict=True))) for a, b in itertools.combinations(widest, 2)]
    by_two = several & _names(pairs, size)
    return by_one | by_two if by_two.mean() >= SHARE_BY_PAIRS else by_one


def _known(table: Table, feature: Feature, cells: Codes) -> Codes:
    # A gap names nobody: all of them count as one value that many have.
    gaps = np.array([row.get(feature.name) is None for row in table.rows])
    return np.where(gaps, -1, cells) + 1


def _names(columns: Sequence[Codes], size: Codes) -> NDArray[np.bool_]:
    """Rows with a value, in any of the columns, that stands in the rows alike only."""
    found = np.zeros(len(size), dtype=bool)
    for column in columns:
        found |= np.bincount(column)[column] == size
    return found


def _sizes(codes: Codes, most: int) -> Codes:
    return np.asarray(np.bincount(codes, minlength=most), dtype=np.int64)


def _number(values: Sequence[Hashable] | Sequence[Value]) -> Codes:
    places: dict[Hashable, int] = {}
    return np.array([places.setdefault(v, len(places)) for v in values], dtype=np.int64)


def _components(left: Codes, right: Codes) -> Codes:
    """Number the groups that rows form when they share either code."""
    shift = int(left.max()) + 1
    edges = coo_array((np.ones(len(left)), (left, right + shift)), shape=(shift + int(right.max()) + 1,) * 2)
    return np.asarray(connected_components(edges, directed=False)[1][left], dtype=np.int64)
