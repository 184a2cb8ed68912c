"""One question to a chat model and its answer, and what any model provider must be able to do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from vigie_llm.identity import KnownIdentity

# Called before each time a request's bytes go; raises what keeps them here.
type Claim = Callable[[], None]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A pseudonymised question. `schema` is the strict JSON schema its answer must have."""

    system: str
    user: str
    schema_name: str
    schema: dict[str, Any]
    max_tokens: int
    known: KnownIdentity


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What came back: the answer's text, and what it cost. `withheld`: why there is none, where the model kept it."""

    content: str
    tokens_in: int
    tokens_out: int
    latency_ms: int
    withheld: str = ""


class ChatModel(Protocol):
    """A model that answers: the provider's, or a stand-in as strict."""

    @property
    def model(self) -> str:
        """The model's id."""
        ...

    def complete(self, request: ChatRequest, seconds_left: Callable[[], float], claim: Claim) -> ChatAnswer:
        """Ask, and wait for the answer no longer than the deadline allows; `claim` before each time bytes go.

        Raises:
            ModelUnavailableError, ModelRefusedError, EgressBlockedError, or what `claim` raises.
        """
        ...
