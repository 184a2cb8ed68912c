"""The word lists, read once: first names, ordinary words, roles, products."""

import re
from functools import lru_cache
from pathlib import Path

from vigie_llm.text.folding import fold


@lru_cache(maxsize=1)
def _sections() -> dict[str, frozenset[str]]:
    blocks = re.split(r"^\[(.+)\]$", _text("person_words.txt"), flags=re.MULTILINE)
    return {name: words(text) for name, text in zip(blocks[1::2], blocks[2::2], strict=True)}


def section(name: str) -> frozenset[str]:
    """The words of one section of person_words.txt."""
    return _sections()[name]


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


def _read(name: str) -> frozenset[str]:
    lines = _text(name).splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in fold(line).split())


@lru_cache(maxsize=1)
def ordinary_words() -> frozenset[str]:
    """Names that are also words, places, months or products."""
    return _read("ordinary_names.txt")


@lru_cache(maxsize=1)
def first_names() -> frozenset[str]:
    """First names, those that are also ordinary words included."""
    own = (part for name in _read("first_names.txt") for part in (name, *name.split("-")) if len(part) > 1)
    return frozenset(own) | _read("faker_first_names.txt") | _read("american_first_names.txt")


@lru_cache(maxsize=1)
def surnames() -> frozenset[str]:
    """Surnames that are no usual word of French or English."""
    return _read("faker_surnames.txt")


PRODUCT_BEFORE = section("before a product or place")
PRODUCT_AFTER = section("after a product")
TITLES = section("titles")
