"""A text normalised once for the guard: its words, digits and dates, independent of the customer."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from vigie_llm.guard_patterns import find_patterns
from vigie_llm.text.folding import fold_text
from vigie_llm.text.lexicon import words
from vigie_llm.text.spelled import Token, digits_skeleton, tokenise

_PLACEHOLDER = re.compile(r"<[A-Z][A-Z_]{1,30}_\d{1,6}>")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_MARKER = re.compile(r"\b[0-9a-f]{32}\b")
_SIGN_WORDS = words(
    "at arobas arobase arrobase arobaz chez point dot pt tiret bas dash hyphen underscore minus plus souligne slash"
)
_SIGN_WORD = re.compile(rf"\b(?:{'|'.join(sorted(_SIGN_WORDS))})\b")
_NUMBER, _ASCII_NUMBER = re.compile(r"\d+"), re.compile(r"[0-9]+")
_NOT_ALNUM = re.compile(r"[\W_]+")
# Dates are looked for where numbers begin, which are few and quickly found.
_NUMERIC_DATE = re.compile(r"(\d{1,4})[ ./\-]{1,3}(\d{1,2})[ ./\-]{1,3}(\d{4}|\d{1,2})(?!\d)")
_MONTHS = {
    "jan": 1, "fev": 2, "feb": 2, "mar": 3, "avr": 4, "apr": 4, "mai": 5, "may": 5, "juin": 6, "jun": 6,
    "juil": 7, "jul": 7, "aou": 8, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_MONTH = "|".join(_MONTHS)
_DAY, _YEAR = r"0?(\d{1,2})(?:er|st|nd|rd|th)?", r"'?(\d{4}|\d{2})(?!\d)"
_DAY_FIRST = re.compile(rf"{_DAY}\W{{1,3}}(?:of )?({_MONTH})[a-z]*\W{{1,3}}{_YEAR}")
# A look-ahead, so that a date overlapping another is read too.
_MONTH_FIRST = re.compile(rf"(?<!\d)(?=({_MONTH})[a-z]*\W{{1,2}}{_DAY}\W{{1,3}}{_YEAR})")
_AFTER_WORD = re.compile(r"[a-z]\W{1,2}$")


@dataclass(frozen=True, slots=True)
class NormalisedText:
    """A text without accents, escapes or placeholders, and what is looked up in it.

    `squeezed` is its letters and digits alone; `digits` has number words turned into digits;
    `dates` are (day, month, year) as written, without leading zeros in day and month.
    """

    plain: str
    low: str
    squeezed: str
    digits: str
    tokens: list[Token]
    words: frozenset[str]
    dates: frozenset[tuple[str, str, str]]
    patterns: tuple[str, ...]


def read(text: str) -> NormalisedText:
    """The reading of a text."""
    plain = make_plain(text)
    low = plain.lower()
    tokens = tokenise(low)
    return NormalisedText(
        plain=plain,
        low=low,
        squeezed=_squeezed(low, tokens),
        digits=digits_skeleton(tokens).text,
        tokens=tokens,
        words=frozenset(token.text for token in tokens),
        dates=_dates(low),
        patterns=tuple(find_patterns(plain)),
    )


def make_plain(text: str) -> str:
    """The text without placeholders, escapes, accents, invisible characters or look-alikes; case kept."""
    readable = _ESCAPED.sub(lambda m: chr(int(m[1], 16)), text) if "\\u" in text else text
    readable = _MARKER.sub(" ", _PLACEHOLDER.sub(" ; ", readable))
    if readable.isascii():
        return readable
    return fold_text(unicodedata.normalize("NFKC", readable))


def squeeze(low: str) -> str:
    """Letters and digits alone, without the words that spell a sign."""
    return _NOT_ALNUM.sub("", _SIGN_WORD.sub("", low))


def _squeezed(low: str, tokens: list[Token]) -> str:
    """The same of a text whose tokens are known. An underscore joins what are two tokens, and one word."""
    if "_" in low:
        return squeeze(low)
    return "".join(token.text for token in tokens if token.text not in _SIGN_WORDS)


def _dates(low: str) -> frozenset[tuple[str, str, str]]:
    number = _ASCII_NUMBER if low.isascii() else _NUMBER
    starts = [match.start() for match in number.finditer(low)]
    return frozenset((*_numeric_dates(low, starts), *_written_dates(low, starts)))


def _numeric_dates(low: str, starts: list[int]) -> Iterator[tuple[str, str, str]]:
    """Every order a numeric date may be meant in."""
    end = 0
    for start in starts:
        match = _NUMERIC_DATE.match(low, start) if start >= end else None
        if match:
            end = match.end()
            first, middle, last = match.groups()
            day, month = first.lstrip("0"), middle.lstrip("0")
            yield from ((day, month, last), (month, day, last), (last.lstrip("0"), month, first))


def _written_dates(low: str, starts: list[int]) -> Iterator[tuple[str, str, str]]:
    for start in starts:
        if match := _DAY_FIRST.match(low, start):
            yield match[1].lstrip("0"), str(_MONTHS[match[2]]), match[3]
    if any(_AFTER_WORD.search(low[max(0, start - 3) : start]) for start in starts):
        for match in _MONTH_FIRST.finditer(low):
            yield match[2].lstrip("0"), str(_MONTHS[match[1]]), match[3]
