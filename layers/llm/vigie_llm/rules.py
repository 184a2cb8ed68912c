"""Patterns that no answer may hold, each tried only where a text holds a sign of it.

A search with one of the larger patterns takes 10 to 50 µs, twenty of them a millisecond for each answer; looking for a
sign takes less than one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_DIGIT = re.compile(r"\d")
_ASCII_DIGIT = re.compile(r"[0-9]")


@dataclass(frozen=True, slots=True)
class Searched:
    """A text with what the signs are looked for in."""

    text: str
    low: str
    has_digit: bool

    @classmethod
    def of(cls, text: str) -> "Searched":
        digit = _ASCII_DIGIT if text.isascii() else _DIGIT
        return cls(text, text.lower(), digit.search(text) is not None)


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern and its signs: whatever the pattern matches holds one of `signs` in lower case, or a digit where
    `digit`, or what `hint` matches. A rule without any is tried on every text.
    """

    pattern: re.Pattern[str]
    signs: tuple[str, ...] = ()
    digit: bool = False
    hint: re.Pattern[str] | None = None

    def is_broken_by(self, searched: Searched) -> bool:
        """Whether the text holds what it may not."""
        return self._may_match(searched) and self.pattern.search(searched.text) is not None

    def _may_match(self, searched: Searched) -> bool:
        if self.digit and searched.has_digit:
            return True
        low = searched.low
        for sign in self.signs:
            if sign in low:
                return True
        if self.hint is not None:
            return self.hint.search(searched.text) is not None
        return not self.signs and not self.digit


def broken(rules: Mapping[str, Rule], searched: Searched) -> Iterator[str]:
    """The labels of the rules that a text breaks."""
    return (label for label, rule in rules.items() if rule.is_broken_by(searched))
