"""Guesses what a column of an unknown file is: its type and range, and whether a model should read it."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from model.contract import Feature
from model.leaks import NEAR_PERFECT, auc_alone

MOST_CATEGORIES = 40
YES, NO = {"yes", "y", "true", "t", "1", "1.0"}, {"no", "n", "false", "f", "0", "0.0"}
GAPS = ("", " ", "NA", "N/A", "NaN", "nan", "null", "NULL", "?")
# Words under which files often keep what the law protects; the person who corrects the draft decides.
SENSITIVE = re.compile(
    r"gender|genre|sexe?|age|âge|birth|birthday|birthdate|dob|naissance|senior|race|ethnic\w*|religio\w*|religieu\w*"
    r"|national\w*|geograph\w*|country|pays|region|région|state|city|ville|zip|zipcode|postal|postcode|marital"
    r"|married|spouse|partner|conjoint|famil\w*|dependents?|children|enfants?|disab\w*|handicap\w*|health|santé"
)
# A short file may hold few enough different names to look like a category.
PERSONAL = re.compile(
    r"surname|lastname|firstname|fullname|prénom|nom|email|mail|phone|telephone|mobile|address|adresse|iban|ssn|passport"
)
NAME_OF_A_PERSON = re.compile(r"(last|first|full|family|given|customer|client) name|name")
LEAVING = re.compile(r"churn\w*|attrit\w*|exit\w*|left|leaving|cancel\w*|closed|closing|closure|terminat\w*|départ")

DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?")


@dataclass(frozen=True)
class Column:
    """What was guessed: `type` empty when it is left out, `why` when it is no input."""

    name: str
    type: str = ""
    low: int = 0
    high: int = 1
    categories: tuple[str, ...] = ()
    gaps: bool = False
    sensitive: bool = False
    why: str = ""

    @property
    def leaks(self) -> bool:
        """Whether it is kept out because it gives the answer away."""
        return bool(self.type and self.why and not self.sensitive)


def guess(name: str, values: Sequence[str], labels: Any) -> Column:
    """Look at one column of a file; `labels` (n,) say who left."""
    known = [v for v in values if v not in GAPS]
    words = words_of(name)
    if _any_word(PERSONAL, words) or NAME_OF_A_PERSON.fullmatch(words):
        return Column(name, why="its name says that it identifies a person")
    column = _guess_type(name, known)
    if not column.type:
        return column
    column = _replace(column, gaps=len(known) < len(values))
    feature = Feature(name, name, column.type)
    auc = auc_alone(feature, [None if v in GAPS else v for v in values], labels)
    if auc > NEAR_PERFECT:
        return _replace(column, why=f"tells who leaves almost alone (AUC {auc:.3f})")
    if _any_word(LEAVING, words):
        return _replace(column, why="its name speaks of leaving")
    return _replace(column, sensitive=_any_word(SENSITIVE, words))


def words_of(name: str) -> str:
    """A column's name in small letters with spaces: `NumOfProducts` is `num of products`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\W_]+", " ", name).strip()
    return spaced.lower()


def label_of(name: str, language: str) -> str:
    """What a manager calls the column: the glossary's words, else the column's own."""
    words = words_of(name)
    own = words[:1].upper() + words[1:] or name or "Column"
    return _glossary().get(words, {}).get(language, own)


def labels_of(outcomes: Sequence[str], positive: str) -> Any:
    """1 for who left, 0 for who stayed, shape (n,)."""
    return np.array([int(o == positive) for o in outcomes], dtype=np.int64)


def _guess_type(name: str, known: Sequence[str]) -> Column:
    distinct = sorted(set(known))
    if len(distinct) < 2:
        return Column(name, why="holds one value only" if distinct else "is empty")
    if {w.lower() for w in distinct} in _pairs():
        return Column(name, "boolean", categories=tuple(sorted(distinct, key=lambda w: w.lower() in NO)))
    many = f"holds {len(distinct):,} different values, as names and numbers do"
    try:
        numbers = [float(w) for w in distinct]
    except ValueError:
        if all(DECIMAL_COMMA.fullmatch(w) for w in distinct):
            return Column(name, why="holds numbers with a decimal comma; write them with a point")
        few = len(distinct) <= MOST_CATEGORIES
        return Column(name, "category", categories=tuple(distinct)) if few else Column(name, why=many)
    whole = all(n.is_integer() for n in numbers)
    if whole and len(distinct) == len(known) > MOST_CATEGORIES:
        return Column(name, why=many)
    low, high = (_widen(n) for n in (min(numbers), max(numbers)))
    return Column(name, "integer" if whole else "number", min(0, low), max(1, high))


def _pairs() -> list[set[str]]:
    return [{yes, no} for yes in YES for no in NO]


def _widen(limit: float) -> int:
    """Room for customers to come: twice as far from zero."""
    return int(limit * 2) + (1 if limit > 0 else -1 if limit < 0 else 0)


def _any_word(pattern: re.Pattern[str], words: str) -> bool:
    return any(pattern.fullmatch(word) for word in words.split())


def _replace(column: Column, **changes: Any) -> Column:
    return Column(**{**vars(column), **changes})


@cache
def _glossary() -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "glossary.toml").read_text(encoding="utf-8"))
