"""Read one piece of feedback by rules: sentiment, score, topics, causes, wish to leave."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from vigie_model_server.lexicon import LANGUAGES, Hit, Lexicon, load_lexicon, tokens_of
from vigie_model_server.pattern_tree import SENTENCE_ENDS, is_boundary

TOPICS = (
    "fees", "customer_service", "mobile_app", "website", "card", "transfer", "loan", "savings",
    "rates", "branch", "account_closure", "security_fraud", "onboarding", "communication", "insurance", "other",
)  # fmt: skip
TOPIC_THRESHOLD = 1.0
WEAK_TOPIC = 0.5
# A topic that weighs less than a quarter of the strongest is spoken of in passing.
LEAST_SHARE = 0.25
MOST_TOPICS = 3
MOST_CAUSES = 2
PLEASED = ("helpful", "easy")
STRONG = 2.0
INJECTION = "sentiment.injection"
MARKED = re.compile(r'<feedback id="([0-9a-f]{32})">\n(.*?)\n</feedback id="\1">', re.DOTALL)
# Code blocks, comments, tags and JSON objects: feedback has none, instructions to a machine often do.
STRUCTURE = re.compile(
    r"```.*?(?:```|\Z)|<!--.*?(?:-->|\Z)|\[//\]: #.*?$"
    r"|</?(?!\w+_\d+>)[a-zA-Z]\w*>(?:(?!</?\w)[^\n])*(?:</\w+>)?"
    r"|\{\s*\"[^}]*\}?",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Weights found for and against; warmth and anger are the shares of strong words.

    Irony is 3 for a phrase that is hardly ever meant well, 1 for praise that trouble beside it turns round.
    """

    irony: float
    politely_asking: bool
    praise: float
    warmth: float
    blame: float
    anger: float
    groups: frozenset[str]
    contrast: bool
    question: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What the rules make of a text; `score` runs from -1 to 1."""

    language: str
    sentiment: str
    score: float
    topics: tuple[str, ...]
    intent_to_leave: bool
    causes: tuple[str, ...]

    def as_answer(self) -> dict[str, object]:
        """The fields of the `feedback_analysis` schema."""
        return {
            "sentiment": self.sentiment,
            "score": self.score,
            "topics": list(self.topics),
            "intent_to_leave": self.intent_to_leave,
            "causes": list(self.causes),
        }


def marked_feedback(prompt: str) -> str | None:
    """The text between the feedback markers of a prompt; None when there are no markers."""
    found = MARKED.search(prompt)
    return found.group(2) if found else None


@lru_cache(maxsize=4096)
def read_feedback(text: str) -> Reading:
    """The reading of one text; instructions that it contains are left out before anything is judged."""
    tokens = tokens_of(STRUCTURE.sub("\n", text))
    language = language_of(tokens)
    lexicon = load_lexicon(language)
    hits = lexicon.hits(tokens)
    # Most texts hold no instruction: they are searched once only.
    if any(hit.group == INJECTION for hit in hits):
        tokens = without_instructions(tokens, lexicon)
        hits = lexicon.hits(tokens)
    sentiment, score = judged(tokens, hits, lexicon)
    return Reading(language, sentiment, score, topics_of(hits), wants_to_leave(hits), causes_of(hits, sentiment))


def language_of(tokens: Sequence[str]) -> str:
    """`fr` or `en`, by which language's common words are more frequent."""
    counts = {name: sum(map(load_lexicon(name).lists["common"].__contains__, tokens)) for name in LANGUAGES}
    return "en" if counts["en"] > counts["fr"] else "fr"


def without_instructions(tokens: list[str], lexicon: Lexicon) -> list[str]:
    """The tokens less the sentences that speak to a machine, and what follows them in the same line."""
    sentences = _sentences(tokens)
    orders = [any(hit.group == INJECTION for hit in lexicon.hits(part)) for part in sentences]
    kept: list[str] = []
    for index, sentence in enumerate(sentences):
        same_line = _line_so_far(sentences, index)
        if not any(orders[same_line : index + 1]):
            kept += sentence
    if any(token[0].isalnum() for token in kept):
        return kept
    return [token for sentence, order in zip(sentences, orders, strict=True) if not order for token in sentence]


def _sentences(tokens: list[str]) -> list[list[str]]:
    sentences: list[list[str]] = []
    start = 0
    for index, token in enumerate(tokens, 1):
        if token[0] in SENTENCE_ENDS and token != ":":
            sentences.append(tokens[start:index])
            start = index
    return [*sentences, tokens[start:]] if start < len(tokens) else sentences


def _line_so_far(sentences: list[list[str]], index: int) -> int:
    """The index of the first sentence in the line of sentence `index`."""
    start = index
    while start > 0 and "\n" not in sentences[start - 1][-1]:
        start -= 1
    return start


def topics_of(hits: list[Hit]) -> tuple[str, ...]:
    """Up to three topics, strongest first; failing those one weak topic, and `other` when there is none."""
    weights: dict[str, float] = defaultdict(float)
    for hit in hits:
        section, _, topic = hit.group.partition(".")
        if section == "topics":
            weights[topic] += hit.weight
    found = sorted((topic for topic in TOPICS if weights[topic] >= WEAK_TOPIC), key=lambda topic: -weights[topic])
    if not found:
        return ("other",)
    least = max(TOPIC_THRESHOLD, weights[found[0]] * LEAST_SHARE)
    return tuple(topic for topic in found if weights[topic] >= least)[:MOST_TOPICS] or (found[0],)


