"""Which of several overlapping findings wins, and the placeholders that replace them."""

import re
from collections import Counter
from dataclasses import dataclass

from vigie_llm.identity import Pseudonymised, Span
from vigie_llm.text.folding import FoldedText, fold

_PLACEHOLDER = re.compile(r"<([A-Z_]+)_(\d+)>")
_PREFIX = {"CUSTOMER_NAME": "NAME", "OTHER_NAME": "NAME"}
_NOT_WORD = re.compile(r"[^a-z0-9]+")

# Ranks: what the bank knows beats a checksum, which beats a shape, which beats a guess.
KNOWN = 90
VALIDATED = 80
NAME_KNOWN = 75
SHAPED = 70
CONTEXT = 60
NAMED = 50
GUESSED = 40


@dataclass(frozen=True, slots=True)
class Found:
    """A finding in the plain view; the higher rank wins an overlap, then the longer."""

    start: int
    end: int
    label: str
    rank: int


def settle(found: list[Found]) -> list[Found]:
    """Findings without overlap; what a sure one covers beyond the winner stays masked too."""
    kept: list[Found] = []
    for item in sorted(found, key=lambda f: (-f.rank, f.start - f.end, f.start)):
        overlapping = sorted((k for k in kept if item.start < k.end and k.start < item.end), key=lambda f: f.start)
        if not overlapping:
            kept.append(item)
        elif len(overlapping) == 1 and overlapping[0].label == item.label and item.rank >= SHAPED:
            kept.remove(overlapping[0])
            kept.append(_union(overlapping[0], item))
        elif item.rank >= SHAPED or item.label == "CUSTOMER_NAME":
            kept += _leftovers(item, overlapping)
    return sorted(kept, key=lambda f: f.start)


def _union(a: Found, b: Found) -> Found:
    return Found(min(a.start, b.start), max(a.end, b.end), a.label, a.rank)


def _leftovers(item: Found, winners: list[Found]) -> list[Found]:
    """The parts of an item, two characters or more, that no winner covers."""
    pieces: list[Found] = []
    position = item.start
    for winner in (*winners, Found(item.end, item.end, "", 0)):
        if winner.start - position > 1:
            pieces.append(Found(position, winner.start, item.label, item.rank))
        position = max(position, winner.end)
    return pieces


def replace(view: FoldedText, found: list[Found]) -> Pseudonymised:
    """Put stable placeholders in place of the findings."""
    spans = tuple(Span(*view.locate(f.start, f.end), f.label) for f in found)
    numbers = _Numbering(view.original)
    pieces: list[str] = []
    position = 0
    for span, item in zip(spans, found, strict=True):
        pieces.append(view.original[position : span.start])
        pieces.append(numbers.placeholder(span.label, view.low[item.start : item.end]))
        position = span.end
    pieces.append(view.original[position:])
    return Pseudonymised("".join(pieces), dict(Counter(s.label for s in spans)), spans)


class _Numbering:
    """Numbers entities in order of appearance; forgotten with the message."""

    def __init__(self, text: str) -> None:
        self._entities: dict[tuple[str, str], str] = {}
        self._next: Counter[str] = Counter()
        # A placeholder that the customer typed must not be mistaken for one of ours.
        for prefix, number in _PLACEHOLDER.findall(text):
            self._next[prefix] = max(self._next[prefix], min(int(number[:6]), 999_999))

    def placeholder(self, label: str, surface: str) -> str:
        prefix = _PREFIX.get(label, label)
        key = (label, self._entity(label, surface))
        if key not in self._entities:
            self._next[prefix] += 1
            self._entities[key] = f"<{prefix}_{self._next[prefix]}>"
        return self._entities[key]

    def _entity(self, label: str, surface: str) -> str:
        if label == "CUSTOMER_NAME":
            return ""
        plain = _NOT_WORD.sub(" " if label == "OTHER_NAME" else "", fold(surface)).strip()
        if label != "OTHER_NAME":
            return plain
        return self._same_person(plain)

    def _same_person(self, plain: str) -> str:
        """ "karim" and "karim benz" are one person within a message."""
        words = set(plain.split())
        for known_label, known in self._entities:
            if known_label == "OTHER_NAME" and (words <= set(known.split()) or set(known.split()) <= words):
                return known
        return plain
