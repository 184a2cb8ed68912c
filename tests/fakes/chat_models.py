"""Chat models that answer from a script, and the provider that holds one."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from vigie.endpoint import Endpoint
from vigie.vocabulary import Purpose
from vigie_llm.call_pool import BatchCalls, CallPool, ReadAnswer
from vigie_llm.chat import ChatAnswer, ChatModel, ChatRequest, Claim
from vigie_llm.ledger import Ledger
from vigie_llm.provider import Provider
from vigie_llm.recipients import Recipient

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ANALYSIS = {
    "sentiment": "negative",
    "score": -0.6,
    "topics": ["fees"],
    "intent_to_leave": True,
    "causes": ["price"],
}


def answer_of(content: object) -> ChatAnswer:
    """An answer with this content, given as text or as what JSON says."""
    text = content if isinstance(content, str) else json.dumps(content)
    return ChatAnswer(text, tokens_in=100, tokens_out=20, latency_ms=5)


def obliging(request: ChatRequest) -> ChatAnswer:
    """A valid answer to whatever is asked."""
    if request.schema_name == "feedback_analysis":
        return answer_of(ANALYSIS)
    if request.schema_name != "retention_action":
        return answer_of({})
    return answer_of(first_of_each(request))


def first_of_each(request: ChatRequest) -> dict[str, object]:
    """The first of what may be chosen, from each closed list."""
    asked = request.schema["properties"]
    chosen = {name: part["enum"][0] for name, part in asked.items() if "enum" in part}
    draft = {"draft": "Let us talk about it together."} if "draft" in asked else {}
    return chosen | {"reasons": asked["reasons"]["items"]["enum"][:1]} | draft


@dataclass
class FakeChatModel:
    """A model that answers with `reply`, which may raise, and records the requests."""

    reply: Callable[[ChatRequest], ChatAnswer] = obliging
    asked: list[ChatRequest] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def model(self) -> str:
        return "fake-1"

    def complete(self, request: ChatRequest, seconds_left: Callable[[], float], claim: Claim) -> ChatAnswer:
        claim()
        with self._lock:
            self.asked.append(request)
        return self.reply(request)


class FakeProvider(Provider):
    """A provider with a fake model behind it; `before_ledger` runs when an agent opens its pages."""

    def __init__(self, model: FakeChatModel, concurrency: int = 4, before_ledger: Callable[[], object] = tuple) -> None:
        self.fake = model
        self._pool = CallPool(concurrency)
        self._before_ledger = before_ledger

    def ledger(self, run_id: str, purpose: Purpose, prompt_version: str, planned: Endpoint | None = None) -> Ledger:
        self._before_ledger()
        return Ledger(run_id, purpose, self.fake.model, prompt_version, Recipient("nobody", "none", "nothing"))

    def start[T: DataclassInstance](
        self, read: ReadAnswer[T], seconds_left: Callable[[], float], claim: Callable[[UUID], None]
    ) -> BatchCalls[T]:
        return BatchCalls(self._pool, self.fake, read, seconds_left, claim)


def _proves_the_interface(fake: FakeChatModel) -> ChatModel:
    return fake
