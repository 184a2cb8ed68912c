"""Labelled messages made up from templates, people and ways of writing."""

import random
import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from tests.evaluations.privacy import fictional_people, writing
from tests.evaluations.privacy.fictional_people import Person, plain
from vigie_llm.pseudonymise import KnownIdentity, Span

_SLOT = re.compile(r"\{([A-Z0-9_]+)\}")
_LABELS = {
    "OWN": "CUSTOMER_NAME", "OWN_LOW": "CUSTOMER_NAME", "FIRST": "CUSTOMER_NAME", "LAST_OTHER": "OTHER_NAME",
    "OTHER_FIRST": "OTHER_NAME", "OTHER_FULL": "OTHER_NAME", "PHONE": "PHONE", "PHONE_NEW": "PHONE",
    "EMAIL": "EMAIL", "EMAIL_NEW": "EMAIL", "ADDRESS": "ADDRESS", "ADDRESS_NEW": "ADDRESS",
    "BIRTH": "BIRTH_DATE", "BIRTH_NEW": "BIRTH_DATE", "IBAN": "IBAN", "IBAN_NEW": "IBAN", "CARD": "CARD",
    "LAST4": "CARD", "LAST4_STARS": "CARD", "CUSTOMER_NUMBER": "ACCOUNT_NUMBER", "ACCOUNT": "ACCOUNT_NUMBER",
    "LOAN": "ACCOUNT_NUMBER", "SORT_CODE": "ACCOUNT_NUMBER", "HANDLE": "HANDLE", "NIR": "NATIONAL_ID",
    "PLATE": "PLATE", "URL": "URL", "IP": "IP",
}  # fmt: skip
_CLOSINGS = {
    "fr": ("Cordialement,\n{}", "Bien à vous,\n{}", "Salutations.\n{}", "{}", "Merci d'avance, {}", "— {}"),
    "en": ("Kind regards,\n{}", "Yours faithfully,\n{}", "Thanks, {}", "{}", "Cheers\n{}", "— {}"),
}


@dataclass(frozen=True, slots=True)
class LabelledMessage:
    """A message, whose it is, and where its personal data stands."""

    text: str
    spans: tuple[Span, ...]
    known: KnownIdentity
    language: str


