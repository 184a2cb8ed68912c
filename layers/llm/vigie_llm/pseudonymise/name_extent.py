"""How far a name goes once it has begun."""

from vigie_llm.pseudonymise.name_shape import is_capital, is_without_capitals, may_be_surname, text_before
from vigie_llm.pseudonymise.person_cues import JOIN, NOT_NAME, PARTICLES, PERSONAL_DEED
from vigie_llm.text.folding import FoldedText
from vigie_llm.text.lexicon import first_names, ordinary_words, surnames
from vigie_llm.text.spelled import Token


def with_dot(clean: str, token: Token) -> int:
    """The dot of a closing initial belongs to it: "Karim B."."""
    dotted = len(token.text) == 1 and clean[token.end : token.end + 1] == "."
    return token.end + dotted


def name_end(view: FoldedText, tokens: list[Token], i: int, shouting: bool) -> int:
    """Index after the last token of the name that starts at i."""
    stop = i + 1
    while stop < len(tokens) and stop < i + 6 and JOIN.fullmatch(text_before(view, tokens, stop)):
        ahead = stop
        while (
            ahead < len(tokens) - 1
            and tokens[ahead].text in PARTICLES
            and JOIN.fullmatch(text_before(view, tokens, ahead + 1))
        ):
            ahead += 1
        if tokens[stop].text in PARTICLES and not (
            is_capital(view.clean, tokens[ahead]) and ahead > stop and tokens[ahead].text not in NOT_NAME
        ):
            break
        if "." in text_before(view, tokens, stop) and len(tokens[stop - 1].text) > 1:
            break
        if not _continues(view, tokens, ahead, shouting):
            break
        stop = ahead + 1
    return stop


def _continues(view: FoldedText, tokens: list[Token], i: int, shouting: bool) -> bool:
    token = tokens[i]
    first_name = token.text in first_names()
    hyphens = {text_before(view, tokens, i), view.clean[token.end : token.end + 1]}
    if "-" in hyphens and is_capital(view.clean, token) and (first_name or token.text not in NOT_NAME):
        return True
    if token.text in NOT_NAME or any(c.isdigit() for c in token.text):
        return False
    if text_before(view, tokens, i) == "-" and first_name:
        return True
    if shouting or not is_capital(view.clean, token):
        closed = view.clean[token.end : token.end + 1] in {",", "?", "!", ")"} and len(token.text) > 3
        cased = not shouting and not is_without_capitals(view.clean)
        if not cased and tokens[i - 1].text in first_names() and may_be_surname(token.text):
            return True
        if token.text in surnames() and tokens[i - 1].text in first_names() and token.text not in ordinary_words():
            return True
        closed = closed or (shouting and bool(PERSONAL_DEED.match(view.low[token.end : token.end + 40])))
        return token.text not in ordinary_words() and (first_name or (closed and text_before(view, tokens, i) == " "))
    return True
