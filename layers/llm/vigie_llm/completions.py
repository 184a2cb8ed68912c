"""What a completion's body says, where it has the shape of one. Nobody has checked it: any part may be of another type.

Reasoning models put thoughts before the answer, others fence it: neither is part of it.
"""

import math
import re
from dataclasses import dataclass

# More than any context window in use; fits the ledger's integers.
MOST_TOKENS = 10_000_000
_THOUGHTS = re.compile(r"\s*<think(?:ing)?>.*?(</think(?:ing)?>|\Z)", re.DOTALL)
_FENCED = re.compile(r"\s*```[\w-]*[ \t]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer's text, whether it was cut at the tokens asked for, and what it cost."""

    content: str
    is_cut: bool
    tokens_in: int
    tokens_out: int


def read_completion(parsed: object) -> Completion:
    """The completion in a body; one without content where it has another shape."""
    choices = _get(parsed, "choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    usage = _get(parsed, "usage")
    return Completion(
        content=plain_content(_text(_get(_get(first, "message"), "content"))),
        is_cut=_get(first, "finish_reason") in ("length", "max_tokens"),
        tokens_in=clamp_count(_get(usage, "prompt_tokens")),
        tokens_out=clamp_count(_get(usage, "completion_tokens")),
    )


def plain_content(content: str) -> str:
    """A content without the thoughts before it and the fence around it."""
    content = _THOUGHTS.sub("", content, count=1) if content.lstrip().startswith("<think") else content
    fenced = _FENCED.fullmatch(content) if "```" in content else None
    return fenced[1] if fenced else content


def clamp_count(value: object) -> int:
    """Clamp a count from outside: 0 where it is no count, and at most `MOST_TOKENS`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if isinstance(value, float) and not math.isfinite(value):
        return 0
    return int(min(MOST_TOKENS, max(0, value)))


def _text(content: object) -> str:
    """A content's text: as it is, or its text parts together."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "".join(text for part in content if isinstance(text := _part(part), str))


def _part(part: object) -> object:
    if isinstance(part, str):
        return part
    return _get(part, "text") if _get(part, "type") in ("text", "output_text", None) else None


def _get(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None
