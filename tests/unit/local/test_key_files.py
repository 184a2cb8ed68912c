"""A provider's key from a file: read, refused with the remedy, never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigie_local.errors import SettingError
from vigie_local.key_files import read_key
from vigie_local.settings import load_settings

KEY = "gsk_only-in-a-file"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "key"


@pytest.mark.parametrize("content", [KEY, f"{KEY}\n", f"  {KEY}\r\n", f"\ufeff{KEY}\n"])
def test_a_groq_key_is_read_from_the_file_that_the_setting_names(file: Path, content: str) -> None:
    file.write_text(content, encoding="utf-8")
    provider = load_settings({"GROQ_API_KEY_FILE": str(file)}).provider
    assert (provider.provider, provider.api_key) == ("groq", KEY)


def test_a_private_models_key_is_read_from_a_file(file: Path) -> None:
    file.write_text(KEY)
    variables = {"LLM_BASE_URL": "https://10.0.0.9:8000", "LLM_MODEL": "m", "LLM_API_KEY_FILE": str(file)}
    assert load_settings(variables).provider.api_key == KEY


@pytest.mark.parametrize("place", ["empty", "/dev/null"])
def test_an_empty_file_means_no_key(file: Path, place: str) -> None:
    file.write_text(" \n")
    settings = load_settings({"GROQ_API_KEY_FILE": str(file) if place == "empty" else place})
    assert settings.provider.provider == "local"


def test_a_key_in_the_variable_counts_where_the_file_is_empty() -> None:
    assert read_key({"GROQ_API_KEY": KEY, "GROQ_API_KEY_FILE": "/dev/null"}, "GROQ_API_KEY") == KEY


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (b"gsk_one\ngsk_two\n", "the key alone"),
        (b"GROQ_API_KEY = gsk_one", "the key alone"),
        (b"x" * 10_000, "the key alone"),
        (b"\xff\xfe\x00", "no text"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_without_showing_it(
    file: Path, content: bytes, remedy: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(SettingError, match=remedy) as refused:
        read_key({"GROQ_API_KEY_FILE": str(file)}, "GROQ_API_KEY")
    assert str(file) in str(refused.value)
    assert "gsk_" not in str(refused.value)


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError, match=r"LLM_API_KEY_FILE=.*cannot be read"):
        read_key({"LLM_API_KEY_FILE": str(tmp_path / name)}, "LLM_API_KEY")


def test_a_file_closed_to_this_user_is_refused_with_the_remedy(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    file.write_text(KEY)
    monkeypatch.setattr(Path, "open", refuse)  # root, who runs the tests here, may read everything
    with pytest.raises(SettingError, match="chmod 644"):
        read_key({"GROQ_API_KEY_FILE": str(file)}, "GROQ_API_KEY")


def test_variable_and_file_together_are_refused(file: Path) -> None:
    file.write_text(KEY)
    with pytest.raises(SettingError, match="unset one") as refused:
        read_key({"GROQ_API_KEY": "gsk_other", "GROQ_API_KEY_FILE": str(file)}, "GROQ_API_KEY")
    assert KEY not in str(refused.value)
    assert "gsk_other" not in str(refused.value)
