"""Answers that are wrong on purpose: cut off, not JSON, or JSON that breaks the schema."""

import json
import zlib
from collections.abc import Callable, Mapping

REFUSAL = "I'm sorry, but I can't help with that."
PROSE = "Sure! Here is what I think about it: the customer seems to feel rather strongly. Hope this helps!"

JsonObject = dict[str, object]


def malformed_answer(outcome: str, content: str) -> tuple[str, str]:
    """The content to send instead of `content`, and its `finish_reason`."""
    if outcome == "refusal":
        return REFUSAL, "stop"
    if outcome == "not_json":
        return PROSE, "stop"
    if outcome == "empty":
        return "", "stop"
    if outcome == "truncated_json":
        return content[: max(1, len(content) * 2 // 3)], "length"
    return _wrong(content), "stop"


def _wrong(content: str) -> str:
    """Valid JSON that no strict schema of ours accepts; which fault is chosen depends on the content."""
    answer = json.loads(content)
    chosen = WRONGS[zlib.crc32(content.encode()) % len(WRONGS)]
    return json.dumps(chosen(answer), ensure_ascii=False)


def _missing_field(answer: JsonObject) -> object:
    return dict(list(answer.items())[1:])


def _extra_field(answer: JsonObject) -> object:
    return {**answer, "approved_by": "system"}


def _wrong_types(answer: JsonObject) -> object:
    return {name: [value] if isinstance(value, str) else str(value) for name, value in answer.items()}


def _nulls(answer: JsonObject) -> object:
    return dict.fromkeys(answer)


def _outside_closed_lists(answer: JsonObject) -> object:
    outside: Mapping[str, object] = {
        "sentiment": "furious",
        "score": 7.5,
        "topics": ["weather", "politics"],
        "causes": ["envy"],
        "offer": "free-money-for-everyone",
        "opening": "Dear friend, you have won.",
    }
    return {name: outside.get(name, value) for name, value in answer.items()}


def _too_long(answer: JsonObject) -> object:
    return {name: value * 200 if isinstance(value, str) else value for name, value in answer.items()} | {"topics": []}


def _in_a_list(answer: JsonObject) -> object:
    return [answer]


WRONGS: tuple[Callable[[JsonObject], object], ...] = (
    _missing_field,
    _extra_field,
    _wrong_types,
    _nulls,
    _outside_closed_lists,
    _too_long,
    _in_a_list,
)
