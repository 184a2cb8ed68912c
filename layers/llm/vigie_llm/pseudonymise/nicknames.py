"""Short and familiar forms of first names."""

from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def _table() -> dict[str, frozenset[str]]:
    lines = Path(__file__).with_name("nicknames.txt").read_text("utf-8").splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return {formal: frozenset(forms) for formal, *forms in rows}


def short_forms(first: tuple[str, ...]) -> frozenset[str]:
    """Usual short forms of the folded parts of a first name, cut-off forms and initials of double names included."""
    forms: set[str] = set(_table().get("-".join(first), ()))
    for part in first:
        forms |= _table().get(part, frozenset())
        forms |= {part[:length] for length in range(3, len(part))} | {part[-length:] for length in range(4, len(part))}
    if len(first) > 1:
        forms.add("".join(part[0] for part in first))
    return frozenset(forms - set(first))
