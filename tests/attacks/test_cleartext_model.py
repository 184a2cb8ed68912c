"""Whoever listens between an agent and the language model, or stands where its address leads."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.fakes.model_calls import free
from vigie.errors import SettingsError
from vigie.secrets import LlmSecret
from vigie_llm.chat import ChatRequest
from vigie_llm.client import GroqModel
from vigie_llm.errors import ModelUnavailableError
from vigie_llm.identity import KnownIdentity
from vigie_llm.recipients import LOCAL_MODEL, endpoint_of, recipient_of
from vigie_local.errors import SettingError
from vigie_local.secrets import provider_facts
from vigie_local.settings import load_settings
from vigie_operations.run_report import endpoint_line

KEY = "gsk_a-key-of-worth"


class Listener(ThreadingHTTPServer):
    """A model, or whoever took its place: keeps what it was sent."""

    def __init__(self, location: str = "") -> None:
        self.heard: list[str] = []
        self.location = location
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.heard.append(f"{self.requestline} {self.headers} {body}")
        self.send_response(307 if self.server.location else 200)
        if self.server.location:
            self.send_header("location", self.server.location)
        self.end_headers()
        self.wfile.write(json.dumps({"choices": []}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    yield server
    server.shutdown()
    server.server_close()


def secret(base_url: str, provider: str = "openai-compatible", **more: str) -> LlmSecret:
    return LlmSecret(provider, base_url, KEY, "model-1", **more)


def ask(given: LlmSecret) -> None:
    model = GroqModel(given)
    try:
        known = KnownIdentity()
        model.complete(ChatRequest("system", "user", "answer", {"type": "object"}, 50, known), lambda: 3.0, free)
    finally:
        model.close()


@pytest.mark.parametrize("provider", ["openai-compatible", "groq", "local"])
@pytest.mark.parametrize(
    "host", ["0.0.0.0", "[::ffff:0.0.0.0]", "127.1", "2130706433", "0x7f.1", "localhost.localdomain"]
)
def test_nothing_is_sent_in_the_clear_to_another_machine(listener: Listener, host: str, provider: str) -> None:
    """Addresses that reach this listener here, and stand for a machine elsewhere: none is a loopback address."""
    with pytest.raises(SettingsError, match=r"begins with http://.*allow_cleartext"):
        ask(secret(f"http://{host}:{listener.port}", provider))
    assert listener.heard == []


@pytest.mark.parametrize("said", ["", "false", "no", "0", "yes please"])
def test_only_a_plain_yes_allows_it(said: str) -> None:
    with pytest.raises(SettingsError):
        endpoint_of(secret("http://model.bank.example", allow_cleartext=said))


def test_where_it_is_allowed_the_run_s_record_and_its_first_line_say_so(listener: Listener) -> None:
    allowed = secret(f"http://0.0.0.0:{listener.port}", allow_cleartext="true")
    with pytest.raises(ModelUnavailableError):
        ask(allowed)
    assert len(listener.heard) > 0
    endpoint = endpoint_of(allowed)
    assert endpoint.address.startswith("http://0.0.0.0:")
    assert "NOT ENCRYPTED ON THE WAY" in endpoint_line(endpoint)
    assert "NOT ENCRYPTED" not in endpoint_line(endpoint_of(secret("http://127.0.0.1:1")))
    assert "NOT ENCRYPTED" not in endpoint_line(endpoint_of(secret("https://model.bank.example")))


def test_it_is_allowed_at_deploy_time_by_a_variable_of_its_own_or_the_deployment_says_how() -> None:
    given = {"LLM_BASE_URL": "http://model.bank.example", "LLM_MODEL": "m"}
    with pytest.raises(SettingError, match=r"LLM_BASE_URL=.*LLM_ALLOW_CLEARTEXT=true"):
        _ = load_settings(given).provider
    provider = load_settings(given | {"LLM_ALLOW_CLEARTEXT": "true"}).provider
    assert provider_facts(provider)["allow_cleartext"] == "true"
    near = load_settings(given | {"LLM_BASE_URL": "http://localhost:1"}).provider
    assert "allow_cleartext" not in provider_facts(near)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost.", "LOCALHOST", "[::ffff:127.0.0.1]"])
def test_what_is_named_as_this_machine_goes_through_no_proxy(listener: Listener, host: str) -> None:
    """A proxy reads what is not encrypted."""
    proxy = Listener()
    given = secret(f"http://{host}:{listener.port}", proxy_url=f"http://127.0.0.1:{proxy.port}")
    assert recipient_of(given).name == LOCAL_MODEL
    with pytest.raises(ModelUnavailableError):
        ask(given)
    proxy.shutdown()
    proxy.server_close()
    assert (len(listener.heard) > 0, proxy.heard) == (True, [])


def test_a_name_for_this_machine_that_leads_to_another_is_not_called(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger would say 'on this machine'. The address that is really called decides."""
    own = socket.create_connection
    far = FarSocket

    def lead_elsewhere(address: tuple[str, int], *more: Any, **named: Any) -> socket.socket:
        return far(own(("127.0.0.1", address[1]), *more, **named))  # type: ignore[return-value]

    monkeypatch.setattr(socket, "create_connection", lead_elsewhere)
    with pytest.raises(ModelUnavailableError):
        ask(secret(f"http://localhost:{listener.port}"))
    assert listener.heard == []


class FarSocket:
    """A connection whose other end is elsewhere."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner

    def getpeername(self) -> tuple[str, int]:
        return ("192.0.2.9", 80)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def test_an_answer_leads_no_call_to_another_address(listener: Listener) -> None:
    first = Listener(f"http://127.0.0.1:{listener.port}/v1/chat/completions")
    with pytest.raises(Exception, match=r"."):
        ask(secret(f"http://127.0.0.1:{first.port}"))
    first.shutdown()
    first.server_close()
    assert (len(first.heard) > 0, listener.heard) == (True, [])


@pytest.mark.parametrize("provider", ["groq", "openai-compatible", "local"])
def test_a_name_that_nothing_proves_is_not_said_to_be_groq(provider: str) -> None:
    """Without TLS, anybody may answer to the name: country and terms are not Groq's."""
    recipient = recipient_of(secret("http://api.groq.com", provider, allow_cleartext="true"))
    assert (recipient.name, recipient.country) == ("api.groq.com", "where the model is operated")
