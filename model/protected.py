"""Recognise columns that the law protects: by their names in seven languages, and by their values."""

import re
import tomllib
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from model.cells import NO, YES, fold, to_number
from model.column_words import words

LETTERS = [
    {"m", "f"},
    {"f", "h"},
    {"m", "w"},
    {"m", "v"},
    {"h", "m"},
    {"m", "f", "x"},
    {"m", "w", "d"},
    {"m", "f", "u"},
]
BAND = re.compile(
    r"(?:under|over|<|>|=|\s|≤|≥)*(\d{1,2})\s*(?:-|–|to|à|bis|a|\+|ans|years)*\s*(\d{1,3})?\s*(?:\+|ans|years)?"
)
BOUND = re.compile(r"(?:is )?(?:under|over|below|above|moins de|plus de|unter|uber) ?(\d\d)(?: ?(?:ans|years|jahre))?")
OLDEST = 125
VALUES = (("family", "married"), ("religion", "faiths"), ("origin", "origins"), ("origin", "countries"))
SUBJECTS = {"gender": "gender", "age": "age", "family": "family", "origin": "origin", "religion": "religion",
            "health": "health", "opinion": "opinions", "class": "social class", "place": "home"}  # fmt: skip


@dataclass(frozen=True)
class Protected:
    """What a column is about (`age`, `gender` …) and the sentence that says how it was seen."""

    subject: str
    why: str


def find_protected(name: str, values: Sequence[str]) -> Protected | None:
    """What is protected in a column of that name and those different values (gaps left out); else None."""
    cells = sorted({fold(v) for v in values})
    if subject := _subject_of_values(cells):
        return Protected(subject, f"its values are words for a person's {SUBJECTS[subject]}")
    tokens = plain_words(name)
    for subject, strong, weak in _subjects():
        found = _find(tokens, strong)
        if not found and (found := _find(tokens, weak)) and not _is_about_people(found, tokens, cells):
            continue
        if found:
            return Protected(subject, f"{found!r} in its name speaks of a person's {SUBJECTS[subject]}")
    return _age_bound(name)


def plain_words(name: str) -> list[str]:
    """A column's name as small words without accents: `NumOfÂge` is num, of, age."""
    name = name.replace("ß", "ss").replace("œ", "oe").replace("æ", "ae").replace("ø", "o").replace("ł", "l")
    folded = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+", " ", folded)
    return spaced.lower().split()


def is_about_a_thing(tokens: Collection[str]) -> bool:
    """Whether a name holds a word such as account or plan (or several of them)."""
    return any(t in words("things") or t.removesuffix("s") in words("things") for t in tokens)


def _find(tokens: Sequence[str], pattern: re.Pattern[str]) -> str:
    for length in (1, 2, 3):
        for start in range(len(tokens) - length + 1):
            if pattern.fullmatch("".join(tokens[start : start + length])):
                return " ".join(tokens[start : start + length])
    return ""


def _is_about_people(found: str, tokens: Sequence[str], cells: Sequence[str]) -> bool:
    others = [t for t in tokens if t not in found.split()]
    if is_about_a_thing(others) or words("other").issuperset(cells):
        return False
    numbers = [to_number(w) for w in cells]
    numeric = all(n is not None for n in numbers)
    if found in words("needs_words") and (numeric or found != "relationship"):
        return False  # a title of a person, or a couple, was seen by its values
    if numeric and found in ("age", "edad", "idade", "eta", "alter", "leeftijd"):
        return all(n is not None and n <= OLDEST for n in numbers)
    return True


def _subject_of_values(cells: Sequence[str]) -> str:
    found = {w.replace(".", "") for w in cells}
    if not found or found <= YES | NO:
        return ""
    people = words("titles") | words("genders")
    if len(found) > 1 and found & people and found <= people | {"dr", "prof", "other", "unknown", "u"}:
        return "gender"
    if found in LETTERS:
        return "gender"
    for subject, known in (
        ("family", "married"),
        ("religion", "faiths"),
        ("origin", "origins"),
        ("origin", "countries"),
    ):
        if sum(w in words(known) for w in cells) >= max(2, 0.6 * len(cells)):
            return subject
    return "age" if _are_age_bands(cells) else ""


def _are_age_bands(cells: Sequence[str]) -> bool:
    """Bands that begin with grown-ups and end with the old: 18-25, 26-35 … 66+."""
    found = [BAND.fullmatch(w) for w in cells]
    if len(cells) < 3 or not all(found) or all(cell.isdigit() for cell in cells):
        return False
    begins = sorted(int(m[1]) for m in found if m)
    closed = sum(1 for m in found if m and m[2])
    return closed >= 2 and begins[0] in range(15, 26) and 50 <= begins[-1] <= 90


def _age_bound(name: str) -> Protected | None:
    """Names such as under_30, Over65 or moins_de_25_ans."""
    said = " ".join(plain_words(name))
    found = BOUND.fullmatch(said)
    if found and 12 < int(found[1]) < 90:
        return Protected("age", f"{name!r} speaks of a person's age")
    return None


@cache
def _subjects() -> tuple[tuple[str, re.Pattern[str], re.Pattern[str]], ...]:
    read = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return tuple((s, _pattern(w["strong"]), _pattern(w["weak"])) for s, w in read.items())


def _pattern(listed: str) -> re.Pattern[str]:
    wanted = "|".join(re.escape(w).replace(r"\*", r"\w*") for w in listed.split()) or r"(?!)"
    fillers = "|".join(sorted(words("fillers"), key=lambda w: (-len(w), w)))
    return re.compile(rf"(?:{fillers})*(?:{wanted})(?:{fillers})*")
