"""What a provider's refusal means: judged from its status and the code, type or parameter it names.

Only words of our own closed list leave this module: a provider's message is looked at and never repeated.
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum


class Concerns(StrEnum):
    """Whom a refusal concerns, and so what to do about it."""

    GENERATION = "generation"  # this answer: ask again with a fresh seed
    LENGTH = "length"  # this call: another attempt with a shorter text
    CALL = "call"  # this call: it is refused for good
    MINUTE = "minute"  # every call for a while: wait
    MOMENT = "moment"  # a passing fault: try again
    ACCOUNT = "account"  # every call until an operator mends it: stop


@dataclass(frozen=True, slots=True)
class Refusal:
    """Whom it concerns, our word for it, and what an operator can do."""

    concerns: Concerns
    code: str
    remedy: str = ""


_KEY = "check api_key in the secret vigie/llm"
_MODEL = "choose another model in the secret vigie/llm"
_ADDRESS = "check provider and base_url in the secret vigie/llm"
_CONSOLE = "look into the account's limits and billing at the provider"

REFUSALS = {
    "json_validate_failed": Refusal(Concerns.GENERATION, "json_validate_failed"),
    "tool_use_failed": Refusal(Concerns.GENERATION, "tool_use_failed"),
    "context_length_exceeded": Refusal(Concerns.LENGTH, "context_length_exceeded"),
    "string_above_max_length": Refusal(Concerns.LENGTH, "context_length_exceeded"),
    "request_too_large": Refusal(Concerns.LENGTH, "request_too_large"),
    "rate_limit_exceeded": Refusal(Concerns.MINUTE, "rate_limit_exceeded"),
    "capacity_exceeded": Refusal(Concerns.MINUTE, "capacity_exceeded"),
    "invalid_api_key": Refusal(Concerns.ACCOUNT, "invalid_api_key", _KEY),
    "expired_api_key": Refusal(Concerns.ACCOUNT, "invalid_api_key", _KEY),
    "authentication_error": Refusal(Concerns.ACCOUNT, "invalid_api_key", _KEY),
    "permission_denied": Refusal(Concerns.ACCOUNT, "permission_denied", "let the key's project use this model"),
    "permissions_error": Refusal(Concerns.ACCOUNT, "permission_denied", "let the key's project use this model"),
    "model_permission_blocked_org": Refusal(Concerns.ACCOUNT, "model_blocked", "allow the model at the provider"),
    "model_permission_blocked_project": Refusal(Concerns.ACCOUNT, "model_blocked", "allow the model at the provider"),
    "model_not_found": Refusal(Concerns.ACCOUNT, "model_not_found", _MODEL),
    "model_not_active": Refusal(Concerns.ACCOUNT, "model_not_found", _MODEL),
    "model_decommissioned": Refusal(Concerns.ACCOUNT, "model_decommissioned", _MODEL),
    "model_terms_required": Refusal(Concerns.ACCOUNT, "model_terms_required", "accept the model's terms there"),
    "organization_restricted": Refusal(Concerns.ACCOUNT, "organization_restricted", "ask the provider's support"),
    "blocked_api_access": Refusal(Concerns.ACCOUNT, "blocked_api_access", _CONSOLE),
    "insufficient_quota": Refusal(Concerns.ACCOUNT, "insufficient_quota", _CONSOLE),
    "billing_not_active": Refusal(Concerns.ACCOUNT, "billing_not_active", _CONSOLE),
    "unknown_url": Refusal(Concerns.ACCOUNT, "wrong_address", _ADDRESS),
    "no_json_schema": Refusal(Concerns.ACCOUNT, "no_json_schema", "choose a model with strict json_schema answers"),
    "not_an_api": Refusal(Concerns.ACCOUNT, "not_an_api", "a web page answers: check base_url and the proxy"),
    "every_call_refused": Refusal(Concerns.ACCOUNT, "every_call_refused", "try the model with one call of your own"),
}
_FAULT = Refusal(Concerns.MOMENT, "server_error")
_BY_STATUS = {
    401: REFUSALS["invalid_api_key"],
    402: REFUSALS["billing_not_active"],
    403: REFUSALS["permission_denied"],
    404: REFUSALS["unknown_url"],
    405: REFUSALS["unknown_url"],
    407: Refusal(Concerns.ACCOUNT, "proxy_refused", "give the proxy the credentials that it asks for"),
    408: _FAULT,
    409: _FAULT,
    410: REFUSALS["unknown_url"],
    413: REFUSALS["request_too_large"],
    421: _FAULT,
    424: _FAULT,
    425: _FAULT,
    429: REFUSALS["rate_limit_exceeded"],
    498: REFUSALS["capacity_exceeded"],
    499: _FAULT,
    511: REFUSALS["not_an_api"],
}
_FORMAT = re.compile(r"response.?format|json.?schema|structured.?output", re.IGNORECASE)
_UNABLE = re.compile(r"not support|unsupported|not available|not allowed|unknown|unrecogni", re.IGNORECASE)
_PAGE = re.compile(rb"\s*(<!doctype html|<html\b.*</)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Error:
    """The fields of an error body, as far as they are texts."""

    codes: tuple[str, ...] = ()
    status: int | None = None
    message: str = ""

    def names(self, word: str) -> bool:
        """Whether the provider says that it does not know this parameter."""
        return word in self.codes or (word in self.message and bool(_UNABLE.search(self.message)))


def judge(status: int, body: bytes) -> Refusal:
    """What an answer with another status than 200 means."""
    error = _read_error(_parse(body))
    known = _by_code(status, error)
    if known is not None:
        return known
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return _FAULT
    if status < 400:
        return REFUSALS["unknown_url"]
    return Refusal(Concerns.CALL, "refused")


def judge_error_body(parsed: object) -> Refusal | None:
    """What an error inside a 200 means; None where the body is no error."""
    if not isinstance(parsed, dict) or not parsed.get("error") or parsed.get("choices"):
        return None
    error = _read_error(parsed)
    if error.status is not None:
        return judge(error.status, json.dumps(parsed).encode())
    known = _by_code(200, error)
    return known or _FAULT


def is_web_page(content_type: str, body: bytes) -> bool:
    """Whether a body is a whole web page, as portals and proxies send in an API's place."""
    return "text/html" in content_type.lower() or _PAGE.match(body[:100_000]) is not None


