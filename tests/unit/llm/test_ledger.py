"""The ledger's events and recipients, and the provider that a secret points at."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest

from tests.fakes.chat_models import answer_of
from tests.fakes.model_calls import Words, free, outcomes_of, read_words
from tests.unit.llm.conftest import Reply, ScriptedProvider, completion
from vigie.audit import Event
from vigie.ids import uuid7
from vigie.secrets import LlmSecret
from vigie.vocabulary import CallStatus, Purpose
from vigie_llm import provider as provider_module
from vigie_llm.calls import Call, CallOutcome
from vigie_llm.chat import ChatAnswer, ChatRequest
from vigie_llm.ledger import Ledger, LedgerEntry, prompt_sha256
from vigie_llm.provider import LlmSettings, Provider
from vigie_llm.recipients import recipient_of

CUSTOMER = UUID("00000000-0000-4000-8000-000000000001")


class Recorded:
    """What of a transaction the ledger touches: statements and events are remembered."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.rows: list[tuple[Any, ...]] = []
        self.ended: list[tuple[Any, ...]] = []
        self.ended_before: set[UUID] = set()

    def insert(self, sql: str, rows: list[tuple[Any, ...]], template: str | None = None) -> None:
        self.rows += rows

    def call(self, sql: str, rows: list[tuple[Any, ...]], template: str | None = None) -> list[tuple[Any, ...]]:
        assert "end_egress" in sql
        self.ended += rows
        return [(row[0], row[0] not in self.ended_before) for row in rows]

    def audit(self, *events: Event) -> None:
        self.events += events


@pytest.fixture
def ledger() -> Ledger:
    secret = LlmSecret("groq", "https://api.groq.com", "key", "openai/gpt-oss-20b")
    return Ledger("run-1", Purpose.FEEDBACK_ANALYSIS, secret.model, "analysis-2", recipient_of(secret))


@pytest.fixture
def transaction() -> Any:
    return Recorded()


def ended(ledger: Ledger, transaction: Any, how: CallStatus, request: ChatRequest, **more: Any) -> CallOutcome[Any]:
    outcome: CallOutcome[Any] = CallOutcome(Call(CUSTOMER, uuid7(), request), how, **more)
    ledger.end(transaction, [outcome])
    return outcome


def test_entering_a_call_writes_what_will_be_sent_and_audits_its_hash(
    ledger: Ledger, transaction: Any, request_about: ChatRequest
) -> None:
    [call] = ledger.record(transaction, [LedgerEntry(CUSTOMER, 7, 1, request_about, {"NAME": 1})])
    [row] = transaction.rows
    digest = hashlib.sha256(request_about.user.encode()).hexdigest()
    assert row[:6] == (call.egress_id, "run-1", CUSTOMER, "feedback_analysis", 7, 1)
    assert row[6:8] == ("Groq", "US")
    assert row[-3:] == (request_about.user, digest, '{"NAME": 1}')
    [event] = transaction.events
    assert (event.event_type, event.status, event.customer_id) == ("LLM_CALL_START", "ok", CUSTOMER)
    assert event.details == {
        "egress_id": str(call.egress_id), "purpose": "feedback_analysis", "attempt": 1,
        "model": "openai/gpt-oss-20b", "prompt_version": "analysis-2", "prompt_sha256": digest,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("how", "status", "also"),
    [
        (CallStatus.ANSWERED, "ok", []),
        (CallStatus.REJECTED, "refused", ["GUARD_REJECTED"]),
        (CallStatus.BLOCKED, "refused", ["EGRESS_BLOCKED"]),
        (CallStatus.REFUSED, "failed", []),
        (CallStatus.UNAVAILABLE, "failed", []),
    ],
)
def test_each_outcome_is_audited_as_what_it_is(
    ledger: Ledger, transaction: Any, request_about: ChatRequest, how: CallStatus, status: str, also: list[str]
) -> None:
    outcome = ended(ledger, transaction, how, request_about, violations={"EMAIL": 1})
    first, *others = transaction.events
    assert (first.event_type, first.status, first.details["outcome"]) == ("LLM_CALL_END", status, how)
    assert [event.event_type for event in others] == also
    for event in others:
        assert (event.status, event.details["found"]) == ("refused", {"EMAIL": 1})
        assert event.customer_id == CUSTOMER
    assert transaction.ended[0][:2] == (outcome.call.egress_id, how)


def test_an_answer_s_cost_is_reported_and_its_words_are_kept_in_the_ledger_only(
    ledger: Ledger, transaction: Any, request_about: ChatRequest
) -> None:
    words = Words("Trop cher, à son avis.")
    ended(ledger, transaction, CallStatus.ANSWERED, request_about, result=words, answer=answer_of("{}"))
    assert transaction.ended[0][2:] == (json.dumps({"content": words.content}, ensure_ascii=False), 100, 20, 5)
    assert transaction.events[0].details.items() >= {"tokens_in": 100, "tokens_out": 20, "latency_ms": 5}.items()
    assert "Trop cher" not in json.dumps(transaction.events[0].details)


