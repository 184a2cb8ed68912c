"""Choose a permitted offer for a case, and the reviewed sentences that the request's schema lists."""

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

MARKED = re.compile(r'<case id="([0-9a-f]{32})">\n(.*?)\n</case id="\1">', re.DOTALL)
OFFERS = re.compile(r"<offers>\n(.*?)\n</offers>", re.DOTALL)
MOST_REASONS = 4
# The topic's sentences stand in the order in which the customer came to speak of topics.
WEIGHTIEST = 2

Case = Mapping[str, object]


class CaseError(ValueError):
    """When a case cannot be read or has no offers."""


def marked_case(prompt: str) -> str | None:
    """The text between the case markers of a prompt; None when there are no markers."""
    found = MARKED.search(prompt)
    return found.group(2) if found else None


def listed_offers(instructions: str) -> str:
    """The list of offers in the instructions, as JSON; an empty list when there is none."""
    found = OFFERS.search(instructions)
    return found.group(1) if found else "[]"


def retention_action(case_text: str, offers_text: str, lists: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """A choice from each closed list for a case: the offer that answers it best, its reasons, and whatever else fits.

    Which of the sentences that fit is taken depends on the case's text alone.
    """
    case = _parsed(case_text)
    topics = _texts(case.get("topics"))
    offers = [offer for offer in _listed(offers_text) if _sentences_of(offer, lists)]
    if not offers:
        raise CaseError("the instructions list no offer that the schema permits")
    offer = max(offers, key=lambda offer: _fit(offer, topics))
    drawn = zlib.crc32(case_text.encode())
    lists = {**lists, "topic": lists.get("topic", ())[:WEIGHTIEST] or ["no"]}
    chosen: dict[str, object] = {
        name: _draw(ids, drawn, place)
        for place, (name, ids) in enumerate(sorted(lists.items()))
        if name not in ("offer", "reasons")
    }
    reasons = _reasons(case, lists.get("reasons", ()), [t for t in topics if t in _texts(offer.get("topics"))])
    return chosen | {"offer": _draw(_sentences_of(offer, lists), drawn, 0), "reasons": reasons}


def draft(case_text: str) -> str:
    """A message in words of its own, for requests that ask for a draft."""
    if _parsed(case_text).get("language") == "fr":
        return "Bonjour, nous aimerions en parler avec vous. Votre conseiller pourra vous en dire plus."
    return "Hello, we would like to talk about it with you. Your advisor can tell you more."


def _sentences_of(offer: Case, lists: Mapping[str, Sequence[str]]) -> list[str]:
    """The sentences that make an offer: their ids begin with its own."""
    return [each for each in lists.get("offer", ()) if each.startswith(str(offer.get("offer_id")))]


def _draw(ids: Sequence[str], drawn: int, place: int) -> str:
    """One of the ids, or none where a sentence may be left out."""
    return ids[(drawn >> 3 * place) % len(ids)]


def _reasons(case: Case, ids: Sequence[str], shared: Sequence[str]) -> list[str]:
    """What speaks for the offer, the weightiest first."""
    causes, tone = _texts(case.get("causes")), case.get("sentiment") or "no_feedback"
    names = ["leaving", *shared, *causes, tone, str(case.get("segment", "")).lower(), "driver_1"]
    return [each for each in (f"why_{name}" for name in names) if each in ids][:MOST_REASONS] or list(ids[:1])


def _parsed(text: str) -> Case:
    try:
        case = json.loads(text)
    except ValueError as error:
        raise CaseError("the case is not JSON") from error
    if not isinstance(case, dict):
        raise CaseError("the case is not a JSON object")
    return case


@lru_cache(maxsize=64)
def _listed(text: str) -> list[Case]:
    try:
        offers = json.loads(text)
    except ValueError as error:
        raise CaseError("the list of offers is not JSON") from error
    return [offer for offer in offers if isinstance(offer, dict)] if isinstance(offers, list) else []


def _fit(offer: Case, topics: Sequence[str]) -> float:
    """Earlier topics weigh more."""
    its_topics = _texts(offer.get("topics"))
    return sum(1 / (place + 1) for place, topic in enumerate(topics) if topic in its_topics)


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