def rejects_parameter(body: bytes, name: str) -> bool:
    """Whether an error body says that the model does not take this parameter."""
    return _read_error(_parse(body)).names(name)


def _by_code(status: int, error: _Error) -> Refusal | None:
    if status == 413:
        return REFUSALS["request_too_large"]
    for code in error.codes:
        if code in REFUSALS:
            return REFUSALS[code]
    if status in (400, 404, 422) and (
        "response_format" in error.codes or (_FORMAT.search(error.message) and _UNABLE.search(error.message))
    ):
        return REFUSALS["no_json_schema"]
    return None


def _parse(body: bytes) -> object:
    try:
        return json.loads(body[:100_000])
    except (ValueError, RecursionError):
        return None


def _read_error(parsed: object) -> _Error:
    """The error in a body: `{"error": {...}}` as Groq and OpenAI have it, or the fields at the top."""
    if not isinstance(parsed, dict):
        return _Error()
    found = parsed.get("error", parsed)
    if isinstance(found, str):
        return _Error(message=found[:2000])
    if not isinstance(found, dict):
        return _Error()
    codes = tuple(str(found[name]).lower() for name in ("code", "type", "param") if isinstance(found.get(name), str))
    code, message = found.get("code"), found.get("message")
    is_status = isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600
    digits = next((int(text) for text in codes[:1] if re.fullmatch(r"[45]\d\d", text)), None)
    return _Error(codes, code if is_status else digits, message[:2000] if isinstance(message, str) else "")
