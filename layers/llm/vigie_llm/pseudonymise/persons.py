"""Other people: named after a title, a role or kinship, in greetings and thanks, or by a first name."""

import re

from vigie_llm.pseudonymise.name_extent import name_end, with_dot
from vigie_llm.pseudonymise.name_forms import NameForms, edit_distance_at_most
from vigie_llm.pseudonymise.name_shape import is_capital, is_without_capitals, may_be_surname, text_before
from vigie_llm.pseudonymise.person_cues import (
    APPOSED,
    AT_WORK,
    BOT_BEFORE,
    CALENDAR,
    CALLED_BY_THE_BANK,
    CAPITAL_AFTER_KIN,
    CONJUNCTIONS,
    DOTTED,
    GREETING,
    JOIN,
    KIN_BEFORE,
    MAIDEN_NAME,
    NOT_AFTER_KIN,
    NOT_NAME,
    PARTICLES,
    PERSONAL_DEED,
    QUALITY_OF,
    ROLE_AT,
    ROLE_TAIL,
    ROLES,
    ROLES_IF_OWNED,
    SIGNED,
    SO_CALLED,
    STRONG_CUE,
    THANKED,
    WEAK_TITLES,
)
from vigie_llm.pseudonymise.spans import CONTEXT, GUESSED, NAMED, Found
from vigie_llm.pseudonymise.standalone_first_names import is_double_name, is_meant
from vigie_llm.pseudonymise.surroundings import ends_message, is_product, is_shouting, starts_sentence
from vigie_llm.pseudonymise.unknown_names import before_surname, by_surname, has_person_verb, is_first_name, is_listed
from vigie_llm.text.folding import FoldedText
from vigie_llm.text.lexicon import TITLES, first_names, ordinary_words, surnames, words
from vigie_llm.text.spelled import Token

# A quotation mark between a cue and its name: "the reply signed 'P. Grandidier'".
_INITIALLED = re.compile(r"[A-Z]\. ?[A-Z][a-z]{2,}")
_OPENING = re.compile(r"[\"'\u00ab(] ?$")
_TITLES_AND_ROLES = TITLES | ROLES
_OWNERS = words("my mon ma his her son sa our notre votre your")


def find_persons(view: FoldedText, tokens: list[Token], forms: NameForms) -> list[Found]:
    """Names of people other than the customer, as far as the words around them or the lexicon show."""
    shouting = is_shouting(view.clean)
    found: list[Found] = []
    position = 0
    while position < len(tokens):
        if not _may_begin_person(view.clean, tokens, position):
            position += 1
            continue
        person = _person_at(view, tokens, position, forms, shouting)
        if person is None:
            position += 1
            continue
        item, position = person
        found.append(item)
    return found


def _may_begin_person(clean: str, tokens: list[Token], i: int) -> bool:
    """A name has a capital, or is a listed first name, or follows a title or a role: most words are none of it."""
    word, start, _end = tokens[i]
    if clean[start].isupper() or word in first_names():
        return True
    return i > 0 and tokens[i - 1].text in _TITLES_AND_ROLES


def _person_at(
    view: FoldedText, tokens: list[Token], i: int, forms: NameForms, shouting: bool
) -> tuple[Found, int] | None:
    token = tokens[i]
    if token.text.isdigit() or (len(token.text) < 2 and not _is_initial(view.clean, token)):
        return None
    if token.text in ROLES and token.text in ordinary_words() and not is_capital(view.clean, token):
        return None
    if _signs(view, tokens, i, forms):
        return None
    if _is_called(view, token, shouting):
        stop = name_end(view, tokens, i, shouting)
        return Found(token.start, tokens[stop - 1].end, "CUSTOMER_NAME", CONTEXT), stop
    for check, rank in ((_after_title, CONTEXT + 2), (_after_role, CONTEXT), (_after_cue, CONTEXT - 2)):
        if check(view, tokens, i, shouting):
            stop = name_end(view, tokens, i, shouting)
            if (
                check is _after_title
                and _is_own(tokens, i, stop, forms)
                and not _after_role(view, tokens, i - 1, shouting)
                and not THANKED.search(view.low[max(0, tokens[i - 1].start - 16) : tokens[i - 1].start])
            ):
                return Found(token.start, tokens[stop - 1].end, "CUSTOMER_NAME", rank), stop
            return Found(token.start, with_dot(view.clean, tokens[stop - 1]), "OTHER_NAME", rank), stop
    return _by_lexicon(view, tokens, i, forms, shouting)


