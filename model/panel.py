"""Recognise files with several rows for one customer, and describe how to read them without bias."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from model.column_profile import Profile
from model.column_words import words
from model.dates import read_date
from model.protected import plain_words

DATE = re.compile(
    r"\d{4}-\d\d?(-\d\d?)?([T ].*)?|\d{1,2}[/.-]\d{1,2}[/.-]\d{4}|\d{4}/\d\d?(/\d\d?)?|\d{1,2}[/.-]\d{4}"
    r"|(19|20)\d\d(0[1-9]|1[0-2])([0-3]\d)?|(19|20)\d\d[- ]?[QTSMWqtsmw]\d\d?|[QTqt][1-4][- ]?(19|20)\d\d"
)
COUNTED, MOST_PERIODS = re.compile(r"[A-Za-z]{0,2}[-_ ]?\d{1,4}(\.0)?"), 60
FEWEST_PEOPLE, DENSE = 20, 0.3
FOLDS = (
    "then one customer's rows are never in training and in test at once (folds by customer), where a model would "
    "recognise the customer instead of learning who leaves"
)


def explain_repeats(customer: Profile, profiles: Mapping[str, Profile]) -> str:
    """What to do about a customer's column whose values repeat."""
    repeated = f"{customer.name} holds {len(customer.values):,} different values in {len(customer):,} rows"
    code = int(np.flatnonzero(np.bincount(customer.rows()) > 1)[0])
    shown = f"{repeated} ({customer.values[code]!r} stands more than once, first in line {customer.lines[code]})"
    for dated in _date_columns(profiles):
        if _pairs(customer, dated) == len(customer):
            return f"{shown}: rows are customers at dates. Say {_dated(dated)}; {FOLDS}"
    return (
        f"{shown}, and an id stands once. If it names another thing, choose the column that names the customer; if "
        f"rows are customers at dates, add the date (YYYY-MM-DD) as a column and say AS_OF=that column: {FOLDS}. "
        "Otherwise keep one row of each customer"
    )


def find_panel(profiles: Mapping[str, Profile]) -> tuple[Profile, Profile] | None:
    """The customer's and the date's column of a file that seems to hold customers by date."""
    for dated in _date_columns(profiles):
        for column in profiles.values():
            if column is not dated and _is_panel(column, dated):
                return column, dated
    return None


def explain_panel(customer: Profile, dated: Profile) -> str:
    """What to do about such a file when no id was named."""
    return (
        f"ID: the {len(customer):,} rows seem to be {len(customer.values):,} customers at {len(dated.values):,} dates. "
        f"Say ID={customer.name} {_dated(dated)}; {FOLDS}. "
        "Numbering the rows would hide that they are the same people"
    )


def date_faults(dated: Profile) -> list[tuple[int, str, str]]:
    """Line, text and remedy of cells that are no date; each different one once."""
    read = ((line, text, read_date(text)) for text, line in zip(dated.values, dated.lines, strict=True))
    return [(line, text, found) for line, text, found in read if isinstance(found, str)]


def _date_columns(profiles: Mapping[str, Profile]) -> Sequence[Profile]:
    return [p for p in profiles.values() if p.values and _holds_periods(p)]


def _holds_periods(profile: Profile) -> bool:
    """Whether a column holds dates, months, or numbers of periods, which say so in its name."""
    sample = profile.values[:500]
    if all(map(DATE.fullmatch, sample)) or all(text.casefold()[:3] in words("months") for text in sample):
        return True
    named = words("periods").intersection(plain_words(profile.name))
    return bool(named) and len(sample) <= MOST_PERIODS and all(map(COUNTED.fullmatch, sample))


def _pairs(one: Profile, other: Profile) -> int:
    together = one.rows().astype(np.int64) * len(other.values) + other.rows()
    return len(np.unique(together))


def _is_panel(column: Profile, dated: Profile) -> bool:
    people, dates, rows = len(column.values), len(dated.values), len(column)
    if people < FEWEST_PEOPLE or rows < 1.5 * max(people, dates) or rows < DENSE * people * dates:
        return False
    return _pairs(column, dated) == rows


def _dated(dated: Profile) -> str:
    """How the date's column is named, and that it must be written as dates where it is not."""
    faults = date_faults(dated)
    if not faults:
        return f"AS_OF={dated.name}"
    return f"AS_OF={dated.name}, once it holds dates ({faults[0][1]!r} in line {faults[0][0]} {faults[0][2]})"
