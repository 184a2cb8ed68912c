"""Secrets are read whole or refused by name; their values are never shown."""

import json
from typing import Any

import pytest
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from vigie.errors import SettingsError, TransientError
from vigie.secrets import DatabaseSecret, LlmSecret, read_secret

NAME = "vigie/database/planner"
VALUES = {"host": "127.0.0.1", "port": 5432, "dbname": "vigie", "username": "planner", "password": "hunter2-and-more"}


def test_a_secret_is_read_into_its_fields() -> None:
    secret = DatabaseSecret.parse(NAME, json.dumps(VALUES))
    assert (secret.host, secret.port, secret.password) == ("127.0.0.1", "5432", "hunter2-and-more")


@pytest.mark.parametrize("text", ["", "no json", "[]", "null", '"text"'])
def test_a_secret_that_is_no_object_lacks_every_field(text: str) -> None:
    with pytest.raises(
        SettingsError, match="secret vigie/llm is malformed: provider, base_url, api_key, model missing"
    ):
        LlmSecret.parse("vigie/llm", text)


def test_what_is_missing_or_empty_is_named_with_the_remedy_and_no_value_is() -> None:
    incomplete = VALUES | {"host": "", "username": None}
    with pytest.raises(SettingsError) as caught:
        DatabaseSecret.parse(NAME, json.dumps(incomplete))
    message = str(caught.value)
    assert f"secret {NAME} is malformed: host, username missing" in message
    assert "aws secretsmanager put-secret-value" in message
    assert "hunter2" not in message


def test_a_secret_does_not_print_its_values() -> None:
    assert "hunter2" not in repr(DatabaseSecret.parse(NAME, json.dumps(VALUES)))
    assert "hunter2" not in str(DatabaseSecret.parse(NAME, json.dumps(VALUES)))


def test_it_is_fetched_from_the_cache_unless_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def get_secret(name: str, **options: Any) -> str:
        asked.append({"name": name, **options})
        return json.dumps(VALUES)

    monkeypatch.setattr(parameters, "get_secret", get_secret)
    fetch = read_secret(DatabaseSecret, NAME)
    assert fetch(False) == fetch(True)
    assert [call["force_fetch"] for call in asked] == [False, True]
    assert all(call["name"] == NAME and call["max_age"] == 300 for call in asked)


@pytest.mark.parametrize(
    ("said", "raised", "words"),
    [
        (
            "ResourceNotFoundException: Secrets Manager can't find it",
            SettingsError,
            "does not exist: deploy creates it",
        ),
        ("ThrottlingException", TransientError, "cannot be read now"),
    ],
)
def test_a_secret_that_does_not_exist_is_no_passing_trouble(
    monkeypatch: pytest.MonkeyPatch, said: str, raised: type[Exception], words: str
) -> None:
    def get_secret(name: str, **options: Any) -> str:
        raise GetParameterError(said)

    monkeypatch.setattr(parameters, "get_secret", get_secret)
    with pytest.raises(raised, match=f"secret {NAME} {words}"):
        read_secret(DatabaseSecret, NAME)(False)


def test_the_model_provider_s_secret_may_name_the_way_and_is_read_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"provider": "groq", "base_url": "https://api.groq.com", "api_key": "k", "model": "m"}
    assert LlmSecret.parse("vigie/llm", json.dumps(values)).proxy_url == ""
    way = {"proxy_url": "http://proxy:3128", "no_proxy": ".bank.example", "ca_bundle": "/opt/ca.pem"}
    found = LlmSecret.parse("vigie/llm", json.dumps(values | way | {"note": "anything else"}))
    assert (found.proxy_url, found.no_proxy, found.ca_bundle) == tuple(way.values())
    asked: list[int] = []

    def get_secret(name: str, max_age: int, force_fetch: bool) -> str:
        asked.append(max_age)
        return json.dumps(values)

    monkeypatch.setattr(parameters, "get_secret", get_secret)
    read_secret(LlmSecret, "vigie/llm")(False)
    assert asked == [2]


PASTED = ["gsk_1", " gsk_1\n", '"gsk_1"', "'gsk_1'", "`gsk_1`\r\n", '\ufeff"gsk_1 "']


@pytest.mark.parametrize("key", PASTED)
def test_what_a_hand_pastes_around_a_value_is_none_of_it(key: str) -> None:
    base_url, model = key.replace("gsk_1", "https://api.groq.com"), key.replace("gsk_1", "m/1")
    fields = {"provider": "groq", "base_url": base_url, "api_key": key, "model": model}
    secret = LlmSecret.parse("vigie/llm", json.dumps(fields))
    assert (secret.api_key, secret.base_url, secret.model) == ("gsk_1", "https://api.groq.com", "m/1")


@pytest.mark.parametrize("key", ["Bearer gsk_1", "gsk 1", "gsk\n1", "clé", "\u201cgsk_1\u201d", "gsk_1\x00"])
def test_a_key_that_no_header_can_hold_is_refused_without_its_value(key: str) -> None:
    fields = {"provider": "groq", "base_url": "https://api.groq.com", "api_key": key, "model": "m"}
    with pytest.raises(SettingsError, match="api_key of the model provider's secret") as caught:
        LlmSecret.parse("vigie/llm", json.dumps(fields))
    assert "gsk" not in str(caught.value)


def test_a_password_is_taken_as_it_is() -> None:
    fields = dict.fromkeys(("host", "port", "dbname", "username", "ca_bundle"), "x") | {"password": ' "p"\n'}
    assert DatabaseSecret.parse("vigie/db", json.dumps(fields)).password == ' "p"\n'
