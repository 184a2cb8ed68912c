"""The last look at what goes out to a model, and the first at what comes back.

It neither calls nor imports the pseudonymiser (an import rule): a fault there must be caught here. Both read text
through `vigie_llm.text`: a fault in folding, spelled-out characters, word lists or checksums can blind both.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from vigie_llm.guard_identity import find_identity
from vigie_llm.guard_patterns import ANSWER_RULES
from vigie_llm.guard_reading import NormalisedText, read
from vigie_llm.identity import KnownIdentity
from vigie_llm.rules import Searched

_ROLES = ("user", "assistant", "tool")
_KEYS = ("role", "content", "name")


@dataclass(frozen=True, slots=True)
class GuardFinding:
    """What kind of personal data was found, and where; never the value."""

    label: str
    where: str


def scan_outgoing(body: bytes, known: KnownIdentity) -> list[GuardFinding]:
    """Personal data in the bytes of a request: the customer's identifiers and every validated pattern.

    Names standing alone are looked for in what users wrote, not in our own instructions,
    whose words may be somebody's surname.
    """
    found: list[GuardFinding] = []
    for where, text, is_ours in _texts(body):
        found += _scan(text, where, known, is_ours)
    return _once(found)


def scan_answer(
    texts: Iterable[str], known: KnownIdentity, forbidden: frozenset[str] = frozenset(ANSWER_RULES)
) -> list[GuardFinding]:
    """Personal data in an answer's texts, and what none may hold: links, codes, amounts, ways to be reached.

    `forbidden` chooses among LINK, HANDLE, ADDRESS, PHONE, PROMO_CODE, AMOUNT.
    """
    found: list[GuardFinding] = []
    for index, text in enumerate(texts):
        where = f"answer[{index}]"
        reading = read(text)
        found += _scan(reading, where, known, is_ours=False)
        searched = Searched.of(reading.plain)
        found += [
            GuardFinding(label, where) for label in sorted(forbidden) if ANSWER_RULES[label].is_broken_by(searched)
        ]
    return _once(found)


def _scan(text: NormalisedText, where: str, known: KnownIdentity, is_ours: bool) -> list[GuardFinding]:
    labels = [*text.patterns, *find_identity(text, known, names_alone=not is_ours)]
    return [GuardFinding(label, where) for label in labels]


@lru_cache(maxsize=2048)
def _read_ours(text: str) -> NormalisedText:
    """Instructions and words of our closed lists come again in other requests: read once, then only compared with each
    customer."""
    return read(text)


def _texts(body: bytes) -> Iterator[tuple[str, NormalisedText, bool]]:
    """(where, reading, is ours) of what a JSON body says, or of the body itself when it is not JSON."""
    raw = body.decode("utf-8", errors="replace")
    try:
        parsed = json.loads(raw)
    except ValueError:
        yield "body", read(raw), False
        return
    ours: list[str] = []
    others: list[tuple[str, str]] = []
    _sort_strings(parsed, "body", isinstance(parsed, dict) and "messages" in parsed, ours, others)
    for where, text in others:
        yield where, read(text), False
    for text in dict.fromkeys(ours):
        yield "instructions", _read_ours(text), True


def _sort_strings(value: object, where: str, is_ours: bool, ours: list[str], others: list[tuple[str, str]]) -> None:
    """Every string, key and number, by whether we wrote it or the request quotes it under another's role."""
    if isinstance(value, str):
        _add(value, where, is_ours or value in _ROLES, ours, others)
    elif isinstance(value, dict):
        is_ours = is_ours and value.get("role") not in _ROLES
        for key, item in value.items():
            _add(key, f"{where} key", is_ours or key in _KEYS, ours, others)
            inside = f"{where}.{key}" if is_ours or "role" in value else where
            _sort_strings(item, inside, is_ours, ours, others)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            _sort_strings(item, f"{where}[{position}]", is_ours, ours, others)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _add(str(value), where, is_ours, ours, others)


def _add(text: str, where: str, is_ours: bool, ours: list[str], others: list[tuple[str, str]]) -> None:
    if is_ours:
        ours.append(text)
    else:
        others.append((where, text))


def _once(found: list[GuardFinding]) -> list[GuardFinding]:
    return list(dict.fromkeys(found))
