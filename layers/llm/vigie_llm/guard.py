"""The last look at what goes out to a model, and the first at what comes back.

It does not call the pseudonymiser: a fault there must be caught here.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vigie_llm.guard_identity import find_identity
from vigie_llm.guard_patterns import ANSWER_PATTERNS, find_patterns, matches
from vigie_llm.pseudonymise import KnownIdentity
from vigie_llm.pseudonymise.folding import fold_character

_PLACEHOLDER = re.compile(r"<[A-Z][A-Z_]{1,30}_\d{1,6}>")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_MARKER = re.compile(r"\b[0-9a-f]{32}\b")


@dataclass(frozen=True, slots=True)
class Finding:
    """What kind of personal data was found, and where; never the value."""

    label: str
    where: str


def scan_outgoing(body: bytes, known: KnownIdentity) -> list[Finding]:
    """Personal data in the bytes of a request: the customer's identifiers and every validated pattern.

    Names standing alone are looked for in what users wrote, not in our own instructions,
    whose words may be somebody's surname.
    """
    found: list[Finding] = []
    for where, text, is_ours in _texts(body):
        found += _scan(text, where, known, is_ours)
    return _once(found)


def scan_answer(
    texts: Iterable[str], known: KnownIdentity, forbidden: frozenset[str] = frozenset(ANSWER_PATTERNS)
) -> list[Finding]:
    """Personal data in an answer's texts, and what none may hold: links, codes, amounts, ways to be reached.

    `forbidden` chooses among LINK, HANDLE, ADDRESS, PHONE, PROMO_CODE, AMOUNT.
    """
    found: list[Finding] = []
    for index, text in enumerate(texts):
        where = f"answer[{index}]"
        found += _scan(text, where, known, is_ours=False)
        plain = _plain(text)
        found += [Finding(label, where) for label in sorted(forbidden) if matches(label, plain)]
    return _once(found)


def _scan(text: str, where: str, known: KnownIdentity, is_ours: bool) -> list[Finding]:
    plain = _plain(text)
    labels = [*find_patterns(plain), *find_identity(plain, known, names_alone=not is_ours)]
    return [Finding(label, where) for label in labels]


def _plain(text: str) -> str:
    """The text without placeholders, escapes, accents, invisible characters or look-alikes; case kept."""
    readable = _ESCAPED.sub(lambda m: chr(int(m[1], 16)), text)
    readable = _MARKER.sub(" ", _PLACEHOLDER.sub(" ; ", readable))
    if readable.isascii():
        return readable
    return "".join(map(fold_character, unicodedata.normalize("NFKC", readable)))


def _texts(body: bytes) -> Iterator[tuple[str, str, bool]]:
    """(where, text, is ours) of what a JSON body says, or of the body itself when it is not JSON."""
    raw = body.decode("utf-8", errors="replace")
    try:
        parsed = json.loads(raw)
    except ValueError:
        yield "body", raw, False
        return
    ours: list[str] = []
    for where, text, is_ours in _strings(parsed, "body", isinstance(parsed, dict) and "messages" in parsed):
        if is_ours:
            ours.append(text)
        else:
            yield where, text, False
    yield "instructions", "\n;\n".join(ours), True


def _strings(value: object, where: str, is_ours: bool) -> Iterator[tuple[str, str, bool]]:
    """Every string, key and number, with whether the request's author is us."""
    if isinstance(value, str):
        yield where, value, is_ours or value in {"user", "assistant", "tool"}
    elif isinstance(value, dict):
        is_ours = is_ours and value.get("role") not in {"user", "assistant", "tool"}
        for key, item in value.items():
            yield f"{where} key", key, is_ours or key in {"role", "content", "name"}
            yield from _strings(item, f"{where}.{key}" if is_ours or "role" in value else where, is_ours)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _strings(item, f"{where}[{position}]", is_ours)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield where, str(value), is_ours


def _once(found: list[Finding]) -> list[Finding]:
    return list(dict.fromkeys(found))
