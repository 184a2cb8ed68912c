"""Random messages that hold a known customer's identifiers in disguise, and a search for what is left of them."""

import html
import random
import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from tests.evaluations.privacy import fictional_people, writing
from tests.evaluations.privacy.corpus import generate
from tests.evaluations.privacy.fictional_people import Person, plain
from vigie_llm.pseudonymise import KnownIdentity, pseudonymise

_LOOK_ALIKES = str.maketrans("aeocpxyAEOCPXTHB", "аеосрхуАЕОСРХТНВ")
_FULL_WIDTH = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)})
_UNITS = {
    "fr": ["zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"],
    "en": ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
}
_FRENCH_TENS = {2: "vingt", 3: "trente", 4: "quarante", 5: "cinquante", 6: "soixante"}
_FILLERS = {
    "fr": (
        "voici : {}.",
        "merci de noter {}",
        "({})",
        "c'est {}, je répète",
        "cf. {} svp",
        "toujours {} !",
        "— {}",
        "« {} »",
    ),
    "en": ("here: {}.", "please note {}", "({})", "it is {}, again", "see {} pls", "still {}!", "— {}", '"{}"'),
}


@dataclass(frozen=True, slots=True)
class Disguised:
    """A message with one identifier in disguise; `kind` and `style` say which and how."""

    text: str
    value: str
    kind: str
    style: str
    known: KnownIdentity
    language: str


def disguise(rng: random.Random, language: str) -> Disguised:
    """A message in which a customer's identifier stands in some written form."""
    person = fictional_people.invent(rng, language)
    kind, value = rng.choice(_identifiers(rng, person))
    style, written = _distort(rng, kind, value)
    around = generate(1, rng.getrandbits(32), language)[0].text
    sentence = rng.choice(_FILLERS[language]).format(written)
    text = rng.choice([f"{sentence} {around}", f"{around}\n{sentence}", f"{around} {sentence}", sentence])
    return Disguised(text, written, kind, style, person.identity, language)


def _identifiers(rng: random.Random, person: Person) -> list[tuple[str, str]]:
    known = person.identity
    born = date.fromisoformat(str(known.birth_date))
    return [
        ("name", writing.own_name(rng, person)),
        ("name", _misspell(rng, f"{person.first} {person.last}")),
        ("phone", writing.phone(rng, known.phone or "")),
        ("phone", _in_words(rng, known.phone or "", person.language)),
        ("email", writing.email(rng, known.email or "", person.language)),
        ("iban", writing.iban(rng, known.iban or "")),
        ("iban", writing.grouped(known.iban or "", [rng.randint(2, 6)], rng.choice([" ", "-", ".", "_", "  "]))),
        ("number", writing.grouped(known.customer_number or "", [rng.randint(2, 8)], rng.choice([" ", "-", "."]))),
        ("birth", writing.date_of_birth(rng, born, person.language)),
        ("address", (known.address or "").rsplit(", ", 1)[0]),
        ("address", known.address or ""),
    ]


def _misspell(rng: random.Random, name: str) -> str:
    """One letter dropped, doubled or swapped, inside a word of five letters or more."""
    words = name.split()
    long = [i for i, w in enumerate(words) if len(w) > 4]
    if not long:
        return name
    i = rng.choice(long)
    word, at = words[i], rng.randint(1, len(words[i]) - 2)
    words[i] = rng.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        ]
    )
    return " ".join(words)


def _in_words(rng: random.Random, e164: str, language: str) -> str:
    """A national number with one part in words."""
    digits = "0" + e164[3:]
    pairs = (
        [digits[i : i + 2] for i in range(0, len(digits), 2)]
        if language == "fr"
        else [digits[:5], digits[5:8], digits[8:]]
    )
    for i in rng.sample(range(len(pairs)), rng.randint(1, len(pairs))):
        pairs[i] = _pair_in_words(rng, pairs[i], language)
    return " ".join(pairs)


