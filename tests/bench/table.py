"""Tables for a person: a figure, its relation to the bar, and the bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line: what was measured, the figure, its ratio to the bar, and the bar in words."""

    name: str
    figure: str
    ratio: str = ""
    bar: str = ""


HEAD = Row("", "measured", "of bar", "bar")


def ratio(figure: float, bar: float) -> str:
    """A figure as a part of its bar: 0.50 is half of what is allowed."""
    return f"{figure / bar:.2f}"


def lines(title: str, rows: Sequence[Row]) -> list[str]:
    """The table, as lines of text."""
    every = [HEAD, *rows]
    name, figure, part = (max(len(getattr(row, key)) for row in every) for key in ("name", "figure", "ratio"))
    return [title] + [
        f"  {row.name:<{name}}  {row.figure:>{figure}}  {row.ratio:>{part}}  {row.bar}".rstrip() for row in every
    ]
