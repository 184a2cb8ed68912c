"""The phrase bank: whole, reviewed sentences, which of them fit a case, and a message composed of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from vigie.vocabulary import PhraseKind, Segment

NO_ANALYSIS = "none"
# A phrase id is never this short: it stands for no sentence.
NO_SENTENCE = "no"


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides which sentences fit. `tone` is a sentiment, or `NO_ANALYSIS`."""

    segment: Segment
    tone: str = NO_ANALYSIS
    leaving: bool = False
    topics: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """A reviewed sentence in both languages. A condition that is empty, or None, always holds."""

    sentence_id: str
    kind: PhraseKind
    texts: dict[str, str]
    tones: tuple[str, ...] = ()
    leaving: bool | None = None
    topics: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()

    def fits(self, case: Situation) -> bool:
        """Whether the sentence may be said in a case, whatever is offered."""
        return (
            (not self.tones or case.tone in self.tones)
            and self.leaving in (None, case.leaving)
            and (not self.topics or not set(self.topics).isdisjoint(case.topics))
            and (not self.causes or not set(self.causes).isdisjoint(case.causes))
            and (not self.segments or case.segment in self.segments)
        )

    def suits(self, offer_id: str) -> bool:
        """Whether the sentence may be said with an offer."""
        return not self.offers or offer_id in self.offers


@dataclass(frozen=True, slots=True)
class Choice:
    """What the model chose: ids of sentences, `NO_SENTENCE` for none, and which of topic and cause comes first."""

    opening: str
    topic: str
    cause: str
    first: str
    offer: str
    assurance: str
    closing: str
    reasons: tuple[str, ...]

    def is_of(self, options: "Options") -> bool:
        """Whether each sentence is among those that fit."""
        may_lack = {PhraseKind.TOPIC: self.topic, PhraseKind.CAUSE: self.cause, PhraseKind.ASSURANCE: self.assurance}
        needed = {PhraseKind.OPENING: self.opening, PhraseKind.OFFER: self.offer, PhraseKind.CLOSING: self.closing}
        return (
            all(chosen in (NO_SENTENCE, *options[kind]) for kind, chosen in may_lack.items())
            and all(chosen in options[kind] for kind, chosen in needed.items())
            and set(self.reasons) <= set(options[PhraseKind.REASON])
        )


@dataclass(frozen=True, slots=True)
class Composition:
    """An offer, the sentences of its message in order, and the sentences that say why."""

    offer_id: str
    sentences: tuple[str, ...]
    reasons: tuple[str, ...]


type Options = dict[PhraseKind, tuple[str, ...]]


class PhraseBank:
    """The active sentences, offers' own messages included, and what was found to fit which case."""

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        self._sentences = {each.sentence_id: each for each in sentences}
        self._options: dict[tuple[Situation, tuple[str, ...]], Options] = {}

    def options(self, case: Situation, offer_ids: tuple[str, ...]) -> Options:
        """Return the ids that may be chosen in a case with one of these offers, by kind."""
        known = self._options.get((case, offer_ids))
        if known is None:
            fitting = [s for s in self._sentences.values() if s.fits(case) and any(map(s.suits, offer_ids))]
            # What the customer wrote about first stands first.
            fitting.sort(key=lambda s: min((case.topics.index(t) for t in s.topics if t in case.topics), default=0))
            known = {kind: tuple(s.sentence_id for s in fitting if s.kind is kind) for kind in PhraseKind}
            self._options[case, offer_ids] = known
        return known

    def settle(self, choice: Choice, case: Situation, offer_ids: tuple[str, ...]) -> Composition | None:
        """Return the wording that was chosen; None where a sentence is not there or does not fit the case.

        What fits the case but not the chosen offer gives way: the assurance to none, the closing to the first that
        does.
        """
        options = self.options(case, offer_ids)
        if not choice.is_of(options):
            return None
        offer_id = self._sentences[choice.offer].offers[0]
        said = (choice.topic, choice.cause) if choice.first == PhraseKind.TOPIC else (choice.cause, choice.topic)
        closings = [each for each in options[PhraseKind.CLOSING] if self._suits(each, offer_id)]
        sentences = (
            choice.opening,
            *said,
            choice.offer,
            choice.assurance if self._suits(choice.assurance, offer_id) else NO_SENTENCE,
            choice.closing if choice.closing in closings else closings[0],
        )
        return Composition(offer_id, tuple(each for each in sentences if each != NO_SENTENCE), choice.reasons)

    def _suits(self, sentence_id: str, offer_id: str) -> bool:
        return sentence_id in self._sentences and self._sentences[sentence_id].suits(offer_id)

    def compose(self, sentence_ids: Sequence[str], language: str) -> str:
        """Return the sentences' texts as one message."""
        return " ".join(self._sentences[each].texts[language] for each in sentence_ids)
