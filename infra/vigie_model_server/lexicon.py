"""Read a language's word list and find its patterns in a text, quickly.

A pattern is words separated by spaces, on text without accents, capitals and punctuation:
`stem*` matches any word beginning so, `a|b` either word, `?` any one word, `...` up to three words.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vigie_model_server.pattern_tree import Branch, Found, tree_of

HERE = Path(__file__).parent
LANGUAGES = ("fr", "en")
# The apostrophe and the point come first, so that a search goes from one to the next; what stands before is then asked.
ENGLISH_CONTRACTION = re.compile(r"'(?<=[a-z]')(t|s|re|ve|ll|m|d)\b")
TOKEN = re.compile(r"[a-z0-9]+|[.!?;:\n]+|,|[€£$%]")
# "1.9" and "1,9" are one word: a decimal point ends no sentence.
DECIMAL = re.compile(r"[.,](?<=\d[.,])(?=\d)")
BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
PLACEHOLDER = re.compile(r"<[A-Za-z_]+_\d+>")


class Hit(NamedTuple):
    """A pattern found: token positions, the group it belongs to, its weight."""

    start: int
    end: int
    group: str
    weight: float


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The patterns, and the sets that rules ask for by name."""

    patterns: Branch
    lists: Mapping[str, frozenset[str]]
    phrases: Mapping[str, object]

    def hits(self, tokens: list[str]) -> list[Hit]:
        """Every pattern found, in order of position; overlaps included."""
        return list(self._hits(tokens))

    def _hits(self, tokens: list[str]) -> Iterator[Hit]:
        for position, token in enumerate(tokens):
            for branch in self.patterns.beginning_with(token):
                found: Found = []
                branch.find(tokens, position + 1, found)
                # Where patterns weigh the same, the one that the word list names first counts.
                found.sort()
                for pattern, end in found:
                    yield Hit(position, end, pattern.group, pattern.weight)


def folded(text: str) -> str:
    """Lower case, accents off, apostrophes plain, placeholders replaced by one neutral word."""
    plain = PLACEHOLDER.sub(" xname ", text).replace("’", "'").replace("œ", "oe")
    return BEYOND_ASCII.sub(_without_accents, unicodedata.normalize("NFKD", plain.casefold()))


def _without_accents(found: re.Match[str]) -> str:
    return "".join(char for char in found.group() if not unicodedata.combining(char))


def tokens_of(text: str) -> list[str]:
    """Words, and the ends of sentences and commas as tokens of their own."""
    return TOKEN.findall(DECIMAL.sub("d", ENGLISH_CONTRACTION.sub(r"\1", folded(text))))


@cache
def load_lexicon(language: str) -> Lexicon:
    """The word list of `fr` or `en`, read once."""
    data = tomllib.loads((HERE / f"lexicon_{language}.toml").read_text(encoding="utf-8"))
    return Lexicon(
        tree_of(_entries(data)),
        {name: frozenset(value) for name, value in data["lists"].items()},
        data["phrases"],
    )


def _entries(data: Mapping[str, dict[str, dict[str, list[str]]]]) -> Iterator[tuple[str, float, str]]:
    """Every pattern of the sections `sentiment`, `topics` and `causes`, keys of whose tables are weights."""
    for section in ("sentiment", "topics", "causes"):
        for name, by_weight in data[section].items():
            for weight, texts in by_weight.items():
                for text in texts:
                    yield f"{section}.{name}", float(weight), text
