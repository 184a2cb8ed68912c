"""Choose a permitted offer for a case and write the reason and the message to the customer."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from vigie_model_server.wording import topic_words, wording

LONGEST_REASON = 300
LONGEST_MESSAGE = 600
MARKED = re.compile(r'<case id="([0-9a-f]{32})">\n(.*?)\n</case id="\1">', re.DOTALL)
OFFERS = re.compile(r"<offers>\n(.*?)\n</offers>", re.DOTALL)
SENTIMENTS = frozenset({"positive", "negative", "neutral", "mixed"})

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


@lru_cache(maxsize=4096)
def retention_action(case_text: str, offers_text: str, permitted: tuple[str, ...]) -> dict[str, object]:
    """`offer_id`, `reason` and `message` for a case; only offers in `permitted` (empty: all) are taken."""
    case = _parsed(case_text)
    offers = [offer for offer in _listed(offers_text) if not permitted or offer.get("offer_id") in permitted]
    if not offers:
        raise CaseError("the instructions list no offer that the schema permits")
    topics, segment = _texts(case.get("topics")), str(case.get("segment", ""))
    chosen = max(offers, key=lambda offer: _fit(offer, topics, segment))
    language = "en" if case.get("language") == "en" else "fr"
    shared = [topic for topic in topics if topic in _texts(chosen.get("topics"))]
    return {
        "offer_id": chosen["offer_id"],
        "reason": _reason(language, case, chosen, shared)[:LONGEST_REASON],
        "message": _message(language, case, chosen, shared)[:LONGEST_MESSAGE],
    }


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
        return _mappings(json.loads(text))
    except ValueError as error:
        raise CaseError("the list of offers is not JSON") from error


def _fit(offer: Case, topics: Sequence[str], segment: str) -> float:
    """Earlier topics weigh more; a segment that does not match outweighs any topic."""
    its_topics = _texts(offer.get("topics"))
    by_topic = sum(1 / (place + 1) for place, topic in enumerate(topics) if topic in its_topics)
    its_segments = _texts(offer.get("segments"))
    return by_topic + (0 if not its_segments or segment in its_segments else -10)


def _reason(language: str, case: Case, offer: Case, shared: Sequence[str]) -> str:
    words, title = wording(language)["reason"], str(offer.get("title", ""))
    parts = []
    segment = f"segment_{str(case.get('segment', '')).lower()}"
    if segment in words:
        parts.append(words[segment])
    if shared:
        parts.append(words["topic"].format(topics=topic_words(language, shared)))
    drivers = _mappings(case.get("drivers"))
    driver = str(drivers[0].get("words") or drivers[0].get("feature") or "") if drivers else ""
    if driver and not any(char.isdigit() for char in driver):
        parts.append(words["driver"].format(driver=driver.rstrip(". ")[:100]))
    parts.append(words["offer" if shared else "no_topic"].format(title=title))
    return " ".join(parts)


def _message(language: str, case: Case, offer: Case, shared: Sequence[str]) -> str:
    words = wording(language)["message"]
    sentiment = case.get("sentiment")
    parts = [words[sentiment if isinstance(sentiment, str) and sentiment in SENTIMENTS else "none"]]
    if shared and sentiment in SENTIMENTS:
        parts.append(words["topic"].format(topics=topic_words(language, shared)))
    parts.append(words["offer"].format(title=str(offer.get("title", "")).rstrip(". ")))
    parts.append(words["close"])
    return " ".join(parts)


def _mappings(value: object) -> list[Case]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
