"""Short and familiar forms of first names."""

import re
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def _table() -> dict[str, frozenset[str]]:
    lines = Path(__file__).with_name("nicknames.txt").read_text("utf-8").splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return {formal: frozenset(forms) for formal, *forms in rows}


# "Oluwatobiloba" is called Tobi: what the name says of God or a king comes first, and is left out.
_BLESSING = re.compile(r"(?:oluwa|olu|chukwu|ade|ayo|baba|olorun|ola|abdoul|abdul|abdel|abd el)(?=[a-z]{4})")


def _without_blessing(name: str) -> list[str]:
    return [name[found.end() :]] if (found := _BLESSING.match(name)) else []


def short_forms(first: tuple[str, ...]) -> frozenset[str]:
    """Usual short forms of the folded parts of a first name, cut-off forms and initials of double names included."""
    forms: set[str] = set(_table().get("-".join(first), ()))
    for part in first:
        for inner in _without_blessing(part):
            forms |= {inner[:length] for length in range(3, len(inner) + 1)}
        forms |= _table().get(part, frozenset())
        forms |= {part[:length] for length in range(3, len(part))} | {part[-length:] for length in range(4, len(part))}
    if len(first) > 1:
        forms.add("".join(part[0] for part in first))
    return frozenset(forms - set(first))
