"""What the shell's usual variables say about the way to the provider ends up in the secret."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from vigie_local.errors import SettingError
from vigie_local.provider_network import network_fields
from vigie_local.secrets import provider_facts
from vigie_local.settings import load_settings

GROQ = "https://api.groq.com"
PRIVATE = {"LLM_BASE_URL": "https://llm.bank.example", "LLM_MODEL": "qwen3"}


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ({"https_proxy": "proxy:3128"}, "http://proxy:3128"),
        ({"ALL_PROXY": "https://proxy:3128"}, "https://proxy:3128"),
        ({"HTTP_PROXY": "http://proxy:3128"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128", "LLM_PROXY": "http://u:p@own:1"}, "http://u:p@own:1"),
        ({"HTTPS_PROXY": "http://proxy:3128", "LLM_PROXY": "none"}, None),
        ({"HTTPS_PROXY": "  "}, None),
    ],
)
def test_the_proxy_of_an_https_address(variables: dict[str, str], proxy: str | None) -> None:
    assert network_fields(GROQ, variables).get("proxy_url") == proxy


def test_an_address_without_tls_has_its_own_variable() -> None:
    variables = {"HTTPS_PROXY": "http://a:1", "HTTP_PROXY": "http://b:2", "NO_PROXY": "x.example"}
    assert network_fields("http://llm.bank.example", variables) == {"proxy_url": "http://b:2", "no_proxy": "x.example"}


@pytest.mark.parametrize("address", ["http://127.0.0.1:4570", "http://localhost:11434", "https://[::1]:8000"])
def test_this_machine_needs_no_proxy_and_certificates_only_for_tls(address: str) -> None:
    proxies = {"HTTPS_PROXY": "http://a:1", "HTTP_PROXY": "http://a:1", "NO_PROXY": "x"}
    assert network_fields(address, proxies) == {}
    assert set(network_fields(address, {"SSL_CERT_FILE": certifi.where()})) == (
        {"ca_bundle"} if "https" in address else set()
    )


@pytest.mark.parametrize("name", ["LLM_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_file_of_certificates_is_named_by_its_whole_path(name: str) -> None:
    assert network_fields(GROQ, {name: certifi.where()}) == {"ca_bundle": str(Path(certifi.where()).absolute())}


def test_a_file_that_is_none_is_refused_by_the_variable_s_name(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for path in ("/no/such.pem", str(tmp_path / "empty.pem"), str(tmp_path)):
        with pytest.raises(SettingError, match=r"SSL_CERT_FILE=.*give a file of certificates in PEM form"):
            network_fields(GROQ, {"SSL_CERT_FILE": path})


def test_a_proxy_that_cannot_be_is_refused_without_its_password() -> None:
    with pytest.raises(SettingError, match="HTTPS_PROXY='socks5://…'") as caught:
        network_fields(GROQ, {"HTTPS_PROXY": "socks5://user:hunter2@proxy:1080"})
    assert "hunter2" not in str(caught.value)


def test_the_secret_gets_it_and_what_is_printed_does_not() -> None:
    settings = load_settings({**PRIVATE, "HTTPS_PROXY": "http://user:hunter2@proxy:3128"})
    assert provider_facts(settings.provider)["proxy_url"] == "http://user:hunter2@proxy:3128"
    assert "hunter2" not in repr(settings) + repr(settings.provider)


def test_the_local_rules_secret_is_as_it_was() -> None:
    facts = provider_facts(load_settings({"HTTPS_PROXY": "http://proxy:3128", "SSL_CERT_FILE": "/no"}).provider)
    assert set(facts) == {"provider", "base_url", "api_key", "model"}
