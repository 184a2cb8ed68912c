"""Durations as providers write them in headers: `7m12.5s`, `250ms`, `2h`, bare seconds, or a date."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 7 * 86400.0
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ms|us|µs|ns|d|h|m|s)")
_PARTS = re.compile(rf"(?:{_PART.pattern})+")
_LONGEST_TEXT = 64


def parse_duration(text: str | None) -> float | None:
    """Seconds from 0 to a week; None where the text is no duration or a negative one."""
    text = (text or "").strip().lower()
    if not text or len(text) > _LONGEST_TEXT:
        return None
    if _PARTS.fullmatch(text):
        return min(LONGEST_SECONDS, sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text)))
    try:
        seconds = float(text)
    except ValueError:
        return None
    return None if math.isnan(seconds) or seconds < 0 else min(LONGEST_SECONDS, seconds)


def wait_asked_for(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait: by its date or duration, or in milliseconds as some write it."""
    seconds = parse_duration(f"{headers.get('retry-after-ms', '').strip()}ms")
    return parse_retry_after(headers.get("retry-after")) if seconds is None else seconds


def parse_retry_after(text: str | None) -> float | None:
    """Seconds to wait, from a duration or an HTTP date; a date that has passed is no wait."""
    seconds = parse_duration(text)
    if seconds is not None or not text:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(LONGEST_SECONDS, max(0.0, (moment - datetime.now(UTC)).total_seconds()))
