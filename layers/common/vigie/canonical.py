"""The canonical bytes of an audit event: what is hashed, sealed and exported."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from json.encoder import encode_basestring
from typing import Any
from uuid import UUID

from vigie.verify import CanonicalError, canonical_text, encode_plain

__all__ = ["CanonicalError", "canonical_event", "canonical_json", "canonical_text", "canonical_time"]


def canonical_json(value: Any) -> str:
    """The canonical JSON text of a Python value made of what `json` writes. Raises CanonicalError."""
    try:
        return encode_plain(value) if _is_plain(value) else canonical_text(json.dumps(value, ensure_ascii=False))
    except (TypeError, RecursionError) as error:
        raise CanonicalError(f"{type(value).__name__} holds something that is not JSON") from error


def canonical_time(moment: datetime) -> str:
    """UTC with six decimals, `2026-11-23T07:32:26.000001Z`. Raises CanonicalError without a time zone."""
    if moment.tzinfo is None:
        raise CanonicalError("occurred_at has no time zone; pass an aware datetime")
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def canonical_event(
    *,
    event_id: UUID | str,
    occurred_at: datetime,
    run_id: str | None,
    agent: str,
    event_type: str,
    status: str,
    customer_id: UUID | str | None,
    details: Mapping[str, Any] | str,
    request_id: str | None,
) -> bytes:
    """The UTF-8 bytes of one event, all nine fields present in order of their names.

    `details` is a mapping, or JSON text as PostgreSQL gives it (`details::text`): the text keeps every digit
    of a number, so read the database that way. Raises CanonicalError.
    """
    canonical = (
        canonical_text(details)
        if isinstance(details, str)
        else canonical_json(details if type(details) is dict else dict(details))
    )
    if not canonical.startswith("{"):
        raise CanonicalError("details is not a JSON object")
    event = (
        f'{{"agent":{_text(agent)},"customer_id":{_uuid(customer_id)},"details":{canonical}'
        f',"event_id":{_uuid(event_id)},"event_type":{_text(event_type)}'
        f',"occurred_at":"{canonical_time(occurred_at)}","request_id":{_text(request_id)}'
        f',"run_id":{_text(run_id)},"status":{_text(status)}}}'
    )
    try:
        return event.encode()
    except UnicodeEncodeError:
        raise CanonicalError("the event holds half of a surrogate pair, which is not text") from None


_WRITTEN_ONE_WAY = {str, int, bool, type(None)}
# As details are: an object, in which values may be objects of counts.
_PLAIN_DEPTH = 2


def _is_plain(value: Any, depth: int = _PLAIN_DEPTH) -> bool:
    """Whether it is a small object that Python's encoder writes canonically: only some numbers are not written so."""
    if type(value) is not dict or not depth:
        return False
    for name, each in value.items():
        if type(name) is not str:
            return False
        kind = type(each)
        if kind in _WRITTEN_ONE_WAY or isinstance(each, StrEnum):
            continue
        if not (_is_plain_number(repr(each)) if kind is float else _is_plain(each, depth - 1)):
            return False
    return True


def _is_plain_number(text: str) -> bool:
    """Neither an exponent, nor a whole number with a fraction, nor `nan` or `inf`."""
    return "e" not in text and "n" not in text and not text.endswith(".0")


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _text(value: str | None) -> str:
    return "null" if value is None else encode_basestring(value)


def _uuid(value: UUID | str | None) -> str:
    """Lower case with hyphens, however it was written."""
    if value is None:
        return "null"
    return f'"{value if isinstance(value, UUID) or _UUID.fullmatch(value) else UUID(value)}"'