def _is_called(view: FoldedText, token: Token, shouting: bool) -> bool:
    """ "stop calling me Yvonne": what the customer is called, right or wrong."""
    named = (
        is_first_name(token) and is_capital(view.clean, token) and not shouting and token.text not in ordinary_words()
    )
    return named and bool(CALLED_BY_THE_BANK.search(_OPENING.sub("", view.low[max(0, token.start - 30) : token.start])))


def _signs(view: FoldedText, tokens: list[Token], i: int, forms: NameForms) -> bool:
    """ "Mamie Ginette" at the end, written by Ginette: her own signature, whatever she calls herself."""
    return tokens[i].text in forms.first and ends_message(view.clean, tokens[i - 1].start, tokens[i].end)


def _is_own(tokens: list[Token], start: int, stop: int, forms: NameForms) -> bool:
    """ "Mme N Diaye", written by Aminata N'Diaye: a title before the customer's own surname."""
    words = [t.text for t in tokens[start:stop]]
    written, own = "".join(words), "".join(forms.last)
    if len(written) > 3 and len(own) > len(written) and own.startswith(written):
        return True
    if len(own) > 4 and len(written) > 4 and edit_distance_at_most(written, own, 2 if len(own) > 8 else 1):
        return True
    if forms.first and all(w in forms.first for w in words):
        return True
    return "".join(words) == "".join(forms.last) or all(w in forms.last or w in forms.joined for w in words)


def _is_initial(clean: str, token: Token) -> bool:
    return len(token.text) == 1 and clean[token.start].isupper()


def _may_be_name(view: FoldedText, token: Token, shouting: bool) -> bool:
    """Whether it looks like a name here: capitalised and not a usual word, or a clear first name."""
    word = token.text
    if word in NOT_NAME or (word in TITLES and word not in WEAK_TITLES) or _has_digit(word):
        return False
    if is_capital(view.clean, token) and not shouting:
        return True
    return word in first_names() and word not in ordinary_words()


def _has_digit(word: str) -> bool:
    return not word.isalpha() and any(c.isdigit() for c in word)


def _after_title(view: FoldedText, tokens: list[Token], i: int, shouting: bool) -> bool:
    if i == 0 or tokens[i - 1].text not in TITLES:
        return False
    title, named = tokens[i - 1], _past_particles(view, tokens, i)
    if tokens[i].text in TITLES and tokens[i].text not in WEAK_TITLES:
        return False
    if named is None or named.text in NOT_NAME or named.text in ROLES or _has_digit(named.text):
        return False
    between = text_before(view, tokens, i)
    if not re.fullmatch(r"\.? {0,2}", between) or ("." in between and title.text not in DOTTED):
        return False
    capital = is_capital(view.clean, named)
    if title.text == "m" and "." in between and is_without_capitals(view.clean) and may_be_surname(named.text):
        return True
    if title.text in WEAK_TITLES:
        return capital and is_capital(view.clean, title) and (not shouting or (title.text == "m" and "." in between))
    return capital or (named.text not in ordinary_words() and len(named.text) > 2)


def _past_particles(view: FoldedText, tokens: list[Token], i: int) -> Token | None:
    """The word that a name's particles lead to: "de la Cruz" leads to Cruz."""
    while i < len(tokens) and tokens[i].text in PARTICLES:
        if i + 1 >= len(tokens) or not JOIN.fullmatch(text_before(view, tokens, i + 1)):
            return None
        i += 1
    return tokens[i] if i < len(tokens) else None


def _after_role(view: FoldedText, tokens: list[Token], i: int, shouting: bool) -> bool:
    """ "ma conseillere bancaire, Sandrine", "my late husband Tom"."""
    clear = _may_be_name(view, tokens[i], shouting) or (
        tokens[i].text in CAPITAL_AFTER_KIN and is_capital(view.clean, tokens[i])
    )
    owned = i > 1 and tokens[i - 1].text in ROLES and tokens[i - 2].text in _OWNERS
    if owned and is_without_capitals(view.clean) and text_before(view, tokens, i) == " ":
        clear = clear or (may_be_surname(tokens[i].text) and tokens[i].text not in ROLE_TAIL | ROLES)
    if not clear and not (tokens[i].text in first_names() and tokens[i].text not in NOT_AFTER_KIN | NOT_NAME):
        return False
    j = i - 1
    for _ in range(4):
        if j < 0:
            return False
        between = view.clean[tokens[j].end : tokens[j + 1].start]
        if not re.fullmatch(r" ?[,:(] ?|[ ]?'|[ \-]|, \"?|\. ", between) or (
            between.startswith(".") and tokens[j].text != "mme"
        ):
            return False
        if tokens[j].text in ROLES:
            return (clear or j == i - 1) and _is_role_here(view, tokens, j, i)
        if tokens[j].text not in ROLE_TAIL or (is_capital(view.clean, tokens[j]) and not shouting):
            return False
        j -= 1
    return False


