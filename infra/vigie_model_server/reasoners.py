"""Answers in the formats of reasoning models and unusual servers, valid or not."""

import json
from collections.abc import Callable, Mapping

from vigie_model_server.reply import Reply, json_of

Answer = dict[str, object]


def dressed(reply: Reply, outcome: str) -> Reply:
    """The same completion, as this outcome has it."""
    answer = json.loads(reply.body)
    choice = answer["choices"][0]
    if outcome == "odd_usage":
        answer["usage"] |= {"prompt_tokens": 2**40, "completion_tokens": -7, "total_tokens": "many"}
    else:
        DRESSES[outcome](choice)
    reply.body = json_of(answer).encode()
    return reply


def _cut(choice: Answer) -> None:
    """All tokens went into thinking."""
    _null(choice)
    choice["finish_reason"] = "length"


def _null(choice: Answer) -> None:
    choice["message"] = {"role": "assistant", "content": None, "reasoning": "The customer writes about fees."}


def _parts(choice: Answer) -> None:
    _set_content(choice, lambda content: [{"type": "text", "text": content}])


def _thoughts(choice: Answer) -> None:
    _set_content(choice, lambda content: f"<think>\nThe schema wants {{braces}}.\n</think>\n\n{content}")


def _fenced(choice: Answer) -> None:
    _set_content(choice, lambda content: f"```json\n{content}\n```")


def _filtered(choice: Answer) -> None:
    """A filter cut the answer off."""
    _set_content(choice, lambda content: str(content)[:20])
    choice["finish_reason"] = "content_filter"


def _declined(choice: Answer) -> None:
    choice["message"] = {"role": "assistant", "content": None, "refusal": "I can't help with that."}


def _set_content(choice: Answer, change: Callable[[object], object]) -> None:
    message = choice["message"]
    assert isinstance(message, dict)
    message["content"] = change(message["content"])


DRESSES: Mapping[str, Callable[[Answer], None]] = {
    "cut_at_length": _cut,
    "null_content": _null,
    "parts": _parts,
    "thoughts": _thoughts,
    "fenced": _fenced,
    "filtered": _filtered,
    "declined": _declined,
}
OUTCOMES = frozenset({*DRESSES, "odd_usage"})
