"""Settings of the local cloud: defaults, refusals, and which model provider they choose."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vigie_local.errors import SettingError
from vigie_local.settings import REPOSITORY, load_settings, service_environment


def test_defaults_keep_state_inside_the_clone_and_nothing_leaves_the_machine() -> None:
    settings = load_settings({})
    assert settings.home == REPOSITORY / ".local"
    assert (settings.postgres_port, settings.localstack_port) == (15432, 4566)
    assert settings.provider.provider == "local"
    assert not settings.provider.leaves_machine


@pytest.mark.parametrize("value", ["http", "80", "70000", "-1", "4566.0"])
def test_a_port_that_cannot_be_is_refused_with_its_name_and_value(value: str) -> None:
    with pytest.raises(SettingError, match=f"LOCALSTACK_PORT='{value}'.*from 1024 to 65535"):
        load_settings({"LOCALSTACK_PORT": value})


def test_a_home_of_ones_own_moves_the_state_but_not_the_tools(tmp_path: Path) -> None:
    settings = load_settings({"VIGIE_HOME": str(tmp_path)})
    assert settings.logs == tmp_path / "logs"
    assert settings.tools == REPOSITORY / ".local"


def test_a_groq_key_chooses_groq() -> None:
    provider = load_settings({"GROQ_API_KEY": "gsk_x"}).provider
    assert (provider.provider, provider.api_key) == ("groq", "gsk_x")
    assert provider.base_url == "https://api.groq.com"
    assert provider.leaves_machine


def test_a_private_model_wins_over_a_groq_key() -> None:
    given = {"GROQ_API_KEY": "gsk_x", "LLM_BASE_URL": "http://localhost:11434", "LLM_MODEL": "qwen3"}
    provider = load_settings(given).provider
    assert (provider.provider, provider.model) == ("openai-compatible", "qwen3")
    assert provider.api_key != "gsk_x"


def test_a_private_model_without_its_name_is_refused() -> None:
    with pytest.raises(SettingError, match="LLM_MODEL is empty"):
        _ = load_settings({"LLM_BASE_URL": "http://localhost:11434"}).provider


@pytest.mark.parametrize("given", ["localhost:11434", "https://", "https://h/v1?api-version=1", "https://exa mple.org"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(SettingError, match=re.escape(f"LLM_BASE_URL='{given}'")):
        _ = load_settings({"LLM_BASE_URL": given, "LLM_MODEL": "qwen3"}).provider


def test_an_address_may_be_written_in_capitals() -> None:
    assert load_settings({"LLM_BASE_URL": "HTTPS://LLM.bank.example", "LLM_MODEL": "qwen3"}).provider.leaves_machine


def test_keys_are_not_in_what_settings_print() -> None:
    settings = load_settings({"GROQ_API_KEY": "gsk_secret", "LLM_API_KEY": "llm_secret"})
    assert "secret" not in repr(settings) + repr(settings.provider)


def test_a_service_inherits_none_of_the_operators_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GROQ_API_KEY", "LLM_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.setenv(name, "operators-own")
    assert "operators-own" not in service_environment().values()


@pytest.mark.parametrize(
    ("given", "url", "path"),
    [
        ("", "http://localhost:8501", ""),
        ("https://bank.example/vigie", "https://bank.example/vigie/", "vigie"),
        ("https://bank.example/risk/vigie/", "https://bank.example/risk/vigie/", "risk/vigie"),
        ("https://bank.example:8443", "https://bank.example:8443/", ""),
    ],
)
def test_the_dashboard_s_address_behind_a_proxy_gives_its_path(given: str, url: str, path: str) -> None:
    settings = load_settings({"DASHBOARD_URL": given})
    assert (settings.dashboard_url, settings.dashboard_path) == (url, path)


@pytest.mark.parametrize(
    "value",
    [
        "/vigie",
        "bank.example/vigie",
        "ftp://bank.example",
        "https://",
        "https://b/v?x=1",
        "https://b/v e",
        "https://[b",
    ],
)
def test_an_address_that_no_browser_opens_is_refused(value: str) -> None:
    with pytest.raises(SettingError, match=r"DASHBOARD_URL=.*such as https://bank\.example/vigie"):
        load_settings({"DASHBOARD_URL": value})


def test_a_service_knows_neither_a_changing_zone_nor_a_temporary_folder_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Europe/Paris")
    monkeypatch.setenv("TMPDIR", "/nowhere")
    monkeypatch.setenv("PYTHONPATH", "/somebody/elses")
    environment = service_environment()
    assert environment["TZ"] == "UTC"
    assert "TMPDIR" not in environment
    assert "PYTHONPATH" not in environment


def test_a_refused_address_is_shown_without_its_password() -> None:
    with pytest.raises(SettingError, match=r"LLM_BASE_URL='ftp://…@llm\.bank\.example'") as caught:
        _ = load_settings({"LLM_BASE_URL": "ftp://ada:s3cret@llm.bank.example", "LLM_MODEL": "m"}).provider
    assert "s3cret" not in str(caught.value)


def test_wording_is_said_at_each_deployment_and_is_one_of_two() -> None:
    assert load_settings({}).stack_parameters == {"Wording": "composed"}
    assert load_settings({"WORDING": "drafted"}).stack_parameters == {"Wording": "drafted"}
    with pytest.raises(SettingError, match="WORDING"):
        load_settings({"WORDING": "prose"})
