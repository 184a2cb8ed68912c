"""The phrase bank as it is in the database: whole in both languages, well typeset, promising nothing, large enough."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.integration.conftest import Bank
from tests.phrase_language import LANGUAGES, SEGMENTS, TONES, Language, Subject, fits, read_bank
from vigie.vocabulary import FeedbackCause, PhraseKind, Topic

LEAST_MESSAGES = 50
# Nothing that promises, pays, grants, dates, points elsewhere or addresses the customer by a gender.
FORBIDDEN = {
    "fr": r"garanti|promet|promess|rembours|gratuit|offert|cadeau|réduction|remise|\bprime\b|euro|pour cent|taux de"
    r"|accord[ée]|immédiat|sous peu|délai|demain|aujourd|semaine|\bjours\b|\bheures\b|\bmois\b|cliquez|appelez|code\b"
    r"|\bch(?:er|ère)s?\b|satisfait|\b(?:êtes|soyez|étiez) \w*(?:é|ée|is|ise)\b|\b(?:tu|toi|ta|tes)\b",
    "en": r"guarantee|promis|refund|\bfree of\b|gift|discount|bonus|reward|percent|euro|pound|grant|immediate|tomorrow"
    r"|today|\bweeks?\b|\bdays\b|\bhours?\b|\bmonths?\b|click|\bcall us|\bcode\b|n't\b|n’t\b|\bdear\b",
}  # fmt: skip


@pytest.fixture(scope="module")
def language(bank: Bank) -> Language:
    return Language(offers_of(bank))


def offers_of(bank: Bank) -> dict[str, dict[str, Any]]:
    rows = bank.query("SELECT offer_id, message_fr, message_en, segments, tones, topics FROM offers")
    return {row[0]: {"fr": row[1], "en": row[2], "segments": row[3], "tones": row[4], "about": row[5]} for row in rows}


def sentences(bank: Bank) -> Iterator[tuple[str, str, str]]:
    """(id, language, text) of every sentence, offers' own messages included."""
    for phrase_id, french, english in bank.query("SELECT phrase_id, text_fr, text_en FROM sentences"):
        yield from ((phrase_id, "fr", french), (phrase_id, "en", english))


def test_the_database_holds_the_files(bank: Bank) -> None:
    stored = {row[0]: row[1:] for row in bank.query(
        "SELECT phrase_id, kind, text_fr, text_en, tones, leaving, topics, causes, segments, offers FROM phrases"
    )}  # fmt: skip
    written = {
        phrase_id: (kind, given["fr"], given["en"], given.get("tones", []), given.get("leaving"),
                    *(given.get(name, []) for name in ("topics", "causes", "segments", "offers")))
        for kind, entries in read_bank().items() for phrase_id, given in entries.items()
    }  # fmt: skip
    assert stored == written
    assert {kind for kind, *_ in stored.values()} == set(PhraseKind)


def test_no_text_stands_twice(bank: Bank) -> None:
    """Nor is one part of another: a message can be read in one way only."""
    for language in LANGUAGES:
        texts = [text for _, of, text in sentences(bank) if of == language]
        assert len(set(texts)) == len(texts)
        assert [text for text in texts if ". " in text] == []


def test_every_condition_names_something_that_is_there(bank: Bank) -> None:
    entries = [given for kind in read_bank().values() for given in kind.values()]
    assert {topic for given in entries for topic in given.get("topics", ())} == set(Topic) - {Topic.OTHER}
    assert {cause for given in entries for cause in given.get("causes", ())} == set(FeedbackCause)
    assert {offer for given in entries for offer in given.get("offers", ())} == set(offers_of(bank))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_promises_pays_dates_or_points_elsewhere(bank: Bank, language: str) -> None:
    found = [
        (phrase_id, match[0])
        for phrase_id, of, text in sentences(bank)
        if of == language
        and (match := re.search(rf"{FORBIDDEN[language]}|\d|https?:|www\.|@|[€£$%<>{{}}\[\]]", text, re.I))
    ]
    assert found == []


def test_sentences_are_typeset_as_their_language_wants(bank: Bank) -> None:
    faults = []
    for phrase_id, language, text in sentences(bank):
        sign = {"fr": r"[^\u202f][;!?]|[^\u00a0]:|'|\.\.\.|  | ,", "en": r" [;:!?]|\.\.\.|  | ,|\u202f|\u00a0"}[
            language
        ]
        if not re.fullmatch(r"[A-ZÀÉÊÇ].*[.]", text) or re.search(sign, text):
            faults.append((phrase_id, text))
    assert faults == []


