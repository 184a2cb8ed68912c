"""Split customers into folds so that no person is in two of them, under one id or under several."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array  # type: ignore[import-untyped]
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # type: ignore[import-untyped]

from model.twins import find_twins, number
from model.validate import Table

Codes = NDArray[np.int64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class People:
    """The people of a file: `groups` (n,) numbers them, as far as the file distinguishes them."""

    groups: Codes
    repeated_ids: int
    twins: int
    apart: tuple[str, ...] = ()

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
            columns = " and ".join((f"the id, {id_column}", *self.apart))
            remedy = "name the column that identifies a person as the contract's id_column"
            dated = f", and the date{f' (is it {self.apart[0]}?)' if self.apart else ''} as as_of_column"
            yield (
                f"WARNING {self.twins:,} of {len(self.groups):,} rows equal other rows in everything but {columns}: "
                f"are they the same people under several ids? They are kept in one fold; {remedy}{dated}, and load "
                "again, or each of them is counted, scored and acted on several times"
            )


def find_people(table: Table) -> People:
    """Join rows of one id, and rows that are alike beyond chance."""
    ids = number(table.ids)
    found = find_twins(table, ids)
    joined = np.where(found.rows, found.alike, len(table) + np.arange(len(table)))
    repeated = int((np.bincount(ids) > 1).sum())
    return People(_components(ids, joined), repeated, int(found.rows.sum()), found.apart)


def split(labels: Codes, groups: Codes, folds: int, repeats: int, seed: int) -> list[tuple[Rows, Rows]]:
    """Stratified folds, `repeats` times; all rows of a person are in one fold."""
    return [pair for number in range(repeats) for pair in _split_once(labels, groups, folds, seed + number)]


def _split_once(labels: Codes, groups: Codes, folds: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
    if len(np.unique(groups)) == len(groups):
        yield from StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
    else:
        yield from StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(labels, labels, groups)


def _components(left: Codes, right: Codes) -> Codes:
    """Number the groups that rows form when they share either code."""
    shift = int(left.max()) + 1
    edges = coo_array((np.ones(len(left)), (left, right + shift)), shape=(shift + int(right.max()) + 1,) * 2)
    return np.asarray(connected_components(edges, directed=False)[1][left], dtype=np.int64)
