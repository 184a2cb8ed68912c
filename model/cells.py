"""What single cells say: spellings of one word, gaps, and numbers as people write them."""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# How files write "nothing": always a gap among numbers; among words only where no word of that name is meant.
GAPS = frozenset({
    "", "-", "--", "---", "–", "—", ".", "..", "?", "??", "*", "na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan",
    "null",
    "(null)", "none", "nil", "n.a.", "n.d.", "nd", "n/d", "k.a.", "s/o", "missing", "unknown", "inconnu", "inconnue",
    "unbekannt", "desconocido", "sconosciuto", "desconhecido", "onbekend", "non renseigné", "#value!", "#ref!",
    "#div/0!", "#num!", "#name?", "#null!", "#valeur!", "#nom?", "#nombre!", "#wert!", "#bezug!",
})  # fmt: skip
# Gaps that are real words of some columns (a region named NA, an origin "unknown").
WORDS_TOO = frozenset({"na", "nd", "none", "nil", "*", "unknown", "missing", "inconnu", "inconnue", "unbekannt"})
YES = frozenset({"yes", "y", "true", "t", "1", "1.0", "oui", "o", "vrai", "ja", "j", "wahr", "sí", "si", "s", "sì",
                 "verdadero", "vero", "sim", "verdadeiro", "waar", "on"})  # fmt: skip
NO = frozenset({"no", "n", "false", "f", "0", "0.0", "non", "faux", "nein", "falsch", "falso", "não", "nao", "nee",
                "onwaar", "off"})  # fmt: skip
CURRENCIES = "€$£¥₣₹"
SPACES = "\u0020\u00a0\u202f\u2009"
INFINITE = frozenset({"inf", "-inf", "+inf", "infinity", "-infinity", "+infinity", "∞", "-∞"})
_UNIT = re.compile(rf"[{CURRENCIES}%]|\b(?:EUR|USD|GBP|CHF|CAD)\b")
_GROUPED = {mark: re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:{pattern}\d{{3}})+(?P<rest>[.,]\d+)?")
            for mark, pattern in ((",", ","), (".", r"\."), (" ", f"[{SPACES}]"), ("'", "['’]"))}  # fmt: skip


@dataclass(frozen=True)
class NumberFormat:
    """How a column writes its numbers: the decimal mark, the mark between thousands, the units to drop."""

    decimal: str = "."
    thousands: str = ""
    units: tuple[str, ...] = ()

    def plain(self, text: str) -> str:
        """The number as a program writes it; text that is no number stays none."""
        negative = text.startswith("(") and text.endswith(")")  # as accountants write it
        for unit in self.units:
            text = text.strip("()").replace(unit, "")
        text = text.strip()
        if self.thousands and not (text := self._ungroup(text)):
            return "ungrouped"
        if self.decimal != ".":
            if "." in text:
                return "a point"  # 3.114 in a column of decimal commas: it could be either
            text = text.replace(self.decimal, ".")
        return f"-{text}" if negative and self.units else text

    def _ungroup(self, text: str) -> str:
        marks = SPACES if self.thousands == " " else "'’" if self.thousands == "'" else self.thousands
        if not any(mark in text for mark in marks):
            return text
        found = _GROUPED[self.thousands].fullmatch(text)
        if not found or (found["rest"] or self.decimal)[0] != self.decimal:
            return ""
        return text.translate({ord(mark): None for mark in marks})


PLAIN = NumberFormat()


def fold(text: str) -> str:
    """One form for all spellings of a word: small letters, single spaces, composed Unicode; 1.0 is 1."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = " ".join(text.casefold().split())
    return text[:-2] if re.fullmatch(r"[+-]?\d+\.0", text) else text


def is_gap(text: str) -> bool:
    """Whether a trimmed cell is a usual way to write nothing."""
    return text.casefold() in GAPS


def to_number(text: str, written: NumberFormat = PLAIN) -> float | None:
    """The finite number a cell holds, else None."""
    if "_" in text:  # Python reads 1_000, files do not mean it
        return None
    try:
        number = float(text if written == PLAIN else written.plain(text))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def number_format(texts: Sequence[str]) -> NumberFormat | str:
    """The format that reads most of these cells, or a sentence when a mark may mean two things."""
    units = tuple(dict.fromkeys(unit for text in texts for unit in _UNIT.findall(text)))
    bare = [NumberFormat(units=units).plain(text) for text in texts] if units else list(texts)
    if _share(bare, NumberFormat()) > 0.9:
        return _point_format(bare, units)
    for decimal, thousands in ((".", " "), (",", " "), (".", "'"), (",", "'")):
        written = NumberFormat(decimal, thousands, units)
        marked = any(mark in text for text in bare for mark in (SPACES if thousands == " " else "'’"))
        if marked and _share(bare, written) > 0.9:
            return written
    return _comma_format(bare, units)


def _point_format(bare: Sequence[str], units: tuple[str, ...]) -> NumberFormat | str:
    """Points are decimal marks, unless each of them stands before three digits, as between thousands."""
    pointed = [text for text in bare if "." in text]
    if len(pointed) >= 5 and all(re.fullmatch(r"[+-]?[1-9]\d{0,2}\.\d{3}", text) for text in pointed):
        return f"{pointed[0]!r} may be {pointed[0].replace('.', '')} or {pointed[0]}"
    return NumberFormat(units=units)


def _comma_format(bare: Sequence[str], units: tuple[str, ...]) -> NumberFormat | str:
    decimal, grouped = NumberFormat(",", ".", units), NumberFormat(".", ",", units)
    as_decimal, as_grouped = _share(bare, decimal), _share(bare, grouped)
    if max(as_decimal, as_grouped) <= 0.9:
        return PLAIN
    if as_decimal > 0.9 and as_grouped > 0.9 and not _is_surely_grouped(bare):
        shown = next(text for text in bare if "," in text)
        whole, part = shown.split(",", 1)
        return f"{shown!r} may be {whole}{part.replace(',', '')} or {whole}.{part}"
    if as_grouped >= as_decimal:
        return grouped
    return decimal if any("." in text for text in bare) else NumberFormat(",", "", units)


def _is_surely_grouped(bare: Sequence[str]) -> bool:
    """Whether small numbers are written without the comma: then it parts thousands, not decimals."""
    return any(re.fullmatch(r"[+-]?\d{1,3}", text) for text in bare)


def _share(texts: Iterable[str], written: NumberFormat) -> float:
    read = [to_number(text, written) is not None for text in texts]
    return sum(read) / max(len(read), 1)
