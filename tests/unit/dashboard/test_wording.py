"""Every word exists in both languages, is used, and covers what the agents store."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from dashboard.wording import LANGUAGES, Wording, load_texts
from vigie.events import MEANINGS
from vigie.vocabulary import StepOutcome
from vigie_llm.analysis import TOPICS

DASHBOARD = Path(__file__).resolve().parents[3] / "dashboard"
SOURCES = "\n".join(file.read_text(encoding="utf-8") for file in sorted(DASHBOARD.rglob("*.py")))
# Keys that are put together from the accounting's words.
SOURCES += " ".join(f'"{outcome}"' for outcome in StepOutcome)
ALL = [(section, key) for section, keys in load_texts().items() for key in keys]
# Sections looked up with a stored value, so that no source names their keys.
STORED = {
    "adversary", "reading",
    "segment", "sentiment", "purpose", "purpose_short", "language", "topic", "topic_within", "tone", "cause",
    "wording", "step", "outcome", "reason", "call",
    "source", "offer_source", "run_status", "status", "level", "model_state", "agent", "event", "channel", "metric",
    "algorithm",
    "country", "subject", "measure", "problem", "detail", "recipient", "terms", "nav", "error", "consent_record",
    "duty", "decision", "decision_reason", "second_reason", "proposal_state", "proposal_wording", "arbitration",
    "heard", "verdict",
}  # fmt: skip


def places(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(("section", "key"), ALL)
def test_each_text_is_there_in_both_languages_with_the_same_places(section: str, key: str) -> None:
    texts = load_texts()[section][key]
    assert set(texts) == set(LANGUAGES)
    assert all(text.strip() for text in texts.values())
    assert places(texts["fr"]) == places(texts["en"])


def test_each_text_named_in_the_sources_exists() -> None:
    named = re.findall(r"words\(\"([a-z_]+)\.([A-Za-z_]+)\"", SOURCES)
    assert len(named) > 80
    assert [pair for pair in named if pair not in ALL] == []


def test_no_text_is_left_over() -> None:
    left = [f"{section}.{key}" for section, key in ALL if section not in STORED and not is_used(section, key)]
    assert left == []


def is_used(section: str, key: str) -> bool:
    """Named whole, or put together from its section and a key that the sources name."""
    parts = (key, key.removesuffix("_note"), key.removesuffix("_do"), re.sub("^(order|consent|gap|no)_", "", key))
    made = re.search(rf'words\(f"{section}\.', SOURCES)
    return f"{section}.{key}" in SOURCES or (made is not None and any(f'"{part}"' in SOURCES for part in parts))


def test_no_text_calls_masked_data_anonymous() -> None:
    said = " ".join(text for keys in load_texts().values() for texts in keys.values() for text in texts.values())
    assert "pseudonymis" in said
    assert "anonym" not in said.replace("pseudonym", "")


def test_every_audit_event_type_has_a_name() -> None:
    assert sorted(set(MEANINGS) - set(load_texts()["event"])) == []


def test_every_detail_of_an_audit_event_has_a_name() -> None:
    details = {name for _, properties in MEANINGS.values() for name in properties}
    assert sorted(details - set(load_texts()["detail"])) == []


def test_every_topic_has_a_name() -> None:
    assert sorted(set(TOPICS) - set(load_texts()["topic"])) == []


def test_an_unknown_stored_word_is_shown_readably() -> None:
    words = Wording("fr")
    assert words.name_of("reason", "NoConsent") == "pas de consentement"
    assert words.name_of("reason", "SomethingNewHappened") == "something new happened"
    assert words.name_of("topic", "new_topic") == "new topic"
