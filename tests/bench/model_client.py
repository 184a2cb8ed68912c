"""The cost of a call in the groq package: its typed method compared with its untyped one, in CPU time.

.venv/bin/python -m tests.bench --only client
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import groq
import httpx

from vigie_llm.analysis import WIRE_SCHEMA
from vigie_llm.exchange import read_response

CALLS = 300
ROUNDS = 7
URL = "http://provider.invalid/openai/v1/chat/completions"
CONTENT = json.dumps({"sentiment": -0.4, "topics": ["fees", "service"], "summary": "Les frais ont augmenté. " * 6})
ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": CONTENT}}],
    "usage": {"prompt_tokens": 700, "completion_tokens": 90, "total_tokens": 790},
}  # fmt: skip
BODY: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Instructions. " * 150},
        {"role": "user", "content": "Bonjour, mes frais ont augmenté sans explication. " * 8},
    ],
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "feedback_analysis", "strict": True, "schema": WIRE_SCHEMA},
    },
    "temperature": 0,
    "max_completion_tokens": 1024,
}


def run(calls: int = CALLS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Milliseconds of CPU a call, the best of some rounds that alternate, and the typed method's share of the other."""
    client = _client()
    typed, untyped = [], []
    for _ in range(rounds):
        typed.append(_milliseconds(lambda: _ask_typed(client), calls))
        untyped.append(_milliseconds(lambda: _ask_untyped(client), calls))
    return {
        "groq_version": groq.__version__,
        "calls": calls * rounds,
        "typed_ms_of_cpu": round(min(typed), 3),
        "untyped_ms_of_cpu": round(min(untyped), 3),
        "typed_over_untyped": round(min(typed) / min(untyped), 2),
    }


def _client() -> groq.Groq:
    content = json.dumps(ANSWER).encode()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=content))
    http_client = httpx.Client(transport=transport)
    return groq.Groq(api_key="unused", base_url="http://provider.invalid", max_retries=0, http_client=http_client)


def _ask_typed(client: groq.Groq) -> object:
    return client.chat.completions.create(**BODY).choices[0].message.content


def _ask_untyped(client: groq.Groq) -> object:
    return read_response(client.post(URL, cast_to=httpx.Response, body=BODY)).content


def _milliseconds(ask: Callable[[], object], calls: int) -> float:
    began = time.process_time()
    for _ in range(calls):
        ask()
    return 1000 * (time.process_time() - began) / calls
