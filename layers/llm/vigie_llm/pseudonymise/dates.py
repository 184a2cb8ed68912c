"""Dates in the text in every written form, and which of them are dates of birth."""

import re
from dataclasses import dataclass
from datetime import date

from vigie_llm.pseudonymise.dates_in_words import DAY, YEAR, day_of, year_of
from vigie_llm.pseudonymise.spans import CONTEXT, Found
from vigie_llm.text.folding import FoldedText, has_digit

_MONTHS = {
    "janvier": 1, "janv": 1, "fevrier": 2, "fevr": 2, "fev": 2, "mars": 3, "avril": 4, "avr": 4, "mai": 5,
    "juin": 6, "juillet": 7, "juil": 7, "aout": 8, "septembre": 9, "sept": 9, "octobre": 10, "novembre": 11,
    "decembre": 12, "january": 1, "jan": 1, "february": 2, "feb": 2, "march": 3, "mar": 3, "april": 4,
    "apr": 4, "may": 5, "june": 6, "jun": 6, "july": 7, "jul": 7, "august": 8, "aug": 8, "september": 9,
    "sep": 9, "october": 10, "oct": 10, "november": 11, "nov": 11, "december": 12, "dec": 12,
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_NUMERIC = re.compile(
    r"(?<![\d/.\-])(\d{1,4})(?P<sep>\s?[/.\-]\s?| {1,3})(\d{1,2})(?P=sep)(\d{4}|\d{2})(?![\d/]|[.\-]\d)"
)
_DAY_MONTH = re.compile(
    rf"(?<!\d)(\d{{1,2}}|1er)(?:st|nd|rd|th|er|eme)?[ .\-/]*(?:of {{1,3}})?(?:the {{1,3}})?({_MONTH})\b\.?(?:[ "
    rf",.\-/]*((?:19|20)\d{{2}}|'?\d{{2}})(?![\d:]|[.,]\d| ?(?:eur|€|%|h\b)))?"
)
_MONTH_DAY = re.compile(
    rf"\b({_MONTH})\.? {{1,3}}(\d{{1,2}})(?:st|nd|rd|th)?(?:,? {{1,3}}((?:19|20)\d{{2}})| ?, {{0,3}}(\d{{2}}))(?!\d"
    rf")"
)
_COMPACT = re.compile(r"(?<!\d)(\d{2})(\d{2})((?:19|20)\d{2})(?!\d)")
_MONTH_WORD = re.compile(rf"\b(?:{_MONTH})\b")
_IN_WORDS = re.compile(
    rf"\b(?:the )?(?:(?P<day>{DAY})|(?P<number>\d{{1,2}})(?:st|nd|rd|th|"
    rf"er)?)(?: of)?(?: day of)? (?P<month>{_MONTH})\b"
    rf"(?:,? (?:in )?(?:the year )?(?:of )?(?:(?P<year>(?:19|20)\d{{2}})\b|(?P<words>{YEAR})))?"
)
_BORN_BEFORE = re.compile(
    r"(?:\bnee?s?(?: ?\(e?s?\))? (?:le|la|the|on|:)\b|\bnee?s?(?: ?\(e?s?\))? ?:?(?= ?$)|\bnee?s? (?:a|"
    r"au|en|aux) (?=[^\n.!?]{2,25}le $)|\bborn\b|\bdate (?:et lieu )?de naissance\b|\bnaiss(?:ance)?\b|"
    r"\bd\.? ?o\.? ?b\b\.?|\bddn\b"
    r"|\bvu le jour\b|\bnaquit\b|\bcame into (?:this|the) world\b"
    r"|\bdate of birth\b|\bbirth ?(?:date|day)\b|\bb'?day\b|\banniversaire\b|\bdn\b)[^\n.!?]{0,25}?$"
)
# "(03/04/1931 - 12/01/2025)": a life.
_LIFE = re.compile(r"\([^()\d]{0,6}\d[^()]{5,22}\d{4} ?(?:-|a|to|/|;) ?[^()]{5,22}\d{4}\)")
_RELATIVE = re.compile(
    r"\b(?:mon|ma|notre|son|sa|my|our|his|her) (?:\w+ )?(?:fils|fille|mari|femme|epou\w+|mere|pere|frere|soeur|"
    r"conjointe?|"
    r"compagn\w+|neveu|niece|petit\w*|son|daughter|husband|wife|mother|father|mum|dad|brother|sister|partner|nephew|"
    r"grand\w+|child|baby|bebe|enfant)\b[^.\n]*$"
)
_BORN_AFTER = re.compile(
    r"^[ ,:(]{0,3}(?:\(?(?:date de naissance|date of birth|d\.?o\.?b\b|ma naissance|is my birthday))"
)


@dataclass(frozen=True, slots=True)
class Dated:
    """A date found at low[start:end]: the readings it allows, year None when unsaid."""

    start: int
    end: int
    readings: tuple[tuple[int, int, int | None], ...]

    def may_be(self, day: date) -> bool:
        """Whether one reading is that very day, two-digit years included."""
        return any(
            (d, m) == (day.day, day.month)
            and y is not None
            and y % 100 == day.year % 100
            and (y < 100 or y == day.year)
            for d, m, y in self.readings
        )


def find_dates(view: FoldedText) -> list[Dated]:
    """Every date with a day and a month."""
    found = _in_words(view.low) if _MONTH_WORD.search(view.low) else []
    if not has_digit(view.low):
        return found
    found += [Dated(*m.span(), _numeric(m[1], m[3], m[4])) for m in _NUMERIC.finditer(view.low)]
    for m in _DAY_MONTH.finditer(view.low):
        year = int(m[3].strip("'")) if m[3] else None
        found.append(Dated(*m.span(), ((1 if m[1] == "1er" else int(m[1]), _MONTHS[m[2]], year),)))
    for m in _MONTH_DAY.finditer(view.low):
        found.append(Dated(*m.span(), ((int(m[2]), _MONTHS[m[1]], int(m[3] or m[4])),)))
    found += [Dated(*m.span(), _numeric(m[1], m[2], m[3])) for m in _COMPACT.finditer(view.low)]
    return [d for d in found if d.readings]


def _in_words(low: str) -> list[Dated]:
    found: list[Dated] = []
    for m in _IN_WORDS.finditer(low):
        if m["day"] or m["words"]:
            year = int(m["year"]) if m["year"] else year_of(m["words"]) if m["words"] else None
            day = day_of(m["day"]) if m["day"] else int(m["number"])
            found.append(Dated(*m.span(), ((day, _MONTHS[m["month"]], year),)))
    return found


def _numeric(first: str, second: str, third: str) -> tuple[tuple[int, int, int | None], ...]:
    a, b, c = int(first), int(second), int(third)
    orders = [(c, b, a)] if len(first) == 4 else [(a, b, c), (b, a, c)]
    if len(first) == 2 and len(third) == 2:
        orders.append((c, b, a))
    if len(first) == 3:
        return ()
    return tuple((d, m, y) for d, m, y in orders if 1 <= d <= 31 and 1 <= m <= 12)


def find_birth_dates(view: FoldedText, dated: list[Dated]) -> list[Found]:
    """Dates that the words around them say are dates of birth."""
    return [Found(d.start, d.end, "BIRTH_DATE", CONTEXT) for d in dated if _is_birth(view.low, d)]


def _is_birth(low: str, dated: Dated) -> bool:
    before = low[max(0, dated.start - 60) : dated.start]
    after = low[dated.end : dated.end + 30]
    return bool(_BORN_BEFORE.search(before) or _BORN_AFTER.search(after)) or _is_in_brackets(low, dated)


def _is_in_brackets(low: str, dated: Dated) -> bool:
    """ "my son Kacper (3 May 2005)": a full date in brackets after a relative."""
    if _LIFE.match(low, dated.start - 1):
        return True
    full = any(year is not None and year > 1900 for _, _, year in dated.readings)
    bracketed = low[dated.start - 1 : dated.start] == "(" and low[dated.end : dated.end + 1] in {")", ","}
    return full and bracketed and bool(_RELATIVE.search(low[max(0, dated.start - 45) : dated.start]))
