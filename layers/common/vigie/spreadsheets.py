"""Cells that a spreadsheet takes for text."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def as_text_cell(value: object) -> str:
    """A cell that no spreadsheet evaluates: what begins as a formula does gets an apostrophe before it.

    The characters are OWASP's (CSV Injection). Full-width forms, which some spreadsheets read as the plain ones, count.
    """
    text = "" if value is None else str(value)
    first = text.lstrip(" \u00a0")[:1]
    return f"'{text}" if first in FORMULA_STARTS else text
