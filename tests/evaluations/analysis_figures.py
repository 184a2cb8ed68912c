"""Figures of an analysis compared with its labels: accuracy, per-class tables, micro and macro F1."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vigie.vocabulary import Sentiment


@dataclass(frozen=True, slots=True)
class Finding:
    """Sentiment, topics and wish to leave, as labelled or as answered."""

    sentiment: str
    topics: frozenset[str]
    intent_to_leave: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled text and what the model answered; None when the answer was refused or missing."""

    language: str
    wanted: Finding
    got: Finding | None


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives, false negatives of one class."""

    hits: int = 0
    extra: int = 0
    missed: int = 0

    def precision(self) -> float:
        return self.hits / (self.hits + self.extra) if self.hits + self.extra else 0.0

    def recall(self) -> float:
        return self.hits / (self.hits + self.missed) if self.hits + self.missed else 0.0

    def f1(self) -> float:
        """2TP / (2TP + FP + FN); 0 for a class that is neither labelled nor answered."""
        whole = 2 * self.hits + self.extra + self.missed
        return 2 * self.hits / whole if whole else 0.0

    def plus(self, other: "Counts") -> "Counts":
        return Counts(self.hits + other.hits, self.extra + other.extra, self.missed + other.missed)


def figures(judged: Sequence[Judged]) -> dict[str, Any]:
    """All figures overall, and the same by language; an invalid answer counts as wrong everywhere."""
    languages = sorted({item.language for item in judged})
    by_language = {name: _figures([item for item in judged if item.language == name]) for name in languages}
    return {**_figures(judged), "languages": by_language}


def _figures(judged: Sequence[Judged]) -> dict[str, Any]:
    topics = topic_counts(judged)
    labelled = {name: count for name, count in topics.items() if count.hits + count.missed}
    total = Counts()
    for count in topics.values():
        total = total.plus(count)
    correct = sum(item.got is not None and item.got.sentiment == item.wanted.sentiment for item in judged)
    return {
        "texts": len(judged),
        "invalid": sum(item.got is None for item in judged),
        "sentiment_accuracy": _rounded(correct / len(judged)),
        "sentiments": {name: _row(sentiment_counts(judged, name)) for name in Sentiment},
        "confusion": _confusion(judged),
        "topic_micro_f1": _rounded(total.f1()),
        "topic_macro_f1": _rounded(sum(c.f1() for c in labelled.values()) / len(labelled) if labelled else 0.0),
        "topic_precision": _rounded(total.precision()),
        "topic_recall": _rounded(total.recall()),
        "topics": {name: _row(count) for name, count in sorted(topics.items())},
        "intent_to_leave_f1": _rounded(leaving_counts(judged).f1()),
        "intent_to_leave": _row(leaving_counts(judged)),
    }


def topic_counts(judged: Iterable[Judged]) -> dict[str, Counts]:
    """Counts by topic, for every topic labelled or answered."""
    counts: dict[str, Counts] = {}
    for item in judged:
        got = item.got.topics if item.got else frozenset()
        for topic in item.wanted.topics | got:
            one = _one(topic in item.wanted.topics, topic in got)
            counts[topic] = counts.get(topic, Counts()).plus(one)
    return counts


def sentiment_counts(judged: Iterable[Judged], name: str) -> Counts:
    """Counts of one sentiment against the others."""
    total = Counts()
    for item in judged:
        total = total.plus(_one(item.wanted.sentiment == name, item.got is not None and item.got.sentiment == name))
    return total


def leaving_counts(judged: Iterable[Judged]) -> Counts:
    """Counts of `intent_to_leave`."""
    total = Counts()
    for item in judged:
        total = total.plus(_one(item.wanted.intent_to_leave, item.got is not None and item.got.intent_to_leave))
    return total


def _one(wanted: bool, got: bool) -> Counts:
    return Counts(int(wanted and got), int(got and not wanted), int(wanted and not got))


def _confusion(judged: Iterable[Judged]) -> dict[str, dict[str, int]]:
    pairs = Counter((item.wanted.sentiment, item.got.sentiment if item.got else "invalid") for item in judged)
    columns = (*Sentiment, "invalid")
    return {row: {column: pairs[row, column] for column in columns} for row in Sentiment}


def _row(counts: Counts) -> dict[str, float]:
    return {
        "precision": _rounded(counts.precision()),
        "recall": _rounded(counts.recall()),
        "f1": _rounded(counts.f1()),
        "labelled": counts.hits + counts.missed,
    }


def _rounded(value: float) -> float:
    return round(value, 4)
