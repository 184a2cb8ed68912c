"""Makefile: help names every target, and every target calls something that exists."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vigie_local import commands
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


def test_the_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / """-o $HOME `touch oops` $(touch oops) "q" 'r' #1 é %s \\ [g]* & ;"""
    (folder / "infra").mkdir(parents=True)
    (folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(REPOSITORY / "Makefile", folder)
    for name, text in (("infra/bootstrap.sh", "exit 0"), (".venv/bin/python", 'echo "$PWD|$PYTHONPATH|$*"')):
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": "/somebody/elses"}
    shown = subprocess.run(["make", "-s", "status"], cwd=folder, capture_output=True, text=True, env=environment)
    assert (shown.stdout, shown.stderr) == (f"{folder}||-m vigie_local status\n", "")
    assert not list(tmp_path.rglob("oops"))


def test_the_commands_raise_a_low_limit_of_open_files_and_ask_this_machine_directly(tmp_path: Path) -> None:
    code = (
        "import os, resource; from vigie_local.__main__ import main; main(['status']);"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], os.environ['NO_PROXY'], os.environ['no_proxy'])"
    )
    environment = {**os.environ, "VIGIE_HOME": str(tmp_path), "NO_PROXY": "bank.example", "no_proxy": ""}
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    shown = subprocess.run(
        ["sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh", sys.executable, "-c", code],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    limit = 8192 if hard == resource.RLIM_INFINITY else min(hard, 8192)
    last = shown.stdout.splitlines()[-1]
    assert last == f"{limit} bank.example,127.0.0.1,localhost 127.0.0.1,localhost", shown.stderr


def test_clean_empties_a_home_that_is_a_link_to_another_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "disk" / "logs").mkdir(parents=True)
    (tmp_path / "disk" / "ready").touch()
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path / "home"))
    assert main(["clean"]) == 0
    assert not list((tmp_path / "disk").iterdir())


def test_a_disk_that_fills_up_is_named_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere")

    monkeypatch.setattr(commands, "status", full)
    assert main(["status"]) == 1
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "[Errno 28] No space left on device: '/somewhere'",
        "What keeps this machine from running Vigie: make doctor",
    ]


@pytest.mark.parametrize("target", ["contract", "load", "train", "evaluate", "load-outcomes"])
def test_names_in_a_file_reach_the_command_as_they_are(tmp_path: Path, target: str) -> None:
    odd = """N° "client" `touch oops`; 'x' & y"""
    (tmp_path / "infra").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    for name, text in (("infra/bootstrap.sh", "exit 0"), (".venv/bin/python", "printf '%s\\n' \"$@\"")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    names = ("DATA", "LABEL", "POSITIVE", "ID", "OUT", "CONTRACT", "CONSENTS")
    given = [f"{name}={name} {odd}" for name in names]
    shown = subprocess.run(["make", "-s", target, *given], cwd=tmp_path, capture_output=True, text=True)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"DATA {odd}" in shown.stdout.splitlines()
    assert not (tmp_path / "oops").exists()
