"""The sentences that the server writes, in the customer's language, from the wording files."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
LONGEST_SUMMARY = 200


@cache
def wording(language: str) -> Mapping[str, Mapping[str, str]]:
    """The sentences of `fr` or `en`, by section and key."""
    data: Mapping[str, Mapping[str, str]] = tomllib.loads(
        (HERE / f"wording_{language}.toml").read_text(encoding="utf-8")
    )
    return data


def topic_words(language: str, topics: Iterable[str]) -> str:
    """Topics as words of the language, joined."""
    words = wording(language)
    return words["summary"]["topics_joiner"].join(words["topics"][topic] for topic in topics if topic != "other")


def summary_of(language: str, sentiment: str, topics: Iterable[str], leaving: bool) -> str:
    """A summary made from the findings alone; nothing of the text itself is repeated."""
    words = wording(language)["summary"]
    spoken_of = topic_words(language, topics)
    about = words["about"] + spoken_of if spoken_of else ""
    return (words[sentiment] + about + (words["leave"] if leaving else "") + words["end"])[:LONGEST_SUMMARY]
