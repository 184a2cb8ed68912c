"""Ids of customers as files hold them: when two are the same, and what is none."""

import re
import uuid
from contextlib import suppress

from model.cells import fold, is_gap
from model.csv_file import REMOVE_TOTALS, TOTALS

UUID_DIGITS = 32
ROUNDED = re.compile(r"\d(?:[.,]\d+)?E\+\d\d", re.IGNORECASE)


def as_uuid(text: str) -> str:
    """A UUID in its one form, of several spellings; empty for any other text."""
    if len(text) >= UUID_DIGITS:
        with suppress(ValueError):
            return str(uuid.UUID(text))
    return ""


def canonical_id(text: str) -> str:
    """What is the same for every spelling of one id."""
    return as_uuid(text) or text


def id_fault(text: str) -> str:
    """Why a trimmed cell identifies no customer, and the remedy; empty for an id."""
    if not text:
        return "is empty; every row needs an id"
    if text[-1].isdigit():
        return (
            "was rounded by a spreadsheet, so others share it; export the column as text"
            if ROUNDED.fullmatch(text)
            else ""
        )
    if is_gap(text):
        return "says that there is none; every row needs an id"
    return REMOVE_TOTALS if fold(text) in TOTALS else ""
