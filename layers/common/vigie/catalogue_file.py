"""Read a catalogue from its TOML file. Every mistake is named with file, offer, field, value and remedy."""

import itertools
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from vigie.catalogue import Catalogue, CatalogueOffer, Policy, Texts
from vigie.vocabulary import Channel, SaveRateSource, Segment, Sentiment, Topic

SHOWN_CHARACTERS = 60
LONGEST_TITLE, SHORTEST_MESSAGE, LONGEST_MESSAGE = 80, 10, 200
# No amount, code, link or place for a value: a message is the same for everybody and promises nothing.
UNREVIEWABLE = re.compile(r"\d|https?:|www\.|[@€£$%<>{}\[\]]|[\x00-\x1f]")
FEATURE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
LANGUAGES = ("fr", "en")


class CatalogueError(ValueError):
    """When a file is no catalogue; one line for each mistake."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Rule(NamedTuple):
    """What a field may be, and what to write where it is not."""

    holds: Callable[[Any], bool]
    remedy: str
    is_required: bool = True


def read_catalogue(path: Path) -> Catalogue:
    """Read a file.

    Raises:
        CatalogueError: it cannot be read, or has mistakes: all of them are named.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError([f"{path}: cannot be read as UTF-8 text ({error}): name a TOML file"]) from error
    return parse_catalogue(text, path.name)


