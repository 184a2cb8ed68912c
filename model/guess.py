"""Guess what a column of an unknown file is, from its values first and its name second, and explain each guess."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from model.cells import INFINITE, NO, PLAIN, YES, NumberFormat, fold, is_gap, number_format, to_number
from model.column_profile import Profile, profile_of
from model.contract import Feature
from model.display import shorten
from model.leaks import NEAR_PERFECT, auc_alone
from model.personal import find_personal, looks_like_dates, looks_like_ids
from model.protected import find_protected, plain_words
from model.word_groups import WordGroup, group_words

MOST_CATEGORIES = 40
# How much of a column must be numbers for the rest to be taken as gaps.
MOSTLY = 0.95
MOST_ODD = 5
# From so many different values on, only numbers are of use.
MANY_VALUES = 5_000
# A longer word is a text that somebody wrote, and may identify them.
LONGEST_WORD = 100
NUMBER_LIKE = re.compile(
    r"\W{0,3}(\w{1,4}\W{1,3})?\d[\d.,'’ \u00a0\u202f]*\W{0,3}\w{0,8}(\W{1,3}\d+ \w{1,8})?\W{0,3}|0x[0-9a-fA-F]+"
)
# Rows on which a column is tried alone: more would not change the first two digits.
TRIED_ROWS = 100_000
USUAL_GAPS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "?", "-", "#N/A")
LETTER_PAIRS = ({"y", "n"}, {"t", "f"}, {"j", "n"}, {"1", "0"})
LEAVING = re.compile(
    r"churn\w*|attrit\w*|exit\w*|left|leaving|cancel\w*|closed|closing|closure|terminat\w*|depart|partis?|resili\w*"
    r"|gekundigt|kundigung\w*|abgang|baja|abandon\w*|abbandon\w*|disdett\w*|rescis\w*|opzeg\w*|opgezegd|vertrokken"
)
# What is still to come or has another sense: days left, days to closure, left-handed, opt-out of letters.
NOT_LEAVING = re.compile(
    r"(days?|weeks?|months?|years?|minutes?|data|time|balance|credit|points?) (left|to|until|till|before)\b"
    r"|left (hand|handed|over|side)|closing (price|balance|rate)|exit (page|rate)"
)


@dataclass(frozen=True)
class Column:
    """What was guessed: `type` empty when it is left out, `why` when it is no input, `said` the whole in words."""

    name: str
    type: str = ""
    low: float = 0
    high: float = 1
    categories: tuple[str, ...] = ()
    true_values: tuple[str, ...] = ()
    false_values: tuple[str, ...] = ()
    missing_values: tuple[str, ...] = ()
    written: NumberFormat = PLAIN
    sensitive: bool = False
    why: str = ""
    said: str = ""
    ask: str = ""

    @property
    def leaks(self) -> bool:
        """Whether it is kept out because it gives the answer away."""
        return bool(self.type and self.why and not self.sensitive)


def guess(name: str, values: Sequence[str], labels: Any) -> Column:
    """Look at one column's cells; `labels` (n,) say who left (1), stayed (0) or is not known (-1)."""
    return judge(profile_of(name, values), labels)


def judge(profile: Profile, labels: Any) -> Column:
    """Look at one column of a file that was read."""
    known = [v for v in profile.values if v and not is_gap(v)]
    if why := find_personal(profile.name, known):
        return Column(profile.name, why=why)
    column = _guess_type(profile)
    if not column.type:
        return column
    auc = _auc_alone(column, profile, labels)
    if auc > NEAR_PERFECT:
        return replace(column, why=f"predicts the outcome almost by itself (AUC {auc:.3f})")
    said = " ".join(plain_words(profile.name))
    if any(map(LEAVING.fullmatch, said.split())) and not NOT_LEAVING.search(said):
        return replace(column, why="its name speaks of leaving")
    return _with_protection(column, known)


def words_of(name: str) -> str:
    """A column's name in small letters with spaces: `NumOfProducts` is `num of products`, accents kept."""
    return re.sub(r"(?<=[a-zà-ÿ0-9])(?=[A-ZÀ-Þ])|[\W_]+", " ", name).strip().lower()


def label_of(name: str, language: str) -> str:
    """What a manager calls the column: the glossary's words, else the column's own."""
    words = words_of(name)
    own = words[:1].upper() + words[1:] or name or "Column"
    return _glossary().get(words, {}).get(language, own)


def labels_of(outcomes: Sequence[str], positive: str) -> Any:
    """1 for who left, 0 for who stayed, shape (n,)."""
    return np.array([int(o == positive) for o in outcomes], dtype=np.int64)


def _with_protection(column: Column, known: Sequence[str]) -> Column:
    found = find_protected(column.name, known)
    if not found:
        return column
    ask = ""
    if column.type == "boolean" and {fold(v) for v in known} == {"0", "1"}:
        ask = f"say in the contract what 0 and 1 mean: words.en.true and words.en.false of {column.name}"
    return replace(column, sensitive=True, why=found.why, ask=ask)


