"""The customer's own identifiers, looked for in a text in any written form."""

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from vigie_llm.pseudonymise import KnownIdentity
from vigie_llm.pseudonymise.folding import fold
from vigie_llm.pseudonymise.lexicon import PRODUCT_AFTER, PRODUCT_BEFORE, ordinary_words, words
from vigie_llm.pseudonymise.spelled import digits_skeleton, tokenise

_WORD = re.compile(r"[^\W_]+")
_SIGN_WORD = re.compile(
    r"\b(?:at|arobase?|arrobase|arobaz|chez|point|dot|pt|tiret|bas|dash|hyphen|underscore|minus|plus|souligne|"
    r"slash)\b"
)
_NOT_ALNUM = re.compile(r"[\W_]+")
_NUMERIC_DATE = re.compile(r"(?<!\d)(\d{1,4})[ ./\-]{1,3}(\d{1,2})[ ./\-]{1,3}(\d{4}|\d{2})(?!\d)")
_MONTHS = (
    ("janv", "jan"), ("fev", "feb"), ("mars", "mar"), ("avr", "apr"), ("mai", "may"), ("juin", "jun"),
    ("juil", "jul"), ("aou", "aug"), ("sep", "sep"), ("oct", "oct"), ("nov", "nov"), ("dec", "dec"),
)  # fmt: skip
_PARTICLES = words("le la les de du des d da van von der den el al ben saint st mac mc o l")


def find_identity(plain: str, known: KnownIdentity, names_alone: bool) -> Iterator[str]:
    """Labels of what is found of this customer in a text without accents."""
    low = plain.lower()
    squeezed = _NOT_ALNUM.sub("", _SIGN_WORD.sub("", low))
    if any(len(n) > 5 and n in squeezed for n in _needles(known.email)):
        yield "EMAIL"
    if any(len(n) > 10 and n in squeezed for n in _iban_needles(known.iban)):
        yield "IBAN"
    yield from _numbers(low, squeezed, known)
    if _has_date(low, known.birth_date):
        yield "BIRTH_DATE"
    if _has_street(squeezed, known.address):
        yield "ADDRESS"
    if _has_name(low, fold(known.first_name or ""), fold(known.last_name or ""), names_alone):
        yield "CUSTOMER_NAME"


def _needles(value: str | None) -> tuple[str, ...]:
    return (_NOT_ALNUM.sub("", _SIGN_WORD.sub("", fold(value))),) if value else ()


def _iban_needles(value: str | None) -> tuple[str, ...]:
    return tuple(part for needle in _needles(value) for part in (needle, needle[4:]))


def _numbers(low: str, squeezed: str, known: KnownIdentity) -> Iterator[str]:
    digits = digits_skeleton(tokenise(low)).text
    phone = re.sub(r"\D", "", known.phone or "")
    phone = phone[2:] if phone.startswith(("33", "44")) else phone
    if len(phone) > 6 and phone in digits:
        yield "PHONE"
    number = _NOT_ALNUM.sub("", fold(known.customer_number or ""))
    if len(number) > 4 and (number in digits or (not number.isdigit() and number in squeezed)):
        yield "ACCOUNT_NUMBER"


def _has_date(low: str, value: str | date | None) -> bool:
    born = _as_date(value)
    if born is None:
        return False
    wanted = {(str(born.day), str(born.month), year) for year in (str(born.year), f"{born.year % 100:02}")}
    for match in _NUMERIC_DATE.finditer(low):
        a, b, c = match.groups()
        day, month = a.lstrip("0"), b.lstrip("0")
        if {(day, month, c), (month, day, c), (c.lstrip("0"), month, a)} & wanted:
            return True
    return _written_date(born).search(low) is not None


def _as_date(value: str | date | None) -> date | None:
    if isinstance(value, date) or not value:
        return value or None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _written_date(born: date) -> re.Pattern[str]:
    month = "|".join(_MONTHS[born.month - 1])
    day, year = rf"0?{born.day}(?:er|st|nd|rd|th)?", rf"(?:{born.year}|'?{born.year % 100:02})(?!\d)"
    return re.compile(
        rf"(?<!\d)(?:{day}\W{{1,3}}(?:of )?(?:{month})[a-z]*\W{{1,3}}|(?:{month})[a-z]*\W{{1,2}}{day}\W{{1,3}}){year}"
    )


def _has_street(squeezed: str, address: str | None) -> bool:
    """The number with the street's name; a street alone may be anybody's."""
    for part in re.split(r"[,\n]", fold(address or "")):
        street = _NOT_ALNUM.sub("", part)
        telling = len(street) > 7 and street[0].isdigit() and re.search(r"[a-z]{4}", street)
        if telling and re.search(rf"(?<!\d){re.escape(street)}", squeezed):
            return True
    return False


def _has_name(low: str, first_name: str, last_name: str, alone: bool) -> bool:
    first, last = _WORD.findall(first_name), _WORD.findall(last_name)
    core = [w for w in last if w not in _PARTICLES] or last
    words = [(m.group(), m.start(), m.end()) for m in _WORD.finditer(low)]
    texts = [w[0] for w in words]
    present = set(texts)
    if not present & {*first, *core, "".join(first), "".join(last)}:
        return False
    own = (
        dict.fromkeys((*first, "".join(first)), "F")
        | dict.fromkeys((*core, "".join(last)), "L")
        | {w: "p" for w in last if w in _PARTICLES and w not in core}
    )
    for i, word in enumerate(texts):
        kind = own.get(word)
        if kind is None or kind == "p" or len(word) < 2:
            continue
        if _other_half(own, texts, words, i, kind, low):
            return True
        if alone and _tells_alone(word, texts, words, i, low):
            return True
    return False


def _other_half(
    own: dict[str, str], texts: list[str], words: list[tuple[str, int, int]], i: int, kind: str, low: str
) -> bool:
    """Whether the first name and the surname stand side by side, particles between them allowed."""
    for j in range(i + 1, min(i + 5, len(texts))):
        if len(low[words[j - 1][2] : words[j][1]].strip(" .,'-_\n")) > 0:
            return False
        other = own.get(texts[j])
        if other in {"F", "L"} and other != kind:
            return True
        if other is None:
            return False
    return False


def _tells_alone(word: str, texts: list[str], words: list[tuple[str, int, int]], i: int, low: str) -> bool:
    """A name that is no ordinary word, nor part of a product's or a place's name."""
    if len(word) < 4 or {word, word.removesuffix("s")} & ordinary_words():
        return False
    if i > 0 and texts[i - 1] in PRODUCT_BEFORE and low[words[i - 1][2] : words[i][1]] in {" ", "-"}:
        return False
    return not (i + 1 < len(texts) and texts[i + 1] in PRODUCT_AFTER and low[words[i][2] : words[i + 1][1]] == " ")
