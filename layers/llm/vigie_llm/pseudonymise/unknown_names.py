"""Names that no list of first names holds: surnames, words in a list of people, subjects of a person's verb."""

from vigie_llm.pseudonymise.name_extent import name_end, with_dot
from vigie_llm.pseudonymise.name_shape import is_capital, text_before
from vigie_llm.pseudonymise.person_cues import DETERMINERS, HUMAN_DEED, NOT_NAME
from vigie_llm.pseudonymise.spans import GUESSED, Found
from vigie_llm.pseudonymise.surroundings import is_product, starts_sentence
from vigie_llm.text.folding import FoldedText
from vigie_llm.text.lexicon import first_names, ordinary_words, surnames, words
from vigie_llm.text.spelled import Token

# After these a surname is more often a place or a company: "a Montauban", "from Hargreaves".
_BEFORE_PLACES = words("a au aux en in at near from chez by vers via sur de du d des")


def is_first_name(token: Token) -> bool:
    return token.text in first_names()


def is_listed(view: FoldedText, tokens: list[Token], i: int) -> bool:
    """ "Priscilla, Ludo and a third one": a capitalised word that follows a clear name in a list."""
    between = text_before(view, tokens, i).strip()
    j = (
        i - 1
        if between in {",", "/", "&"}
        else i - 2
        if i > 1 and tokens[i - 1].text in {"et", "and", "puis", "then"}
        else -1
    )
    if j < 0 or (tokens[i].text in ordinary_words() and len(tokens[i].text) > 3):
        return False
    clear = is_first_name(tokens[j]) and tokens[j].text not in ordinary_words() and is_capital(view.clean, tokens[j])
    closes = view.clean[tokens[i].end : tokens[i].end + 1] in {",", " ", ".", ")", ";"}
    return (
        clear
        and closes
        and view.clean[tokens[j].end : tokens[j].end + 2].strip() in {",", "/", "&", "", ", e", ", p", ", t"}
    )


def has_person_verb(view: FoldedText, tokens: list[Token], i: int, shouting: bool) -> bool:
    """ "then Oyelaran told me": an unknown capitalised word within a sentence, before what people do."""
    token = tokens[i]
    if shouting or not is_capital(view.clean, token) or not HUMAN_DEED.match(view.low[token.end : token.end + 30]):
        return False
    begins = starts_sentence(view.clean, token.start)
    usual = token.text in ordinary_words() or len(token.text) < 4 or view.clean[token.start : token.end].isupper()
    determined = i > 0 and (
        tokens[i - 1].text in DETERMINERS | _BEFORE_PLACES or (is_capital(view.clean, tokens[i - 1]) and not begins)
    )
    return not usual and not determined and (token.text in surnames() or not begins)


def by_surname(view: FoldedText, tokens: list[Token], i: int, shouting: bool) -> tuple[Found, int] | None:
    """A surname, capitalised within a sentence, where neither a place nor a company is likely."""
    token = tokens[i]
    if shouting or token.text not in surnames() or token.text in ordinary_words():
        return None
    surface = view.clean[token.start : token.end]
    if not surface[0].isupper() or surface.isupper() or starts_sentence(view.clean, token.start):
        return None
    if tokens[i - 1].text in _BEFORE_PLACES | DETERMINERS or is_capital(view.clean, tokens[i - 1]):
        return None
    stop = name_end(view, tokens, i, shouting)
    return Found(token.start, with_dot(view.clean, tokens[stop - 1]), "OTHER_NAME", GUESSED), stop


def before_surname(view: FoldedText, tokens: list[Token], i: int, shouting: bool) -> tuple[Found, int] | None:
    """ "Saffron Khoury says": an unknown first name before a surname, or before any name that acts as people do."""
    if shouting or i + 1 >= len(tokens) or text_before(view, tokens, i + 1) != " " or len(tokens[i].text) < 3:
        return None
    following = tokens[i + 1]
    if not (is_capital(view.clean, tokens[i]) and is_capital(view.clean, following)) or following.text in NOT_NAME:
        return None
    if tokens[i].text in ordinary_words() or (i > 0 and tokens[i - 1].text in _BEFORE_PLACES | DETERMINERS):
        return None
    surfaces = (view.clean[t.start : t.end] for t in (tokens[i], following))
    if any(surface.isupper() for surface in surfaces) or is_product(view.clean, tokens, i, i + 2):
        return None
    acts = HUMAN_DEED.match(view.low[following.end : following.end + 30])
    if not acts and (following.text not in surnames() or following.text in ordinary_words()):
        return None
    stop = name_end(view, tokens, i, shouting)
    return Found(tokens[i].start, with_dot(view.clean, tokens[stop - 1]), "OTHER_NAME", GUESSED), stop
