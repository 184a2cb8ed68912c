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

from vigie_local.migrations import ROLES, set_password
from vigie_local.postgres import SUPERUSER, PostgresServer, write_private
from vigie_local.settings import DATABASE, LocalSettings, ModelProvider

LLM_SECRET = "vigie/llm"


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
    """Gives every role its password; the roles exist once the migrations have run."""
    connection = server.connect(SUPERUSER)
    try:
        with connection:
            for role, password in passwords.items():
                set_password(connection, role, password)
    finally:
        connection.close()


def publish_secrets(settings: LocalSettings, secrets_manager: Any) -> list[str]:
    """Writes every secret that is missing or differs; returns the names of those written."""
    wanted: dict[str, Mapping[str, object]] = {
        database_secret(role): connection_facts(role, password, settings)
        for role, password in role_passwords(settings.private).items()
    }
    wanted[LLM_SECRET] = provider_facts(settings.provider)
    return [name for name, content in wanted.items() if _put(secrets_manager, name, content)]


def connection_facts(role: str, password: str, settings: LocalSettings) -> dict[str, object]:
    """The content of a role's secret."""
    return {
        "host": settings.postgres_host,
        "port": settings.postgres_port,
        "dbname": DATABASE,
        "username": role,
        "password": password,
    }


def provider_facts(provider: ModelProvider) -> dict[str, object]:
    """The content of `vigie/llm`."""
    return {
        "provider": provider.provider,
        "base_url": provider.base_url,
        "api_key": provider.api_key,
        "model": provider.model,
    }


def _put(secrets_manager: Any, name: str, content: Mapping[str, object]) -> bool:
    text = json.dumps(content)
    try:
        present = secrets_manager.get_secret_value(SecretId=name)["SecretString"]
    except secrets_manager.exceptions.ResourceNotFoundException:
        secrets_manager.create_secret(Name=name, SecretString=text)
        return True
    if json.loads(present) == content:
        return False
    secrets_manager.put_secret_value(SecretId=name, SecretString=text)
    return True
