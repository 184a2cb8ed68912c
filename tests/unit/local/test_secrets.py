"""Passwords that stay, and secrets written only when they differ."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from vigie_llm.recipients import endpoint_of
from vigie_local.migrations import ROLES
from vigie_local.secrets import publish_secrets, restore_secrets, role_passwords
from vigie_local.settings import LocalSettings
from vigie_operations.errors import RunError


class SecretsManager:
    """Secrets Manager in a dictionary."""

    class exceptions:
        class ResourceNotFoundException(Exception):
            """When a secret does not exist."""

    def __init__(self) -> None:
        self.content: dict[str, str] = {}

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:
        if SecretId not in self.content:
            raise self.exceptions.ResourceNotFoundException
        return {"SecretString": self.content[SecretId]}

    def create_secret(self, Name: str, SecretString: str) -> None:
        assert Name not in self.content
        self.content[Name] = SecretString

    def put_secret_value(self, SecretId: str, SecretString: str) -> None:
        self.content[SecretId] = SecretString


def test_passwords_are_made_once_differ_by_role_and_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    passwords = role_passwords(tmp_path / "private")
    assert set(passwords) == set(ROLES)
    assert len(set(passwords.values())) == len(ROLES)
    assert role_passwords(tmp_path / "private") == passwords
    mode = stat.S_IMODE((tmp_path / "private" / "database-roles.json").stat().st_mode)
    assert mode == 0o600


def test_a_second_publication_writes_nothing(tmp_path: Path) -> None:
    manager = SecretsManager()
    settings = LocalSettings(home=tmp_path)
    assert len(publish_secrets(settings, manager)) == len(ROLES) + 1
    assert publish_secrets(settings, manager) == []


def test_another_provider_changes_that_secret_alone(tmp_path: Path) -> None:
    manager = SecretsManager()
    publish_secrets(LocalSettings(home=tmp_path), manager)
    assert json.loads(manager.content["vigie/llm"])["base_url"] == "http://127.0.0.1:4570"
    assert publish_secrets(LocalSettings(home=tmp_path, groq_api_key="gsk_x"), manager) == ["vigie/llm"]
    assert json.loads(manager.content["vigie/llm"]) == {
        "provider": "groq", "base_url": "https://api.groq.com", "api_key": "gsk_x", "model": "openai/gpt-oss-20b",
    }  # fmt: skip


def test_a_roles_secret_holds_what_a_function_needs_to_enter(tmp_path: Path) -> None:
    manager = SecretsManager()
    publish_secrets(LocalSettings(home=tmp_path, postgres_port=6000), manager)
    facts = json.loads(manager.content["vigie/database/planner"])
    password = role_passwords(tmp_path / "private")["planner"]
    assert facts == {
        "host": "127.0.0.1", "port": 6000, "dbname": "vigie", "username": "planner", "password": password,
    }  # fmt: skip


def restored(manager: SecretsManager, tmp_path: Path, planned: LocalSettings, **now: str) -> list[str]:
    return restore_secrets(LocalSettings(home=tmp_path, **now), manager, endpoint_of(planned.provider))  # type: ignore[arg-type]


def test_a_resumed_run_changes_no_secret_whatever_the_shell_says(tmp_path: Path) -> None:
    manager, deployed = SecretsManager(), LocalSettings(home=tmp_path, groq_api_key="gsk_x")
    publish_secrets(deployed, manager)
    before = dict(manager.content)
    assert restored(manager, tmp_path, deployed) == []
    assert restored(manager, tmp_path, deployed, groq_api_key="gsk_other") == []
    assert manager.content == before


def test_a_secret_that_points_elsewhere_than_the_run_is_named_and_left_alone(tmp_path: Path) -> None:
    manager, planned = SecretsManager(), LocalSettings(home=tmp_path, groq_api_key="gsk_x")
    publish_secrets(LocalSettings(home=tmp_path), manager)
    before = dict(manager.content)
    with pytest.raises(RunError, match=r"planned with Groq at https://api\.groq\.com.* now points to local rules"):
        restored(manager, tmp_path, planned, groq_api_key="gsk_x")
    assert manager.content == before


def test_what_a_restarted_cloud_lost_is_written_again_for_the_run_s_own_provider(tmp_path: Path) -> None:
    manager, local = SecretsManager(), LocalSettings(home=tmp_path)
    assert len(restored(manager, tmp_path, local, groq_api_key="gsk_x")) == len(ROLES) + 1
    assert json.loads(manager.content["vigie/llm"])["provider"] == "local"
    lost, groq = SecretsManager(), LocalSettings(home=tmp_path, groq_api_key="gsk_x")
    with pytest.raises(RunError, match="Set the variables of that deployment"):
        restored(lost, tmp_path, groq)
    assert "vigie/llm" not in lost.content
    restored(lost, tmp_path, groq, groq_api_key="gsk_x")
    assert json.loads(lost.content["vigie/llm"])["api_key"] == "gsk_x"
