"""The finite language of messages, read from the phrase bank's own files: a recogniser, and how large it is.

It shares no code with what composes messages: it parses a text from left to right by the sentences' texts.
"""

import itertools
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PHRASES = Path(__file__).parents[1] / "infra" / "migrations" / "phrases"
LANGUAGES = ("fr", "en")
TONES = ("positive", "negative", "neutral", "mixed", "none")
SEGMENTS = ("High", "Medium", "Low")
# The orders in which kinds may stand.
ORDERS = [
    ("opening", *acknowledged, "offer", *assured, "closing")
    for acknowledged in ((), ("topic",), ("cause",), ("topic", "cause"), ("cause", "topic"))
    for assured in ((), ("assurance",))
]
type Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """Whom a message is for and what it is about."""

    offer: str
    segment: str
    tone: str = "none"
    leaving: bool = False
    topics: Sequence[str] = ()
    causes: Sequence[str] = ()


class Language:
    """The bank's sentences by kind, and the offers with their own messages."""

    def __init__(self, offers: Mapping[str, Entry]) -> None:
        self.kinds = read_bank()
        self.offers = offers

    def sentences(self, kind: str) -> Iterator[Entry]:
        yield from self.kinds[kind].values()
        if kind == "offer":
            yield from ({**offer, "offers": [name]} for name, offer in self.offers.items())

    def holds(self, message: str, language: str, subject: Subject) -> bool:
        """Whether a message is one of those that may be said of this."""
        offer = self.offers[subject.offer]
        may_be_made = subject.segment in offer["segments"] and (not offer["tones"] or subject.tone in offer["tones"])
        return may_be_made and any(self._parses(message, language, subject, order) for order in ORDERS)

    def _parses(self, rest: str, language: str, subject: Subject, order: Sequence[str]) -> bool:
        if not order:
            return rest == ""
        for sentence in self.sentences(order[0]):
            text = sentence[language] + (" " if order[1:] else "")
            is_next = rest.startswith(text) and fits(sentence, subject)
            if is_next and self._parses(rest[len(text) :], language, subject, order[1:]):
                return True
        return False

    def size(self) -> int:
        """How many distinct messages there are: sequences of sentences that fit one customer at least."""
        return sum(self._size_with(offer, order) for offer in self.offers for order in ORDERS)

    def _size_with(self, offer: str, order: Sequence[str]) -> int:
        """Count by what customers a beginning fits, as bits, so that nothing is written out."""
        made = self._customers_of(self.offers[offer])
        counts = Counter({made: 1})
        for kind in order:
            of_kind = [s for s in self.sentences(kind) if not s.get("offers") or offer in s["offers"]]
            longer: Counter[int] = Counter()
            for (so_far, count), sentence in itertools.product(counts.items(), of_kind):
                if both := so_far & self._customers_of(sentence):
                    longer[both] += count
            counts = longer
        return counts.total()

    @staticmethod
    def _customers_of(sentence: Entry) -> int:
        """Tones, wish to leave and segments that a sentence fits. Topics and causes never exclude each other."""
        cases = itertools.product(TONES, (False, True), SEGMENTS)
        return sum(
            1 << place
            for place, (tone, leaving, segment) in enumerate(cases)
            if (not sentence.get("tones") or tone in sentence["tones"])
            and sentence.get("leaving") in (None, leaving)
            and (not sentence.get("segments") or segment in sentence["segments"])
            and not (tone == "none" and (leaving or sentence.get("topics") or sentence.get("causes")))
        )


def read_bank() -> dict[str, dict[str, dict[str, Any]]]:
    """Every sentence by kind and id."""
    kinds: dict[str, dict[str, dict[str, Any]]] = {}
    for path in sorted(PHRASES.glob("*.toml")):
        kinds |= tomllib.loads(path.read_text(encoding="utf-8"))
    return kinds


def fits(sentence: Entry, subject: Subject) -> bool:
    """Whether a sentence may be said of this."""
    return (
        (not sentence.get("tones") or subject.tone in sentence["tones"])
        and sentence.get("leaving") in (None, subject.leaving)
        and (not sentence.get("topics") or any(topic in subject.topics for topic in sentence["topics"]))
        and (not sentence.get("causes") or any(cause in subject.causes for cause in sentence["causes"]))
        and (not sentence.get("segments") or subject.segment in sentence["segments"])
        and (not sentence.get("offers") or subject.offer in sentence["offers"])
    )
