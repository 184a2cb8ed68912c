"""What a provider's refusal means: judged from its status and the code, type or parameter it names.

Only words of our own closed list leave this module: a provider's message is looked at and never repeated.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from vigie_llm.completions import first_choice
from vigie_llm.error_bodies import ErrorBody, error_in, read_error


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
    "content_filter": Refusal(Concerns.CALL, "content_filter"),
    "content_policy_violation": Refusal(Concerns.CALL, "content_filter"),
    "context_length_exceeded": Refusal(Concerns.LENGTH, "context_length_exceeded"),
    "string_above_max_length": Refusal(Concerns.LENGTH, "context_length_exceeded"),
    "exceed_context_size_error": Refusal(Concerns.LENGTH, "context_length_exceeded"),
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
    "deploymentnotfound": Refusal(Concerns.ACCOUNT, "model_not_found", _MODEL),
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
    406: REFUSALS["unknown_url"],
    407: Refusal(Concerns.ACCOUNT, "proxy_refused", "give the proxy the credentials that it asks for"),
    408: _FAULT,
    409: _FAULT,
    410: REFUSALS["unknown_url"],
    411: REFUSALS["unknown_url"],
    413: REFUSALS["request_too_large"],
    415: REFUSALS["unknown_url"],
    421: _FAULT,
    423: _FAULT,
    424: _FAULT,
    425: _FAULT,
    426: REFUSALS["unknown_url"],
    429: REFUSALS["rate_limit_exceeded"],
    451: REFUSALS["permission_denied"],
    498: REFUSALS["capacity_exceeded"],
    499: _FAULT,
    511: REFUSALS["not_an_api"],
}
# Codes of other words that say that somebody has to pay, or to ask.
_MONEY = re.compile(r"billing|quota|credit|spend|payment|deactivated|suspended")
_FORMAT = re.compile(r"response.?format|json.?schema|structured.?output", re.IGNORECASE)
_PAGE = re.compile(rb"\s*(<!doctype html|<html\b.*</)", re.IGNORECASE | re.DOTALL)
# What servers say that give no code, by the statuses with which they say it.
_MESSAGES = (
    ({400, 422}, re.compile(r"context.{0,9}(length|size|window)|(prompt|input|text).{0,20}too long", re.I),
     REFUSALS["context_length_exceeded"]),
    ({400, 404}, re.compile(r"model.{0,200}(not found|not exist|decommissioned)", re.I | re.S),
     REFUSALS["model_not_found"]),
    ({400}, re.compile(r"api.?key.{0,20}(not valid|invalid|missing|incorrect|expired)", re.I),
     REFUSALS["invalid_api_key"]),
)  # fmt: skip


def judge(status: int, body: bytes) -> Refusal:
    """What an answer with another status than 200 means."""
    return _judge(status, read_error(body))


def judge_error_body(parsed: object) -> Refusal | None:
    """What an error inside a 200 means, also one in a choice's place; None where the body is no error."""
    choice = first_choice(parsed)
    found = choice or parsed
    if not isinstance(found, dict) or not (found.get("error") or (not choice and found.get("errors"))):
        return _FAULT if choice and choice.get("finish_reason") == "error" else None
    error = error_in(found)
    return _by_code(200, error) or (_FAULT if error.status is None else _judge(error.status, error))


def is_web_page(content_type: str, body: bytes) -> bool:
    """Whether a body is a whole web page, as portals and proxies send in an API's place."""
    return "text/html" in content_type.lower() or _PAGE.match(body[:100_000]) is not None


def _judge(status: int, error: ErrorBody) -> Refusal:
    known = _by_code(status, error)
    if known is not None:
        return known
    # A gateway that says no more than "bad request" or "error" may be passing on an upstream's refusal.
    if error.status is not None and (status == 400 or status >= 500):
        status = status if error.status == 400 else error.status
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return _FAULT
    if status < 400:
        return REFUSALS["unknown_url"]
    return Refusal(Concerns.CALL, "refused")


def _by_code(status: int, error: ErrorBody) -> Refusal | None:
    if status == 413:
        return REFUSALS["request_too_large"]
    for code in error.codes:
        if code in REFUSALS:
            return REFUSALS[code]
        if _MONEY.search(code):
            return REFUSALS["insufficient_quota"]
    if status in (400, 404, 422) and (
        "response_format" in error.codes or (_FORMAT.search(error.message) and error.says_unable)
    ):
        return REFUSALS["no_json_schema"]
    return next((known for said, words, known in _MESSAGES if status in said and words.search(error.message)), None)
