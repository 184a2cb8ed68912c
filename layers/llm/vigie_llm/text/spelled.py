"""Skeletons: a text reduced to letters and digits, with words for digits and signs understood."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from vigie_llm.text.lexicon import words

_TOKEN = re.compile(r"[^\W_]+")
_ASCII_TOKEN = re.compile(r"[a-z0-9]+")
_HAS_DIGIT = re.compile(r"\d", re.ASCII).search

_FRENCH = {
    "zero": 0, "un": 1, "une": 1, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "six": 6, "sept": 7,
    "huit": 8, "neuf": 9, "dix": 10, "onze": 11, "douze": 12, "treize": 13, "quatorze": 14,
    "quinze": 15, "seize": 16, "vingt": 20, "vingts": 20, "trente": 30, "quarante": 40,
    "cinquante": 50, "soixante": 60, "septante": 70, "huitante": 80, "octante": 80, "nonante": 90,
}  # fmt: skip
_ENGLISH = {
    "zero": 0, "oh": 0, "o": 0, "nought": 0, "naught": 0, "one": 1, "two": 2, "three": 3, "four": 4,
    "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
    "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18,
    "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip
_REPEAT = {"double": 2, "triple": 3, "treble": 3}
NUMBER_WORDS = frozenset({*_FRENCH, *_ENGLISH, *_REPEAT, "hundred", "et", "o"})
# Words that stand for the signs of an e-mail address or of a number.
_SIGN_WORDS = words(
    "at arobase arobas arrobase arobaz chez point dot pt tiret dash hyphen minus underscore souligne bas plus slash"
)


class Token(NamedTuple):
    """A run of letters and digits of the plain view, lower case."""

    text: str
    start: int
    end: int


_new_token = tuple.__new__


def tokenise(low: str) -> list[Token]:
    """The tokens of a lower-case text, in order."""
    pattern = _ASCII_TOKEN if low.isascii() else _TOKEN
    # Past the generated constructor, which takes as long as the search.
    return [_new_token(Token, (m[0], *m.span())) for m in pattern.finditer(low)]


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Letters and digits without anything between, and where each came from.

    `offsets` gives the plain view's start and end of each character; only asked where something was found.
    """

    text: str
    offsets: Callable[[], tuple[list[int], list[int]]]

    def search(self, needle: str) -> list[tuple[int, int]]:
        """Where the needle occurs, as (start, end) indexes of the skeleton."""
        places: list[tuple[int, int]] = []
        at = self.text.find(needle) if needle else -1
        while at >= 0:
            places.append((at, at + len(needle)))
            at = self.text.find(needle, at + len(needle))
        return places

    def locate(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the plain view of text[start:end]."""
        starts, ends = self.offsets()
        return starts[start], ends[end - 1]


def letters_skeleton(tokens: list[Token]) -> Skeleton:
    """Every letter and digit, without the words that spell a sign ("arobase", "dot")."""
    spoken = [token for token in tokens if token.text not in _SIGN_WORDS]

    def offsets() -> tuple[list[int], list[int]]:
        starts = [offset for token in spoken for offset in range(token.start, token.end)]
        return starts, [offset + 1 for offset in starts]

    return Skeleton("".join(token.text for token in spoken), offsets)


def digits_skeleton(tokens: list[Token]) -> Skeleton:
    """Digits only, number words turned into digits; a letter token is a wall ("|")."""
    text: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    while position < len(tokens):
        word = tokens[position].text
        if word not in NUMBER_WORDS and (word.isalpha() or not _HAS_DIGIT(word)):
            if not text or text[-1] != "|":
                text.append("|")
                starts.append(tokens[position].start)
                ends.append(tokens[position].end)
            position += 1
            continue
        digits, position_after = _read_digits(tokens, position)
        first, last = tokens[position], tokens[position_after - 1]
        one_each = len(digits) == last.end - first.start
        for i, digit in enumerate(digits):
            text.append(digit)
            starts.append(first.start + i if one_each else first.start)
            ends.append(first.start + i + 1 if one_each else last.end)
        position = position_after
    return Skeleton("".join(text), lambda: (starts, ends))


def _read_digits(tokens: list[Token], position: int) -> tuple[str, int]:
    word = tokens[position].text
    if word.isdigit() and word.isascii():
        return word, position + 1
    if word in NUMBER_WORDS:
        read = _read_words(tokens, position)
        if read is not None:
            return read
    as_zeros = word.replace("o", "0").replace("l", "1") if _HAS_DIGIT(word) else word
    if as_zeros.isdigit() and as_zeros.isascii():
        return as_zeros, position + 1
    return "|", position + 1


def _read_words(tokens: list[Token], position: int) -> tuple[str, int] | None:
    word = tokens[position].text
    if word in _REPEAT and position + 1 < len(tokens):
        unit = _unit(tokens[position + 1].text)
        return None if unit is None else (unit * _REPEAT[word], position + 2)
    if word in _FRENCH and word not in {"six", "zero"}:
        value, after = _french_number(tokens, position)
        return str(value), after
    if word in _ENGLISH:
        return _english_number(tokens, position)
    return None


def _unit(word: str) -> str | None:
    if len(word) == 1 and word.isdigit():
        return word
    value = _ENGLISH.get(word)
    return str(value) if value is not None and value < 10 else None


def _french_number(tokens: list[Token], position: int) -> tuple[int, int]:
    """A number below 100 as French says it: soixante et onze, quatre-vingt-dix-huit."""
    value = _FRENCH[tokens[position].text]
    position += 1
    if value == 4 and _word(tokens, position) in {"vingt", "vingts"}:
        value, position = 80, position + 1
    if value < 20 and value != 10:
        return value, position
    if _word(tokens, position) == "et":
        following = _FRENCH.get(_word(tokens, position + 1), 99)
        if following in {1, 11}:
            return value + following, position + 2
        return value, position
    following = _FRENCH.get(_word(tokens, position), 99)
    teens = 20 if value in {60, 80} else 10
    if value == 10:
        return (10 + following, position + 1) if following in {7, 8, 9} else (value, position)
    if 0 < following < teens:
        position += 1
        if following == 10 and _FRENCH.get(_word(tokens, position), 99) in {7, 8, 9}:
            following += _FRENCH[_word(tokens, position)]
            position += 1
        return value + following, position
    return value, position


def _english_number(tokens: list[Token], position: int) -> tuple[str, int]:
    """A group as English says it: "seventy-seven", "nine hundred", "oh"."""
    value = _ENGLISH[tokens[position].text]
    position += 1
    if value >= 20:
        following = _ENGLISH.get(_word(tokens, position), 0)
        return (str(value + following), position + 1) if 0 < following < 10 else (str(value), position)
    if 0 < value < 10 and _word(tokens, position) == "hundred":
        return f"{value}00", position + 1
    return str(value), position


def _word(tokens: list[Token], position: int) -> str:
    return tokens[position].text if position < len(tokens) else ""


@lru_cache(maxsize=1024)
def spelled_skeleton(value: str) -> str:
    """The letters skeleton of a known value, read the same way as the text's."""
    return letters_skeleton(tokenise(value)).text