def causes_of(hits: list[Hit], sentiment: str) -> tuple[str, ...]:
    """Why the customer is displeased or pleased, as far as the sentiment bears it out; strongest first."""
    weights: dict[str, float] = defaultdict(float)
    for hit in hits:
        section, _, cause = hit.group.partition(".")
        is_borne_out = sentiment == "mixed" or sentiment == ("positive" if cause in PLEASED else "negative")
        if section == "causes" and is_borne_out:
            weights[cause] += hit.weight
    return tuple(sorted(weights, key=lambda cause: -weights[cause])[:MOST_CAUSES])


def wants_to_leave(hits: list[Hit]) -> bool:
    """Whether leaving is spoken of and staying is not."""
    groups = {hit.group for hit in hits}
    return "sentiment.leave" in groups and "sentiment.stay" not in groups


def judged(tokens: list[str], hits: list[Hit], lexicon: Lexicon) -> tuple[str, float]:
    """Sentiment and score from the patterns that do not overlap, with negation, contrast and sarcasm."""
    chosen = _longest([hit for hit in hits if hit.group in JUDGING])
    values = [_negated(hit, tokens, lexicon) for hit in chosen]
    irony = max((hit.weight for hit in chosen if hit.group == "sentiment.sarcasm"), default=0.0)
    evidence = Evidence(
        irony=irony,
        politely_asking=any(hit.group == "sentiment.request" and hit.weight > 1 for hit in chosen),
        praise=sum(value for value in values if value > 0),
        warmth=sum(value for value in values if value >= STRONG),
        blame=-sum(value for value in values if value < 0),
        anger=-sum(value for value in values if value <= -STRONG),
        groups=frozenset(hit.group.removeprefix("sentiment.") for hit in chosen),
        contrast=not lexicon.lists["contrasts"].isdisjoint(tokens),
        question=_asks(tokens),
    )
    return verdict(evidence)


JUDGING = frozenset(
    f"sentiment.{name}" for name in ("positive", "negative", "courtesy", "neutral", "sarcasm", "request", "two_sided")
)


def _asks(tokens: list[str]) -> bool:
    """Whether the text is a question rather than an account that ends in a rhetorical one."""
    sentences = [sentence for sentence in _sentences(tokens) if any(token[0].isalnum() for token in sentence)]
    questions = ["?" in sentence[-1] for sentence in sentences]
    return bool(questions) and (questions[0] or sum(questions) * 2 > len(questions))


def _longest(hits: list[Hit]) -> list[Hit]:
    """Left to right, the longest pattern at each place; patterns inside it are used up."""
    chosen: list[Hit] = []
    reached = 0
    for hit in sorted(hits, key=lambda hit: (hit.start, -(hit.end - hit.start), -hit.weight)):
        if hit.start >= reached:
            chosen.append(hit)
            reached = hit.end
    return chosen


def _negated(hit: Hit, tokens: list[str], lexicon: Lexicon) -> float:
    """The hit's signed weight; a negator up to three words before turns it round, anger excepted."""
    value = {"sentiment.positive": hit.weight, "sentiment.negative": -hit.weight}.get(hit.group, 0.0)
    before = tokens[max(0, hit.start - 3) : hit.start]
    if not value or hit.end - hit.start > 2 or not any(token in lexicon.lists["negators"] for token in _clause(before)):
        return value
    if value <= -STRONG:
        return value
    return -value * (0.9 if value > 0 else 0.5)


def _clause(before: list[str]) -> list[str]:
    """The words after the last sentence end or comma."""
    for index in range(len(before) - 1, -1, -1):
        if before[index] == "," or is_boundary(before[index]):
            return before[index + 1 :]
    return before


def verdict(found: Evidence) -> tuple[str, float]:
    """Sentiment and score from the evidence. Trouble mentioned with praise, without a "but", is over."""
    net = found.praise - found.blame
    if found.irony and (found.irony > 1 or found.blame >= 1) and found.blame + 1 >= found.praise * 0.5:
        return "negative", _score(-(found.blame + 2))
    if found.irony:
        found = replace(found, praise=found.praise + STRONG, warmth=found.warmth + STRONG, irony=0.0)
        return verdict(found)
    if found.warmth and not found.contrast and not found.anger and found.praise >= found.blame * 0.6:
        return "positive", _score(max(net, 1.0))
    if found.politely_asking and not found.blame and found.praise <= STRONG:
        return "neutral", 0.1
    weaker, stronger = sorted((found.praise, found.blame))
    told_apart = found.contrast or "two_sided" in found.groups
    if weaker >= (1 if told_apart else STRONG) and weaker / stronger >= (0.25 if told_apart else 0.4):
        return "mixed", _score(net / 2)
    if not told_apart and found.blame >= 1 and 0 < found.praise < STRONG:
        return "negative", _score(min(net, -0.5))
    if "two_sided" in found.groups and stronger >= 1:
        return "mixed", _score(net / 2)
    if "neutral" in found.groups and stronger < 3:
        return "neutral", 0.0
    asking = found.question or "request" in found.groups
    if (asking and stronger < 1.5) or ((found.politely_asking or _only_asks(found)) and stronger <= 1.5):
        return "neutral", 0.0
    if 0 <= net <= 0.5 and not found.blame:
        # Who neither praises nor asks, at most with a word of thanks, writes because something is wrong.
        return ("neutral", 0.1) if asking else ("negative", -0.2)
    if net == 0:
        return ("neutral", 0.0) if asking else ("negative", -0.2)
    return ("positive" if net > 0 else "negative"), _score(net)


def _only_asks(found: Evidence) -> bool:
    return found.question and "request" in found.groups and not found.anger


def _score(value: float) -> float:
    """Evidence squeezed into -1..1, two decimals."""
    return round(value / (abs(value) + 1.5), 2) if value else 0.0