def parse_catalogue(text: str, name: str = "catalogue") -> Catalogue:
    """Read a catalogue's text; `name` is the file's, for errors. Errors as for `read_catalogue`."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError([f"{name}: is not TOML: {error}"]) from error
    policy, offers = raw.get("policy"), raw.get("offer")
    problems = list(_faults(raw, TOP, name))
    problems += _faults(policy, POLICY, f"{name}: policy") if isinstance(policy, dict) else ()
    for number, offer in enumerate(offers if isinstance(offers, list) else (), 1):
        if isinstance(offer, dict):
            problems += _faults_of_offer(offer, f"{name}: offer {_label(offer.get('code'), number)}")
    if not problems:
        problems += _doubles(raw["offer"], name)
    if problems:
        raise CatalogueError(problems)
    return Catalogue(
        raw["version"],
        text,
        Policy(**raw["policy"]),
        tuple(_offer(offer) for offer in raw["offer"]),
        {offer["code"]: _texts(offer) for offer in raw["offer"]},
    )


def _faults(given: Mapping[str, Any], rules: Mapping[str, Rule], where: str) -> Iterable[str]:
    for unknown in sorted(given.keys() - rules.keys()):
        yield f"{where}: {_shown(unknown)} is unknown: use {', '.join(rules)}"
    for field, rule in rules.items():
        if field not in given:
            if rule.is_required:
                yield f"{where}: {field} is missing: {rule.remedy}"
        elif not rule.holds(given[field]):
            yield f"{where}: {field} = {_shown(given[field])}: {rule.remedy}"


def _faults_of_offer(offer: Mapping[str, Any], where: str) -> Iterable[str]:
    yield from _faults(offer, OFFER, where)
    for text, rules in (("title", TITLE), ("message", MESSAGE)):
        if isinstance(offer.get(text), dict):
            yield from _faults(offer[text], rules, f"{where}: {text}")
    if isinstance(offer.get("requires"), dict):
        for feature, bounds in offer["requires"].items():
            if not FEATURE.fullmatch(feature) or not _is_requirement(bounds):
                yield (
                    f"{where}: requires.{_shown(feature)} = {_shown(bounds)}:"
                    ' write a feature\'s name, and { min = 12 }, { max = 60 }, both, or { in = ["a", "b"] }'
                )
    first, last = offer.get("valid_from"), offer.get("valid_until")
    if isinstance(first, date) and isinstance(last, date) and _is_date(first) and _is_date(last) and last < first:
        yield f"{where}: valid_until = {last}: write a day that is not before valid_from = {first}"


def _doubles(offers: list[dict[str, Any]], name: str) -> Iterable[str]:
    for code, times in Counter(offer["code"] for offer in offers).items():
        if times > 1:
            periods = sorted(
                (offer.get("valid_from", date.min), offer.get("valid_until", date.max))
                for offer in offers
                if offer["code"] == code
            )
            overlaps = any(later[0] <= earlier[1] for earlier, later in itertools.pairwise(periods))
            why = "in periods that overlap" if overlaps else "in several periods"
            yield f"{name}: offer {code}: code stands {times} times, {why}: keep one, and load the next as a version"


def _offer(raw: Mapping[str, Any]) -> CatalogueOffer:
    fields = {name: value for name, value in raw.items() if name not in ("code", "title", "message")}
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    money = {"cost_eur": float(raw["cost_eur"]), "save_rate": float(raw["save_rate"])}
    return CatalogueOffer(offer_id=raw["code"], **fields | lists | money)


def _texts(raw: Mapping[str, Any]) -> Texts:
    return Texts(raw["title"]["fr"], raw["title"]["en"], raw["message"]["fr"], raw["message"]["en"])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value and abs(value) < 1e12


def _is_money(value: Any, most: float = 999_999) -> bool:
    return _is_number(value) and 0 <= value <= most and abs(value * 100 - round(value * 100)) < 1e-6


def _is_days(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 3650


def _is_date(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _is_requirement(bounds: Any) -> bool:
    if not isinstance(bounds, dict) or not bounds:
        return False
    if "in" in bounds:
        listed = bounds["in"]
        return set(bounds) == {"in"} and isinstance(listed, list) and bool(listed) and all(map(_is_plain, listed))
    numbers = set(bounds) <= {"min", "max"} and all(map(_is_number, bounds.values()))
    return numbers and bounds.get("min", 0) <= bounds.get("max", bounds.get("min", 0))


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | bool) or _is_number(value)


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value))


def _words(known: Iterable[str], may_be_empty: bool = True) -> Callable[[Any], bool]:
    words = {str(word) for word in known}
    return lambda value: (
        isinstance(value, list)
        and (may_be_empty or bool(value))
        and all(isinstance(one, str) and one in words for one in value)
        and len(set(value)) == len(value)
    )


def _list_rule(known: Iterable[str], is_required: bool = False) -> Rule:
    words = [str(word) for word in known]
    begin = "write a list of some of" if is_required else "write a list of none or some of"
    return Rule(_words(words, not is_required), f"{begin} {', '.join(words)}, each once", is_required)


def _days_by_channel(value: Any) -> bool:
    return isinstance(value, dict) and set(value) <= set(Channel) and all(map(_is_days, value.values()))


def _text_rules(shortest: int, longest: int, pattern: str) -> dict[str, Rule]:
    def holds(value: Any) -> bool:
        is_text = isinstance(value, str) and shortest <= len(value) <= longest
        return is_text and bool(re.fullmatch(pattern, value)) and not UNREVIEWABLE.search(value)

    end = ", a sentence that ends with a full stop" if pattern.endswith(r"\.") else ""
    remedy = f"write {shortest} to {longest} characters{end}, without numbers, amounts, links and placeholders"
    return {language: Rule(holds, remedy) for language in LANGUAGES}


def _shown(value: object) -> str:
    return repr(value)[:SHOWN_CHARACTERS]


def _label(code: object, number: int) -> str:
    return code if isinstance(code, str) and len(code) <= SHOWN_CHARACTERS else f"number {number}"


_TABLE = Rule(lambda value: isinstance(value, dict), "write a table")
_DAYS = Rule(_is_days, "write a whole number of days from 0 to 3650")
_DAY = Rule(_is_date, "write a date such as 2026-01-31, without quotes", False)
TITLE = _text_rules(1, LONGEST_TITLE, r"\S(.*\S)?")
MESSAGE = _text_rules(SHORTEST_MESSAGE, LONGEST_MESSAGE, r"\S.*\.")
TOP = {
    "version": Rule(_matches(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}"), 'write up to 40 letters, digits, dots: "2026-11"'),
    "policy": _TABLE,
    "offer": Rule(
        lambda value: isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value),
        "write [[offer]] once for each offer",
    ),
}
POLICY = {
    "per_customer_days": _DAYS,
    "most_per_year": Rule(lambda value: _is_days(value) and value <= 365, "write a whole number from 0 to 365"),
    "quiet_days_after_complaint": _DAYS,
    "margin_eur": Rule(_is_money, "write euros, 0 or more, to the cent"),
    "default_yearly_value_eur": Rule(_is_money, "write euros, 0 or more, to the cent; or leave it out", False),
    "per_channel_days": Rule(_days_by_channel, f"write days from 0 to 3650 for some of {', '.join(Channel)}", False),
}
OFFER = {
    "code": Rule(_matches(r"[a-z][a-z0-9_]{2,39}"), "write 3 to 40 lower-case letters, digits and underscores"),
    "title": _TABLE._replace(remedy="write { fr = …, en = … }"),
    "message": _TABLE._replace(remedy="write { fr = …, en = … }"),
    "cost_eur": Rule(_is_money, "write euros, 0 or more, to the cent"),
    "save_rate": Rule(
        lambda value: _is_number(value) and 0 <= value <= 1 and round(value, 3) == value,
        "write the share of leavers whom it keeps, from 0 to 1, to three places",
    ),
    "save_rate_source": Rule(lambda value: value in tuple(SaveRateSource), f"write {' or '.join(SaveRateSource)}"),
    "segments": _list_rule(Segment, is_required=True),
    "channels": _list_rule(Channel, is_required=True),
    "topics": _list_rule(Topic),
    "tones": _list_rule((*Sentiment, "none")),
    "languages": _list_rule(LANGUAGES),
    "requires": Rule(lambda value: isinstance(value, dict), "write a table of features and bounds", False),
    "cooldown_days": _DAYS._replace(is_required=False),
    "valid_from": _DAY,
    "valid_until": _DAY,
    "budget_line": Rule(_matches(r"[a-z0-9_]{1,40}"), "write 1 to 40 lower-case letters, digits, underscores", False),
    "second_approval": Rule(lambda value: isinstance(value, bool), "write true or false", False),
}
