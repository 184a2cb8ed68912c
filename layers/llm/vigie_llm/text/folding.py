"""One plain reading of a text: no accents, look-alikes, invisible characters or HTML entities."""

import html
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# Letters of other alphabets that look like Latin ones, used to slip past filters.
_LOOK_ALIKES = dict(
    zip(
        "АВСЕНІЈКМОРЅТХУаеорсухіјѕԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαινρτυкмт",
        "ABCEHIJKMOPSTXYaeopcyxijsdhqwABEZHIKMNOPTYXoaivptukmt",
        strict=True,
    )
)
_PUNCTUATION = {
    **dict.fromkeys("‘’ʼʹ′`´‛ʻ", "'"),
    **dict.fromkeys("“”„″", '"'),
    **dict.fromkeys("‐‑‒–—―−﹣－", "-"),
    **dict.fromkeys("․·∙⋅", "."),
    "ı": "i",
    "ł": "l",
    "Ł": "L",
    "ø": "o",
    "Ø": "O",
    "đ": "d",
    "Đ": "D",
    "œ": "oe",
    "Œ": "OE",
    "æ": "ae",
    "Æ": "AE",
    "ß": "ss",
    "ð": "d",
    "þ": "th",
    "№": "no",
    "\u2800": "",
    "\u115f": "",
    "\u3164": "",
}
_ENTITY = re.compile(r"&(?:#\d{1,6}|#[xX][0-9a-fA-F]{1,5}|[A-Za-z]{2,10});")


_DIGIT = re.compile(r"\d", re.ASCII)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def has_digit(text: str) -> bool:
    """Whether there is any ASCII digit: most detectors have nothing to do without."""
    return _DIGIT.search(text) is not None


@lru_cache(maxsize=4096)
def fold_character(character: str) -> str:
    """The ASCII reading of one character, case kept; empty for invisible and combining ones."""
    if character < "\x80":
        return character
    special = _PUNCTUATION.get(character) or _LOOK_ALIKES.get(character)
    if special is not None:
        return special
    if unicodedata.category(character) in {"Cf", "Mn", "Me"}:
        return ""
    if character.isspace():
        return "\n" if character in "\u2028\u2029\x85" else " "
    return _decompose(character)


def _decompose(character: str) -> str:
    """Compatibility form without accents: full-width, mathematical and accented letters."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    return "".join(_LOOK_ALIKES.get(c, _PUNCTUATION.get(c, c)) for c in plain)


def fold_text(text: str) -> str:
    """Every character's ASCII reading, case kept."""
    return text if text.isascii() else _BEYOND_ASCII.sub(lambda match: fold_character(match[0]), text)


def fold(text: str) -> str:
    """Lower-case ASCII reading of a known value."""
    return fold_text(text).lower()


@dataclass(frozen=True, slots=True)
class FoldedText:
    """A text read plainly: `clean` keeps case, `low` does not, and both map back to the original."""

    original: str
    clean: str
    low: str
    starts: list[int] | None
    ends: list[int] | None

    def locate(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original text of clean[start:end] (end > start)."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


def read_plainly(text: str) -> FoldedText:
    """The view of a text; ASCII without entities costs nothing."""
    has_entity = "&" in text and _ENTITY.search(text) is not None
    # Nothing vanishes and nothing grows: offsets are the text's own.
    if not has_entity and all(len(fold_character(character)) == 1 for character in _BEYOND_ASCII.findall(text)):
        folded = fold_text(text)
        return FoldedText(text, folded, _lower(folded), None, None)
    clean: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for begin, stop, piece in _pieces(text):
        if not piece and ends and unicodedata.combining(text[begin]):
            ends[-1] = stop
        for character in piece:
            clean.append(character)
            starts.append(begin)
            ends.append(stop)
    joined = "".join(clean)
    return FoldedText(text, joined, _lower(joined), starts, ends)


def _lower(text: str) -> str:
    """Lower case of the same length."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _pieces(text: str) -> list[tuple[int, int, str]]:
    """(start, end, folded characters) of each character or entity of the text."""
    pieces: list[tuple[int, int, str]] = []
    position = 0
    entities = _ENTITY.finditer(text) if "&" in text else ()
    for entity in entities:
        pieces.extend((i, i + 1, fold_character(text[i])) for i in range(position, entity.start()))
        decoded = "".join(map(fold_character, html.unescape(entity.group())))
        pieces.append((entity.start(), entity.end(), decoded))
        position = entity.end()
    pieces.extend((i, i + 1, fold_character(text[i])) for i in range(position, len(text)))
    return pieces