def _guess_type(profile: Profile) -> Column:
    if len(profile.values) > MANY_VALUES:
        return _guess_many(profile)
    groups, gaps = group_words(profile)
    if not groups:
        return Column(profile.name, why="is empty")
    if len(groups) == 1:
        return _guess_single(profile, groups[0], gaps)
    if pair := _boolean_pair(groups):
        yes, no = pair
        said = f"true or false: {_counted(groups)}"
        return _with_gaps(
            Column(profile.name, "boolean", true_values=yes.spellings, false_values=no.spellings, said=said), gaps
        )
    return _guess_number(profile, groups, gaps) or _guess_words(profile, groups, gaps)


def _guess_many(profile: Profile) -> Column:
    """A column of so many different values holds numbers, or nothing that a model can read."""
    sample = [v for v in profile.values[:MANY_VALUES] if v and not is_gap(v)]
    written = number_format(sample)
    if isinstance(written, NumberFormat):
        read = [to_number(v, written) for v in profile.values]
        rest = [place for place, number in enumerate(read) if number is None]
        if len(rest) <= MANY_VALUES:
            groups, gaps = group_words(profile, rest)
            numbers = [n for n in read if n is not None]
            cells = len(profile) - sum(g.count for g in gaps)
            if _are_odd(groups, cells) and (found := _number_column(profile, numbers, written, groups, gaps)):
                return found
    groups, _ = group_words(profile, range(MANY_VALUES))
    if isinstance(written, str):
        return _guess_number(profile, groups, ()) or _too_many(profile)
    return _guess_words(profile, groups, ()) if looks_like_dates(groups) else _too_many(profile)


def _too_many(profile: Profile) -> Column:
    return Column(profile.name, why=_explain_many(profile, profile.values[:MANY_VALUES]))


def _explain_many(profile: Profile, texts: Sequence[str]) -> str:
    """Why so many different values are of no use: odd cells among numbers, odd numbers, or names."""
    known = [text for text in texts if text and not is_gap(text)]
    odd = [text for text in known if to_number(text) is None]
    shown = f"{shorten(odd[0])!r} (line {profile.lines[profile.values.index(odd[0])]})" if odd else ""
    if odd and len(odd) <= 0.5 * len(known):
        return f"holds numbers, and too many cells that are none, such as {shown}; write a number, or empty the cell"
    if sum(bool(NUMBER_LIKE.fullmatch(text)) for text in odd) > 0.5 * len(known):
        return f"holds values such as {shown}; if they are numbers, write them plainly: -1234.5"
    return f"holds {len(profile.values):,} different values, as names and numbers do"


def _are_odd(groups: Sequence[WordGroup], cells: int) -> bool:
    """Whether the words of a column of numbers are so few that they count as gaps."""
    return len(groups) <= MOST_ODD and sum(g.count for g in groups) <= (1 - MOSTLY) * cells


def _guess_single(profile: Profile, only: WordGroup, gaps: Sequence[WordGroup]) -> Column:
    """One value and empty cells are a flag, where both are seen often enough."""
    empty = sum(g.count for g in gaps)
    if min(empty, only.count) < 0.01 * len(profile):
        return Column(profile.name, why="holds one value only")
    absent = tuple(dict.fromkeys(("", *(s for g in gaps for s in g.spellings))))
    said = f"a flag: {only.spellings[0]!r} in {only.count:,} rows, empty in {empty:,}, taken as no"
    return Column(profile.name, "boolean", true_values=only.spellings, false_values=absent, said=said)


def _boolean_pair(groups: Sequence[WordGroup]) -> tuple[WordGroup, WordGroup] | None:
    names = {g.name for g in groups}
    if len(groups) > 2:
        return _many_spellings(groups)
    if len(groups) != 2 or (max(map(len, names)) == 1 and names not in LETTER_PAIRS):
        return None
    yes = [g for g in groups if g.name in YES]
    no = [g for g in groups if g.name in NO]
    return (yes[0], no[0]) if yes and no else None


def _many_spellings(groups: Sequence[WordGroup]) -> tuple[WordGroup, WordGroup] | None:
    """Yes and no in several spellings (Yes, Y, true, 1); letters alone may be codes of anything."""
    sides = [[g for g in groups if g.name in words] for words in (YES, NO)]
    if sum(map(len, sides)) < len(groups) or not all(any(len(g.name) > 1 for g in side) for side in sides):
        return None
    yes, no = (
        WordGroup(side[0].name, tuple(s for g in side for s in g.spellings), sum(g.count for g in side), side[0].line)
        for side in sides
    )
    return yes, no


def _guess_number(profile: Profile, groups: Sequence[WordGroup], gaps: Sequence[WordGroup]) -> Column | None:
    texts = [s for g in groups for s in g.spellings]
    written = number_format(texts[:MANY_VALUES])
    if isinstance(written, str):
        ask = f"{written}: write the numbers without a mark between thousands, and with a decimal point"
        return Column(profile.name, why=f"holds numbers that can be read in two ways: {ask}")
    odd = [g for g in groups if all(to_number(s, written) is None for s in g.spellings)]
    cells = sum(g.count for g in groups)
    if not _are_odd(odd, cells):
        return None
    numbers = [n for s in texts if (n := to_number(s, written)) is not None]
    if len(numbers) < 2:
        return None
    return _number_column(profile, numbers, written, odd, gaps)


