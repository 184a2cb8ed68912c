"""The model provider as an agent uses it: its secret kept for a bounded time, its calls bounded."""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from aws_lambda_powertools import Logger

from vigie.endpoint import Endpoint
from vigie.errors import RecipientChangedError, VigieError
from vigie.secrets import LlmSecret, read_secret
from vigie.settings import AgentSettings
from vigie.vocabulary import Purpose
from vigie_llm.call_pool import BatchCalls, CallPool, ReadAnswer
from vigie_llm.chat import ChatAnswer, ChatRequest, Claim
from vigie_llm.client import GroqModel
from vigie_llm.errors import AccountRefusedError, ModelRefusedError
from vigie_llm.ledger import Ledger
from vigie_llm.recipients import endpoint_of, recipient_of
from vigie_llm.route import Route, route_to
from vigie_llm.watch import Watch

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

logger = Logger(child=True)
UNAUTHORISED = 401
# A thread whose answer has come waits up to this long each time it needs the interpreter back (5 ms by default), which
# a call takes longer for. The shorter, the more CPU goes into changing threads: docs/performance.md has both figures.
SWITCH_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class LlmSettings(AgentSettings):
    """Settings of an agent that may call the model provider."""

    llm_secret: str
    llm_concurrency: int
    # The way to the provider, where the secret does not name it.
    llm_proxy: str = ""
    llm_no_proxy: str = ""
    llm_ca_bundle: str = ""


class Provider:
    """Whatever `vigie/llm` points at now."""

    def __init__(self, settings: LlmSettings) -> None:
        self._fetch = read_secret(LlmSecret, settings.llm_secret)
        self._settings = settings
        sys.setswitchinterval(SWITCH_SECONDS)
        self._pool = CallPool(settings.llm_concurrency)
        self._secret: LlmSecret | None = None
        self._model: GroqModel | None = None
        self._replaced: list[GroqModel] = []
        self._asked_again_for: GroqModel | None = None
        self._is_in_doubt = False
        self._rotating = threading.Lock()

    @property
    def calls_ahead(self) -> int:
        """How many calls are best recorded ahead of those under way."""
        return self._pool.calls_ahead

    @property
    def model(self) -> str:
        """The model's id."""
        return self._current().model

    def describe(self) -> Endpoint:
        """Where calls would go now, read afresh; never the key."""
        return endpoint_of(self._fetch(True))

    def ledger(self, run_id: str, purpose: Purpose, prompt_version: str, planned: Endpoint | None = None) -> Ledger:
        """The pages of the ledger for calls to this provider.

        Raises:
            RecipientChangedError: the secret points elsewhere than the run was planned with.
        """
        secret = self._refresh(run_id, planned)
        address = endpoint_of(secret).address
        return Ledger(run_id, purpose, secret.model, prompt_version, recipient_of(secret), address)

    def start[T: DataclassInstance](
        self, read: ReadAnswer[T], seconds_left: Callable[[], float], claim: Callable[[UUID], None]
    ) -> BatchCalls[T]:
        """Make calls for a batch, to whom the ledger opened last names; `read` reads their answers.

        No call begins once the secret points elsewhere.
        """
        watch = Watch(lambda: endpoint_of(self._fetch(False)), endpoint_of(self._read()))
        pacer = self._current().pacer
        return BatchCalls(self._pool, self, read, seconds_left, claim, pacer, lambda: not watch.has_changed())

    def complete(self, request: ChatRequest, seconds_left: Callable[[], float], claim: Claim) -> ChatAnswer:
        """Ask; a key that is refused is read again once and, when it was rotated, the new one is tried."""
        try:
            return self._complete(request, seconds_left, claim)
        except AccountRefusedError as error:
            # A key that is refused is read again at once.
            self._is_in_doubt = error.status != UNAUTHORISED
            raise

    def _complete(self, request: ChatRequest, seconds_left: Callable[[], float], claim: Claim) -> ChatAnswer:
        model = self._current()
        try:
            return model.complete(request, seconds_left, claim)
        except ModelRefusedError as error:
            rotated = self._with_new_key(model) if error.status == UNAUTHORISED else None
            if rotated is None:
                raise
        return rotated.complete(request, seconds_left, claim)

    def _with_new_key(self, refused: GroqModel) -> GroqModel | None:
        """The same model with another key; None when there is no other key, or when the address or model changed,
        too: the ledger names whom the calls of this batch go to."""
        with self._rotating:
            if self._model is refused and self._asked_again_for is not refused:
                self._asked_again_for = refused
                self._take_new_key()
            return self._model if self._model is not refused else None

    def _take_new_key(self) -> None:
        try:
            secret = self._fetch(True)
        except VigieError as error:
            logger.error("the model provider's key cannot be read again", error=type(error).__name__)
            return
        old = self._secret
        if old is not None and secret.api_key != old.api_key and endpoint_of(secret) == endpoint_of(old):
            logger.warning("the model provider's key was rotated")
            # Other calls may still be under way with the old one.
            self._replaced.append(self._current())
            self._secret, self._model = secret, self._open(secret)
            # The runner asks the pacer that the batch began with.
            self._model.pacer = self._replaced[-1].pacer

    def _current(self) -> GroqModel:
        assert self._model is not None  # noqa: S101  (set when the ledger was opened)
        return self._model

    def _read(self) -> LlmSecret:
        assert self._secret is not None  # noqa: S101  (set when the ledger was opened)
        return self._secret

    def _refresh(self, run_id: str, planned: Endpoint | None) -> LlmSecret:
        # What was refused as a whole may have been mended in the secret since it was cached.
        secret = self._fetch(self._is_in_doubt)
        self._is_in_doubt = False
        if planned is not None and endpoint_of(secret) != planned:
            # Written since it was last read, perhaps.
            secret = self._fetch(True)
            _require(run_id, planned, endpoint_of(secret))
        self._asked_again_for = None
        if secret != self._secret:
            self._replaced += [self._model] if self._model is not None else []
            self._secret, self._model = secret, self._open(secret)
        # No call is under way between two batches.
        while self._replaced:
            self._replaced.pop().close()
        return secret

    def _open(self, secret: LlmSecret) -> GroqModel:
        return GroqModel(secret, self._route(secret))

    def _route(self, secret: LlmSecret) -> Route:
        settings = self._settings
        return route_to(
            secret.base_url,
            secret.proxy_url or settings.llm_proxy,
            secret.no_proxy or settings.llm_no_proxy,
            secret.ca_bundle or settings.llm_ca_bundle,
        )


def _require(run_id: str, planned: Endpoint, found: Endpoint) -> None:
    if found != planned:
        raise RecipientChangedError(run_id, planned, found)
