"""The customer's own identifiers, looked for in a text in any written form."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from vigie_llm.guard_reading import NormalisedText, squeeze
from vigie_llm.identity import KnownIdentity
from vigie_llm.text.folding import fold
from vigie_llm.text.lexicon import PRODUCT_AFTER, PRODUCT_BEFORE, ordinary_words, words
from vigie_llm.text.spelled import Token

_WORD = re.compile(r"[^\W_]+")
_PARTICLES = words("le la les de du des d da van von der den el al ben saint st mac mc o l")


@dataclass(frozen=True, slots=True)
class _Forms:
    """What to look for of one customer. `names` says of each word whether it is first name, surname or particle."""

    email: str
    ibans: tuple[str, ...]
    phone: str
    number: str
    births: frozenset[tuple[str, str, str]]
    streets: tuple[str, ...]
    names: dict[str, str]
    telling: frozenset[str]


def find_identity(text: NormalisedText, known: KnownIdentity, names_alone: bool) -> Iterator[str]:
    """Labels of what is found of this customer in a text."""
    forms = _forms(known)
    if len(forms.email) > 5 and forms.email in text.squeezed:
        yield "EMAIL"
    if any(len(n) > 10 and n in text.squeezed for n in forms.ibans):
        yield "IBAN"
    if len(forms.phone) > 6 and forms.phone in text.digits:
        yield "PHONE"
    if _has_number(text, forms.number):
        yield "ACCOUNT_NUMBER"
    if not forms.births.isdisjoint(text.dates):
        yield "BIRTH_DATE"
    if any(_has_street(text.squeezed, street) for street in forms.streets):
        yield "ADDRESS"
    if not forms.telling.isdisjoint(text.words) and _has_name(text, forms.names, names_alone):
        yield "CUSTOMER_NAME"


@lru_cache(maxsize=256)
def _forms(known: KnownIdentity) -> _Forms:
    """Kept for the few calls made about one customer; the number of customers held is bounded."""
    iban = squeeze(fold(known.iban or ""))
    phone = re.sub(r"\D", "", known.phone or "")
    names, telling = _names(fold(known.first_name or ""), fold(known.last_name or ""))
    return _Forms(
        email=squeeze(fold(known.email or "")),
        ibans=(iban, iban[4:]),
        phone=phone[2:] if phone.startswith(("33", "44")) else phone,
        number=re.sub(r"[\W_]+", "", fold(known.customer_number or "")),
        births=_births(known.birth_date),
        streets=_streets(known.address),
        names=names,
        telling=telling,
    )


def _births(value: str | date | None) -> frozenset[tuple[str, str, str]]:
    born = _as_date(value)
    if born is None:
        return frozenset()
    return frozenset((str(born.day), str(born.month), year) for year in (str(born.year), f"{born.year % 100:02}"))


def _as_date(value: str | date | None) -> date | None:
    if isinstance(value, date) or not value:
        return value or None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


def _streets(address: str | None) -> tuple[str, ...]:
    """The number with the street's name; a street alone may be anybody's."""
    parts = (re.sub(r"[\W_]+", "", part) for part in re.split(r"[,\n]", fold(address or "")))
    return tuple(p for p in parts if len(p) > 7 and p[0].isdigit() and re.search(r"[a-z]{4}", p))


def _names(first_name: str, last_name: str) -> tuple[dict[str, str], frozenset[str]]:
    """What each word of the name is (F, L, or p for a particle), and the words that identify it."""
    first, last = _WORD.findall(first_name), _WORD.findall(last_name)
    core = [w for w in last if w not in _PARTICLES] or last
    kinds = (
        dict.fromkeys((*first, "".join(first)), "F")
        | dict.fromkeys((*core, "".join(last)), "L")
        | {w: "p" for w in last if w in _PARTICLES and w not in core}
    )
    return kinds, frozenset((*first, *core, "".join(first), "".join(last)))


def _has_number(text: NormalisedText, number: str) -> bool:
    return len(number) > 4 and (number in text.digits or (not number.isdigit() and number in text.squeezed))


def _has_street(squeezed: str, street: str) -> bool:
    at = squeezed.find(street)
    while at >= 0:
        if at == 0 or not squeezed[at - 1].isdigit():
            return True
        at = squeezed.find(street, at + 1)
    return False


def _has_name(text: NormalisedText, own: dict[str, str], alone: bool) -> bool:
    tokens, low = text.tokens, text.low
    for i, (word, _, _) in enumerate(tokens):
        kind = own.get(word)
        if kind is None or kind == "p" or len(word) < 2:
            continue
        if _other_half(own, tokens, i, kind, low) or (alone and _tells_alone(tokens, i, low)):
            return True
    return False


def _other_half(own: dict[str, str], tokens: list[Token], i: int, kind: str, low: str) -> bool:
    """Whether the first name and the surname stand side by side, particles between them allowed."""
    for j in range(i + 1, min(i + 5, len(tokens))):
        if len(low[tokens[j - 1].end : tokens[j].start].strip(" .,'-_\n")) > 0:
            return False
        other = own.get(tokens[j].text)
        if other in {"F", "L"} and other != kind:
            return True
        if other is None:
            return False
    return False


def _tells_alone(tokens: list[Token], i: int, low: str) -> bool:
    """A name that is no ordinary word, nor part of a product's or a place's name."""
    word, start, end = tokens[i]
    if len(word) < 4 or {word, word.removesuffix("s")} & ordinary_words():
        return False
    if i > 0 and tokens[i - 1].text in PRODUCT_BEFORE and low[tokens[i - 1].end : start] in {" ", "-"}:
        return False
    following = tokens[i + 1] if i + 1 < len(tokens) else None
    return not (following and following.text in PRODUCT_AFTER and low[end : following.start] == " ")
