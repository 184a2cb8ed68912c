"""Recognise columns that identify a person or number a row: no model may learn from those."""

import re
from collections.abc import Sequence

from model.cells import NO, YES, fold
from model.column_profile import Profile
from model.column_words import words
from model.protected import plain_words
from model.word_groups import WordGroup

MANY = 40
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9 ]{11,32}")
PHONE = re.compile(r"\+\d[\d .()/-]{6,}|0\d([ .-]?\d\d){4}")
MONTH = r"(?:[^\W\d_]{3,10}\.?)"
DATE = re.compile(
    r"\d{4}-\d\d?(-\d\d?)?([T ].*)?|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}([T ].*)?|\d{4}[/.]\d\d?([/.]\d\d?)?([T ].*)?"
    rf"|(\d{{1,2}}(st|nd|rd|th|er|\.|º)?[ -](de )?)?{MONTH}[ -](de )?('?\d\d|\d{{4}})|{MONTH} \d{{1,2}},? \d{{4}}"
)


def find_personal(name: str, values: Sequence[str]) -> str:
    """Why a column identifies a person; empty when it does not. Two flags or numbers identify no person."""
    sample = values[:1000]
    for pattern, what in ((EMAIL, "e-mail addresses"), (IBAN, "account numbers (IBAN)"), (PHONE, "telephone numbers")):
        if sample and sum(bool(pattern.fullmatch(v)) for v in sample) > 0.5 * len(sample):
            return f"holds {what}, which identify a person"
    tokens = plain_words(name)
    if "".join(tokens) in words("person_names") and _are_words(sample):
        return "its name says that it identifies a person"
    about = words("contacts").intersection(tokens) and not words("amounts").intersection(tokens)
    if about and len(values) > MANY and _are_contacts(sample):
        return "its name and values say that it identifies a person"
    return ""


def looks_like_ids(profile: Profile, numbers: Sequence[float]) -> str:
    """Why whole numbers number the rows, `codes` for digits with zeros in front, empty for amounts."""
    values = [v for v in profile.values if v]
    if any(re.fullmatch(r"0\d+", v) for v in values):
        return "codes"
    if len(values) < len(profile) or len(values) <= MANY:
        return ""
    many = f"holds {len(values):,} different values"
    if max(numbers) - min(numbers) + 1 == len(values):
        return f"{many}, one after the other: it numbers the rows"
    tokens = plain_words(profile.name)
    if tokens and words("numbering") & {tokens[-1], tokens[0], "".join(tokens)}:
        return f"{many}, as numbers of customers do"
    lengths = {len(v) for v in values}
    if len(lengths) == 1 and lengths.pop() >= 8:
        return f"{many} of the same length, as numbers of customers do"
    return ""


def looks_like_dates(groups: Sequence[WordGroup]) -> bool:
    """Whether nearly all words of a column are dates."""
    sample = groups[:500]
    return sum(bool(DATE.fullmatch(g.spellings[0])) for g in sample) > 0.9 * len(sample)


def _are_words(values: Sequence[str]) -> bool:
    written = [v for v in values if re.search(r"[^\W\d_]{2}", v)]
    return len(written) > 0.5 * len(values) and not {fold(v) for v in values} <= YES | NO


def _are_contacts(values: Sequence[str]) -> bool:
    return sum(bool(re.search(r"\d{4}|@|[^\W\d_]{3}", v)) for v in values) > 0.5 * len(values)
