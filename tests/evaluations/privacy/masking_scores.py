"""Precision, recall, F2 per label, characters left readable, and time per message.

A labelled mention is found when a span of the same label covers at least half of its characters.
A span is right when it overlaps a mention of its label. F2 = 5PR / (4P + R).
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from tests.evaluations.privacy.corpus import LabelledMessage
from vigie_llm.pseudonymise import Span

Detector = Callable[[LabelledMessage], Sequence[Span]]
LABELS = (
    "CUSTOMER_NAME", "OTHER_NAME", "PHONE", "EMAIL", "ADDRESS", "BIRTH_DATE", "IBAN", "CARD",
    "ACCOUNT_NUMBER", "HANDLE", "NATIONAL_ID", "PLATE", "URL", "IP",
)  # fmt: skip
REPEATS = 3


class _Tally:
    """What happened to the mentions and spans of one language."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.characters = self.readable = self.messages = 0

    def add(self, message: LabelledMessage, spans: Sequence[Span]) -> None:
        self.messages += 1
        for mention in message.spans:
            hit = any(s.label == mention.label and _covers_half(s, mention) for s in spans)
            (self.found if hit else self.missed)[mention.label] += 1
            covered = {i for s in spans for i in range(max(s.start, mention.start), min(s.end, mention.end))}
            self.characters += mention.end - mention.start
            self.readable += mention.end - mention.start - len(covered)
        for span in spans:
            if not any(m.label == span.label and _overlaps(span, m) for m in message.spans):
                self.wrong[span.label] += 1

    def figures(self) -> dict[str, Any]:
        total = _rates(self.found.total(), self.missed.total(), self.wrong.total())
        labels = {
            label: {"mentions": self.found[label] + self.missed[label]}
            | _rates(self.found[label], self.missed[label], self.wrong[label])
            for label in (*LABELS, *sorted({*self.found, *self.missed, *self.wrong} - set(LABELS)))
            if self.found[label] + self.missed[label] + self.wrong[label]
        }
        left = self.readable / self.characters if self.characters else 0.0
        return total | {"messages": self.messages, "characters_left": round(left, 4), "labels": labels}


def _covers_half(span: Span, mention: Span) -> bool:
    return 2 * (min(span.end, mention.end) - max(span.start, mention.start)) >= mention.end - mention.start


def _overlaps(span: Span, mention: Span) -> bool:
    return span.start < mention.end and mention.start < span.end


def _rates(found: int, missed: int, wrong: int) -> dict[str, float]:
    precision = found / (found + wrong) if found + wrong else 1.0
    recall = found / (found + missed) if found + missed else 1.0
    below = 4 * precision + recall
    f2 = 5 * precision * recall / below if below else 0.0
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f2": round(f2, 4)}


def score(messages: Sequence[LabelledMessage], detect: Detector) -> dict[str, Any]:
    """{"fr": {...}, "en": {...}, "ms_p50", "ms_p95"}; times are the best of three runs per message."""
    tallies: dict[str, _Tally] = {"fr": _Tally(), "en": _Tally()}
    milliseconds: list[float] = []
    if messages:
        detect(messages[0])
    for message in messages:
        spans, elapsed = _timed(message, detect)
        milliseconds.append(elapsed)
        tallies[message.language].add(message, spans)
    milliseconds.sort()
    times = {f"ms_p{p}": round(milliseconds[int(len(milliseconds) * p / 100)], 3) for p in (50, 95)} if messages else {}
    return {language: tally.figures() for language, tally in tallies.items()} | times


def _timed(message: LabelledMessage, detect: Detector) -> tuple[Sequence[Span], float]:
    best = float("inf")
    spans: tuple[Span, ...] = ()
    for _ in range(REPEATS):
        begin = time.perf_counter()
        spans = tuple(detect(message))
        best = min(best, time.perf_counter() - begin)
    return spans, best * 1000
