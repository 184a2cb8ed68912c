"""Invent people: names from many origins, contact details in ranges kept for fiction."""

import functools
import random
import unicodedata
from typing import Any

from model.synthetic_feedback import fictional_phone, read_corpus

# No bank holds this code, so no IBAN below can belong to anyone.
UNASSIGNED_BANK = "90417"
DOMAINS = ("example.org", "courriel.example", "mail.example", "example.net")


def draw_person(gender: str, draw: random.Random) -> dict[str, str]:
    """Name, language and contact details of one invented customer; seven in ten are French-speaking."""
    language = "fr" if draw.random() < 0.7 else "en"
    group = gender if gender in ("female", "male") else draw.choice(("female", "male"))
    first = draw.choice(_people()["first"][group])
    last = draw.choice(_people()["last"][language if draw.random() < 0.85 else draw.choice(("fr", "en"))])
    return {
        "first_name": first,
        "last_name": last,
        "email": _email(first, last, draw),
        "phone": fictional_phone(language, draw),
        "address": _address(language, draw),
        "iban": _british_iban(draw) if language == "en" and draw.random() < 0.4 else _french_iban(draw),
        "language": language,
    }


@functools.cache
def _people() -> dict[str, Any]:
    return read_corpus("people")


def _email(first: str, last: str, draw: random.Random) -> str:
    name = f"{_plain(first)}{draw.choice(('.', '_', ''))}{_plain(last)}"
    number = str(draw.randrange(1, 99)) if draw.random() < 0.5 else ""
    return f"{name}{number}@{draw.choice(DOMAINS)}"


def _plain(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.lower())
    return "".join(c for c in decomposed if c.isascii() and c.isalpha())


def _address(language: str, draw: random.Random) -> str:
    places = _people()["addresses"]
    street = draw.choice(places[f"{language}_streets"])
    suffix = " bis" if language == "fr" and draw.random() < 0.05 else ""
    return f"{draw.randrange(1, 120)}{suffix} {street}, {draw.choice(places[f'{language}_towns'])}"


def _french_iban(draw: random.Random) -> str:
    branch, account = f"{draw.randrange(100_000):05d}", f"{draw.randrange(10**11):011d}"
    # The RIB key: 97 - (89 bank + 15 branch + 3 account) mod 97.
    key = 97 - (89 * int(UNASSIGNED_BANK) + 15 * int(branch) + 3 * int(account)) % 97
    return _with_check_digits("FR", f"{UNASSIGNED_BANK}{branch}{account}{key:02d}")


def _british_iban(draw: random.Random) -> str:
    return _with_check_digits("GB", f"VGIE00{draw.randrange(10_000):04d}{draw.randrange(10**8):08d}")


def _with_check_digits(country: str, account: str) -> str:
    """ISO 13616: 98 minus the remainder by 97 of the number read with country and 00 at its end."""
    digits = "".join(str(int(c, 36)) for c in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02d}{account}"
