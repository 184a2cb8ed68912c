"""Behind a proxy and an authority of one's own; and every way in which no answer comes is named as what it is."""

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vigie_llm.client
from tests.fakes.model_calls import free, outcomes_of, read_words
from tests.unit.llm.conftest import Reply, ScriptedProvider
from tests.unit.llm.network import Authority, Model, Proxy, proxying, serving, tls_model
from vigie.errors import SettingsError
from vigie.ids import uuid7
from vigie.secrets import LlmSecret
from vigie_llm.call_pool import BatchCalls, CallPool
from vigie_llm.calls import Call
from vigie_llm.causes import CAUSES, REMEDIES
from vigie_llm.chat import ChatRequest
from vigie_llm.client import GroqModel
from vigie_llm.errors import ModelUnavailableError
from vigie_llm.route import bypasses_proxy, route_to

HOST = "llm.bank.example"
SEEN_BY = {"provider": "openai-compatible", "api_key": "key-1", "model": "model-1"}


@pytest.fixture(autouse=True)
def few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vigie_llm.client, "TRIES", 2)
    monkeypatch.setattr(vigie_llm.client, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(vigie_llm.client, "CALL_SECONDS", 1.0)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def model_port(authority: Authority, tmp_path: Path) -> Iterator[int]:
    with tls_model(authority, tmp_path, HOST) as port:
        yield port


def ask(request: ChatRequest, base_url: str, **fields: str) -> str:
    secret = LlmSecret(**SEEN_BY, base_url=base_url, allow_cleartext="true", **fields)
    model = GroqModel(secret)
    try:
        return model.complete(request, lambda: 60.0, free).content
    finally:
        model.close()


def cause(request: ChatRequest, base_url: str, **fields: str) -> str:
    with pytest.raises(ModelUnavailableError) as caught:
        ask(request, base_url, **fields)
    return caught.value.cause


def closed_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def test_an_authority_of_ones_own_is_trusted_when_it_is_given(
    request_about: ChatRequest, model_port: int, authority: Authority, tmp_path: Path
) -> None:
    address = f"https://127.0.0.1:{model_port}/v1"
    assert ask(request_about, address, ca_bundle=authority.pem) == "{}"
    (tmp_path / "ca.pem").write_text(authority.pem)
    assert ask(request_about, address, ca_bundle=str(tmp_path / "ca.pem")) == "{}"


@pytest.mark.parametrize("bundle", ["", "another authority"])
def test_an_authority_that_is_not_trusted_is_a_tls_matter(
    request_about: ChatRequest, model_port: int, bundle: str
) -> None:
    given = Authority("Another Root").pem if bundle else ""
    assert cause(request_about, f"https://127.0.0.1:{model_port}", ca_bundle=given) == "Tls"


def test_a_certificate_for_another_name_is_a_tls_matter(
    request_about: ChatRequest, model_port: int, authority: Authority
) -> None:
    with proxying(Proxy(model_port)) as proxy:
        way = {"proxy_url": f"http://127.0.0.1:{proxy.port}", "ca_bundle": authority.pem}
        assert cause(request_about, "https://other.bank.example", **way) == "Tls"


def test_through_a_proxy_that_wants_a_password(
    request_about: ChatRequest, model_port: int, authority: Authority
) -> None:
    with proxying(Proxy(model_port, password="p@ss word")) as proxy:
        way = {"proxy_url": f"http://user:p%40ss%20word@127.0.0.1:{proxy.port}", "ca_bundle": authority.pem}
        assert ask(request_about, f"https://{HOST}/v1", **way) == "{}"
        assert proxy.asked == [f"{HOST}:443"]


def test_through_a_proxy_to_an_address_without_tls(request_about: ChatRequest) -> None:
    with proxying(Proxy(0)) as proxy:
        assert ask(request_about, f"http://{HOST}", proxy_url=f"127.0.0.1:{proxy.port}") == "{}"
        assert proxy.asked == [f"http://{HOST}/v1/chat/completions"]


# Without TLS nothing tells a proxy's answer from the provider's, but for its own 407.
@pytest.mark.parametrize(
    ("scheme", "password", "status"),
    [("http", "other", 200), ("https", "other", 200), ("https", "", 403), ("https", "", 502), ("https", "", 504)],
)
def test_a_proxy_that_refuses_is_named(
    request_about: ChatRequest, model_port: int, scheme: str, password: str, status: int
) -> None:
    with proxying(Proxy(model_port, password, status)) as proxy:
        way = {"proxy_url": f"http://user:wrong@127.0.0.1:{proxy.port}"}
        assert cause(request_about, f"{scheme}://{HOST}", **way) == "Proxy"


def test_a_proxy_that_is_not_there_is_the_proxy_s_trouble_not_the_provider_s(request_about: ChatRequest) -> None:
    for scheme in ("http", "https"):
        way = {"proxy_url": f"http://127.0.0.1:{closed_port()}"}
        assert cause(request_about, f"{scheme}://{HOST}", **way) == "Proxy"


def test_a_loopback_address_is_never_asked_for_from_a_proxy(
    scripted: ScriptedProvider, request_about: ChatRequest
) -> None:
    port = scripted.url.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost"):
        with proxying(Proxy(0)) as proxy:
            ask(request_about, f"http://{host}:{port}", proxy_url=f"http://127.0.0.1:{proxy.port}")
            assert proxy.asked == []


def test_a_closed_port_is_refused(request_about: ChatRequest) -> None:
    assert cause(request_about, f"http://127.0.0.1:{closed_port()}") == "Refused"


def test_an_unknown_host_name_is_a_dns_matter(request_about: ChatRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    # The network ends here: tests ask no name server.
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert cause(request_about, "https://no-such-host.invalid") == "Dns"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_port_that_never_answers_is_timed_out(request_about: ChatRequest, scheme: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert cause(request_about, f"{scheme}://127.0.0.1:{silent.getsockname()[1]}") == "TimedOut"


def test_a_connection_that_is_cut_is_reset(scripted: ScriptedProvider, request_about: ChatRequest) -> None:
    scripted.replies = [Reply(None)]
    assert cause(request_about, scripted.url) == "Reset"


@pytest.mark.parametrize(("reply", "expected"), [(Reply(503), "Status"), (Reply(body=b"<html>"), "Unreadable")])
def test_what_does_answer_but_not_as_a_model_is_named_too(
    scripted: ScriptedProvider, request_about: ChatRequest, reply: Reply, expected: str
) -> None:
    scripted.replies = [reply]
    assert cause(request_about, scripted.url) == expected


def test_tls_spoken_to_a_server_that_speaks_none_is_a_tls_matter(request_about: ChatRequest) -> None:
    with serving(Model) as port:
        assert cause(request_about, f"https://127.0.0.1:{port}") == "Tls"


def test_each_cause_has_a_remedy_and_the_log_says_both(
    request_about: ChatRequest, caplog: pytest.LogCaptureFixture
) -> None:
    assert set(REMEDIES) == set(CAUSES)
    model = GroqModel(LlmSecret(**SEEN_BY, base_url=f"http://127.0.0.1:{closed_port()}"))
    with caplog.at_level(logging.WARNING):
        calls = BatchCalls(CallPool(1), model, read_words, lambda: 60.0, free)
        [outcome] = outcomes_of(calls, [Call(uuid7(), uuid7(), request_about)])
    assert (outcome.status, outcome.cause) == ("unavailable", "Refused")
    told = [record for record in caplog.records if record.message == "model provider gave no answer"]
    assert [(record.__dict__["cause"], record.__dict__["remedy"]) for record in told] == [
        ("Refused", REMEDIES["Refused"])
    ]


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "http://", "ftp://proxy:21"])
def test_a_proxy_that_cannot_be_is_refused_without_its_password(proxy: str) -> None:
    with pytest.raises(SettingsError, match="proxy_url") as caught:
        route_to("https://api.groq.com", proxy.replace("//", "//user:secret@"))
    assert "secret@" not in str(caught.value)


@pytest.mark.parametrize("bundle", ["-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----", "/no/such.pem"])
def test_a_bundle_that_cannot_be_is_refused(bundle: str) -> None:
    with pytest.raises(SettingsError, match="ca_bundle"):
        route_to("https://api.groq.com", ca_bundle=bundle).certificates()


def test_neither_password_nor_certificates_are_printed() -> None:
    assert "secret" not in repr(route_to("https://api.groq.com", "http://user:secret@proxy:3128"))


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "direct"),
    [
        ("", "api.groq.com", 443, False),
        ("*", "api.groq.com", 443, True),
        ("other.example, groq.com", "api.groq.com", 443, True),
        (".groq.com", "api.groq.com", 443, True),
        ("*.groq.com", "API.GROQ.COM.", 443, True),
        ("groq.com", "notgroq.com", 443, False),
        ("groq.com:8443", "api.groq.com", 443, False),
        ("groq.com:443", "api.groq.com", 443, True),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.1.2.3", "10.1.2.3", 80, True),
        ("fd00::/8", "fd12::1", 443, True),
        ("[fd12::1]:443", "fd12::1", 443, True),
        ("", "127.0.0.53", 80, True),
        ("", "localhost", 80, True),
        ("", "::1", 80, True),
        ("localhost,127.0.0.1", "bank.example", 443, False),
    ],
)
def test_who_is_reached_without_the_proxy(no_proxy: str, host: str, port: int, direct: bool) -> None:
    assert bypasses_proxy(no_proxy, host, port) is direct
