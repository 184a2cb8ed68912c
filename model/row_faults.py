"""Faulty rows of a data file: where, what was found, what to do; printed bounded, written in full."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from vigie.spreadsheets import as_text_cell

SHOWN = 20
# Beyond these, reading stops: one cause, such as a wrong separator, spoils every row alike.
MOST_FAULTS = 10_000


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong in one place. `row` is the line on which the row begins; 0 means the file as a whole."""

    file: str
    row: int
    column: str
    value: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}, row {self.row}" if self.row else self.file
        found = f": {self.value!r}" if self.value else ""
        return f"{place}, column {self.column}{found}: {self.remedy}"


class DataError(ValueError):
    """When a data file is refused.

    Its message gives counts only; `show` names values, for the eyes of who loads the file.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        files = ", ".join(sorted({f.file for f in faults}))
        super().__init__(
            f"{len(faults)} {'fault' if len(faults) == 1 else 'faults'} in {files}; nothing was taken from it"
        )

    def show(self, limit: int = SHOWN, rest: str = "; make load … FAULTS=faults.csv writes them all") -> str:
        """The first faults, one a line, and how many more there are, with how to see the `rest`."""
        lines = [f"  {fault}" for fault in self.faults[:limit]]
        if (more := len(self.faults) - limit) > 0:
            lines.append(f"  … and {more:,} more{rest}")
        return "\n".join([f"Refused, {self}:", *lines])

    def write(self, path: Path) -> None:
        """Every fault as CSV. The file repeats faulty values: treat it like the data."""
        with path.open("w", encoding="utf-8", newline="") as stream:
            out = csv.writer(stream)
            out.writerow(("file", "row", "column", "value", "remedy"))
            out.writerows(_as_rows(self.faults))


def _as_rows(faults: Iterable[Fault]) -> Iterable[tuple[object, ...]]:
    return (tuple(map(as_text_cell, astuple(fault))) for fault in faults)
