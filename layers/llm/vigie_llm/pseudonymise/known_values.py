"""The customer's own e-mail, phone, IBAN, number, address and birth date, however written."""

import re
from datetime import date

from vigie_llm.identity import KnownIdentity
from vigie_llm.pseudonymise.dates import Dated
from vigie_llm.pseudonymise.spans import KNOWN, Found
from vigie_llm.text.folding import FoldedText, fold
from vigie_llm.text.lexicon import words
from vigie_llm.text.spelled import Skeleton, Token, spelled_skeleton, tokenise

_STREET_WORDS = words(
    "rue avenue av boulevard bd place chemin impasse allee route quai cours square passage venelle bis ter "
    "de du "
    "des la le les l d et a au aux flat apt street st road rd lane ln drive dr close crescent court terrace gardens "
    "grove way row the of saint sainte appartement appt residence unit house"
)
_JOINERS = words("de du des la le les l d et a au aux the of")
_ENDINGS = {"street": "st", "road": "rd", "avenue": "ave", "lane": "ln", "drive": "dr"}


def find_known_values(
    view: FoldedText, tokens: list[Token], letters: Skeleton, digits: Skeleton, dated: list[Dated], known: KnownIdentity
) -> list[Found]:
    """The customer's identifiers other than the name."""
    found: list[Found] = []
    found += _email(view, letters, known.email)
    found += _iban(letters, known.iban)
    found += _phone(view, digits, known.phone)
    found += _customer_number(digits, letters, known.customer_number)
    found += _birth_date(digits, dated, known.birth_date)
    found += _address(tokens, known.address)
    return found


def _email(view: FoldedText, letters: Skeleton, email: str | None) -> list[Found]:
    needle = spelled_skeleton(fold(email)) if email else ""
    if len(needle) < 6:
        return []
    return [_widen_email(view, *letters.locate(*place)) for place in letters.search(needle)]


def _widen_email(view: FoldedText, start: int, end: int) -> Found:
    while start > 0 and (view.low[start - 1].isalnum() or view.low[start - 1] in "._+-"):
        start -= 1
    return Found(start, end, "EMAIL", KNOWN)


def _iban(letters: Skeleton, iban: str | None) -> list[Found]:
    needle = spelled_skeleton(fold(iban)) if iban else ""
    if len(needle) < 12:
        return []
    whole = [Found(*letters.locate(*p), "IBAN", KNOWN) for p in letters.search(needle)]
    # Without its country and key an IBAN is still the account's whole number.
    return whole or [Found(*letters.locate(*p), "ACCOUNT_NUMBER", KNOWN) for p in letters.search(needle[4:])]


def national_number(phone: str) -> str:
    """The digits of an E.164 number that every written form keeps: without +33 or +44."""
    plain = re.sub(r"\D", "", phone)
    return plain[2:] if plain.startswith(("33", "44")) else plain


def _phone(view: FoldedText, digits: Skeleton, phone: str | None) -> list[Found]:
    needle = national_number(phone) if phone else ""
    if len(needle) < 7:
        return []
    return [_widen_phone(view, digits, *place) for place in digits.search(needle)]


def _widen_phone(view: FoldedText, digits: Skeleton, start: int, end: int) -> Found:
    """Include the prefix: 0, 33, 0033, +44 (0)."""
    before = digits.text[max(0, start - 5) : start]
    prefix = re.search(r"(?:00)?(?:33|44)?0?$", before)
    start -= len(prefix.group()) if prefix else 0
    begin, stop = digits.locate(start, end)
    while begin > 0 and view.low[begin - 1] in "+(":
        begin -= 1
    return Found(begin, stop, "PHONE", KNOWN)


def _customer_number(digits: Skeleton, letters: Skeleton, number: str | None) -> list[Found]:
    needle = spelled_skeleton(fold(number)) if number else ""
    if len(needle) < 5:
        return []
    where = digits if needle.isdigit() else letters
    return [Found(*where.locate(*p), "ACCOUNT_NUMBER", KNOWN) for p in where.search(needle)]


def as_date(value: str | date | None) -> date | None:
    """A known date, or None when there is none or it is not one."""
    if isinstance(value, date) or not value:
        return value or None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


def _birth_date(digits: Skeleton, dated: list[Dated], value: str | date | None) -> list[Found]:
    born = as_date(value)
    if born is None:
        return []
    same = [Found(d.start, d.end, "BIRTH_DATE", KNOWN) for d in dated if d.may_be(born)]
    for form in ("%d%m%Y", "%Y%m%d"):
        same += [Found(*digits.locate(*p), "BIRTH_DATE", KNOWN) for p in digits.search(born.strftime(form))]
    return same


def _address(tokens: list[Token], address: str | None) -> list[Found]:
    """The known street: its number and words in order, then the town and postcode that follow."""
    wanted = [t.text for t in tokenise(fold(address))] if address else []
    proper = [w for w in wanted if w not in _STREET_WORDS and len(w) > 2]
    street = [w for w in proper if not w.isdigit()][:2]
    if not any(t.text in street for t in tokens):
        return []
    words = set(wanted) | {_ENDINGS[w] for w in wanted if w in _ENDINGS}
    found: list[Found] = []
    position = 0
    trailing = _STREET_WORDS - words
    words |= _STREET_WORDS
    while position < len(tokens):
        run = _run_of(tokens, position, words)
        texts = {t.text for t in tokens[position:run]}
        while run > position and tokens[run - 1].text in trailing:
            run -= 1
        while run > position and tokens[position].text in _JOINERS:
            position += 1
        if _names_the_street(texts, street):
            found.append(Found(tokens[position].start, tokens[run - 1].end, "ADDRESS", KNOWN))
        position = max(run, position + 1)
    return found


def _run_of(tokens: list[Token], position: int, words: set[str]) -> int:
    while position < len(tokens) and tokens[position].text in words:
        position += 1
    return position


def _names_the_street(texts: set[str], street: list[str]) -> bool:
    """A number and a proper word of the address, or two proper words of which one is the street's."""
    has_number = any(t[0].isdigit() for t in texts)
    has_street = any(w in texts for w in street[:1]) or len(set(street) & texts) == 2
    return has_street and has_number
