"""Log lines that hold an event letter for letter: found without parsing, and never told otherwise than by parsing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_agent import log_reading
from audit_agent.canonical_line import is_envelope, match_canonical_event
from audit_agent.log_reading import LoggedEvent, Page, read_events
from vigie.canonical import canonical_event
from vigie.verify import leaf_hash

RUN = "run-1"
ID = UUID("018f2d7e-0000-7000-8000-0000000000ab")
FIELDS: dict[str, Any] = {
    "event_id": ID,
    "occurred_at": datetime(2026, 11, 23, 7, 30, tzinfo=UTC),
    "run_id": RUN,
    "agent": "nlp_agent",
    "event_type": "LLM_CALL_END",
    "status": "ok",
    "customer_id": UUID("018f2d7e-0000-7000-8000-000000000001"),
    "details": {"outcome": "answered", "tokens_in": 12},
    "request_id": "r-1",
}
EVENT = canonical_event(**FIELDS).decode()
FOUND = (ID.bytes, leaf_hash(EVENT.encode()))
BEFORE = '{"level":"INFO","message":"audit event","timestamp":"2026-11-23 07:30:00,123+0000","run_id":"run-1","audit":'
AFTER = ',"xray_trace_id":"1-5759e988"}\n'
NAMES = st.sampled_from(["audit", "timestamp", "event_id", "status", "x"])
OTHER = st.recursive(
    st.none() | st.floats() | st.sampled_from(['"audit":', EVENT, '"status":"ok"}', "2026-11-23 07:30", "\\", '"']),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


def by_parsing(line: str) -> list[tuple[bytes, bytes]]:
    """What a line tells to a reader that parses all of it."""
    logged = log_reading._read_line(line, RUN, "nlp_agent")
    return [(logged.event_id.bytes, logged.fingerprint)] if logged else []


def read(line: str, event: str = EVENT) -> tuple[list[LoggedEvent], bool]:
    """What is left to compare of a line when only this event is stored, and whether its line was found."""
    stored = {ID.bytes: leaf_hash(event.encode())}
    seen: list[bytes] = []

    def is_stored(event_id: bytes, fingerprint: bytes, agent: str) -> bool:
        assert agent == "nlp_agent"
        if stored.get(event_id) == fingerprint:
            seen.append(event_id)
        return event_id in seen

    return list(read_events([Page("nlp_agent", [line])], RUN, is_stored)), bool(seen)


@pytest.mark.parametrize("after", [AFTER, "}", ',"status":"ok","audited":true}'])
def test_a_line_as_agents_write_it_is_not_parsed(after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reading, "_read_line", None)
    assert read(BEFORE + EVENT + after) == ([], True)


def test_lines_that_differ_in_their_time_have_one_frame() -> None:
    is_envelope.cache_clear()
    for second in range(10, 60):
        assert match_canonical_event(BEFORE.replace("07:30:00", f"07:30:{second}") + EVENT + AFTER) == FOUND
    assert is_envelope.cache_info().currsize == 1


@pytest.mark.parametrize(
    "line",
    [
        BEFORE + json.dumps(json.loads(EVENT)) + AFTER,
        json.dumps({"audit": json.loads(EVENT)}, indent=1),
        BEFORE + EVENT.replace(".000000Z", "+00:00") + AFTER,
        BEFORE + json.dumps(dict(reversed(json.loads(EVENT).items())), separators=(",", ":")) + AFTER,
        (BEFORE + EVENT + AFTER).replace('"audit"', '"\\u0061udit"'),
        BEFORE + EVENT.replace('"ok"', '"\\u006fk"') + AFTER,
        BEFORE + EVENT.replace("{", '{"event_id":"the last one counts",', 1) + AFTER,
        BEFORE + EVENT + AFTER.replace("}", ',"event_id":"x","status":"y"}'),
    ],
)
def test_the_same_event_in_another_form_is_parsed_to_the_same_event(line: str) -> None:
    left, seen = read(line)
    assert not seen
    assert [(each.event_id.bytes, each.fingerprint) for each in left] == [FOUND]


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace('"ok"', '"no"'),
        lambda line: line.replace(":12}", ":13}"),
        lambda line: line.replace("07:30:00.000000Z", "07:30:00.000001Z"),
        lambda line: line.replace(AFTER, ',"audit":{"event_id":"x"}' + AFTER),
        lambda line: line.replace(AFTER, AFTER.replace("}\n", ',"\\u0061udit":null}\n')),
        lambda line: line.replace(BEFORE, BEFORE.replace('"audit":', '"other":{"audit":')).replace(AFTER, "}" + AFTER),
        lambda line: line.replace(BEFORE, BEFORE.replace('"audit":', '"not an \\"audit":')),
        lambda line: line + "trailing",
        lambda line: line + line,
        lambda line: f"[{line}]",
        lambda line: line.rstrip().removesuffix("}"),
        lambda line: line.replace("+0000", '+0000"x'),
        lambda line: line.replace("+0000", "+0000\\"),
        lambda line: json.dumps({"message": line}),
        lambda line: json.dumps({"message": line})[:-1] + ',"audit":' + EVENT.replace('"ok"', '"no"') + "}",
        lambda line: line.replace(EVENT, EVENT + EVENT),
    ],
)
def test_a_changed_line_does_not_tell_the_stored_event(change: Callable[[str], str]) -> None:
    line = change(BEFORE + EVENT + AFTER)
    left, seen = read(line)
    assert not seen
    assert FOUND not in [(each.event_id.bytes, each.fingerprint) for each in left]
    assert [(each.event_id.bytes, each.fingerprint) for each in left] == by_parsing(line)


def test_details_that_look_like_lines_do_not_mislead() -> None:
    details = {"a": BEFORE + EVENT + AFTER, '"audit":': '"status":"x"}', "event_id": "x", "status": "y"}
    event = canonical_event(**{**FIELDS, "details": details}).decode()
    left, seen = read(BEFORE + event + AFTER, event)
    assert seen or by_parsing(BEFORE + event + AFTER) == [(each.event_id.bytes, each.fingerprint) for each in left]
    left, seen = read(BEFORE + event + AFTER)
    assert not seen
    assert len(left) == 1


@given(st.lists(st.tuples(NAMES, OTHER | st.just(json.loads(EVENT))), max_size=5), st.data())
def test_no_line_is_taken_to_tell_what_parsing_it_does_not_tell(pairs: list[tuple[str, Any]], data: Any) -> None:
    texts = [f"{json.dumps(name)}:{_compact(value)}" for name, value in pairs]
    line = "{" + ",".join(texts) + "}"
    at, gone = data.draw(st.integers(0, len(line))), data.draw(st.integers(0, 2))
    for each in (line, line[:at] + data.draw(st.text('{}",:aN\\', max_size=2)) + line[at + gone :]):
        if match_canonical_event(each) == FOUND:
            assert by_parsing(each) == [FOUND]


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
