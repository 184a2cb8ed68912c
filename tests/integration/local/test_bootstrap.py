"""infra/bootstrap.sh: does nothing when up to date, says how to get Python when there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from vigie_local.settings import REPOSITORY

SCRIPT = REPOSITORY / "infra" / "bootstrap.sh"
# Looked at by their full path, so that a test cannot hide them.
EVERYWHERE = ("/usr/bin", "/usr/local/bin", "/opt/homebrew/opt/python@3.13/bin", "/usr/local/opt/python@3.13/bin")
PROGRAMS = (
    "sh", "cat", "cksum", "tr", "dirname", "mkdir", "rm", "chmod", "date", "sleep", "tail", "ln", "grep", "wc", "touch",
    "id",
)  # fmt: skip


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone without environments, its own home, and a PATH that holds no Python."""
    (tmp_path / "infra").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(SCRIPT, tmp_path / "infra")
    shutil.copytree(REPOSITORY / "requirements", tmp_path / "requirements")
    for name in PROGRAMS:
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def bootstrap(clone: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(clone / "bin"), "HOME": str(clone / "home"), **variables}
    script = str(clone / "infra" / "bootstrap.sh")
    return subprocess.run([script], env=environment, capture_output=True, text=True)


def shim(clone: Path, name: str, text: str) -> Path:
    path = clone / "bin" / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_an_environment_that_is_up_to_date_is_left_alone_without_a_word() -> None:
    if not (REPOSITORY / ".venv" / ".vigie-lock").exists():
        pytest.skip("the environment was not made by infra/bootstrap.sh")
    result = subprocess.run([str(SCRIPT)], capture_output=True, text=True, env=dict(os.environ))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_verifier_runs_from_any_folder(tmp_path: Path) -> None:
    if not (REPOSITORY / ".venv" / ".vigie-lock").exists():
        pytest.skip("the environment was not made by infra/bootstrap.sh")
    command = [str(REPOSITORY / ".venv" / "bin" / "python"), "-m", "vigie.verify", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={"PATH": os.environ["PATH"]})
    assert told.returncode == 0, told.stderr
    assert "complete and unchanged" in told.stdout


@pytest.mark.skipif(
    any(Path(folder, "python3.13").exists() for folder in EVERYWHERE), reason="this machine has a Python 3.13"
)
def test_without_python_it_says_how_to_get_it_on_linux_and_macos(clone: Path) -> None:
    # What pyenv leaves on the PATH when another version is active: there, and of no use.
    shim(clone, "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    result = bootstrap(clone)
    assert result.returncode == 1
    for words in ("needs Python 3.13", "brew install python@3.13", "apt install python3.13", "docs.astral.sh/uv"):
        assert words in result.stderr


@pytest.mark.parametrize("behaviour", ["exit 0", "exit 1", "echo False"])
def test_a_python_given_by_name_that_is_not_one_is_refused(clone: Path, behaviour: str) -> None:
    given = shim(clone, "given", behaviour)
    result = bootstrap(clone, PYTHON=str(given))
    assert result.returncode == 1
    assert f"PYTHON={given} is not a working Python 3.13" in result.stderr
    assert "brew install" not in result.stderr


def test_a_lock_left_by_a_process_that_has_ended_does_not_block(clone: Path) -> None:
    ended = subprocess.Popen(["/bin/sh", "-c", "exit 0"])
    ended.wait()
    lock = clone / ".local" / "tools" / "bootstrap.lock"
    lock.mkdir(parents=True)
    (lock / "pid").write_text(str(ended.pid))
    result = bootstrap(clone, PYTHON="/nonexistent")
    assert "is not a working Python" in result.stderr
    assert not lock.exists()


def test_no_installed_program_depends_on_where_it_was_installed() -> None:
    environments = [folder for folder in (REPOSITORY / ".venv", REPOSITORY / ".local" / "sam") if folder.is_dir()]
    if not (REPOSITORY / ".venv" / ".vigie-lock").exists():
        pytest.skip("the environment was not made by infra/bootstrap.sh")
    for folder in environments:
        programs = [path for path in (folder / "bin").iterdir() if path.is_file() and not path.is_symlink()]
        scripts = [path for path in programs if path.read_bytes()[:2] == b"#!"]
        assert len(scripts) > 5
        assert not [path.name for path in scripts if str(REPOSITORY).encode() in path.read_bytes()]
    [paths] = (REPOSITORY / ".venv" / "lib").glob("python3*/site-packages/vigie.pth")
    assert not [line for line in paths.read_text().splitlines() if line.startswith("/")]


def test_the_executor_is_found_by_metadata_that_no_clone_holds_and_that_may_move_with_it() -> None:
    if not (REPOSITORY / ".venv" / ".vigie-lock").exists():
        pytest.skip("the environment was not made by infra/bootstrap.sh")
    found = distribution("vigie_localstack")
    [executor] = found.entry_points.select(group="localstack.lambda.runtime_executor", name="process")
    assert executor.load().name == "process"
    files = found.files or []
    assert {file.name for file in files} == {"METADATA", "RECORD", "entry_points.txt"}, "what an installer removes"
    assert not [file for file in files if str(REPOSITORY) in file.read_text()]
    assert not list(REPOSITORY.glob("*/*.dist-info"))


def test_an_environment_made_for_another_place_is_made_anew(clone: Path) -> None:
    # What an earlier version left, and the clone's folder was renamed since.
    for folder in (clone / ".venv", clone / ".local" / "sam", clone / ".local" / "runtime"):
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(sys.executable)
    result = bootstrap(clone, PYTHON="/nonexistent")
    assert "is not a working Python" in result.stderr


def test_a_folder_whose_name_breaks_search_paths_is_refused_with_the_remedy(clone: Path) -> None:
    odd = clone / "a:b"
    shutil.copytree(clone / "infra", odd / "infra")
    result = bootstrap(odd, PATH=str(clone / "bin"))
    assert result.returncode == 1
    assert "holds a colon" in result.stderr
    assert "Rename it" in result.stderr


def test_a_folder_that_takes_no_file_is_named(clone: Path) -> None:
    (clone / ".local").touch()
    result = bootstrap(clone)
    assert result.returncode == 1
    assert f"{clone}/.local cannot be written" in result.stderr


def test_it_works_without_a_home_folder(clone: Path) -> None:
    given = shim(clone, "given", "exit 1")
    result = subprocess.run(
        [str(clone / "infra" / "bootstrap.sh")], capture_output=True, text=True,
        env={"PATH": str(clone / "bin"), "PYTHON": str(given)},
    )  # fmt: skip
    assert "parameter not set" not in result.stderr
    assert "is not a working Python 3.13" in result.stderr
