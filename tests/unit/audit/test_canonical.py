"""Canonical bytes: one form for one meaning, whatever way the event was stored or written."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vigie.canonical import CanonicalError, canonical_event, canonical_json, canonical_text, canonical_time

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
EVENT: dict[str, Any] = {
    "event_id": UUID("018F2D7E-0000-7000-8000-0000000000AB"),
    "occurred_at": datetime(2026, 11, 23, 9, 30, tzinfo=timezone(timedelta(hours=2))),
    "run_id": None,
    "agent": "nlp_agent",
    "event_type": "LLM_CALL_END",
    "status": "ok",
    "customer_id": "018f2d7e000070008000000000000001",
    "details": {"tokens": 12, "score": 0.5},
    "request_id": "r-1",
}


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1.0", "1"),
        ("-0.0", "0"),
        ("-0", "0"),
        ("1e3", "1000"),
        ("1E-7", "0.0000001"),
        ("0.10", "0.1"),
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("12345678901234567890123", "12345678901234567890123"),
        ('{ "b" : [ ] , "a" : { } }', '{"a":{},"b":[]}'),
        ('{"é":1,"z":2,"Z":3}', '{"Z":3,"z":2,"é":1}'),
        ('"\\u00e9\\/\\u0007\\n\\u2028"', '"é/\\u0007\\n\u2028"'),
        ("1" * 5000, "1" * 5000),
    ],
)
def test_one_meaning_has_one_form(text: str, canonical: str) -> None:
    assert canonical_text(text) == canonical


@pytest.mark.parametrize("text", ["", "{", "NaN", "-Infinity", "01", "[1,]", "'a'", "[" * 100_000])
def test_what_is_not_json_has_no_form(text: str) -> None:
    with pytest.raises(CanonicalError):
        canonical_text(text)


@given(VALUES)
def test_the_form_keeps_the_meaning_and_is_its_own_form(value: Any) -> None:
    text = canonical_json(value)
    assert canonical_text(text) == text
    assert json.loads(text, parse_int=float) == json.loads(json.dumps(value), parse_int=float)


@given(st.dictionaries(TEXT | st.integers() | st.none() | st.booleans(), VALUES, max_size=5))
@example({"a": 1.0, "b": -0.0, "c": 1e16, "d": 1e-7, "e": 0.1, "f": 12345.678})
@example({"b": {"d": {"c": {"z": 1, "a": 2}}, "1": 2}, "a": (1, 2.0)})
@example({1: "a", "0": "b", None: "c", False: "d"})
def test_a_mapping_has_the_form_of_its_text(details: dict[Any, Any]) -> None:
    assert canonical_json(details) == canonical_text(json.dumps(details, ensure_ascii=False))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_a_number_has_no_form(number: float) -> None:
    with pytest.raises(CanonicalError):
        canonical_json({"number": number})


@given(VALUES, st.text(" \n\t\r"), st.text(" \n\t\r"))
def test_white_space_around_a_text_does_not_matter(value: Any, before: str, after: str) -> None:
    assert canonical_text(before + json.dumps(value) + after) == canonical_json(value)


@given(VALUES)
def test_layout_and_order_of_names_do_not_matter(value: Any) -> None:
    shuffled = json.dumps(_reversed(value), indent=2)
    assert canonical_text(shuffled) == canonical_json(value)


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reversed(value[name]) for name in reversed(list(value))}
    return [_reversed(each) for each in value] if isinstance(value, list) else value


@given(st.decimals(allow_nan=False, allow_infinity=False, places=30))
def test_no_digit_of_a_number_from_the_database_is_lost(number: Decimal) -> None:
    text = canonical_text(format(number, "f"))
    assert Decimal(text) == number
    assert "e" not in text.lower()


def test_an_event_has_exactly_these_bytes() -> None:
    assert canonical_event(**EVENT) == (
        b'{"agent":"nlp_agent","customer_id":"018f2d7e-0000-7000-8000-000000000001",'
        b'"details":{"score":0.5,"tokens":12},"event_id":"018f2d7e-0000-7000-8000-0000000000ab",'
        b'"event_type":"LLM_CALL_END","occurred_at":"2026-11-23T07:30:00.000000Z","request_id":"r-1",'
        b'"run_id":null,"status":"ok"}'
    )


def test_details_as_text_from_the_database_and_as_mapping_give_the_same_bytes() -> None:
    text = '{"score": 0.50, "tokens": 12}'
    assert canonical_event(**{**EVENT, "details": text}) == canonical_event(**EVENT)


@given(VALUES)
def test_an_event_is_canonical_as_a_whole(value: Any) -> None:
    event = canonical_event(**{**EVENT, "agent": 'a"\\\n', "details": {"value": value}}).decode()
    assert canonical_text(event) == event


@pytest.mark.parametrize(
    "field",
    [
        {"occurred_at": datetime(2026, 1, 1)},  # noqa: DTZ001
        {"details": "[]"},
        {"details": {"a": {1, 2}}},
        {"agent": "\ud800"},
    ],
)
def test_an_event_without_a_clear_meaning_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(CanonicalError):
        canonical_event(**{**EVENT, **field})


def test_times_are_utc_with_six_decimals() -> None:
    assert canonical_time(datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)) == "2026-01-02T03:04:05.000006Z"
    elsewhere = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=30, seconds=1)))
    assert canonical_time(elsewhere) == "2026-01-01T21:34:04.000000Z"
