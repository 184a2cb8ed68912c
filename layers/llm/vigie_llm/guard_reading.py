"""A text read once for the guard: what its words, digits and dates are, whoever it is about."""

import re
import unicodedata
from dataclasses import dataclass

from vigie_llm.guard_patterns import find_patterns
from vigie_llm.pseudonymise.folding import fold_character
from vigie_llm.pseudonymise.spelled import Token, digits_skeleton, tokenise

_PLACEHOLDER = re.compile(r"<[A-Z][A-Z_]{1,30}_\d{1,6}>")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_MARKER = re.compile(r"\b[0-9a-f]{32}\b")
_SIGN_WORD = re.compile(
    r"\b(?:at|arobase?|arrobase|arobaz|chez|point|dot|pt|tiret|bas|dash|hyphen|underscore|minus|plus|souligne|"
    r"slash)\b"
)
_NOT_ALNUM = re.compile(r"[\W_]+")
_NUMERIC_DATE = re.compile(r"(?<!\d)(\d{1,4})[ ./\-]{1,3}(\d{1,2})[ ./\-]{1,3}(\d{4}|\d{1,2})(?!\d)")
_MONTHS = {
    "jan": 1, "fev": 2, "feb": 2, "mar": 3, "avr": 4, "apr": 4, "mai": 5, "may": 5, "juin": 6, "jun": 6,
    "juil": 7, "jul": 7, "aou": 8, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_MONTH = "|".join(_MONTHS)
_DAY, _YEAR = r"0?(\d{1,2})(?:er|st|nd|rd|th)?", r"'?(\d{4}|\d{2})(?!\d)"
# Look-aheads, so that a date overlapping another is read too.
_DAY_FIRST = re.compile(rf"(?<!\d)(?={_DAY}\W{{1,3}}(?:of )?({_MONTH})[a-z]*\W{{1,3}}{_YEAR})")
_MONTH_FIRST = re.compile(rf"(?<!\d)(?=({_MONTH})[a-z]*\W{{1,2}}{_DAY}\W{{1,3}}{_YEAR})")


@dataclass(frozen=True, slots=True)
class Reading:
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


def read(text: str) -> Reading:
    """The reading of a text."""
    plain = make_plain(text)
    low = plain.lower()
    tokens = tokenise(low)
    return Reading(
        plain=plain,
        low=low,
        squeezed=squeeze(low),
        digits=digits_skeleton(tokens).text,
        tokens=tokens,
        words=frozenset(token.text for token in tokens),
        dates=frozenset((*_numeric_dates(low), *_written_dates(low))),
        patterns=tuple(find_patterns(plain)),
    )


def make_plain(text: str) -> str:
    """The text without placeholders, escapes, accents, invisible characters or look-alikes; case kept."""
    readable = _ESCAPED.sub(lambda m: chr(int(m[1], 16)), text) if "\\u" in text else text
    readable = _MARKER.sub(" ", _PLACEHOLDER.sub(" ; ", readable))
    if readable.isascii():
        return readable
    return "".join(map(fold_character, unicodedata.normalize("NFKC", readable)))


def squeeze(low: str) -> str:
    """Letters and digits alone, without the words that spell a sign."""
    return _NOT_ALNUM.sub("", _SIGN_WORD.sub("", low))


def _numeric_dates(low: str) -> list[tuple[str, str, str]]:
    """Every order a numeric date may be meant in."""
    found: list[tuple[str, str, str]] = []
    for match in _NUMERIC_DATE.finditer(low):
        first, middle, last = match.groups()
        day, month = first.lstrip("0"), middle.lstrip("0")
        found += [(day, month, last), (month, day, last), (last.lstrip("0"), month, first)]
    return found


def _written_dates(low: str) -> list[tuple[str, str, str]]:
    found = [(m[1].lstrip("0"), str(_MONTHS[m[2]]), m[3]) for m in _DAY_FIRST.finditer(low)]
    return found + [(m[2].lstrip("0"), str(_MONTHS[m[1]]), m[3]) for m in _MONTH_FIRST.finditer(low)]
