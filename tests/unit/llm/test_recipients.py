"""Who receives a call follows from the address that is called; and a run's calls go where it was planned."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

import vigie_llm.provider
import vigie_llm.watch
from tests.fakes.model_calls import free, outcomes_of, read_words
from tests.unit.llm.conftest import Reply, ScriptedProvider
from tests.unit.llm.test_rotation import Vault
from vigie.endpoint import Endpoint
from vigie.errors import RecipientChangedError, SettingsError
from vigie.ids import uuid7
from vigie.secrets import LlmSecret
from vigie.vocabulary import Purpose
from vigie_llm.calls import Call
from vigie_llm.chat import ChatRequest
from vigie_llm.provider import LlmSettings, Provider
from vigie_llm.recipients import LOCAL_MODEL, LOCAL_RULES, call_url, endpoint_of, recipient_of


def secret(provider: str, base_url: str) -> LlmSecret:
    return LlmSecret(provider, base_url, "key-1", "model-1", allow_cleartext="true")


@pytest.mark.parametrize("provider", ["local", "groq", "openai-compatible", "anything"])
@pytest.mark.parametrize(
    "base_url",
    [
        "https://llm.bank.example", "http://10.0.0.5:8000", "http://127.0.0.1.nip.example", "http://localhost.example",
        "http://0.0.0.0:4570", "http://localhost@llm.bank.example", "http://[2001:db8::1]:8000", "http://modelserver",
        "https://api.groq.com.evil.example", "https://notgroq.com", "http://127.1",
    ],
)  # fmt: skip
def test_no_word_makes_another_machine_this_one_or_groq(provider: str, base_url: str) -> None:
    recipient = recipient_of(secret(provider, base_url))
    assert recipient.name not in (LOCAL_RULES, LOCAL_MODEL, "Groq")
    assert recipient.country == "where the model is operated"
    assert recipient.retention == "as agreed with its operator"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.53", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_this_machine_is_named_as_such_and_only_our_own_rules_are_said_to_keep_nothing(host: str) -> None:
    rules = recipient_of(secret("local", f"http://{host}:4570"))
    assert (rules.name, rules.country, rules.retention) == (LOCAL_RULES, "none", "nothing is kept")
    for provider in ("groq", "openai-compatible"):
        other = recipient_of(secret(provider, f"http://{host}:11434/v1"))
        assert (other.name, other.retention) == (LOCAL_MODEL, "as agreed with its operator")


@pytest.mark.parametrize("provider", ["groq", "openai-compatible", "local"])
@pytest.mark.parametrize("base_url", ["https://api.groq.com", "https://API.GROQ.COM./openai/v1", "https://eu.groq.com"])
def test_groq_is_groq_whatever_it_is_called(provider: str, base_url: str) -> None:
    assert (recipient_of(secret(provider, base_url)).name, recipient_of(secret(provider, base_url)).country) == (
        "Groq", "US",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("provider", "base_url", "address"),
    [
        ("groq", "https://api.groq.com", "https://api.groq.com/openai/v1"),
        ("groq", "https://API.groq.com:443/openai/v1/", "https://api.groq.com/openai/v1"),
        ("openai-compatible", "http://Host.Example:80", "http://host.example/v1"),
        ("openai-compatible", "http://host.example:8000/a/v1", "http://host.example:8000/a/v1"),
        ("openai-compatible", "https://user:hunter2@host.example/v1", "https://host.example/v1"),
        ("openai-compatible", "http://[::1]:11434", "http://[::1]:11434/v1"),
        ("openai-compatible", "https://modèle.example", "https://xn--modle-6ra.example/v1"),
    ],
)
def test_an_address_is_written_one_way_and_without_credentials(provider: str, base_url: str, address: str) -> None:
    assert endpoint_of(secret(provider, base_url)).address == address


@pytest.mark.parametrize(
    "base_url",
    ["api.groq.com", "ftp://x", "https://", "http://h:99999", "http://[::1", "none", "https:/h", "https://exa mple.org",
     "https://h/v1?api-version=1", "https://h/v1#a"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_its_value(base_url: str) -> None:
    with pytest.raises(SettingsError, match="base_url of the model provider's secret is no address"):
        endpoint_of(secret("groq", base_url))


@pytest.mark.parametrize("provider", ["groq", "openai-compatible", "local"])
@pytest.mark.parametrize(
    "base_url", ["https://h", "https://H:8443/a//", "https://u:p@h/v1", "http://[::1]:1/openai/v1", "https://modèle.fr"]
)
def test_calls_go_where_the_endpoint_says(provider: str, base_url: str) -> None:
    given = secret(provider, base_url)
    assert call_url(given).replace("u:p@", "") == f"{endpoint_of(given).address}/chat/completions"
    assert ("u:p@" in call_url(given)) is ("u:p@" in base_url)


def test_an_endpoint_outlives_its_journey_as_json() -> None:
    endpoint = endpoint_of(secret("groq", "https://api.groq.com"))
    assert Endpoint.parse(endpoint.facts()) == endpoint
    assert "key-1" not in str(endpoint.facts())


@pytest.mark.parametrize("facts", [None, [], {}, "x", {"recipient": "x", "address": 1, "model": "m"}])
def test_half_an_endpoint_is_none(facts: object) -> None:
    assert Endpoint.parse(facts) is None


@pytest.fixture
def vault(scripted: ScriptedProvider) -> Vault:
    return Vault(scripted.secret())


@pytest.fixture
def provider(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setattr(vigie_llm.provider, "read_secret", lambda _kind, _name: vault.fetch)
    opened = Provider(LlmSettings(database_secret="-", llm_secret="vigie/llm", llm_concurrency=1))
    yield opened
    for model in (*opened._replaced, opened._model):
        if model is not None:
            model.close()


def test_a_secret_written_since_it_was_last_read_is_read_before_the_first_call(
    vault: Vault, provider: Provider
) -> None:
    vault.now = secret("openai-compatible", "https://elsewhere.example")
    ledger = provider.ledger("run-1", Purpose.FEEDBACK_ANALYSIS, "analysis-2", endpoint_of(vault.now))
    assert (ledger.recipient.name, ledger.address) == ("elsewhere.example", "https://elsewhere.example/v1")


@pytest.mark.parametrize(
    "changed", [{"base_url": "https://elsewhere.example"}, {"model": "model-2"}, {"provider": "openai-compatible"}]
)
def test_a_run_planned_for_another_recipient_address_or_model_gets_no_page(
    vault: Vault, provider: Provider, changed: dict[str, str]
) -> None:
    planned = endpoint_of(vault.cached)
    vault.now = replace(vault.cached, **changed)
    vault.fetch(True)
    with pytest.raises(RecipientChangedError, match=r"run run-1 was planned with .* nothing was sent there") as caught:
        provider.ledger("run-1", Purpose.FEEDBACK_ANALYSIS, "analysis-2", planned)
    assert caught.value.found == endpoint_of(vault.now)
    assert "make redrive" in str(caught.value)


def test_a_rotated_key_or_another_way_there_changes_nothing_about_whom_calls_go_to(
    vault: Vault, provider: Provider
) -> None:
    planned = endpoint_of(vault.cached)
    vault.now = replace(vault.cached, api_key="key-2", proxy_url="http://proxy.example:3128", no_proxy="x")
    vault.fetch(True)
    assert provider.ledger("run-1", Purpose.FEEDBACK_ANALYSIS, "analysis-2", planned).recipient == recipient_of(
        vault.now
    )


def test_no_call_begins_once_the_secret_points_elsewhere_and_none_is_burned(
    scripted: ScriptedProvider, vault: Vault, provider: Provider, request_about: ChatRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(vigie_llm.watch, "LOOK_SECONDS", 0.0)
    provider.ledger("run-1", Purpose.FEEDBACK_ANALYSIS, "analysis-2", endpoint_of(vault.cached))
    calls = [Call(uuid7(), uuid7(), request_about) for _ in range(20)]
    answered = scripted.take

    def change_after_three(path: str, body: bytes) -> Reply:
        if len(scripted.received) == 2:
            vault.cached = vault.now = secret("openai-compatible", "https://elsewhere.example")
        return answered(path, body)

    monkeypatch.setattr(scripted, "take", change_after_three)
    outcomes = outcomes_of(provider.start(read_words, lambda: 60.0, free), calls)
    assert len(scripted.received) == len(outcomes) <= 4
    assert {outcome.status for outcome in outcomes} == {"answered"}


def test_a_redirect_is_not_followed(scripted: ScriptedProvider, request_about: ChatRequest) -> None:
    from vigie_llm.client import GroqModel
    from vigie_llm.errors import LlmError

    scripted.replies = [Reply(307, headers={"location": f"{scripted.url}/elsewhere"})]
    model = GroqModel(scripted.secret())
    with pytest.raises(LlmError):
        model.complete(request_about, lambda: 60.0, free)
    model.close()
    assert set(scripted.paths) == {"/openai/v1/chat/completions"}