def _pair_in_words(rng: random.Random, digits: str, language: str) -> str:
    units = _UNITS[language]
    tens, unit = int(digits[0]), int(digits[-1])
    if language == "fr" and len(digits) == 2 and tens in _FRENCH_TENS and unit > 1 and rng.random() < 0.5:
        return f"{_FRENCH_TENS[tens]}-{units[unit]}"
    if language == "en" and digits.startswith("00"):
        return "double oh " + " ".join(units[int(d)] for d in digits[2:])
    return " ".join(units[int(d)] for d in digits)


def _distort(rng: random.Random, kind: str, value: str) -> tuple[str, str]:
    styles = {
        "as is": value,
        "upper": value.upper(),
        "lower": value.lower(),
        "no accents": plain(value),
        "zero width": "".join(
            c + rng.choice(["", "", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad"]) for c in value
        ),
        "full width": value.translate(_FULL_WIDTH),
        "look-alikes": "".join(c.translate(_LOOK_ALIKES) if rng.random() < 0.5 else c for c in value),
        "no-break spaces": value.replace(" ", rng.choice(["\u00a0", "\u202f", "\u2009"])),
        "decomposed": "".join(writing.decomposed(c) for c in value),
        "entities": "".join(f"&#{ord(c)};" if rng.random() < 0.3 and not c.isspace() else c for c in value),
        "typographic": value.replace("-", "\u2011").replace("'", "\u2019"),
        "doubled spaces": value.replace(" ", "  "),
    }
    if kind == "name":
        styles["initial case"] = value.title()
        styles["underscored"] = value.replace(" ", "_")
    style = rng.choice(list(styles))
    return style, styles[style]


def leak(message: Disguised) -> str | None:
    """What of the identifier is still readable after masking: the kind and style, or None.

    Judged on the masked text alone, by letters and digits: of numbers, five characters in a row whatever
    stands between them; of names and addresses, a word of four letters or more. What the rest of the
    message holds by itself does not count.
    """
    masked = pseudonymise(message.text, message.known, message.language).text
    left = _letters(re.sub(r"<[A-Z_]+_\d+>", " ", masked))
    elsewhere = _letters(message.text.replace(message.value, " ", 1))
    if message.kind in _NUMBERS:
        left, elsewhere = left.replace(" ", ""), elsewhere.replace(" ", "")
    if any(left.count(piece) > elsewhere.count(piece) for piece in _pieces(message)):
        return f"{message.kind} / {message.style}"
    return None


_NUMBERS = frozenset({"phone", "iban", "number", "birth"})


def _pieces(message: Disguised) -> list[str]:
    words = _letters(message.value).split()
    if message.kind in _NUMBERS:
        joined = "".join(words)
        fives = [joined[i : i + 5] for i in range(max(1, len(joined) - 4))]
        spelled = [joined[i : i + 10] for i in range(len(joined) - 9)] if joined.isalpha() else []
        return [piece for piece in fives if any(c.isdigit() for c in piece)] + spelled
    return [w for w in words if len(w) > 3 and w not in _COMMON]


# Words of addresses and e-mails that say nothing about anybody.
_COMMON = frozenset(
    [
        "rue",
        "avenue",
        "boulevard",
        "impasse",
        "chemin",
        "allee",
        "place",
        "quai",
        "cours",
        "route",
        "square",
        "passage",
        "sentier",
        "montee",
        "ruelle",
        "flat",
        "street",
        "road",
        "lane",
        "drive",
        "close",
        "crescent",
        "terrace",
        "arobase",
        "point",
        "example",
        "exemple",
        "mail",
        "test",
        "post",
        "courriel",
        "maboite",
        "general",
        "grand",
        "saint",
        "station",
        "park",
    ]
)


def _letters(text: str) -> str:
    """Lower-case letters and digits, words apart, read as a person reads them."""
    text = html.unescape(text)
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) not in {"Mn", "Cf"})
    text = text.translate(str.maketrans("аеосрхуАЕОСРХТНВ", "aeocpxyAEOCPXTHB")).lower()
    return " ".join(re.findall(r"[^\W_]+", text))