@lru_cache(maxsize=2)
def _templates(language: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    lines = Path(__file__).with_name(f"templates_{language}.txt").read_text("utf-8").splitlines()
    at = lines.index("== plain")
    return tuple(lines[lines.index("== personal") + 1 : at]), tuple(lines[at + 1 :])


def generate(count: int, seed: int, language: str) -> list[LabelledMessage]:
    """That many messages; the same seed gives the same ones."""
    rng = random.Random(f"{seed}-{language}")
    return [_message(rng, language) for _ in range(count)]


def _message(rng: random.Random, language: str) -> LabelledMessage:
    person = fictional_people.invent(rng, language)
    personal, hard = _templates(language)
    sentences = rng.sample(hard, rng.randint(1, 3)) + rng.sample(personal, rng.choice([0, 1, 1, 2, 2, 3]))
    rng.shuffle(sentences)
    message = _Writer(rng, person)
    for number, sentence in enumerate(sentences):
        message.add(rng.choice([" ", " ", "\n"]) if number else "")
        message.fill(sentence)
    if rng.random() < 0.35:
        message.add(rng.choice(["\n", "\n\n"]))
        message.fill(rng.choice(_CLOSINGS[language]).format("{OWN}"))
    return message.styled()


class _Writer:
    """A builder of a text that records the position of each slot's value."""

    def __init__(self, rng: random.Random, person: Person) -> None:
        self._rng = rng
        self._person = person
        self._text = ""
        self._spans: list[Span] = []

    def add(self, text: str) -> None:
        self._text += text

    def fill(self, template: str) -> None:
        position = 0
        for slot in _SLOT.finditer(template):
            self.add(template[position : slot.start()])
            if slot[1] == "LAST4_STARS":
                self._text = self._text.removesuffix("**** ")
            value = self._value(slot[1])
            self._spans.append(Span(len(self._text), len(self._text) + len(value), _LABELS[slot[1]]))
            self.add(value)
            position = slot.end()
        self.add(template[position:])

    def styled(self) -> LabelledMessage:
        """As written, or in capitals, without accents, all lower case; lengths stay equal."""
        text, dice = self._text, self._rng.random()
        for style, share in ((str.upper, 0.06), (plain, 0.14), (str.lower, 0.12)):
            if dice < share and len(style(text)) == len(text):
                text = style(text)
                break
            dice -= share
        return LabelledMessage(text, tuple(self._spans), self._person.identity, self._person.language)

    def _value(self, slot: str) -> str:
        rng, person, known = self._rng, self._person, self._person.identity
        other = fictional_people.invent(rng, person.language)
        while {other.first, other.last} & {person.first, person.last}:
            other = fictional_people.invent(rng, person.language)
        whose = other.identity if slot.endswith("_NEW") else known
        match slot.removesuffix("_NEW"):
            case "OWN":
                return writing.own_name(rng, person)
            case "OWN_LOW":
                return plain(rng.choice([f"{person.first} {person.last}", f"{person.last} {person.first}"])).lower()
            case "FIRST":
                return person.first
            case "LAST_OTHER":
                return other.last
            case "OTHER_FIRST":
                return other.first
            case "OTHER_FULL":
                return f"{other.first} {other.last}"
            case "PHONE":
                return writing.phone(rng, whose.phone or "")
            case "EMAIL":
                return writing.email(rng, whose.email or "", person.language)
            case "ADDRESS":
                address = whose.address or ""
                return rng.choice([address, address, address.rsplit(", ", 1)[0] + _town_only(address)])
            case "BIRTH":
                born = (
                    fictional_people.birth_date(rng)
                    if slot.endswith("_NEW")
                    else date.fromisoformat(str(known.birth_date))
                )
                return writing.date_of_birth(rng, born, person.language)
            case "IBAN":
                return writing.iban(rng, whose.iban or "")
            case "CARD":
                return writing.card(rng, fictional_people.card(rng))
            case "LAST4" | "LAST4_STARS":
                return ("**** " if slot == "LAST4_STARS" else "") + f"{rng.randint(0, 9999):04}"
            case "CUSTOMER_NUMBER":
                return rng.choice([str(known.customer_number), writing.grouped(str(known.customer_number), [4], " ")])
            case "ACCOUNT":
                return str(
                    rng.randint(10**10, 10**11 - 1) if person.language == "fr" else rng.randint(10**7, 10**8 - 1)
                )
            case "LOAN":
                return rng.choice(
                    [
                        f"PR-{rng.randint(10**6, 10**7)}",
                        str(rng.randint(10**8, 10**9)),
                        f"{rng.randint(1000, 9999)}-{rng.randint(1000, 9999)}-{rng.randint(10, 99)}",
                    ]
                )
            case "SORT_CODE":
                return writing.grouped(f"{rng.randint(0, 999999):06}", [2], "-")
            case "HANDLE":
                return (
                    "@" + plain(other.first).lower().replace("-", "_") + rng.choice(["", "_"]) + str(rng.randint(1, 99))
                )
            case "NIR":
                return writing.social_number(rng, fictional_people.social_number(rng))
            case "PLATE":
                return writing.plate(rng, person.language)
            case "URL":
                site = plain(other.first).lower().replace("-", "")
                return rng.choice(
                    [
                        f"https://{site}-{rng.randint(1, 99)}.example/banque",
                        f"www.{site}.example",
                        f"{site}.blog.example/avis",
                        f"http://{site}.example",
                    ]
                )
            case "IP":
                return writing.ip(rng)
        raise ValueError(f"slot {slot!r} is unknown; use one of {', '.join(_LABELS)}")


def _town_only(address: str) -> str:
    town = address.rsplit(", ", 1)[1]
    words = [w for w in town.split() if not any(c.isdigit() for c in w)]
    return ", " + " ".join(words)
