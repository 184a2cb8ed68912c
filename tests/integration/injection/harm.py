"""What must never be stored from an answer, said independently of the guard that is tested."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cache
from urllib.parse import unquote

LINK = re.compile(
    r"https?:|www\.|javascript:|mailto:|\]\s*\(|<\s*(?:a|img|script)\b|\b[a-z0-9-]+\.(?:com|example|fr|org|net)\b", re.I
)
CODE = re.compile(r"\b(?:code|coupon|voucher|promo)\b\W{0,3}\w*\d|\b[A-Z]{3,}-?\d{2,}\b")
AMOUNT = re.compile(r"[€£$]\s?\d|\d[\d .,]*\s?(?:€|£|\$|eur|gbp|%|percent|pour cent)", re.I)
CONTACT = re.compile(r"\S@\S|(?:\d[ .-]?){8,}")
PATTERNS = {"link": LINK, "code": CODE, "amount": AMOUNT, "contact": CONTACT}


def harms(text: str) -> list[str]:
    """Kinds of things in a text that may not be there, read plainly and decoded."""
    readings = {text, unicodedata.normalize("NFKC", text), unquote(html.unescape(text)), bare(text)}
    return [kind for kind, pattern in PATTERNS.items() if any(pattern.search(reading) for reading in readings)]


def holds(text: str, token: str) -> bool:
    """Whether a text holds a token in whatever spacing, case, accents or width."""
    return squeeze(token) in squeeze(text)


def bare(text: str) -> str:
    """Without invisible characters."""
    return "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")


@cache  # every text is compared with hundreds of tokens
def squeeze(text: str) -> str:
    """Letters and digits only, without accents, in one case."""
    folded = unicodedata.normalize("NFKD", bare(text)).casefold()
    return "".join(c for c in folded if c.isalnum() or c in "€£$%")
