"""A word list's patterns as a tree of their elements: one walk from a word finds all that begin there.

The tree is there for speed: of the few thousand patterns, dozens begin with the same common word.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

LONGEST_GAP = 3
SENTENCE_ENDS = frozenset(".!?;:\n")


class Pattern(NamedTuple):
    """What a match counts for; `order` is the pattern's place in the word list."""

    order: int
    group: str
    weight: float


Found = list[tuple[Pattern, int]]


class Branch:
    """What may follow on the elements so far: words, stems, any one word, a gap, or nothing more."""

    __slots__ = ("any_word", "complete", "gap", "shortest", "stems", "stems_by_beginning", "words")

    def __init__(self) -> None:
        self.complete: list[Pattern] = []
        self.words: dict[str, Branch] = {}
        self.stems: dict[str, Branch] = {}
        self.shortest = 0
        self.stems_by_beginning: dict[str, list[tuple[str, Branch]]] = {}
        self.any_word: Branch | None = None
        self.gap: Branch | None = None

    def beginning_with(self, token: str) -> Iterator["Branch"]:
        """The branches that a token leads to: the word's, then its stems', shortest first."""
        if token in self.words:
            yield self.words[token]
        for stem, branch in self.stems_by_beginning.get(token[: self.shortest], ()):
            if token.startswith(stem):
                yield branch

    def find(self, tokens: Sequence[str], position: int, found: Found) -> None:
        """Add every pattern that the tokens from `position` on complete, and the position after it."""
        for pattern in self.complete:
            found.append((pattern, position))
        if self.gap is not None:
            found += self.gap._after_gap(tokens, position)
        if position >= len(tokens):
            return
        token = tokens[position]
        if self.words or self.stems:
            for branch in self.beginning_with(token):
                branch.find(tokens, position + 1, found)
        if self.any_word is not None and token[0].isalnum():
            self.any_word.find(tokens, position + 1, found)

    def _after_gap(self, tokens: Sequence[str], position: int) -> Found:
        """Each pattern after the shortest gap that fits it; a gap passes over no sentence's end."""
        ends: dict[Pattern, int] = {}
        for start in range(position, min(position + LONGEST_GAP, len(tokens)) + 1):
            if start > position and is_boundary(tokens[start - 1]):
                break
            found: Found = []
            self.find(tokens, start, found)
            for pattern, end in found:
                ends.setdefault(pattern, end)
        return list(ends.items())


def tree_of(patterns: Iterable[tuple[str, float, str]]) -> Branch:
    """The tree of patterns, given as group, weight and text."""
    root = Branch()
    for order, (group, weight, text) in enumerate(patterns):
        first, *rest = text.split()
        # The weights were found with a first element read like this: a word that it names twice counts twice,
        # and a `?` is a question mark.
        branches = list(_chosen(root, first.split("|")))
        for element in rest:
            branches = [after for branch in branches for after in _grown(branch, element)]
        for branch in branches:
            branch.complete.append(Pattern(order, group, weight))
    _index_stems(root)
    return root


def is_boundary(token: str) -> bool:
    """Whether a token ends a sentence."""
    return token[0] in SENTENCE_ENDS


def _grown(branch: Branch, element: str) -> Iterator[Branch]:
    """The branches, new or there already, that an element leads to."""
    if element == "...":
        branch.gap = branch.gap or Branch()
        yield branch.gap
    elif element == "?":
        branch.any_word = branch.any_word or Branch()
        yield branch.any_word
    else:
        yield from _chosen(branch, _choices(element))


def _chosen(branch: Branch, choices: Iterable[str]) -> Iterator[Branch]:
    for choice in choices:
        if choice.endswith("*"):
            yield branch.stems.setdefault(choice[:-1], Branch())
        else:
            yield branch.words.setdefault(choice, Branch())


def _choices(element: str) -> list[str]:
    """The words and stems of an element, less those that another of its stems covers: a token counts once."""
    choices = list(dict.fromkeys(element.split("|")))
    stems = [choice for choice in choices if choice.endswith("*")]
    return [
        choice
        for choice in choices
        if not any(choice != stem and choice.startswith(stem.removesuffix("*")) for stem in stems)
    ]


def _index_stems(branch: Branch) -> None:
    """Sort the stems of a grown tree by as many letters as the shortest of their siblings has."""
    branch.shortest = min(map(len, branch.stems), default=0)
    for stem, after in sorted(branch.stems.items(), key=lambda item: len(item[0])):
        branch.stems_by_beginning.setdefault(stem[: branch.shortest], []).append((stem, after))
    for further in (*branch.words.values(), *branch.stems.values(), branch.any_word, branch.gap):
        if further is not None:
            _index_stems(further)