def _number_column(
    profile: Profile,
    numbers: Sequence[float],
    written: NumberFormat,
    odd: Sequence[WordGroup],
    gaps: Sequence[WordGroup],
) -> Column | None:
    whole = all(n.is_integer() for n in numbers)
    if whole and (why := looks_like_ids(profile, numbers)):
        return None if why == "codes" else Column(profile.name, why=why)
    infinite = [g for g in odd if g.name in INFINITE]
    low, high = (_widen(n) for n in (min(numbers), max(numbers)))
    kind = "integer" if whole else "number"
    said = (
        f"{'whole numbers' if whole else 'numbers'} from {min(numbers):,g} to {max(numbers):,g}{_format_said(written)}"
    )
    column = Column(profile.name, kind, min(0, low), max(1, high), written=written, said=said)
    column = _with_gaps(column, [*odd, *gaps], len(profile))
    if infinite:
        lines = ", ".join(f"{g.spellings[0]!r} in {_lines_of(g)}" for g in infinite)
        ask = f"{profile.name} holds {lines}, which is no number and counts as a gap: correct the cell if it is known"
        column = replace(column, ask=ask)
    return column


def _guess_words(profile: Profile, groups: Sequence[WordGroup], gaps: Sequence[WordGroup]) -> Column:
    if looks_like_dates(groups):
        return Column(profile.name, why="holds dates; a model reads numbers: bring the days since then in a column")
    if len(groups) > MOST_CATEGORIES:
        return Column(profile.name, why=_explain_many(profile, [s for g in groups for s in g.spellings]))
    if longest := next((g for g in groups if len(g.spellings[0]) > LONGEST_WORD), None):
        length = f"{len(longest.spellings[0]):,} characters (line {longest.line})"
        return Column(profile.name, why=f"holds texts, one of {length}; a model reads numbers and short words")
    categories = tuple(sorted(g.spellings[0] for g in groups))
    said = f"words: {_counted(groups)}"
    if doubtful := [g.spellings[0] for g in groups if is_gap(g.spellings[0])]:
        said += f"; {', '.join(map(repr, doubtful))} taken as a category, not as a gap"
    return _with_gaps(Column(profile.name, "category", categories=categories, said=said), gaps)


def _with_gaps(column: Column, gaps: Sequence[WordGroup], rows: int = 0) -> Column:
    """Add the gaps to a column, and count them in its sentence."""
    listed = ", ".join(f"{g.count:,} {'gap' if g.count == 1 else 'gaps'} {_gap_shown(g)}" for g in gaps)
    known = rows - sum(g.count for g in gaps)
    said = column.said + (f"; {known:,} of {rows:,} cells are numbers" if rows and gaps else "")
    usual = USUAL_GAPS if rows else ("",)
    missing = tuple(dict.fromkeys((*usual, *(s for g in gaps for s in g.spellings))))
    return replace(column, missing_values=missing, said=f"{said}; {listed}" if listed else said)


def _lines_of(group: WordGroup) -> str:
    return f"line {group.line}" if group.count == 1 else f"{group.count:,} rows, first in line {group.line}"


def _gap_shown(gap: WordGroup) -> str:
    where = f" (line {gap.line})" if gap.count == 1 else ""
    return (repr(gap.spellings[0]) if gap.spellings[0] else "(empty)") + where


def _counted(groups: Sequence[WordGroup]) -> str:
    shown = ", ".join(map(str, groups[:6]))
    return shown + (f" and {len(groups) - 6} more" if len(groups) > 6 else "")


def _format_said(written: NumberFormat) -> str:
    parts = [f"units {' '.join(written.units)}"] if written.units else []
    parts += ["decimal comma"] if written.decimal == "," else []
    parts += [f"{written.thousands!r} between thousands"] if written.thousands else []
    return f" ({', '.join(parts)})" if parts else ""


def _auc_alone(column: Column, profile: Profile, labels: Any) -> float:
    rows = np.flatnonzero(labels >= 0)
    rows = rows[:: max(1, len(rows) // TRIED_ROWS)]
    feature = Feature(column.name, column.name, column.type)
    gaps = {fold(g) for g in column.missing_values}

    def value(text: str) -> float | str | None:
        if feature.numeric:
            return to_number(text, column.written)
        return None if fold(text) in gaps else fold(text) or "(empty)"

    return auc_alone(feature, profile.map_rows(value, rows), labels[rows])


def _widen(limit: float) -> float:
    """Room for customers to come: twice as far from zero."""
    if abs(limit) > 1e15:
        return limit
    return int(limit * 2) + (1 if limit > 0 else -1 if limit < 0 else 0)


@cache
def _glossary() -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "glossary.toml").read_text(encoding="utf-8"))
