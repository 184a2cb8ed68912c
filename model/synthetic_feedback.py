"""Write what the synthetic bank's customers say, in words that carry how they feel."""

import random
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
# How people who type fast on a phone shorten French and English.
SHORTHAND = {
    "fr": {"vous": "vs", "pour": "pr", "c'est": "c", "pas": "pa", "toujours": "tjrs", "mon": "mn",
           "compte": "cpt", "beaucoup": "bcp", "aucune": "ocune", "bonjour": "bjr", "merci": "mrc"},
    "en": {"you": "u", "your": "ur", "please": "pls", "and": "&", "thanks": "thx", "are": "r",
           "because": "cos", "with": "w/", "to": "2"},
}  # fmt: skip
WITHOUT_ACCENTS = str.maketrans("éèêàâçùûîôÉÈÀÇ", "eeeaacuuioEEAC")


class FeedbackWriter:
    """A composer of feedback from a corpus; the same random source gives the same text."""

    def __init__(self, corpora: Mapping[str, Mapping[str, Any]], people: Mapping[str, Any]) -> None:
        self._corpora = corpora
        self._people = people

    @classmethod
    def shipped(cls) -> "FeedbackWriter":
        """The writer with the corpus that comes with the project."""
        return cls({language: read_corpus(language) for language in ("fr", "en")}, read_corpus("people"))

    def write(self, customer: Mapping[str, str], sentiment: str, score: float, draw: random.Random) -> str:
        """One feedback in the customer's language; `score` in [-1, 1] sets how strong the words are."""
        corpus = self._corpora[customer["language"]]
        parts = self._say(corpus, sentiment, score, draw)
        if draw.random() < 0.35:
            parts.append(draw.choice(corpus["details"]))
        if draw.random() < 0.3:
            parts.insert(0, draw.choice(corpus["greetings"]))
        if draw.random() < 0.3:
            parts.append(draw.choice(corpus["signatures"]))
        separator = "\n" if draw.random() < 0.1 else " "
        smooth = separator.join(p.strip() for p in parts)
        rough = self._roughen(smooth, customer["language"], score, draw)
        return self._fill(rough, customer, draw)

    def _say(self, corpus: Mapping[str, Any], sentiment: str, score: float, draw: random.Random) -> list[str]:
        topics = draw.sample(sorted(corpus["topics"]), 2)
        first, second = (corpus["topics"][t] for t in topics)
        if sentiment == "negative":
            said = [draw.choice(first["negative"])]
            if score < -0.5:
                said.append(draw.choice(corpus["anger"]))
            if score < -0.65 or draw.random() < 0.2:
                said.append(draw.choice(second["negative"]))
            return said + ([draw.choice(corpus["leave"])] if score < -0.7 else [])
        if sentiment == "positive":
            said = [draw.choice(first["positive"])]
            if score > 0.55:
                said.insert(0, draw.choice(corpus["praise_openers"]))
            return said + ([draw.choice(corpus["thanks"])] if score > 0.7 or draw.random() < 0.3 else [])
        if sentiment == "mixed":
            return [draw.choice(first["positive"]), draw.choice(corpus["contrast"]),
                    _lower_first(draw.choice(second["negative"]))]  # fmt: skip
        return [draw.choice(first["neutral"])]

    def _roughen(self, text: str, language: str, score: float, draw: random.Random) -> str:
        style = draw.random()
        if style < 0.12:
            text = _shorten(text, SHORTHAND[language])
        elif style < 0.30:
            text = _mistype(text, draw)
        elif style < 0.38:
            text = text.translate(WITHOUT_ACCENTS)
        if score < -0.75 and style > 0.8:
            text = re.sub(r"(\{\w+\})|([^{}]+)", lambda m: m[1] or m[2].upper(), text)
        return text

    def _fill(self, text: str, customer: Mapping[str, str], draw: random.Random) -> str:
        language = customer["language"]
        first = draw.choice(self._people["first"]["female"] + self._people["first"]["male"])
        values = {
            **customer,
            "LAST": customer["last_name"].upper(),
            "first": customer["first_name"],
            "last": customer["last_name"],
            "initial": customer["last_name"][0],
            "number": customer["customer_number"],
            "phone": write_phone(customer["phone"], draw),
            "iban": write_iban(customer["iban"], draw),
            "address": customer["address"],
            "other": first,
            "other_last": draw.choice(self._people["last"][language]),
            "other_phone": write_phone(fictional_phone(language, draw), draw),
            "amount": str(draw.randint(4, 480)),
            "day": str(draw.randint(1, 28)),
            "month": draw.choice(self._people["words"][f"{language}_months"]),
        }
        return text.format_map(values)


def read_corpus(name: str) -> dict[str, Any]:
    """One of the shipped corpus files, parsed."""
    return tomllib.loads((CORPUS / f"{name}.toml").read_text(encoding="utf-8"))


def fictional_phone(language: str, draw: random.Random) -> str:
    """An E.164 number in the ranges that regulators keep for fiction."""
    if language == "fr":
        return f"+3363998{draw.randrange(10_000):04d}"
    return f"+447700900{draw.randrange(1000):03d}"


def write_phone(number: str, draw: random.Random) -> str:
    """A number as people write it: compact, national, spaced, with dots or dashes."""
    if draw.random() < 0.2:
        return number
    prefix = 3 if number.startswith(("+33", "+44")) else 0
    national = "0" + number[prefix:]
    if number.startswith("+33"):
        groups = [national[i : i + 2] for i in range(0, len(national), 2)]
    else:
        groups = [national[:5], national[5:]]
    return draw.choice((" ", ".", "-", "", " ")).join(groups)


def write_iban(iban: str, draw: random.Random) -> str:
    """An IBAN as people write it: compact, in fours, or in lower case."""
    form = draw.random()
    if form < 0.3:
        return iban
    spaced = " ".join(iban[i : i + 4] for i in range(0, len(iban), 4))
    return spaced.lower() if form > 0.9 else spaced


def _lower_first(text: str) -> str:
    return text if text.startswith("{") else text[0].lower() + text[1:]


def _shorten(text: str, table: Mapping[str, str]) -> str:
    words = re.split(r"(\{\w+\}|\s+)", text)
    return "".join(w if w.startswith("{") else table.get(w.lower(), w.lower()) for w in words)


def _mistype(text: str, draw: random.Random) -> str:
    words = text.split(" ")
    for position, word in enumerate(words):
        if len(word) > 5 and word.isalpha() and draw.random() < 0.18:
            cut = draw.randrange(1, len(word) - 2)
            swapped = word[:cut] + word[cut + 1] + word[cut] + word[cut + 2 :]
            words[position] = draw.choice((swapped, word[:cut] + word[cut + 1 :]))
    return " ".join(words)
