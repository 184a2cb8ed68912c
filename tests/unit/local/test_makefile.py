"""Makefile: help names every target, and every target calls something that exists."""

from __future__ import annotations

import re
import subprocess

import pytest

from vigie_local.__main__ import main, parser
from vigie_local.settings import REPOSITORY

TEXT = (REPOSITORY / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z-]+):", TEXT, re.MULTILINE)


def test_help_is_the_default_and_explains_every_target_in_a_line() -> None:
    shown = subprocess.run(["make", "-s"], cwd=REPOSITORY, capture_output=True, text=True).stdout
    assert [name for name in TARGETS if not re.search(rf"^  make {name} +\S", shown, re.MULTILINE)] == []


def test_every_target_is_phony() -> None:
    (declared,) = re.findall(r"^\.PHONY: (.*)$", TEXT.replace("\\\n", " "), re.MULTILINE)
    assert sorted(declared.split()) == sorted(TARGETS)


def test_every_command_of_the_local_cloud_that_make_calls_exists() -> None:
    for command in set(re.findall(r"\$\(CLOUD\) ([a-z-]+)", TEXT)):
        with pytest.raises(SystemExit) as ended:
            parser().parse_args([command, "--help"])
        assert ended.value.code == 0


def test_every_module_that_make_calls_exists() -> None:
    for module in set(re.findall(r"(?:python|\$\(PY\)) -m ([a-z_.]+)", TEXT)):
        path = module.replace(".", "/")
        places = [REPOSITORY / part for part in ("", "infra", "layers/common")]
        assert any((place / f"{path}.py").exists() or (place / path).is_dir() for place in places), module


def test_a_bad_setting_ends_with_one_clear_line_and_no_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTGRES_PORT", "many")
    assert main(["status"]) == 1
    assert capsys.readouterr().err.strip() == "POSTGRES_PORT='many': give a whole number from 1024 to 65535."


def test_nothing_runs_in_an_unused_home_and_down_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path))
    assert main(["down"]) == 0
    assert "Nothing was running." in capsys.readouterr().out
    assert main(["run"]) == 1
    assert "make deploy-local" in capsys.readouterr().err
