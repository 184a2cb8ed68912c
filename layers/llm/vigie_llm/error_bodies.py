"""The error in an answer's body, in the shapes that providers and gateways use. Nobody has checked any part of it."""

import json
import re
from dataclasses import dataclass

LONGEST_BODY = 100_000
LONGEST_MESSAGE = 2000
_STATUS = re.compile(r"[45]\d\d")
_UNABLE = re.compile(r"not support|unsupported|not available|not allowed|unknown|unrecogni", re.IGNORECASE)
_BOUND = re.compile(r"less than|at most|exceed|maximum|range", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The fields of an error body, as far as they are texts; `status` where the body names one of its own.

    A message is looked at and never repeated.
    """

    codes: tuple[str, ...] = ()
    status: int | None = None
    message: str = ""

    def rejects(self, parameter: str) -> bool:
        """Whether the provider says that it does not take this parameter."""
        is_bound = _BOUND.search(self.message) and not self.says_unable
        return (parameter in self.codes and not is_bound) or (parameter in self.message and self.says_unable)

    @property
    def says_unable(self) -> bool:
        """Whether the message speaks of something that is not supported."""
        return bool(_UNABLE.search(self.message))


def read_error(body: bytes) -> ErrorBody:
    """The error in a body; an empty one where there is none."""
    try:
        return error_in(json.loads(body[:LONGEST_BODY]))
    except (ValueError, RecursionError):
        return ErrorBody()


def error_in(parsed: object) -> ErrorBody:
    """The error in a parsed body.

    `{"error": {...}}` as Groq and OpenAI have it, the fields at the top, a text alone, or the first of a list of these.
    """
    found = _first(parsed)
    if isinstance(found, dict):
        found = _first(found.get("error") or found.get("errors") or found)
    if isinstance(found, str):
        return ErrorBody(message=found[:LONGEST_MESSAGE])
    if not isinstance(found, dict):
        return ErrorBody()
    codes = tuple(str(found[name]).lower() for name in ("code", "type", "param") if isinstance(found.get(name), str))
    message = found.get("message") or found.get("detail")
    return ErrorBody(codes, _status(found.get("code")), message[:LONGEST_MESSAGE] if isinstance(message, str) else "")


def _first(value: object) -> object:
    return (value[0] if value else None) if isinstance(value, list) else value


def _status(code: object) -> int | None:
    """A code that is a status: as a number or as digits."""
    if isinstance(code, bool) or not isinstance(code, int | str):
        return None
    if isinstance(code, str):
        return int(code) if _STATUS.fullmatch(code) else None
    return code if 400 <= code < 600 else None
