"""The audit vocabulary has no room for free text, and is the vocabulary that the code speaks."""

import re
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.audit import Event
from vigie.event_rules import Kind
from vigie.events import DATABASE_WRITES, MEANINGS, WRITERS, check_details, details_schema
from vigie.vocabulary import ActionSource, EventType, Finding, NoAnswer, Segment, Sentiment
from vigie_llm.causes import CAUSES
from vigie_llm.refusals import _BY_STATUS, REFUSALS, Concerns

ROOT = Path(__file__).parents[3]
# The definitions themselves, and handlers, where `EventType` is the queue library's.
SKIPPED = ("events.py", "vocabulary.py", "handler.py")
PLACES = ("functions/**/*.py", "layers/*/vigie*/**/*.py", "model/*.py", "infra/migrations/*.sql")
CODE = [path.read_text(encoding="utf-8") for place in PLACES for path in ROOT.glob(place) if path.name not in SKIPPED]
WRITTEN = re.compile(r"""\bEventType\.([A-Z_]+)|'([A-Z_]+)', '(?:ok|refused|failed)'""")
PERSONAL = ["Ada Lovelace", "ada@example.org", "+33 6 12 34 56 78", "FR76 3000 6000 0112 3456 7890 189", "12, rue X"]


@pytest.mark.parametrize("event_type", MEANINGS)
def test_every_schema_is_closed(event_type: EventType) -> None:
    assert details_schema(event_type)["additionalProperties"] is False
    for rule in MEANINGS[event_type][1].values():
        assert all(re.fullmatch(r"[\w-]{1,40}", word) for word in rule.words)
        assert bool(rule.words) == (rule.kind in (Kind.WORD, Kind.COUNTS))
        if rule.kind is Kind.TEXT:
            assert rule.pattern.startswith("^")
            assert rule.pattern.endswith("$")
            assert not any(re.search(rule.pattern, text) for text in PERSONAL)
        if rule.kind in (Kind.TEXT, Kind.ID):
            assert rule.record


def test_no_event_holds_a_result() -> None:
    """Neither a value of a result's columns nor a name of one, but for whether something was lost or there."""
    names = {name for event_type in EventType for name in MEANINGS[event_type][1]}
    results = {"sentiment", "score", "topics", "summary", "intent_to_leave", "probability", "log_odds", "segment",
               "offer_id", "source", "source_reason", "message", "drivers", "contributions"}  # fmt: skip
    assert names & results == set()
    words = {word for event_type in EventType for rule in MEANINGS[event_type][1].values() for word in rule.words}
    assert words & {*Sentiment, *Segment, *ActionSource} == set()


@pytest.mark.parametrize("event_type", MEANINGS)
def test_every_type_says_what_it_means_in_a_sentence(event_type: EventType) -> None:
    meaning = MEANINGS[event_type][0]
    assert meaning[0].isupper()
    assert meaning.endswith(".")


@given(st.sampled_from(sorted(kind for kind in MEANINGS if MEANINGS[kind][1])), st.sampled_from(PERSONAL), st.data())
def test_no_field_of_any_type_takes_a_person_s_data(event_type: EventType, value: str, data: st.DataObject) -> None:
    fields = MEANINGS[event_type][1]
    name = data.draw(st.sampled_from(sorted(fields)))
    for details in ({name: value}, {name: {value: 1}}, {name: {"WORD": value}}, {name: [value]}):
        with pytest.raises(ValueError, match=event_type) as caught:
            check_details(event_type, details)
        assert value not in str(caught.value)


@pytest.mark.parametrize("value", ["a" * 63 + "b\n", "a" * 65, "A" * 64])
def test_a_hash_is_exactly_a_hash(value: str) -> None:
    with pytest.raises(ValueError, match="scorer_sha256"):
        check_details(EventType.MODEL_LOADED, {"scorer_sha256": value})


def test_an_unknown_type_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"NOT_A_TYPE is unknown: add it to vigie/vocabulary\.py"):
        check_details(cast(EventType, "NOT_A_TYPE"), {})


def test_an_unknown_field_is_refused_and_its_value_not_quoted() -> None:
    with pytest.raises(ValueError, match="BATCH_START") as caught:
        Event(EventType.BATCH_START, details={"batch_no": 1, "note": "Ada Lovelace called"})
    assert "Ada" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_event_that_fits_is_made_with_an_id_and_a_time_in_utc() -> None:
    event = Event(EventType.BATCH_END, details={"batch_no": 0, "outcomes": {"done": 3, "NoConsent": 1}, "remaining": 0})
    assert event.event_id.version == 7
    assert event.occurred_at.utcoffset() is not None
    assert event.status == "ok"


def test_every_type_that_the_code_writes_is_documented() -> None:
    written = {name for text in CODE for names in WRITTEN.findall(text) for name in names if name}
    assert len(written) > 10
    assert written <= set(MEANINGS) == set(EventType)


def test_every_documented_type_is_named_by_the_code() -> None:
    named = {name for name in MEANINGS for text in CODE if f"EventType.{name}" in text or f"'{name}'" in text}
    assert set(MEANINGS) == named


def test_every_type_has_a_writer_or_is_not_written_any_more() -> None:
    written = {event_type for types in WRITERS.values() for event_type in types}
    assert set(EventType) - written == {EventType.ANONYMISATION, *DATABASE_WRITES} - written


def test_why_no_answer_came_is_what_the_client_says() -> None:
    refusals = [*REFUSALS.values(), *_BY_STATUS.values()]
    codes = {refusal.code for refusal in refusals if refusal.concerns is Concerns.ACCOUNT}
    assert set(NoAnswer) == {*CAUSES, *codes}


def test_every_finding_that_the_code_names_is_in_the_list() -> None:
    """Each word in capitals of the code that masks and guards; but for names of characters, and one that is masked."""
    others = {"NFKC", "NFKD", "LATIN", "DELACROIX"}
    sources = [path.read_text(encoding="utf-8") for path in ROOT.glob("layers/llm/vigie_llm/**/*.py")]
    named = {word for text in sources for word in re.findall(r"[\"']([A-Z][A-Z_]{2,}|IP)[\"']", text)}
    assert named - others == set(Finding)
