"""How a word of a text is written: with a capital, and what stands before it."""

from vigie_llm.pseudonymise.folding import View
from vigie_llm.pseudonymise.spelled import Token


def is_capital(clean: str, token: Token) -> bool:
    return clean[token.start].isupper()


def text_before(view: View, tokens: list[Token], i: int) -> str:
    return view.clean[tokens[i - 1].end : tokens[i].start] if i > 0 else view.clean[: tokens[i].start]
