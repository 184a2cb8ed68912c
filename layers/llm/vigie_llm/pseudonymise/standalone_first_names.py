"""Whether a first name that is also a word, standing without a title or role, means a person."""

from vigie_llm.pseudonymise.name_shape import is_capital, text_before
from vigie_llm.pseudonymise.person_cues import AT_WORK, CALENDAR, DETERMINERS, HUMAN_DEED, NOT_NAME, PERHAPS_HUMAN
from vigie_llm.pseudonymise.surroundings import ends_message, starts_sentence
from vigie_llm.text.folding import FoldedText
from vigie_llm.text.lexicon import PRODUCT_AFTER, first_names, ordinary_words
from vigie_llm.text.spelled import Token


def is_double_name(view: FoldedText, tokens: list[Token], i: int) -> bool:
    """ "Jean-Loup", "minh-anh": two first names with a hyphen."""
    if i + 1 >= len(tokens) or text_before(view, tokens, i + 1) != "-" or tokens[i].text in {"saint", "sainte", "st"}:
        return False
    following = tokens[i + 1]
    both_capital = (
        is_capital(view.clean, tokens[i])
        and is_capital(view.clean, following)
        and following.text not in ordinary_words()
    )
    return (
        len(tokens[i].text) > 1
        and (following.text not in NOT_NAME or following.text in first_names())
        and (following.text in first_names() or both_capital)
    )


def is_meant(view: FoldedText, tokens: list[Token], i: int, shouting: bool) -> bool:
    """A name that is also a word: meant as a name next to a surname, before a person's verb, or as a signature."""
    clean, token = view.clean, tokens[i]
    if shouting or not is_capital(clean, token) or token.text in CALENDAR:
        return False
    begins = starts_sentence(clean, token.start)
    determined = i > 0 and tokens[i - 1].text in DETERMINERS and not begins
    if _beside_surname(view, tokens, i):
        return not begins and not determined
    if not begins and not determined and _is_coordinated(view, tokens, i):
        return True
    after = view.low[token.end : token.end + 30]
    if HUMAN_DEED.match(after) or AT_WORK.match(after) or (not begins and PERHAPS_HUMAN.match(after)):
        return not determined
    return ends_message(clean, token.start, token.end) and clean[: token.start].rstrip(" ")[-1:] in {"\n", "-"}


def _is_coordinated(view: FoldedText, tokens: list[Token], i: int) -> bool:
    """ "Jean and Marion": whoever is named with a person is one."""
    for other, gap, outer in ((i + 1, i + 1, i + 2), (i - 1, i, i - 2)):
        between = text_before(view, tokens, gap) if 0 <= other < len(tokens) else ""
        if between.strip() in {",", "&", "/"} and _is_clear(view, tokens, other):
            return True
        joined = between == " " and tokens[other].text in {"and", "et", "or", "ou"}
        if joined and 0 <= outer < len(tokens) and _is_clear(view, tokens, outer):
            return True
    return False


def _is_clear(view: FoldedText, tokens: list[Token], i: int) -> bool:
    word = tokens[i].text
    return is_capital(view.clean, tokens[i]) and word in first_names() and word not in ordinary_words() | NOT_NAME


def _beside_surname(view: FoldedText, tokens: list[Token], i: int) -> bool:
    if (
        i + 1 >= len(tokens)
        or text_before(view, tokens, i + 1) not in {" ", "-"}
        or not is_capital(view.clean, tokens[i + 1])
    ):
        return False
    following = tokens[i + 1].text
    return (
        following not in NOT_NAME
        and following not in PRODUCT_AFTER
        and following not in CALENDAR
        and not following.isdigit()
    )
