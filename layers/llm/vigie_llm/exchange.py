"""One exchange with the provider: the body that goes out, how what came back is read, and what is changed next time."""

import json
import random
from dataclasses import dataclass, field
from typing import Any

import httpx

from vigie_llm.causes import Cause
from vigie_llm.chat import ChatAnswer, ChatRequest
from vigie_llm.completions import MOST_TOKENS, Completion, first_choice, read_completion
from vigie_llm.durations import wait_asked_for
from vigie_llm.error_bodies import read_error
from vigie_llm.refusals import REFUSALS, Concerns, Refusal, is_web_page, judge_error_body

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 30.0
# Answers asked for until one has content.
GENERATIONS = 3
# An answer that was cut is asked for once more, with so many times the tokens.
MORE_TOKENS = 4
MOST_ASKED_TOKENS = 8192
# At temperature 0 every seed gives the same answer.
FRESH_TEMPERATURE = 0.4
UNREACHABLE = Refusal(Concerns.MOMENT, "unreachable")
NO_COMPLETION = Refusal(Concerns.MOMENT, "no_completion")
# What a server may not know, and is then asked without; under another name where there is one.
OPTIONAL = {"reasoning_effort": "", "temperature": "", "seed": "", "max_completion_tokens": "max_tokens"}


class Refused(Exception):
    """When the provider did not answer with a completion; `limits` are its rate-limit headers."""

    def __init__(
        self, refusal: Refusal, status: int = 0, limits: dict[str, str] | None = None, retry_after: float | None = None,
        body: bytes = b"", cause: Cause = "Status",
    ) -> None:  # fmt: skip
        super().__init__(refusal.code)
        self.refusal = refusal
        self.status = status
        self.limits = limits or {}
        self.retry_after = retry_after
        self.body = body
        self.cause: Cause = cause

    @classmethod
    def of(cls, response: httpx.Response, refusal: Refusal, cause: Cause = "Status") -> "Refused":
        """The refusal in a response."""
        wait = wait_asked_for(response.headers)
        return cls(refusal, response.status_code, limits_of(response), wait, response.content, cause)


@dataclass(slots=True)
class Asking:
    """How a call is asked the next time, and what it has cost so far."""

    max_tokens: int
    effort: str | None = None
    without: frozenset[str] = frozenset()
    generations: int = 1
    is_extended: bool = False
    milliseconds: int = 0
    _completions: list[Completion] = field(default_factory=list)

    @property
    def has_answer(self) -> bool:
        """Whether any answer came, however poor."""
        return bool(self._completions)

    def is_enough(self, completion: Completion) -> bool:
        """Whether to take an answer: a cut one is asked for again with more tokens, an empty one with a fresh seed."""
        self._completions.append(completion)
        if completion.is_cut and not self.is_extended and self.max_tokens < MOST_ASKED_TOKENS:
            self.is_extended = True
            self.max_tokens = min(MOST_ASKED_TOKENS, MORE_TOKENS * self.max_tokens)
            return False
        is_last = completion.is_cut or bool(completion.withheld)
        return bool(completion.content.strip()) or is_last or not self.may_generate_again()

    def may_generate_again(self) -> bool:
        """Take a fresh seed, where the bound allows."""
        if self.generations >= GENERATIONS:
            return False
        self.generations += 1
        return True

    def leave_out(self, refused: Refused) -> bool:
        """Ask without what was refused from now on, where an answer can come without it."""
        if not 400 <= refused.status < 500:
            return False
        error = read_error(refused.body)
        rejected = {name for name in OPTIONAL if error.rejects(name)} - self.without
        self.without |= rejected
        return bool(rejected)

    def answer(self) -> ChatAnswer:
        """The last answer, with what all of them cost."""
        return ChatAnswer(
            content=self._completions[-1].content,
            tokens_in=min(MOST_TOKENS, sum(each.tokens_in for each in self._completions)),
            tokens_out=min(MOST_TOKENS, sum(each.tokens_out for each in self._completions)),
            latency_ms=max(0, self.milliseconds),
            withheld=self._completions[-1].withheld,
        )


def body_of(model: str, request: ChatRequest, asking: Asking) -> dict[str, Any]:
    """The request's body."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [
            {"role": "system", "content": request.system},
            {"role": "user", "content": request.user},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": request.schema_name, "strict": True, "schema": request.schema},
        },
        "temperature": 0,
        "max_completion_tokens": asking.max_tokens,
    }
    if asking.effort is not None:
        body["reasoning_effort"] = asking.effort
    if asking.generations > 1:
        body |= {"temperature": FRESH_TEMPERATURE, "seed": asking.generations}
    for name in asking.without & body.keys():
        value = body.pop(name)
        body |= {OPTIONAL[name]: value} if OPTIONAL[name] else {}
    return body


def read_response(response: httpx.Response) -> Completion:
    """The completion in an answer with status 200.

    Raises:
        Refused: it holds an error, a web page or anything else but a completion.
    """
    try:
        parsed = json.loads(response.content)
    except (ValueError, RecursionError):
        is_page = is_web_page(response.headers.get("content-type", ""), response.content)
        raise Refused.of(response, REFUSALS["not_an_api"] if is_page else NO_COMPLETION, "Unreadable") from None
    refusal = judge_error_body(parsed)
    if refusal is not None:
        raise Refused.of(response, refusal)
    if first_choice(parsed) is None:
        raise Refused.of(response, NO_COMPLETION, "Unreadable")
    return read_completion(parsed)


def most_tokens(request: ChatRequest, asking: Asking) -> int:
    """More tokens than a call is likely to have taken, whatever the provider writes: a token is a character or more."""
    return len(request.system) + len(request.user) + len(json.dumps(request.schema)) + asking.max_tokens


def limits_of(response: httpx.Response) -> dict[str, str]:
    """Return the rate-limit headers; each look-up in httpx's goes through all headers."""
    return {
        name.decode("ascii"): value.decode("ascii", "replace")
        for raw, value in response.headers.raw
        if (name := raw.lower()).startswith(b"x-ratelimit-")
    }


def pause_before(attempt: int, asked: float = 0.0) -> float:
    """Seconds to wait before another try: at least what the provider asks for, or exponential, with jitter."""
    own = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** max(0, attempt - 1))
    return max(asked, own) * random.uniform(1.0, 1.5)  # noqa: S311