def _is_role_here(view: FoldedText, tokens: list[Token], role: int, name: int) -> bool:
    if tokens[role].text in ROLES_IF_OWNED and not KIN_BEFORE.search(
        view.low[max(0, tokens[role].start - 26) : tokens[role].start]
    ):
        return False
    if tokens[name - 1].text in {"de", "compte", "comptes", "agence", "du"}:
        return False
    return (
        "," not in view.clean[tokens[role].end : tokens[name].start]
        or is_first_name(tokens[name])
        or is_capital(view.clean, tokens[name])
    )


def _after_cue(view: FoldedText, tokens: list[Token], i: int, shouting: bool) -> bool:
    """Greeted, thanked, spoken to, or at work for the bank."""
    token = tokens[i]
    if not _may_be_name(view, token, shouting):
        return False
    before = _OPENING.sub("", view.low[max(0, token.start - 45) : token.start])
    if is_product(view.clean, tokens, i, i + 1):
        return False
    cased = is_capital(view.clean, token) and not shouting
    if cased and SO_CALLED.match(view.low[token.end : token.end + 30]):
        return True
    if cased and MAIDEN_NAME.search(view.low[max(0, token.start - 70) : token.start]):
        return True
    if has_person_verb(view, tokens, i, shouting) or (cased and is_listed(view, tokens, i)):
        return True
    if is_capital(view.clean, token) and ROLE_AT.search(before) and view.clean[token.end : token.end + 1] in {",", ")"}:
        return True
    if QUALITY_OF.search(before):
        known = is_first_name(token) or token.text in surnames() or _has_particle(tokens, i)
        return known and is_capital(view.clean, token) and token.text not in CALENDAR
    if GREETING.search(before):
        return is_first_name(token) or view.clean[token.end : token.end + 1] in {",", "!"}
    if (
        APPOSED.match(view.low[token.end : token.end + 45])
        and not shouting
        and not starts_sentence(view.clean, token.start - 1 if token.start else 0)
    ):
        return True
    if PERSONAL_DEED.match(view.low[token.end : token.end + 40]) and not starts_sentence(view.clean, token.start):
        return tokens[i - 1].text in CONJUNCTIONS
    if STRONG_CUE.search(before) or (_INITIALLED.match(view.clean, token.start) and SIGNED.search(before)):
        return (
            is_first_name(token)
            or bool(_INITIALLED.match(view.clean, token.start))
            or (
                is_capital(view.clean, token)
                and len(token.text) > 2
                and view.clean[token.start : token.end] != view.clean[token.start : token.end].upper()
            )
        )
    return bool(AT_WORK.match(view.low[token.end : token.end + 40])) and (
        is_first_name(token) or not starts_sentence(view.clean, token.start)
    )


def _has_particle(tokens: list[Token], i: int) -> bool:
    return i + 1 < len(tokens) and tokens[i + 1].text in {"de", "du", "van", "von", "da", "dos", "el", "ben"}


def _by_lexicon(
    view: FoldedText, tokens: list[Token], i: int, forms: NameForms, shouting: bool
) -> tuple[Found, int] | None:
    """A first name standing where a name may stand."""
    token = tokens[i]
    if token.text in NOT_NAME:
        return None
    unlisted = None
    if not is_first_name(token):
        unlisted = before_surname(view, tokens, i, shouting) or by_surname(view, tokens, i, shouting)
        if unlisted is None:
            return None
    if is_product(view.clean, tokens, i, i + 1) or BOT_BEFORE.search(view.low[max(0, token.start - 40) : token.start]):
        return None
    if unlisted:
        return unlisted
    if i > 0 and "@" in text_before(view, tokens, i):
        return None
    plain_word = token.text in ordinary_words() and not is_double_name(view, tokens, i)
    capital = is_capital(view.clean, token)
    if plain_word and not is_meant(view, tokens, i, shouting):
        return None
    if not plain_word and not capital and len(token.text) < 4:
        return None
    stop = name_end(view, tokens, i, shouting)
    if stop < len(tokens) and is_product(view.clean, tokens, i, stop):
        return None
    own = forms.first and all(t.text in forms.first for t in tokens[i:stop])
    if own:
        return None
    rank = (NAMED + 6 if stop - i > 1 else NAMED) if capital else GUESSED
    return Found(token.start, with_dot(view.clean, tokens[stop - 1]), "OTHER_NAME", rank), stop
