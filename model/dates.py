"""Dates of rows, as ISO 8601 writes them."""

import re
from datetime import UTC, date, datetime, timedelta

MONTH = re.compile(r"((?:19|20)\d\d)[-/.]?(0[1-9]|1[0-2])")


def read_date(text: str) -> date | str:
    """The date that a cell holds, or what to do about it. Tomorrow may be today elsewhere; later is a mistake."""
    try:
        found = date.fromisoformat(text.strip())
    except ValueError:
        if month := MONTH.fullmatch(text.strip()):
            return f"is a month, not a date; write a day of it, such as {month[1]}-{month[2]}-01"
        return "is not a date; write YYYY-MM-DD"
    if found > datetime.now(UTC).date() + timedelta(days=1):
        return "lies in the future; write the day on which the columns were known"
    return found
