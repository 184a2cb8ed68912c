"""The words of column_words.toml, by list."""

import tomllib
from functools import cache
from pathlib import Path


@cache
def words(name: str) -> frozenset[str]:
    """One list of words; KeyError when there is none of that name."""
    return _read()[name]


@cache
def _read() -> dict[str, frozenset[str]]:
    read = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {name: frozenset(listed.split()) for name, listed in read.items()}
