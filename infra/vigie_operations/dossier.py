"""The dossier of a contested decision, in French or English, and the customer's receipt."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from vigie_operations.dossier_facts import Facts, Row
from vigie_scoring.counterfactual import SEGMENTS
from vigie_scoring.counterfactual_words import LOWEST, NONE_FOUND, say_counterfactual
from vigie_scoring.words import describe, write_number

LANGUAGES = ("fr", "en")
SPOKEN = ("answers", "decisions", "duties", "channels", "segments", "purposes", "tones", "topics")


@cache
def texts() -> dict[str, Any]:
    """The words, by key and language."""
    return tomllib.loads(Path(__file__).with_name("dossier_texts.toml").read_text(encoding="utf-8"))


def write_dossier(facts: Facts, language: str, now: datetime.datetime) -> str:
    """Return the dossier as Markdown."""
    return "\n".join(_Writer(facts, language).dossier(now)) + "\n"


def write_receipt(facts: Facts, language: str) -> str:
    """Return what the customer is given, as plain text without anything that was derived about them."""
    return "\n".join(_Writer(facts, language).receipt()) + "\n"


class _Writer:
    def __init__(self, facts: Facts, language: str) -> None:
        self.facts, self.language = facts, language

    def dossier(self, now: datetime.datetime) -> Iterator[str]:
        head = self.facts.objection
        yield "# " + self.say("title", objection=head["objection_id"])
        yield ""
        yield self.say("made", when=self.day(now), number=head["customer_number"])
        sections = {
            "contested": self.contested, "data": self.data, "why": self.why, "counterfactual": self.otherwise,
            "left": self.left, "deciders": self.deciders, "answer": self.answer, "contest": self.contest,
        }  # fmt: skip
        for title, lines in sections.items():
            yield from ("", "## " + self.say(title), "")
            yield from lines()

    def receipt(self) -> Iterator[str]:
        head = self.facts.objection
        yield from (self.say("receipt"), "", self.say("receipt_number", objection=head["objection_id"]), "")
        if head["answer"]:
            said = self.word("answers", head["answer"])
            when, received = self.day(head["answered_at"]), self.day(head["received_on"])
            yield self.say("receipt_answered", received=received, when=when, answer=said)
        else:
            yield self.say("receipt_received", when=self.day(head["received_on"]), due=self.day(head["due_on"]))
        yield from ("", self.say("rights"))

    def contested(self) -> Iterator[str]:
        head = self.facts.objection
        yield self.say(
            "campaign", name=head["campaign"], start=self.day(head["starts_on"]), end=self.day(head["ends_on"]),
            proposal=head["proposal_id"], when=self.moment(head["proposed_at"]),
        )  # fmt: skip
        yield from ("", self.say("received", when=self.day(head["received_on"]), due=self.day(head["due_on"])))
        if head["withdrawn_at"]:
            yield from ("", self.withdrawal())
        for version in self.facts.versions:
            yield from ("", self.say("version", version=version["version"], sha256=version["content_sha256"],
                                     when=self.moment(version["written_at"])))  # fmt: skip
            if version["message"]:
                price = self.euros(version["price_eur"])
                channel = self.word("channels", version["channel"])
                yield "\n" + self.say("offer", title=version[f"title_{self.language}"], price=price, channel=channel)
                yield "\n" + self.say("message", message=version["message"])

    def withdrawal(self) -> str:
        gone = [row for row in self.facts.consents if not row["granted"]]
        when = max((row["recorded_at"] for row in gone), default=self.facts.objection["withdrawn_at"])
        purposes = ", ".join(self.word("purposes", row["purpose"]) for row in gone)
        return self.say("withdrawn", when=self.moment(when), purpose=purposes or "?")

    def data(self) -> Iterator[str]:
        facts, found = self.facts, self.facts.prediction
        if facts.features is None:
            yield self.say("data_gone")
        else:
            run = self.moment(found["planned_at"])
            yield self.say("as_of", when=self.day(facts.as_of), model=found["model_version"], run=run)
            yield ""
            for feature in facts.scorer.features:
                yield "- " + describe(feature, facts.features.get(feature.name), self.language)
        yield ""
        if found["sentiment"]:
            topics = ", ".join(self.word("topics", topic) for topic in found["topics"])
            yield self.say("feedback", tone=self.word("tones", found["sentiment"]), topics=topics)
        else:
            yield self.say("no_feedback")
        yield from ("", self.say("consents"), "")
        for row in facts.consents:
            said = {"purpose": self.word("purposes", row["purpose"]), "when": self.moment(row["recorded_at"])}
            yield "- " + self.say("granted" if row["granted"] else "refused", **said)

    def why(self) -> Iterator[str]:
        found = self.facts.prediction
        if found["probability"] is None:
            yield self.say("no_score")
            return
        percent = write_number(100 * found["probability"], self.language)
        percent += "\u00a0%" if self.language == "fr" else "%"
        segment = self.word("segments", found["segment"]) if found["segment"] else "?"
        yield from (self.say("score", probability=percent, segment=segment), "")
        for driver in found["drivers"]:
            words = driver.get(f"words_{self.language}") or driver.get("words") or driver["feature"]
            yield f"- {words}"

    def otherwise(self) -> Iterator[str]:
        facts = self.facts
        if facts.features is None:
            yield self.say("no_counterfactual")
        elif facts.counterfactual is not None:
            yield say_counterfactual(facts.scorer, facts.counterfactual, self.language)
        else:
            is_lowest = facts.prediction["segment"] == SEGMENTS[0]
            yield (LOWEST if is_lowest else NONE_FOUND)[self.language]

    def left(self) -> Iterator[str]:
        head = self.facts.objection
        if not self.facts.calls:
            yield "- " + self.say("nothing_left")
        for call in self.facts.calls:
            purpose = self.word("purposes", call["purpose"])
            if call["claims"]:
                said = {name: call[name] for name in ("recipient", "country", "model", "masked", "retention")}
                yield "- " + self.say("call", when=self.moment(call["claimed_at"]), purpose=purpose, **said)
            else:
                yield "- " + self.say("unsent", when=self.moment(call["sent_at"]), purpose=purpose)
        if head["handed_at"]:
            when = self.moment(head["handed_at"])
            yield "- " + self.say("handed_over", when=when, reference=head["recipient_ref"])
        else:
            yield "- " + self.say("not_handed_over")

    def deciders(self) -> Iterator[str]:
        yield from (self.say("agent"), "")
        for row in self.facts.decisions:
            later = row["decided_at"] > self.facts.objection["recorded_at"]
            yield "- " + self.say(
                "decided", when=self.moment(row["decided_at"]), decision=self.word("decisions", row["decision"]),
                duty=self.word("duties", row["duty"]), person=row["person_id"], version=row["version"],
            ) + (f" ({self.say('after')})" if later else "")  # fmt: skip

    def answer(self) -> Iterator[str]:
        head = self.facts.objection
        if not head["answer"]:
            yield self.say("unanswered")
            return
        yield self.say(
            "noted" if head["answer"] == "withdrawn" else "answered", when=self.moment(head["answered_at"]),
            duty=self.word("duties", head["answered_by_duty"]), person=head["answered_by"],
            answer=self.word("answers", head["answer"]),
        )  # fmt: skip

    def contest(self) -> Iterator[str]:
        yield self.say("rights")

    def say(self, key: str, **values: object) -> str:
        return str(texts()[key][self.language]).format(**values)

    def word(self, of: str, word: str) -> str:
        return str(texts()[of][word][self.language])

    def euros(self, amount: Any) -> str:
        written = write_number(float(amount), self.language)
        return f"{written}\u00a0€" if self.language == "fr" else f"€{written}"

    def day(self, when: datetime.date | datetime.datetime) -> str:
        return when.strftime("%d/%m/%Y" if self.language == "fr" else "%Y-%m-%d")

    def moment(self, when: datetime.datetime) -> str:
        form = "%d/%m/%Y %H:%M UTC" if self.language == "fr" else "%Y-%m-%d %H:%M UTC"
        return when.astimezone(datetime.UTC).strftime(form)


__all__ = ["LANGUAGES", "SPOKEN", "Row", "texts", "write_dossier", "write_receipt"]
