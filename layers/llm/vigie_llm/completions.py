"""What a completion's body says, where it has the shape of one. Nobody has checked it: any part may be of another type.

Reasoning models put thoughts before the answer, others a sentence, a fence or a byte order mark: none is part of it.
"""

import math
import re
from dataclasses import dataclass

# More than any context window in use; fits the ledger's integers.
MOST_TOKENS = 10_000_000
# Templates that open the thoughts in the prompt leave the end of them alone in the answer.
_THOUGHTS_END = re.compile(r"</(?:think|thinking|reasoning)>", re.IGNORECASE)
_THOUGHTS_BEGIN = re.compile(r"<(?:think|thinking|reasoning)>", re.IGNORECASE)
_FENCED = re.compile(r"```[\w-]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer's text, whether it was cut at the tokens asked for, and what it cost.

    `withheld` is our word for why there is no answer, where asking again would be of no use.
    """

    content: str
    is_cut: bool
    tokens_in: int
    tokens_out: int
    withheld: str = ""


def first_choice(parsed: object) -> dict[str, object] | None:
    """The first choice of a body; None where the body is no completion."""
    choices = _get(parsed, "choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else None


def read_completion(parsed: object) -> Completion:
    """The completion in a body; one without content where it has another shape."""
    first, usage = first_choice(parsed), _get(parsed, "usage")
    message = _get(first, "message")
    return Completion(
        content=plain_content(_text(_get(message, "content"))),
        is_cut=_get(first, "finish_reason") in ("length", "max_tokens"),
        tokens_in=clamp_count(_get(usage, "prompt_tokens")),
        tokens_out=clamp_count(_get(usage, "completion_tokens")),
        withheld=_withheld(_get(first, "finish_reason"), message),
    )


def plain_content(content: str) -> str:
    """The JSON object in a content, without what a model puts around it; the content as it is where there is none."""
    content = content.lstrip("\ufeff \t\r\n")
    if content.startswith(("{", "[")):
        return content
    content = _THOUGHTS_END.split(content)[-1]
    if _THOUGHTS_BEGIN.match(content):
        return ""
    fenced = _FENCED.search(content)
    content = fenced[1] if fenced else content
    begin, end = content.find("{"), content.rfind("}")
    return content[begin : end + 1] if 0 <= begin < end else content


def clamp_count(value: object) -> int:
    """Clamp a count from outside: 0 where it is no count, and at most `MOST_TOKENS`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if isinstance(value, float) and not math.isfinite(value):
        return 0
    return int(min(MOST_TOKENS, max(0, value)))


def _withheld(finish_reason: object, message: object) -> str:
    if finish_reason == "content_filter":
        return "CONTENT_FILTERED"
    content = _get(message, "content")
    parts = content if isinstance(content, list) else []
    has_refused = any(_get(part, "type") == "refusal" for part in parts) or (not content and _get(message, "refusal"))
    return "MODEL_REFUSED" if has_refused else ""


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
