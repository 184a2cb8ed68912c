"""Passwords and the secrets that hold them: one per database role, and one for the language model.

Passwords are made here, kept in a file that only its owner may read, and given to Secrets Manager.
They are never printed and never appear among a process's arguments.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vigie.endpoint import Endpoint
from vigie.errors import SettingsError
from vigie.secrets import LlmSecret
from vigie_llm.recipients import endpoint_of
from vigie_local.database_certificate import CERTIFICATE
from vigie_local.migrations import ROLES, set_password
from vigie_local.postgres import SUPERUSER, PostgresServer
from vigie_local.settings import DATABASE, LOOPBACK, LocalSettings, ModelProvider
from vigie_operations.errors import RunError
from vigie_operations.private_files import write_private

LLM_SECRET = "vigie/llm"
NETWORK_FIELDS = ("proxy_url", "no_proxy", "ca_bundle", "allow_cleartext")


def database_secret(role: str) -> str:
    """The name of the secret that holds a role's way into the database."""
    return f"vigie/database/{role}"


def role_passwords(private: Path) -> dict[str, str]:
    """The password of every role; made on first use, the same ever after."""
    path = private / "database-roles.json"
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = [role for role in ROLES if role not in known]
    if missing:
        known |= {role: secrets.token_urlsafe(32) for role in missing}
        write_private(path, json.dumps(known, indent=1))
    return known


def set_role_passwords(server: PostgresServer, passwords: Mapping[str, str]) -> None:
    """Give every role its password; the roles exist once the migrations have run."""
    connection = server.connect(SUPERUSER)
    try:
        with connection:
            for role, password in passwords.items():
                set_password(connection, role, password)
    finally:
        connection.close()


def publish_secrets(settings: LocalSettings, secrets_manager: Any) -> list[str]:
    """Write every secret that is missing or differs; return the names of those written."""
    wanted = _database_secrets(settings) | {LLM_SECRET: provider_facts(settings.provider)}
    return [name for name, content in wanted.items() if _put(secrets_manager, name, content)]


def restore_secrets(settings: LocalSettings, secrets_manager: Any, planned: Endpoint | None) -> list[str]:
    """Write the secrets that a restarted LocalStack lost, and change none that is there; return their names.

    Raises:
        RunError: the model provider that a run was planned with is another than the secret's, or than the variables'.
    """
    lost = {name: content for name, content in _database_secrets(settings).items() if not _read(secrets_manager, name)}
    present = endpoint_in_force(secrets_manager)
    if present is None:
        lost[LLM_SECRET] = provider_facts(_provider_of(settings, planned))
    elif planned not in (None, present):
        raise RunError(
            f"The run was planned with {planned}; the secret {LLM_SECRET} now points to {present}. Nothing was "
            "changed. Deploy with the run's provider (make deploy-local) and resume again, or leave the run: make run"
        )
    return [name for name, content in lost.items() if _put(secrets_manager, name, content)]


def endpoint_in_force(secrets_manager: Any) -> Endpoint | None:
    """Where `vigie/llm` points now, read as the functions read it; None when there is no such secret.

    Raises:
        RunError: it was written by hand, and cannot be used.
    """
    content = _read(secrets_manager, LLM_SECRET)
    try:
        return endpoint_of(LlmSecret.parse(LLM_SECRET, json.dumps(content))) if content else None
    except SettingsError as error:
        raise RunError(f"No model can be asked: {error}") from error


def _provider_of(settings: LocalSettings, planned: Endpoint | None) -> ModelProvider:
    """The provider that a run was planned with, as far as the variables give it: a key is stored nowhere else."""
    for provider in (settings.provider, settings.local_rules):
        if planned in (None, endpoint_of(provider)):
            return provider
    raise RunError(
        f"The run was planned with {planned}, and the secret {LLM_SECRET} went with LocalStack. Set the variables of "
        "that deployment (GROQ_API_KEY, or LLM_BASE_URL, LLM_MODEL and LLM_API_KEY) and resume again"
    )


def _database_secrets(settings: LocalSettings) -> dict[str, Mapping[str, object]]:
    return {
        database_secret(role): connection_facts(role, password, settings)
        for role, password in role_passwords(settings.private).items()
    }


def connection_facts(role: str, password: str, settings: LocalSettings) -> dict[str, object]:
    """The content of a role's secret."""
    certificate = settings.private / CERTIFICATE
    ours = settings.postgres_host == LOOPBACK
    return {
        "host": settings.postgres_host,
        "port": settings.postgres_port,
        "dbname": DATABASE,
        "username": role,
        "password": password,
    } | ({} if ours else {"ca_bundle": certificate.read_text(encoding="utf-8")})


def provider_facts(provider: ModelProvider) -> dict[str, object]:
    """The content of `vigie/llm`."""
    return {
        "provider": provider.provider,
        "base_url": provider.base_url,
        "api_key": provider.api_key,
        "model": provider.model,
    } | {name: value for name in NETWORK_FIELDS if (value := getattr(provider, name))}


def _put(secrets_manager: Any, name: str, content: Mapping[str, object]) -> bool:
    text = json.dumps(content)
    present = _read(secrets_manager, name)
    if present is None:
        secrets_manager.create_secret(Name=name, SecretString=text)
    elif present != content:
        secrets_manager.put_secret_value(SecretId=name, SecretString=text)
    return present != content


def _read(secrets_manager: Any, name: str) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(secrets_manager.get_secret_value(SecretId=name)["SecretString"])
    except secrets_manager.exceptions.ResourceNotFoundException:
        return None
    return content
