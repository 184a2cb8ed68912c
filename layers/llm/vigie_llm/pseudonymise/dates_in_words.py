"""Dates written in words: "le vingt-deux mars mille neuf cent trente-neuf", "the fourth of November 1931"."""

import re


def _in_order(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_UNITS = _in_order(
    "zero un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept "
    "dix-huit dix-neuf"
)
_ORDINALS = _in_order(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_ENGLISH = _in_order(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_FRENCH_TENS = {"vingt": 20, "vingts": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60,
                "septante": 70, "octante": 80, "huitante": 80, "nonante": 90}  # fmt: skip
_ENGLISH_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
                 "ninety": 90}  # fmt: skip
_DAYS = (
    {word: value for value, word in enumerate(_UNITS) if value}
    | {"premier": 1, "vingt": 20, "vingt et un": 21, "trente": 30, "trente et un": 31}
    | {f"vingt-{_UNITS[value]}": 20 + value for value in range(2, 10)}
    | {word: value for value, word in enumerate(_ORDINALS, 1)}
    | {f"twenty-{_ORDINALS[value - 1]}": 20 + value for value in range(1, 10)}
    | {"thirtieth": 30, "thirty-first": 31}
)
_WORD_VALUES = (
    {word: value for value, word in enumerate(_UNITS) if "-" not in word}
    | {word: value for value, word in enumerate(_ENGLISH)}
    | _FRENCH_TENS
    | _ENGLISH_TENS
)
_SCALES = ("mille", "mil", "cents", "cent", "hundred", "thousand")
_NUMBER = "|".join(sorted([*_WORD_VALUES, *_SCALES], key=len, reverse=True))
YEAR = rf"(?:(?:{_NUMBER})(?:[ \-]+(?:(?:et|and)[ \-]+)?(?:{_NUMBER})){{1,7}})\b"
DAY = "|".join(re.sub(r"[ \-]", "[ -]", day) for day in sorted(_DAYS, key=len, reverse=True))


def day_of(words: str) -> int:
    """The day that words say, 0 for none."""
    plain = re.sub(r"[ \-]+", " ", words)
    return next((value for day, value in _DAYS.items() if day.replace("-", " ") == plain), 0)


def year_of(words: str) -> int | None:
    """The year that words say: "mille neuf cent trente-neuf", "nineteen thirty-one"; None when they say none."""
    parts = [part for part in re.split(r"[ \-]+", words) if part not in {"et", "and"}]
    if any(part in {"mille", "mil", "thousand", "cent", "cents", "hundred"} for part in parts):
        return _counted(parts)
    values = [_WORD_VALUES[part] for part in parts]
    return values[0] * 100 + sum(values[1:]) if values[0] in {19, 20} and len(values) > 1 else None


def _counted(parts: list[str]) -> int:
    total = current = 0
    for part in parts:
        if part in {"mille", "mil", "thousand"}:
            total, current = (current or 1) * 1000, 0
        elif part in {"cent", "cents", "hundred"}:
            current = (current or 1) * 100
        elif part in {"vingt", "vingts"} and current % 100 == 4:
            current += 76
        else:
            current += _WORD_VALUES[part]
    return total + current
