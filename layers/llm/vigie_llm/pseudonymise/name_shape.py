"""How a word of a text is written: with a capital, and what stands before it."""

import re

from vigie_llm.text.folding import FoldedText
from vigie_llm.text.lexicon import ordinary_words, section
from vigie_llm.text.spelled import Token

_VERB_LIKE = re.compile(r"(?:[etds]|ra|[eoi]r|ing|ly|ont|ai|ez)$")
_NO_SURNAME = section("never a surname")


def is_capital(clean: str, token: Token) -> bool:
    return clean[token.start].isupper()


def text_before(view: FoldedText, tokens: list[Token], i: int) -> str:
    return view.clean[tokens[i - 1].end : tokens[i].start] if i > 0 else view.clean[: tokens[i].start]


def is_without_capitals(clean: str) -> bool:
    """Written all in lower case, but for a letter or two: case then says nothing either."""
    return sum(map(str.isupper, clean)) <= 2


def may_be_surname(word: str) -> bool:
    """Where case says nothing: neither a usual word nor ending as verbs and adverbs do."""
    return (
        len(word) > 3 and word.isalpha() and word not in ordinary_words() | _NO_SURNAME and not _VERB_LIKE.search(word)
    )
