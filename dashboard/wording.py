"""Every word the dashboard says, in French and in English, from texts.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LANGUAGES = {"en": "English", "fr": "Français"}
_FILE = Path(__file__).with_name("texts.toml")

Texts = dict[str, dict[str, dict[str, str]]]


@cache
def load_texts() -> Texts:
    """Section, key, language: the text."""
    texts: Texts = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return texts


@dataclass(frozen=True)
class Wording:
    """The texts of one language: `words("audit.page", n=2)`."""

    language: str

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, with its places filled in; KeyError for a key that texts.toml lacks."""
        section, name = key.split(".", 1)
        return load_texts()[section][name][self.language].format(**values)

    def name_of(self, section: str, value: object) -> str:
        """A stored word as people say it; one that texts.toml does not know is shown as it is stored."""
        known = load_texts()[section].get(str(value))
        if known:
            return known[self.language]
        spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(value)).replace("_", " ")
        return spaced.lower() if spaced != str(value) else spaced
