"""Telephone numbers, in digits or partly in words."""

import re

from vigie_llm.pseudonymise.spans import CONTEXT, SHAPED, Found
from vigie_llm.text import validation
from vigie_llm.text.spelled import Skeleton

_PHONE = re.compile(
    r"(?<![\da-z.,/_#])(?<![a-z]-)(?:\(?\+ ?|\(?00 ?)?\(?[\do]\d?(?:[ .\-/()_\u00b7]{0,3}\d){6,14}(?![\da-z_]|"
    r"[.,]\d)"
)
_PHONE_WORDS = re.compile(
    r"\b(?:tel|telephone|phone|mobile|portable|numero|number|appel\w*|rappel\w*|joindre|joignable|call|ring|"
    r"text|reach|fixe|gsm|sms|whatsapp|contact\w*|au|on|cell|mob|num|06|07)\b[^\n]{0,25}$"
)
_FULL_DATE = re.compile(r"(?<!\d)\d{2}([/.\-])\d{2}\1(?:19|20)\d{2}(?!\d)")
_AMOUNT_AFTER = re.compile(r"^ ?(?:€|£|\$|%|eur\b|euros?\b|pounds?\b|gbp\b|balles\b|quid\b|k€)")
_AMOUNT_BEFORE = re.compile(r"[€£$] ?$")


def find_phones(low: str, language: str) -> list[Found]:
    found: list[Found] = []
    for m in _PHONE.finditer(low):
        if _FULL_DATE.search(m.group()):
            continue
        for end in _possible_ends(m):
            if is_amount(low, m.start(), end):
                break
            number = re.sub(r"[^\d+]", "", low[m.start() : end].replace("o", "0").replace("(0)", ""))
            if _is_phone(number, language, low, m):
                rank = SHAPED + 2 if number.startswith(("0", "+", "33", "44")) else CONTEXT - 2
                found.append(Found(m.start(), end, "PHONE", rank))
                break
    return found


def _possible_ends(match: re.Match[str]) -> list[int]:
    """The whole run of digits, then shorter ones: "06 39 98 33 50 2 fois"."""
    groups = [m.end() for m in re.finditer(r"\d+", match.group())]
    lengths = [sum(c.isdigit() for c in match.group()[:end]) for end in groups]
    return [match.start() + end for end, length in zip(groups[::-1], lengths[::-1], strict=True) if length >= 9]


def _is_phone(number: str, language: str, low: str, match: re.Match[str]) -> bool:
    if number.startswith("00"):
        number = "+" + number[2:]
    if number.startswith("+"):
        return validation.is_phone(number, "FR")
    regions = ("FR", "GB") if language == "fr" else ("GB", "FR")
    if number.startswith("0"):
        return any(validation.is_phone(number, region) for region in regions)
    named = bool(_PHONE_WORDS.search(low[max(0, match.start() - 40) : match.start()]))
    if number.startswith(("33", "44")) and len(number) in {11, 12}:
        return validation.is_phone("+" + number, "FR")
    # "6 39 98 33 50": the leading zero left out.
    return (
        named
        and len(number) in {9, 10}
        and number[0] in "123467"
        and any(validation.is_phone("0" + number, r) for r in regions)
    )


def find_spoken_phones(low: str, digits: Skeleton) -> list[Found]:
    """About ten digits from 0, read aloud in part; "quatre vingt-neuf" may be 4 29 or 89."""
    found: list[Found] = []
    for m in re.finditer(r"(?:0033|33|0044|44)?0?[1-9]\d{7,9}", digits.text):
        if not m.group().startswith(("0", "33", "44")):
            continue
        start, end = digits.locate(*m.span())
        surface = low[start:end]
        if any(c.isalpha() for c in surface) and not re.search(r"[.!?;]\s|[\n/:]", surface):
            found.append(Found(start, end, "PHONE", SHAPED + 1))
    return found


def is_amount(low: str, start: int, end: int) -> bool:
    return bool(_AMOUNT_AFTER.match(low[end : end + 8]) or _AMOUNT_BEFORE.search(low[max(0, start - 3) : start]))