def test_a_message_begins_with_its_greeting_and_greets_once(bank: Bank) -> None:
    for kind, french, english in bank.query("SELECT kind, text_fr, text_en FROM sentences"):
        assert french.startswith("Bonjour, ") == english.startswith("Hello, ") == (kind == "opening")


def cases(language: Language) -> Iterator[Subject]:
    """Every offer with every topic, tone and wish to leave that may come together, with no cause."""
    wishes = (False, True)
    for offer, given in language.offers.items():
        for segment, tone, leaving, topic in itertools.product(given["segments"], TONES, wishes, Topic):
            if (not given["tones"] or tone in given["tones"]) and not (
                tone == "none" and (leaving or topic != "other")
            ):
                yield Subject(offer, segment, tone, leaving, () if tone == "none" else (topic,))


def test_every_customer_may_get_many_messages_for_every_offer(language: Language) -> None:
    """Counted without causes, which only add to them."""
    few = {}
    for subject in cases(language):
        fitting = {kind.value: sum(fits(s, subject) for s in language.sentences(kind)) for kind in PhraseKind}
        assert all(fitting[kind] for kind in ("opening", "offer", "closing", "reason")), subject
        many = fitting["opening"] * (1 + fitting["topic"]) * fitting["offer"] * (1 + fitting["assurance"])
        if (many := many * fitting["closing"]) < LEAST_MESSAGES:
            few[subject] = many
    assert few == {}


def test_every_topic_and_cause_can_be_answered_in_the_tones_it_is_written_in(language: Language) -> None:
    for topic, tone in itertools.product(set(Topic) - {Topic.OTHER}, set(TONES) - {"none"}):
        subject = Subject("savings_review", "Low", tone, topics=(topic,))
        assert any(fits(s, subject) for s in language.sentences("topic")), (topic, tone)
    for cause in FeedbackCause:
        tone = "positive" if cause in ("helpful", "easy") else "negative"
        subject = Subject("savings_review", "Low", tone, causes=(cause,))
        assert any(fits(s, subject) for s in language.sentences("cause")), cause


def test_who_is_content_is_not_apologised_to(language: Language) -> None:
    subject = Subject("savings_review", "Low", "positive", topics=tuple(Topic), causes=tuple(FeedbackCause))
    for kind in PhraseKind:
        for sentence in language.sentences(kind):
            if fits(sentence, subject):
                assert not re.search(r"sorry|apolog|regret|complain|disappoint|not right|fallen short", sentence["en"])


def test_the_longest_message_fits_a_letter_s_page(language: Language) -> None:
    for of in LANGUAGES:
        longest = sum(max(len(s[of]) for s in language.sentences(kind)) + 1 for kind in list(PhraseKind)[:-1])
        assert longest < 800


def test_there_are_as_many_messages_as_the_documentation_says(language: Language) -> None:
    decision = Path(__file__).parents[3] / "docs" / "decisions" / "0022-composed-wording.md"
    assert f"{language.size():,} messages in each language" in decision.read_text(encoding="utf-8")


def test_a_run_records_which_sentences_it_was_made_with(bank: Bank) -> None:
    bank.approve_model()
    bank.plan("run-of-today", [])
    [(before,)] = bank.query("SELECT phrases_sha256 FROM runs WHERE run_id = 'run-of-today'")
    assert bank.query("SELECT phrases_sha256()") == [(before,)]
    bank.query("UPDATE phrases SET active = false WHERE phrase_id = 'regards'")
    try:
        assert bank.query("SELECT phrases_sha256()") != [(before,)]
    finally:
        bank.query("UPDATE phrases SET active = true WHERE phrase_id = 'regards'")


@pytest.mark.parametrize(
    "change",
    ["UPDATE phrases SET text_en = 'Something else entirely.'", "DELETE FROM phrases", "TRUNCATE phrases CASCADE"],
)
def test_a_sentence_is_retired_and_never_changed(bank: Bank, change: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        bank.query(change)


def test_every_segment_has_offers_for_every_tone(language: Language) -> None:
    for segment, tone in itertools.product(SEGMENTS, TONES):
        assert any(
            segment in o["segments"] and (not o["tones"] or tone in o["tones"]) for o in language.offers.values()
        )
