"""A column of an unknown file: its different cells, how often and where each stands, and their order."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model.csv_file import CsvFile, Row
from model.row_faults import Fault


@dataclass
class Profile:
    """One column. Each different cell is kept once, so that a million rows of words take little room."""

    name: str
    values: list[str] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("i"))  # where each value stands first
    codes: array[int] = field(default_factory=lambda: array("i"))  # the place in `values` of each row's cell
    _places: dict[str, int] = field(default_factory=dict)

    def add(self, cell: str, line: int) -> None:
        """Take the next row's cell."""
        text = cell.strip()
        place = self._places.setdefault(text, len(self.values))
        if place == len(self.values):
            self.values.append(text)
            self.lines.append(line)
        self.codes.append(place)

    def close(self) -> None:
        """Say that no row follows; what only adding needs is let go."""
        self._places = {}

    def __len__(self) -> int:
        return len(self.codes)

    def counts(self) -> list[int]:
        """How often each value stands in the column."""
        return np.bincount(self.rows(), minlength=len(self.values)).tolist()

    def rows(self) -> Any:
        """The codes as an array, shape (n,)."""
        return np.frombuffer(self.codes, dtype=np.int32)

    def map_rows(self, convert: Callable[[str], Any], chosen: Any = slice(None)) -> list[Any]:
        """Every (chosen) row's cell, converted; each different cell is converted once."""
        converted = [convert(value) for value in self.values]
        return [converted[code] for code in self.rows()[chosen].tolist()]


def profile_of(name: str, cells: Iterable[str]) -> Profile:
    """A column from its cells; the first stands in line 2."""
    profile = Profile(name)
    for line, cell in enumerate(cells, start=2):
        profile.add(cell, line)
    return profile


def read_profiles(file: CsvFile, faults: list[Fault]) -> dict[str, Profile]:
    """Every named column of a file, in its order."""
    named = [(place, Profile(name)) for place, name in enumerate(file.header) if name]
    for row in file.rows(faults):
        _take(row, named)
    for _, profile in named:
        profile.close()
    return {profile.name: profile for _, profile in named}


def _take(row: Row, named: Sequence[tuple[int, Profile]]) -> None:
    cells, line = row.cells, row.line
    for place, profile in named:
        profile.add(cells[place], line)
