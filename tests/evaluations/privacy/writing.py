"""How people write each identifier: formats, spacing, cases, words."""

import random
import unicodedata
from datetime import date

from tests.evaluations.privacy.fictional_people import Person, plain

FRENCH_MONTHS = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
]
ENGLISH_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def grouped(text: str, sizes: list[int], separator: str) -> str:
    """Cut into groups of these sizes; the last size repeats."""
    pieces: list[str] = []
    position = 0
    while position < len(text):
        size = sizes[min(len(pieces), len(sizes) - 1)]
        pieces.append(text[position : position + size])
        position += size
    return separator.join(pieces)


def own_name(rng: random.Random, person: Person) -> str:
    """The customer's name in full, in one of the ways people sign."""
    first, last = person.first, person.last
    initials = "-".join(f"{part[0]}." for part in first.split("-"))
    return rng.choice(
        [
            f"{first} {last}",
            f"{last} {first}",
            f"{first} {last.upper()}",
            f"{last.upper()} {first}",
            plain(f"{first} {last}"),
            f"{initials} {last}",
            f"{first} {last[0]}.",
            f"{last} {first[0]}.",
            f"{first} {last}".upper(),
            f"{last}, {first}",
        ]
    )


def decomposed(character: str) -> str:
    """A letter followed by its accent as a character of its own."""
    return unicodedata.normalize("NFD", character)


def phone(rng: random.Random, e164: str) -> str:
    """A French or British number as it is written."""
    if e164.startswith("+33"):
        local = "0" + e164[3:]
        return rng.choice(
            [
                grouped(local, [2], rng.choice([" ", ".", "-", "", "/", " . "])),
                "+33 " + grouped(e164[3:], [1, 2], " "),
                "+33" + e164[3:],
                "0033 " + grouped(e164[3:], [1, 2], " "),
                "+33 (0)" + grouped(e164[3:], [1, 2], " "),
                grouped(local, [4, 3], " "),
                grouped(local, [4, 2], " "),
                grouped(local, [2, 3, 3, 2], "."),
            ]
        )
    local = "0" + e164[3:]
    return rng.choice(
        [
            grouped(local, [5, 6], " "),
            grouped(local, [5, 3], " "),
            grouped(local, [5, 3], "-"),
            local,
            "+44 " + grouped(e164[3:], [4, 6], " "),
            "+44 (0)" + grouped(e164[3:], [4, 3], " "),
            e164,
            "0044 " + e164[3:],
            grouped(local, [4, 3, 4], " "),
        ]
    )


def email(rng: random.Random, address: str, language: str) -> str:
    """An address as typed, or with its signs in words."""
    local, domain = address.split("@")
    at, dot = (" arobase ", " point ") if language == "fr" else (" at ", " dot ")
    return rng.choice(
        [
            address,
            address,
            address,
            address.upper(),
            address.replace("@", " @ "),
            f"{local} (at) {domain}",
            f"{local}[at]{domain.replace('.', '[dot]')}",
            f"{local.replace('.', dot)}{at}{domain.replace('.', dot)}",
        ]
    )


def iban(rng: random.Random, compact: str) -> str:
    """Compact, in fours, lower case, with dashes or dots."""
    form = grouped(compact, [4], rng.choice(["", " ", " ", "-", "."]))
    return form.lower() if rng.random() < 0.2 else form


def card(rng: random.Random, number: str) -> str:
    """A full card number."""
    return grouped(number, [4], rng.choice(["", " ", " ", "-", "."]))


def date_of_birth(rng: random.Random, day: date, language: str) -> str:
    """Numeric or in words, two-digit years included."""
    months = FRENCH_MONTHS if language == "fr" else ENGLISH_MONTHS
    month = months[day.month - 1]
    forms = [
        f"{day:%d/%m/%Y}",
        f"{day:%d-%m-%Y}",
        f"{day:%d.%m.%y}",
        f"{day.day}/{day.month}/{day:%y}",
        f"{day.day} {month} {day.year}",
        f"{day:%d %m %Y}",
    ]
    if language == "fr":
        forms += [f"{'1er' if day.day == 1 else day.day} {month} {day.year}", f"{day.day} {plain(month)} {day:%y}"]
    else:
        ending = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}.get(day.day, "th")
        forms += [
            f"{day.day}{ending} {month} {day.year}",
            f"{month} {day.day}, {day.year}",
            f"{day.day}{ending} of {month[:3]} {day.year}",
        ]
    return rng.choice(forms)


def social_number(rng: random.Random, number: str) -> str:
    """French social security number: compact, spaced, dotted, key set apart."""
    spaced = grouped(number, [1, 2, 2, 2, 3, 3, 2], rng.choice([" ", " ", "", ".", "-"]))
    return rng.choice(
        [
            spaced,
            spaced,
            f"{grouped(number[:13], [1, 2, 2, 2, 3, 3], ' ')} clé {number[13:]}",
            f"{grouped(number[:13], [1, 2, 2, 2, 3, 3], ' ')} / {number[13:]}",
        ]
    )


def plate(rng: random.Random, language: str) -> str:
    """A number plate of the current series."""
    letters = "ABCDEFGHJKLMNPQRSTVWXYZ"
    pick = "".join(rng.choice(letters) for _ in range(7))
    if language == "fr":
        separator = rng.choice(["-", "-", " ", ""])
        form = f"{pick[:2]}{separator}{rng.randint(100, 999)}{separator}{pick[2:4]}"
    else:
        form = f"{pick[:2]}{rng.choice(['15', '19', '63', '71', '22'])}{rng.choice([' ', ' ', ''])}{pick[2:5]}"
    return form.lower() if rng.random() < 0.15 else form


def ip(rng: random.Random) -> str:
    """From the ranges kept for documentation."""
    prefix = rng.choice(["192.0.2", "198.51.100", "203.0.113"])
    if rng.random() < 0.7:
        return f"{prefix}.{rng.randint(1, 254)}"
    return rng.choice(
        [
            f"2001:db8::{rng.randint(1, 9999):x}",
            f"2001:db8:{rng.randint(1, 999)}:{rng.randint(1, 9)}::{rng.randint(1, 99)}",
            f"2001:0db8:85a3:0000:0000:8a2e:0370:{rng.randint(1000, 9999)}",
        ]
    )
