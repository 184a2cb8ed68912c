"""The words that may stand for a customer's own name, and what part of it a word of a text may be."""

import re
from dataclasses import dataclass
from functools import lru_cache

from vigie_llm.pseudonymise.nicknames import short_forms
from vigie_llm.text.folding import fold
from vigie_llm.text.lexicon import first_names, ordinary_words, words
from vigie_llm.text.spelled import Token

_FOND_ENDING = re.compile(r"(?:ie|y|i|o|ou|ounet|ounette|inou|inette)$")
_PARTS = re.compile(r"[^\W_]+")


_PARTICLES = words(
    "le la les l de du des d da dos das do di del della van von der den ter ten el al ben bin ibn ould ait "
    "bou abu abd o mac mc st saint sainte "
    "y e zu af san santa"
)


@dataclass(frozen=True, slots=True)
class NameForms:
    """The words of a customer's name, folded."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    core: tuple[str, ...]
    joined: frozenset[str]
    short: frozenset[str]
    words: frozenset[str]
    beginnings: frozenset[str]
    tails: frozenset[str]
    initials: frozenset[str]

    def may_be(self, word: str) -> bool:
        """Whether a word may be a form of the name at all: every form begins as a part of it does, or is one that
        lost its first letter.
        """
        return word[0] in self.initials or word in self.tails


@lru_cache(maxsize=512)
def name_forms(first_name: str, last_name: str) -> NameForms:
    """Every word that may stand for this customer."""
    first = tuple(_PARTS.findall(fold(first_name)))
    last = tuple(_PARTS.findall(fold(last_name)))
    core = tuple(w for w in last if w not in _PARTICLES) or last
    joined = _joined(first) | _joined(last)
    words = frozenset(w for w in (*first, *core) if len(w) > 2) | joined
    parts = (*first, *core, *joined)
    # What a word must share with the name to be a form of it: looked up before anything is compared.
    beginnings = frozenset(part[:length] for part in parts for length in (1, 3))
    tails = frozenset(part[1:] for part in parts)
    short = short_forms(first)
    initials = frozenset(part[0] for part in (*first, *last, *short))
    return NameForms(first, last, core, joined, short, words, beginnings, tails, initials)


def _joined(parts: tuple[str, ...]) -> frozenset[str]:
    return frozenset("".join(parts[i:]) for i in range(len(parts) - 1))


def edit_distance_at_most(a: str, b: str, limit: int) -> bool:
    """Optimal string alignment distance (one swap counts one), bounded."""
    if abs(len(a) - len(b)) > limit:
        return False
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        current = [i]
        for j, y in enumerate(b, 1):
            cost = min(row[j] + 1, current[j - 1] + 1, row[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        if min(current) > limit:
            return False
        before, row = row, current
    return row[-1] <= limit


# What a token may be: F, L exact; f, l misspelt; g misspelt or another first name; n short form;
# i, j initials; p particle; W first name and surname in one word.
def kinds_of(token: Token, clean: str, forms: NameForms) -> str:
    word = token.text
    if word in forms.core or (len(word) > 3 and word in joined_parts(forms.last)):
        return "LF" if word in forms.first else "L"
    if (word in forms.first and len(word) > 1) or (len(word) > 3 and word in joined_parts(forms.first)):
        return "F"
    if len(word) == 1:
        return _initial(token, clean, forms)
    if word in forms.last:
        return "p"
    if 2 <= len(word) <= 3 and clean[token.start : token.end].isupper() and (kind := _several_initials(word, forms)):
        return kind
    if _is_whole_name(word, forms):
        return "W"
    if word in forms.short or _is_pet_form(word, forms):
        return "n"
    return _misspelt(word, forms)


@lru_cache(maxsize=1024)
def joined_parts(parts: tuple[str, ...]) -> frozenset[str]:
    return _joined(parts)


@lru_cache(maxsize=512)
def _whole_names(first: tuple[str, ...], last: tuple[str, ...]) -> frozenset[str]:
    a, b = "".join(first), "".join(last)
    return frozenset({a + b, b + a, a[:1] + b, b + a[:1]}) if a and len(b) > 3 else frozenset()


def _is_whole_name(word: str, forms: NameForms) -> bool:
    bare = word.rstrip("0123456789")
    return len(bare) > 4 and bare in _whole_names(forms.first, forms.last)


def _initial(token: Token, clean: str, forms: NameForms) -> str:
    if clean[token.end : token.end + 1] == "'":
        # "L'olivier" is an article and a tree; "d'Arcy" has its particle.
        return "p" if token.text in forms.last else ""
    dotted = clean[token.end : token.end + 1] in {".", "-"} or clean[token.start].isupper()
    kinds = ""
    if dotted and any(w[0] == token.text for w in forms.first):
        kinds += "i"
    if dotted and any(w[0] == token.text for w in (*forms.core, *forms.last[:1])):
        kinds += "j"
    return kinds or ("p" if token.text in forms.last else "")


def _is_pet_form(word: str, forms: NameForms) -> bool:
    """ "Lachie" for Lachlan: the name cut short with a fond ending, unless it is another name."""
    if word[:3] not in forms.beginnings:
        return False
    stem = _FOND_ENDING.sub("", word)
    return (
        stem != word
        and len(stem) > 2
        and word not in first_names()
        and word not in ordinary_words()
        and any(len(part) > 4 and part.startswith(stem) and part != word for part in forms.first)
    )


def _several_initials(word: str, forms: NameForms) -> str:
    """ "AS" for Anne-Sophie, "GL" for Griffiths-Lloyd: they count beside the other half of the name."""
    for kind, parts in (("i", forms.first), ("j", forms.core), ("j", forms.last)):
        if len(parts) > 1 and word == "".join(part[0] for part in parts):
            return kind
    return ""


def _misspelt(word: str, forms: NameForms) -> str:
    if len(word) < 4 or (word[0] not in forms.beginnings and word not in forms.tails):
        return ""
    is_first_name = word in first_names()
    for kind, parts, joined in (
        ("l", forms.core, joined_parts(forms.last)),
        ("f", forms.first, joined_parts(forms.first)),
    ):
        sign = "g" if kind == "f" and is_first_name else kind
        for part in (*parts, *joined):
            if len(part) > 3 and part[0] == word[0] and edit_distance_at_most(word, part, 2 if len(part) > 8 else 1):
                return sign
            if len(part) > 4 and part[1:] == word:
                return sign
    return ""
