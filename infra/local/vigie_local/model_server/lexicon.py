"""Reads a language's word list and finds its patterns in a text, quickly.

A pattern is words separated by spaces, on text without accents, capitals and punctuation:
`stem*` matches any word beginning so, `a|b` either word, `?` any one word, `...` up to three words.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
LANGUAGES = ("fr", "en")
LONGEST_GAP = 3
# Sentences that speak to a machine, which are looked for first and by themselves.
INJECTION = "sentiment.injection"
ENGLISH_CONTRACTION = re.compile(r"(?<=[a-z])'(t|s|re|ve|ll|m|d)\b")
TOKEN = re.compile(r"[a-z0-9]+|[.!?;:\n]+|,|[€£$%]")
# "1.9" and "1,9" are one word: a decimal point ends no sentence.
DECIMAL = re.compile(r"(?<=\d)[.,](?=\d)")
PLACEHOLDER = re.compile(r"<[A-Za-z_]+_\d+>")
SENTENCE_END = re.compile(r"[.!?;:\n]")


class Hit(NamedTuple):
    """A pattern found: token positions, the group it belongs to, its weight."""

    start: int
    end: int
    group: str
    weight: float


class Element(NamedTuple):
    """What one token may be: a gap of several, any word, one of some words, or a word that begins with a stem."""

    gap: bool
    any_word: bool
    words: frozenset[str]
    stems: tuple[str, ...]


class Pattern(NamedTuple):
    """The elements after the first one, and what a match counts for."""

    rest: tuple[Element, ...]
    group: str
    weight: float


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Patterns indexed by their first word or stem, and the sets that rules ask for by name.

    `injection` holds the patterns of that group alone.
    """

    words: Mapping[str, tuple[Pattern, ...]]
    stems: Mapping[str, tuple[Pattern, ...]]
    stem_lengths: tuple[int, ...]
    lists: Mapping[str, frozenset[str]]
    phrases: Mapping[str, object]
    injection: "Lexicon | None" = None

    def hits(self, tokens: list[str]) -> list[Hit]:
        """Every pattern found, in order of position; overlaps included."""
        return list(self._hits(tokens))

    def _hits(self, tokens: list[str]) -> Iterator[Hit]:
        for position, token in enumerate(tokens):
            for pattern in self._starting_with(token):
                end = _match(pattern.rest, tokens, position + 1)
                if end:
                    yield Hit(position, end, pattern.group, pattern.weight)

    def _starting_with(self, token: str) -> Iterator[Pattern]:
        yield from self.words.get(token, ())
        for length in self.stem_lengths:
            if length > len(token):
                return
            yield from self.stems.get(token[:length], ())


def folded(text: str) -> str:
    """Lower case, accents off, apostrophes plain, placeholders replaced by one neutral word."""
    plain = PLACEHOLDER.sub(" xname ", text).replace("’", "'").replace("œ", "oe")
    decomposed = unicodedata.normalize("NFKD", plain.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def tokens_of(text: str) -> list[str]:
    """Words, and the ends of sentences and commas as tokens of their own."""
    return TOKEN.findall(DECIMAL.sub("d", ENGLISH_CONTRACTION.sub(r"\1", folded(text))))


def is_boundary(token: str) -> bool:
    """Whether a token ends a sentence."""
    return bool(SENTENCE_END.match(token))


@cache
def load_lexicon(language: str) -> Lexicon:
    """The word list of `fr` or `en`, read once."""
    data = tomllib.loads((HERE / f"lexicon_{language}.toml").read_text(encoding="utf-8"))
    entries = list(_entries(data))
    lists = {name: frozenset(value) for name, value in data["lists"].items()}
    injection = Lexicon(*_indexed(entry for entry in entries if entry[0] == INJECTION), {}, {})
    return Lexicon(*_indexed(entries), lists, data["phrases"], injection)


type Table = dict[str, tuple[Pattern, ...]]


def _indexed(entries: Iterable[tuple[str, float, str]]) -> tuple[Table, Table, tuple[int, ...]]:
    """The patterns by first word and by first stem, and the lengths that stems have."""
    words: dict[str, list[Pattern]] = {}
    stems: dict[str, list[Pattern]] = {}
    for group, weight, text in entries:
        _index(words, stems, text.split(), group, weight)
    return (
        {key: tuple(value) for key, value in words.items()},
        {key: tuple(value) for key, value in stems.items()},
        tuple(sorted({len(stem) for stem in stems})),
    )


def _entries(data: Mapping[str, dict[str, dict[str, list[str]]]]) -> Iterator[tuple[str, float, str]]:
    """Every pattern of the sections `sentiment` and `topics`, keys of whose tables are weights."""
    for section in ("sentiment", "topics"):
        for name, by_weight in data[section].items():
            for weight, texts in by_weight.items():
                for text in texts:
                    yield f"{section}.{name}", float(weight), text


def _index(
    words: dict[str, list[Pattern]], stems: dict[str, list[Pattern]], elements: list[str], group: str, weight: float
) -> None:
    pattern = Pattern(tuple(map(_element, elements[1:])), group, weight)
    for first in elements[0].split("|"):
        table, key = (stems, first[:-1]) if first.endswith("*") else (words, first)
        table.setdefault(key, []).append(pattern)


def _element(text: str) -> Element:
    choices = [] if text in ("...", "?") else text.split("|")
    return Element(
        gap=text == "...",
        any_word=text == "?",
        words=frozenset(choice for choice in choices if not choice.endswith("*")),
        stems=tuple(choice[:-1] for choice in choices if choice.endswith("*")),
    )


def _match(elements: tuple[Element, ...], tokens: list[str], position: int) -> int:
    """The position after the match, or 0; commas are passed over inside a gap only."""
    for index, element in enumerate(elements):
        if element.gap:
            rest = elements[index + 1 :]
            return next((end for end in _ends_after_gap(rest, tokens, position) if end), 0)
        if position >= len(tokens):
            return 0
        token = tokens[position]
        fits = token in element.words or token.startswith(element.stems)
        if not fits and not (element.any_word and token[0].isalnum()):
            return 0
        position += 1
    return position


def _ends_after_gap(rest: tuple[Element, ...], tokens: list[str], position: int) -> Iterator[int]:
    for skipped in range(LONGEST_GAP + 1):
        if any(is_boundary(token) for token in tokens[position : position + skipped]):
            return
        yield _match(rest, tokens, position + skipped)
