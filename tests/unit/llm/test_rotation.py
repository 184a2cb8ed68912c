"""A key that is rotated while a batch is under way: read again once, and only for the recipient the ledger names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

import vigie_llm.provider
from tests.fakes.model_calls import free, outcomes_of, read_words
from tests.unit.llm.conftest import Reply, ScriptedProvider
from vigie.errors import TransientError
from vigie.secrets import LlmSecret
from vigie.vocabulary import Purpose
from vigie_llm.calls import Call
from vigie_llm.chat import ChatRequest
from vigie_llm.errors import ModelRefusedError
from vigie_llm.provider import LlmSettings, Provider

REFUSED = Reply(401, b'{"error": {"message": "Invalid API Key"}}')


class Vault:
    """Stands for Secrets Manager: a cached secret, and the one that is there now."""

    def __init__(self, cached: LlmSecret) -> None:
        self.cached = self.now = cached
        self.fetched_afresh = 0
        self.unreachable = False

    def fetch(self, afresh: bool = False) -> LlmSecret:
        if afresh:
            self.fetched_afresh += 1
            if self.unreachable:
                raise TransientError("secret vigie/llm cannot be read now")
            self.cached = self.now
        return self.cached


@pytest.fixture
def vault(scripted: ScriptedProvider) -> Vault:
    return Vault(scripted.secret())


@pytest.fixture
def provider(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setattr(vigie_llm.provider, "read_secret", lambda _kind, _name: vault.fetch)
    opened = Provider(LlmSettings(database_secret="-", llm_secret="vigie/llm", llm_concurrency=4))
    opened.ledger("run-1", Purpose.FEEDBACK_ANALYSIS, "analysis-2")
    yield opened
    for model in (*opened._replaced, opened._model):
        if model is not None:
            model.close()


def test_a_rotated_key_is_read_again_and_the_call_made_with_it(
    scripted: ScriptedProvider, vault: Vault, provider: Provider, request_about: ChatRequest
) -> None:
    scripted.replies = [REFUSED, Reply()]
    vault.now = replace(vault.cached, api_key="key-2")
    assert provider.complete(request_about, lambda: 60.0, free).content == "{}"
    assert vault.fetched_afresh == 1
    assert len(scripted.received) == 2


def test_a_key_that_is_simply_wrong_is_read_again_once_for_a_whole_batch(
    scripted: ScriptedProvider, vault: Vault, provider: Provider, request_about: ChatRequest
) -> None:
    scripted.replies = [REFUSED]
    calls = [Call(uuid4(), uuid4(), request_about) for _ in range(12)]

    outcomes = outcomes_of(provider.start(read_words, lambda: 60.0, free), calls)
    assert [(outcome.status, outcome.is_open) for outcome in outcomes] == [("unavailable", True)]
    assert vault.fetched_afresh == 1
    assert len(scripted.received) == 1


def test_a_key_that_is_refused_in_round_after_round_costs_one_call_each_and_continues_when_mended(
    scripted: ScriptedProvider, vault: Vault, provider: Provider, request_about: ChatRequest
) -> None:
    scripted.replies = [REFUSED, REFUSED, REFUSED, Reply()]

    for answered in (0, 0, 0, 30):
        provider.ledger("run-1", Purpose.FEEDBACK_ANALYSIS, "analysis-2")
        calls = [Call(uuid4(), uuid4(), request_about) for _ in range(30)]
        outcomes = outcomes_of(provider.start(read_words, lambda: 60.0, free), calls)
        assert sum(outcome.status == "answered" for outcome in outcomes) == answered
    assert len(scripted.received) == 3 + 30


def test_a_model_that_is_refused_is_read_again_before_the_next_ledger(
    scripted: ScriptedProvider, vault: Vault, provider: Provider, request_about: ChatRequest
) -> None:
    scripted.replies = [Reply(404, b'{"error": {"code": "model_not_found"}}'), Reply()]
    with pytest.raises(ModelRefusedError):
        provider.complete(request_about, lambda: 60.0, free)
    vault.now = replace(vault.cached, model="another-model")
    assert provider.ledger("run-1", Purpose.FEEDBACK_ANALYSIS, "analysis-2").model == "another-model"


def test_a_rotated_key_is_paced_as_the_old_one(
    scripted: ScriptedProvider, vault: Vault, provider: Provider, request_about: ChatRequest
) -> None:
    """The runner asks the pacer that the batch began with: what is heard with the new key must reach it."""
    scripted.replies = [REFUSED, Reply()]
    vault.now = replace(vault.cached, api_key="key-2")
    pacer = provider._current().pacer
    provider.complete(request_about, lambda: 60.0, free)
    assert provider._current().pacer is pacer


def test_when_more_than_the_key_changed_nothing_is_sent_to_whom_the_ledger_does_not_name(
    scripted: ScriptedProvider, vault: Vault, provider: Provider, request_about: ChatRequest
) -> None:
    scripted.replies = [REFUSED, Reply()]
    vault.now = replace(vault.cached, api_key="key-2", model="another-model")
    with pytest.raises(ModelRefusedError):
        provider.complete(request_about, lambda: 60.0, free)
    assert len(scripted.received) == 1


def test_when_the_secret_cannot_be_read_the_refusal_stands(
    scripted: ScriptedProvider, vault: Vault, provider: Provider, request_about: ChatRequest
) -> None:
    scripted.replies = [REFUSED, Reply()]
    vault.unreachable = True
    with pytest.raises(ModelRefusedError):
        provider.complete(request_about, lambda: 60.0, free)


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_no_other_refusal_reads_the_secret_again(
    scripted: ScriptedProvider, vault: Vault, provider: Provider, request_about: ChatRequest, status: int
) -> None:
    scripted.replies = [Reply(status, b"{}"), Reply()]
    with pytest.raises(ModelRefusedError):
        provider.complete(request_about, lambda: 60.0, free)
    assert vault.fetched_afresh == 0


def test_the_next_batch_may_read_the_key_again(
    scripted: ScriptedProvider, vault: Vault, provider: Provider, request_about: ChatRequest
) -> None:
    scripted.replies = [REFUSED, REFUSED, Reply()]
    with pytest.raises(ModelRefusedError):
        provider.complete(request_about, lambda: 60.0, free)
    vault.now = replace(vault.cached, api_key="key-2")
    provider.ledger("run-1", Purpose.FEEDBACK_ANALYSIS, "analysis-2")
    assert provider.complete(request_about, lambda: 60.0, free).content == "{}"
