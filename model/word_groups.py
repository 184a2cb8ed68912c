"""Group a column's cells by word, ignoring case and spaces, with missing values set apart."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from model.cells import WORDS_TOO, fold, is_gap, to_number
from model.column_profile import Profile
from model.display import shorten

# From this share on, a word such as NA or unknown is an answer of its own.
OFTEN = 0.01
PLACES = re.compile(
    r"region|area|country|market|zone|continent|territory|state|pays|land|pais|paese|secteur", re.IGNORECASE
)


@dataclass(frozen=True)
class WordGroup:
    """A word (folded), its spellings, the most frequent first, its count, and the first line it stands in."""

    name: str
    spellings: tuple[str, ...]
    count: int
    line: int

    def __str__(self) -> str:
        others = f", also written {', '.join(map(shorten, self.spellings[1:4]))}" if len(self.spellings) > 1 else ""
        return f"{shorten(self.spellings[0])} ({self.count:,}{others})"


def group_words(profile: Profile, places: Iterable[int] | None = None) -> tuple[list[WordGroup], list[WordGroup]]:
    """The words of a column (or of some places in its values), the most frequent first, and its gaps."""
    groups = _group(profile, range(len(profile.values)) if places is None else places)
    gaps = [g for g in groups if is_gap(g.spellings[0])]
    words = [g for g in groups if not is_gap(g.spellings[0])]
    kept = [g for g in gaps if _is_word(g, words, profile)]
    return [*words, *kept], [g for g in gaps if g not in kept]


def _group(profile: Profile, places: Iterable[int]) -> list[WordGroup]:
    found: dict[str, list[tuple[int, str, int]]] = {}
    counts = profile.counts()
    for place in places:
        value = profile.values[place]
        found.setdefault(fold(value), []).append((counts[place], value, profile.lines[place]))
    groups = [
        WordGroup(
            name,
            tuple(value for _, value, _ in sorted(group, reverse=True)),
            sum(count for count, _, _ in group),
            min(line for *_, line in group),
        )
        for name, group in found.items()
    ]
    return sorted(groups, key=lambda g: (-g.count, g.name))


def _is_word(gap: WordGroup, words: Sequence[WordGroup], profile: Profile) -> bool:
    """Whether a word that often means nothing is an answer here: a region named NA among other regions."""
    if gap.name not in WORDS_TOO or not words or all(to_number(g.spellings[0]) is not None for g in words[:50]):
        return False
    return gap.count >= OFTEN * len(profile) or bool(PLACES.search(profile.name))
