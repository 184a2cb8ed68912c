"""Cells that a spreadsheet takes for text."""

import re

# A cell begins with the text, and, where a program separates by semicolons or tabs (as in French), once more at each of
# them: it cuts the text anew, whatever quotes are around it. Programs skip what nobody sees; full-width and small forms
# are read as the plain ones. Tabs and line breaks count by themselves (OWASP, CSV Injection).
_UNSEEN = '\\s\\x00-\\x1f\\x7f-\\xa0\\xad\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\ufeff"'
_FORMULA = re.compile(f"(^|[;\t\r\n])(?=[{_UNSEEN}]*[-=+@－＝＋＠﹣﹦﹢﹫−]|(?<!.)[\t\r\n])", re.DOTALL)


def as_text_cell(value: object) -> str:
    """A cell that no spreadsheet evaluates: an apostrophe stands before what begins as a formula does."""
    return _FORMULA.sub(r"\1'", "" if value is None else str(value))
