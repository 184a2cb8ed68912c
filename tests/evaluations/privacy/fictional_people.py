"""Invented customers and third persons, with identifiers valid by checksum and reserved for fiction."""

import random
import tomllib
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from vigie_llm.pseudonymise import KnownIdentity

_LISTS = tomllib.loads(Path(__file__).with_name("invented.toml").read_text("utf-8"))
FRENCH_FIRST: list[str] = _LISTS["french_first"]
FRENCH_LAST: list[str] = _LISTS["french_last"]
BRITISH_FIRST: list[str] = _LISTS["british_first"]
BRITISH_LAST: list[str] = _LISTS["british_last"]
FRENCH_STREETS: list[str] = _LISTS["french_streets"]
FRENCH_TOWNS: list[str] = _LISTS["french_towns"]
BRITISH_STREETS: list[str] = _LISTS["british_streets"]
BRITISH_TOWNS: list[str] = _LISTS["british_towns"]
_DOMAINS = ("example.org", "example.com", "courriel.example", "post.example", "mail.test", "maboite.example")


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as the bank knows them."""

    identity: KnownIdentity
    language: str
    first: str
    last: str


def plain(text: str) -> str:
    """Without accents."""
    letters = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return letters.replace("đ", "d").replace("ł", "l")


def invent(rng: random.Random, language: str) -> Person:
    """A customer; one in eight has a name from the other country."""
    names = language if rng.random() > 0.12 else ("en" if language == "fr" else "fr")
    first, last = name(rng, names)
    local = rng.choice(
        [
            f"{first}.{last}",
            f"{first[0]}.{last}",
            f"{last}.{first}",
            f"{first}{last}{rng.randint(1, 99)}",
            f"{first}_{last}",
        ]
    )
    identity = KnownIdentity(
        first_name=first,
        last_name=last,
        email=f"{_local(local)}@{rng.choice(_DOMAINS)}",
        phone=phone(rng, language),
        address=address(rng, language),
        birth_date=birth_date(rng).isoformat(),
        iban=iban(rng, language),
        customer_number=str(rng.randint(10_000_000, 99_999_999)),
    )
    return Person(identity, language, first, last)


def _local(text: str) -> str:
    return "".join(c for c in plain(text).lower() if c.isalnum() or c in "._")


def name(rng: random.Random, language: str) -> tuple[str, str]:
    """First name and surname."""
    if language == "fr":
        return rng.choice(FRENCH_FIRST), rng.choice(FRENCH_LAST)
    return rng.choice(BRITISH_FIRST), rng.choice(BRITISH_LAST)


def phone(rng: random.Random, language: str) -> str:
    """E.164, in ranges reserved for fiction (ARCEP 06 39 98, Ofcom 07700 900)."""
    if language == "fr":
        return f"+3363998{rng.randint(0, 9999):04}"
    return f"+447700900{rng.randint(0, 999):03}"


def address(rng: random.Random, language: str) -> str:
    """Number, street, postcode and town."""
    if language == "fr":
        suffix = rng.choice(["", "", "", " bis", " ter"])
        return f"{rng.randint(1, 180)}{suffix} {rng.choice(FRENCH_STREETS)}, {rng.choice(FRENCH_TOWNS)}"
    flat = rng.choice(["", "", f"Flat {rng.randint(1, 9)}, ", f"Flat {rng.randint(1, 9)}{rng.choice('ABC')}, "])
    return f"{flat}{rng.randint(1, 180)} {rng.choice(BRITISH_STREETS)}, {rng.choice(BRITISH_TOWNS)}"


def birth_date(rng: random.Random) -> date:
    """Between 1935 and 2006."""
    return date(1935, 1, 1) + timedelta(days=rng.randint(0, 26_000))


def iban(rng: random.Random, language: str) -> str:
    """Compact, checksum right, with bank codes that are not assigned."""
    if language == "fr":
        account = f"9{rng.randint(0, 9999):04}{rng.randint(0, 99999):05}{rng.randint(0, 10**11 - 1):011}"
        return _with_checksum("FR", account + f"{97 - int(account + '00') % 97:02}")
    bank = rng.choice(["QZBK", "XQCB", "ZZTB"])
    return _with_checksum("GB", f"{bank}99{rng.randint(0, 9999):04}{rng.randint(0, 10**8 - 1):08}")


def _with_checksum(country: str, account: str) -> str:
    digits = "".join(str(int(c, 36)) for c in account + country + "00")
    return f"{country}{98 - int(digits) % 97:02}{account}"


def card(rng: random.Random) -> str:
    """Sixteen digits, Luhn right."""
    body = rng.choice("45") + "".join(str(rng.randint(0, 9)) for _ in range(14))
    total = sum(d if i % 2 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(map(int, body)))
    return body + str(-total % 10)


def social_number(rng: random.Random) -> str:
    """Fifteen characters, key right, Corsica sometimes."""
    department = rng.choice(["75", "13", "59", "2A", "2B", "97", "31", "99"])
    born = f"{rng.choice('12')}{rng.randint(30, 99)}{rng.randint(1, 12):02}"
    body = f"{born}{department}{rng.randint(901, 990)}{rng.randint(1, 999):03}"
    number = int(body.replace("2A", "19").replace("2B", "18"))
    return f"{body}{97 - number % 97:02}"
