"""What an obedient model might be talked into saying, beyond the validated patterns: names, codes in pieces, encodings.

Our questions ask for plain words without names and numbers, so that whatever is not plain words is refused here,
whether or not anybody can say what it means.
"""

import re
import unicodedata
from collections.abc import Iterable

from vigie_llm.obfuscation_rules import CASELESS_OBFUSCATION_RULES, OBFUSCATION_RULES
from vigie_llm.pseudonymise import KnownIdentity, pseudonymise
from vigie_llm.rules import Rule, Searched, broken
from vigie_llm.text.folding import fold_text

_PLACEHOLDER = re.compile(r"<[A-Z][A-Z_]{1,30}_\d{1,6}>")
_RULES: dict[str, Rule] = {
    "MARKUP": Rule(re.compile(r"[<>{}\[\]`\\|]|&#?\w{2,10};")),
    # A run that no word of either language is: base64, hexadecimal, percent signs, a token.
    "ENCODED": Rule(
        re.compile(
            r"(?:%[0-9A-Fa-f]{2}){2}|[A-Za-z0-9+/_=]{28,}|\b(?=\w*[a-z])(?=\w*[A-Z])(?=\w*\d)\w{10,}|\w{12,}={1,2}"
        ),
        ("%", "="),
        digit=True,
        hint=re.compile(r"[A-Za-z0-9+/_=]{28}"),
    ),
    "SPELLED": Rule(re.compile(r"(?<!\w)(?:\w[ .,\-_*/]{1,3}){4,}\w(?!\w)")),
    "PERCENTAGE": Rule(re.compile(r"\d[\s.]*%|(?i:\b(?:percent|per cent|pour ?cent|pourcents?)\b)"), ("%", "cent")),
    "NUMBER": Rule(re.compile(r"(?<!\d)(?!(?:19|20)\d\d(?!\d))\d(?:[ .,\-]?\d){2,}"), digit=True),
}
_NOT_PLAIN = re.compile(r"[^ -~\n\t]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_HIDDEN = {"Cf", "Co", "Cs", "Cc"}


def scan_words(texts: Iterable[str], known: KnownIdentity) -> list[str]:
    """Labels of what was found in an answer's texts, each once; empty when they are plain words."""
    found: dict[str, None] = {}
    for text in texts:
        found |= dict.fromkeys(_scan(text, known))
    return list(found)


def _scan(text: str, known: KnownIdentity) -> Iterable[str]:
    if any(unicodedata.category(character) in _HIDDEN for character in _NOT_PLAIN.findall(text)):
        yield "HIDDEN"
    plain = _PLACEHOLDER.sub(" ; ", unicodedata.normalize("NFKC", text))
    searched = Searched.of(plain)
    yield from broken(_RULES, searched)
    unaccented = searched if plain.isascii() else Searched.of(fold_text(plain))
    yield from broken(OBFUSCATION_RULES, unaccented)
    yield from broken(CASELESS_OBFUSCATION_RULES, Searched.of(unaccented.low))
    if _mixes_alphabets(plain):
        yield "LOOK_ALIKES"
    yield from pseudonymise(plain, known, "fr").counts


def _mixes_alphabets(plain: str) -> bool:
    """Both our languages are written in Latin letters: any other letter poses as one."""
    return any(
        character.isalpha() and not unicodedata.name(character, "").startswith("LATIN")
        for character in _BEYOND_ASCII.findall(plain)
    )
