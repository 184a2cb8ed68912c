"""Where a word stands: at a sentence's start, as a signature, in the name of a product."""

import re
import string

from vigie_llm.text.lexicon import PRODUCT_AFTER, PRODUCT_BEFORE, first_names
from vigie_llm.text.spelled import Token

_PRODUCT_AHEAD = re.compile(
    r"(?: (?:and|et|&|or|ou) \w+)?(?: (?:fixed|instant|easy|online|junior|notice|flexible|regular|cash|"
    r"current|platinum|gold)){0,2} (?:rate )?"
    r"(?:bonds?|accounts?|savers?|cards?|isas?|loans?|plans?|packs?|cashback|mortgages?|tariffs?|formulas?)\b"
)
_BUT_CAPITALS = bytes(set(range(128)) - set(string.ascii_uppercase.encode()))
_BUT_SMALL = bytes(set(range(128)) - set(string.ascii_lowercase.encode()))


def is_shouting(clean: str) -> bool:
    """Mostly capital letters: case then says nothing."""
    if clean.isascii():
        capitals = clean.encode().translate(None, _BUT_CAPITALS)
        return len(capitals) > len(clean.encode().translate(None, _BUT_SMALL))
    return sum(map(str.isupper, clean)) > sum(map(str.islower, clean))


def starts_sentence(clean: str, start: int) -> bool:
    """Whether a capital is due to the sentence's beginning."""
    before = clean[:start].rstrip(" \t\"'(*-")
    return not before or before[-1] in ".!?\n:;…"


def ends_message(clean: str, start: int, end: int) -> bool:
    """A signature: set off by punctuation or a line, with nothing after it on its line."""
    before = clean[:start].rstrip(" \t\"'(*")
    after = clean[end:].lstrip(" \t")
    set_off = not before or before[-1] in ".!?\n,;-:…"
    return set_off and (after[:1] in {"", "\n"} or not any(c.isalnum() for c in after)) and bool(before)


def is_product(clean: str, tokens: list[Token], start: int, stop: int) -> bool:
    """ "carte Rose", "Grace Saver", "agence Victor Hugo": a thing or a place named so."""
    first = start
    while first > 0 and start - first < 4 and clean[tokens[first - 1].end : tokens[first].start] in {" ", "-"}:
        first -= 1
        if tokens[first].text in PRODUCT_BEFORE:
            return True
        if not clean[tokens[first].start].isupper() and tokens[first].text not in first_names():
            break
    if start > 0 and tokens[start - 1].text in PRODUCT_BEFORE:
        return clean[tokens[start - 1].end : tokens[start].start] in {" ", "-"}
    if _PRODUCT_AHEAD.match(clean[tokens[stop - 1].end : tokens[stop - 1].end + 50].lower()):
        return True
    if stop < len(tokens) and tokens[stop].text in PRODUCT_AFTER:
        return clean[tokens[stop - 1].end : tokens[stop].start] == " "
    return False
