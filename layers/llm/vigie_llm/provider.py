"""The model provider as an agent uses it: its secret kept for a bounded time, its calls bounded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vigie.secrets import LlmSecret, read_secret
from vigie.settings import AgentSettings
from vigie_llm.calls import Call, CallRunner, Outcome
from vigie_llm.chat import ChatAnswer
from vigie_llm.client import GroqModel
from vigie_llm.ledger import Ledger
from vigie_llm.recipients import recipient_of


@dataclass(frozen=True, slots=True)
class LlmSettings(AgentSettings):
    """Settings of an agent that may call the model provider."""

    llm_secret: str
    llm_concurrency: int


class Provider:
    """Whatever `vigie/llm` points at now."""

    def __init__(self, settings: LlmSettings) -> None:
        self._fetch = read_secret(LlmSecret, settings.llm_secret)
        self._concurrency = settings.llm_concurrency
        self._runner = CallRunner(settings.llm_concurrency)
        self._secret: LlmSecret | None = None
        self._model: GroqModel | None = None

    def ledger(self, run_id: str, purpose: str, prompt_version: str) -> Ledger:
        """The pages of the ledger for calls to this provider."""
        secret = self._refresh()
        return Ledger(run_id, purpose, secret.model, prompt_version, recipient_of(secret))

    def run[T](
        self,
        calls: Sequence[Call],
        accept: Callable[[Call, ChatAnswer], tuple[T, dict[str, Any]]],
        seconds_left: Callable[[], float],
    ) -> Iterator[list[Outcome[T]]]:
        """Make the calls, to whom the ledger opened last names; see `CallRunner.run`."""
        assert self._model is not None  # noqa: S101  (set when the ledger was opened)
        yield from self._runner.run(self._model, calls, accept, seconds_left)

    def _refresh(self) -> LlmSecret:
        secret = self._fetch(False)
        if secret != self._secret:
            if self._model is not None:
                self._model.close()
            self._secret = secret
            self._model = GroqModel(secret, self._concurrency)
        return secret
