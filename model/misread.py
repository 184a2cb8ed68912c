"""Recognise what a file probably is when it is not the expected table."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from model.cells import number_format, to_number
from model.column_profile import Profile
from model.contract import ROW_NUMBER
from model.csv_file import REMOVE_TOTALS, CsvFile
from model.row_faults import Fault

FEWEST_ROWS, TOTALLED = 5, 2
EQUAL = 1e-9


def explain_header(name: str, profiles: Mapping[str, Profile]) -> str:
    """Why a column may not be there: lines above the header, no header, or a separator that is none."""
    for profile in profiles.values():
        for value, line in zip(profile.values, profile.lines, strict=True):
            if name in re.split(r"[,;\t| ]", value):
                return f"; line {line} holds it: the first line must name the columns, remove those above it"
    if len(profiles) == 1:
        return "; its columns must stand apart by commas, semicolons, tabs or |"
    if any(to_number(column) is not None for column in profiles):
        return "; the first line must name the columns, and this one looks like values"
    return ""


def explain_row_numbers(id_column: str, profiles: Mapping[str, Profile]) -> str:
    """What it means that no id was named, with the column that may be it."""
    if id_column != ROW_NUMBER:
        return ""
    said = "no ID is named, so a customer is a row of this very file: tomorrow's file would be other people"
    own = [p.name for p in profiles.values() if _names_rows(p)]
    return f"{said}; is it ID={own[0]}?" if own else said


def find_unlabelled_total(file: CsvFile, profiles: Mapping[str, Profile]) -> Fault | None:
    """The last row, where its numbers are the sums of those above: spreadsheets add one, not always with a word."""
    columns = [p for p in profiles.values() if len(p) > FEWEST_ROWS]
    sums = [found for p in columns if (found := _is_sum(p)) is not None]
    if sum(sums) < TOTALLED or not all(sums):
        return None
    shown = file.separator.join(p.values[p.codes[-1]] for p in columns)[:80]
    last = max(p.lines[p.codes[-1]] for p in columns)
    return Fault(file.name, last, "(all)", shown, f"holds the sums of the rows above; {REMOVE_TOTALS}")


def _is_sum(profile: Profile) -> bool | None:
    """Whether the last cell is the sum of the others; None for a column of words, or where it is empty."""
    if len(profile.values) <= 2 or not profile.values[profile.codes[-1]]:
        return None
    written = number_format(profile.values[:500])
    if isinstance(written, str):
        return None
    numbers = [to_number(value, written) for value in profile.values]
    if sum(n is None for n in numbers) > 1:
        return None
    cells = np.array([np.nan if n is None else n for n in numbers])[profile.rows()]
    total = float(np.nansum(cells[:-1]))
    return bool(total and abs(cells[-1] - total) <= EQUAL * abs(total) + EQUAL)


def _names_rows(profile: Profile) -> bool:
    values: Sequence[str] = profile.values
    distinct = len(values) == len(profile) > 1 and all(values)
    return distinct and not all("." in v or "," in v or " " in v for v in values)