def test_figures_that_no_column_holds_do_not_spoil_the_others(
    ledger: Ledger, transaction: Any, request_about: ChatRequest
) -> None:
    """A chunk is one statement: an integer out of range would lose every paid answer in it."""
    odd = ChatAnswer("{}", tokens_in=2**40, tokens_out=-3, latency_ms=2**40)
    ended(ledger, transaction, CallStatus.ANSWERED, request_about, answer=odd)
    figures = transaction.ended[0][3:]
    assert all(0 <= figure < 2**31 for figure in figures)
    assert all(0 <= transaction.events[0].details[name] < 2**31 for name in ("tokens_in", "tokens_out", "latency_ms"))


@pytest.mark.parametrize("how", [CallStatus.UNSENT, CallStatus.LOST])
def test_a_call_that_was_never_made_or_never_answered_is_closed_as_such(
    ledger: Ledger, transaction: Any, how: CallStatus
) -> None:
    egress_id = uuid7()
    ledger.close(transaction, CUSTOMER, egress_id, how)
    assert transaction.ended == [(egress_id, how, None, None, None, None)]
    [event] = transaction.events
    assert (event.status, event.details) == ("failed", {"egress_id": str(egress_id), "outcome": how})


def test_an_outcome_without_content_keeps_what_it_cost(request_about: ChatRequest) -> None:
    full = CallOutcome(Call(CUSTOMER, uuid7(), request_about), CallStatus.ANSWERED, Words("r"), answer_of("{}"))
    bare = full.without_content()
    assert (bare.result, bare.content, bare.status, bare.answer) == (None, None, "answered", full.answer)


@pytest.mark.parametrize(
    ("secret", "name", "country"),
    [
        (LlmSecret("local", "http://127.0.0.1:4570", "k", "m"), "local rules on this machine", "none"),
        (LlmSecret("groq", "https://api.groq.com", "k", "m"), "Groq", "US"),
        (LlmSecret("openai-compatible", "https://llm.bank.example/v1", "k", "m"), "llm.bank.example", "where"),
    ],
)
def test_the_ledger_names_who_receives_a_call_and_where(secret: LlmSecret, name: str, country: str) -> None:
    recipient = recipient_of(secret)
    assert recipient.name == name
    assert recipient.country.startswith(country)


@contextmanager
def provider_of(secrets: list[LlmSecret], monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider whose secret is the first of the list, then the next, …; the last stays."""

    def read_secret(kind: type[LlmSecret], name: str) -> Any:
        return lambda afresh: secrets.pop(0) if len(secrets) > 1 else secrets[0]

    monkeypatch.setattr(provider_module, "read_secret", read_secret)
    made = Provider(LlmSettings("database", "vigie/llm", 2))
    yield made
    if made._model:
        made._model.close()


def run_one(provider: Provider, request: ChatRequest) -> CallOutcome[Any]:
    [outcome] = outcomes_of(provider.start(read_words, lambda: 100.0, free), [Call(CUSTOMER, uuid7(), request)])
    return outcome


def test_a_secret_that_changed_is_in_force_from_the_next_ledger_on(
    scripted: ScriptedProvider, request_about: ChatRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = scripted.secret()
    second = LlmSecret("openai-compatible", scripted.url, "key-2", "model-2")
    with provider_of([first, second], monkeypatch) as provider:
        before = provider.ledger("run-1", Purpose.FEEDBACK_ANALYSIS, "analysis-2")
        run_one(provider, request_about)
        after = provider.ledger("run-1", Purpose.FEEDBACK_ANALYSIS, "analysis-2")
        run_one(provider, request_about)
    assert (before.model, after.model) == ("model-1", "model-2")
    assert scripted.paths == ["/openai/v1/chat/completions", "/v1/chat/completions"]


def test_calls_go_to_whom_the_ledger_names_even_when_the_secret_changes_in_between(
    scripted: ScriptedProvider, request_about: ChatRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.replies = [Reply(body=completion("x"))]
    elsewhere = LlmSecret("groq", "http://127.0.0.1:9", "key", "another-model")
    with provider_of([scripted.secret(), elsewhere], monkeypatch) as provider:
        ledger = provider.ledger("run-1", Purpose.FEEDBACK_ANALYSIS, "analysis-2")
        outcome = run_one(provider, request_about)
    assert (ledger.model, outcome.status) == ("model-1", "answered")
    assert json.loads(scripted.received[0][1])["model"] == "model-1"


def test_the_prompt_s_hash_is_that_of_its_utf_8_bytes(request_about: ChatRequest) -> None:
    assert prompt_sha256(request_about) == hashlib.sha256(request_about.user.encode("utf-8")).hexdigest()
