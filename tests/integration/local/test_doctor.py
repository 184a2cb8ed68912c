"""`make doctor` names each cause on a machine that keeps Vigie from running, and never crashes."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vigie_local import doctor, machine_checks
from vigie_local.errors import MachineError
from vigie_local.machine_checks import Finding
from vigie_local.settings import REPOSITORY, LocalSettings

SCRIPT = REPOSITORY / "infra" / "doctor.sh"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")


def ask_doctor(tmp_path: Path, shell: str = "", **variables: str | None) -> tuple[int, str]:
    """Exit code and words of `make doctor` after `shell`, on ports that nobody uses."""
    ports = {name: str(_free()) for name in ("POSTGRES_PORT", "LOCALSTACK_PORT", "MODEL_PORT", "DASHBOARD_PORT")}
    environment = {**os.environ, "VIGIE_HOME": str(tmp_path / "home"), **ports, **variables}
    present = {name: value for name, value in environment.items() if value is not None}
    command = ["sh", "-c", f'{shell}\nexec "$0"', str(SCRIPT)]
    told = subprocess.run(command, env=present, capture_output=True, text=True, cwd=tmp_path)
    assert "Traceback" not in told.stdout + told.stderr
    return told.returncode, told.stdout + told.stderr


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_a_sound_machine_gets_one_line(tmp_path: Path) -> None:
    assert ask_doctor(tmp_path, TMPDIR="/tmp")[0] == 0


@pytest.mark.parametrize(
    ("shell", "variables", "code", "named"),
    [
        ("", {"VIGIE_HOME": "/tmp/a:b"}, 1, "holds a colon"),
        ("", {"VIGIE_HOME": "/tmp/" + "long/" * 200}, 1, "longer than 700 bytes"),
        ("", {"VIGIE_HOME": "/dev/null/home"}, 1, "cannot be written"),
        ("", {"VIGIE_HOME": "/proc/vigie"}, 1, "cannot be written"),
        ("", {"HOME": "/dev/null"}, 0, "HOME='/dev/null' cannot be written"),
        ("", {"HOME": None}, 0, "HOME is not set"),
        ("", {"TMPDIR": "/nowhere"}, 0, "TMPDIR='/nowhere' is no folder"),
        ("", {"MODEL_PORT": "many"}, 1, "MODEL_PORT='many': give a whole number"),
        ("ulimit -n 200", {}, 1, "At most 200 files may be open"),
        ("umask 777", {}, 1, "umask 777 takes your own rights"),
    ],
)
def test_each_cause_is_named(
    tmp_path: Path, shell: str, variables: dict[str, str | None], code: int, named: str
) -> None:
    ended, told = ask_doctor(tmp_path, shell, **variables)
    assert named in told
    assert ended == code, told


def test_a_taken_port_is_named_with_its_program_and_variable(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, told = ask_doctor(tmp_path, MODEL_PORT=port)
    assert code == 1
    assert f"Port {port} (MODEL_PORT) is taken by " in told
    assert f"(process {os.getpid()})" in told
    assert "MODEL_PORT=…" in told


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]).returncode:
        pytest.skip("this machine allows no mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@needs_root
def test_a_full_and_a_read_only_disk_are_named_with_the_remedy(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        with contextlib.suppress(OSError):
            (disk / "all").write_bytes(bytes(4 * 2**20))
        code, told = ask_doctor(tmp_path, VIGIE_HOME=str(disk))
        assert code == 1
        assert "No space left" in told
        assert "make clean" in told
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        code, told = ask_doctor(tmp_path, VIGIE_HOME=str(disk))
        assert code == 1
        assert "Read-only file system" in told
        subprocess.run(["mount", "-o", "remount,rw,noexec", str(disk)], check=True)
        (disk / "all").unlink()
        assert "noexec" in ask_doctor(tmp_path, VIGIE_HOME=str(disk))[1]


def test_without_any_python_it_says_how_to_get_one(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sh", "dirname", "cat"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    shutil.copytree(REPOSITORY / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns("local"))
    told = subprocess.run(
        [str(tmp_path / "infra" / "doctor.sh")], capture_output=True, text=True,
        env={"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)},
    )  # fmt: skip
    if told.returncode == 0:
        pytest.skip("this machine has a Python 3.13 in one of the places that are looked at by their full path")
    assert "needs Python 3.13" in told.stderr


def test_a_clock_behind_and_little_memory_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = LocalSettings(tmp_path)
    monkeypatch.setattr(time, "time", lambda: 1_000_000_000.0)
    [clock] = machine_checks.check_clock(settings)
    assert "2001-09-09" in clock.what
    monkeypatch.setattr(machine_checks, "_container_memory", lambda: 300 * 2**20)
    [memory] = machine_checks.check_memory(settings)
    assert (memory.what, memory.stops) == ("300 MB of memory are free", False)


def test_a_check_that_fails_is_a_finding_and_what_stops_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_broken(_settings: LocalSettings) -> list[Finding]:
        raise RuntimeError("odd machine")

    def check_bad(_settings: LocalSettings) -> list[Finding]:
        return [Finding("the machine is bad", "mend it")]

    settings = LocalSettings(tmp_path)
    [finding] = doctor.findings(settings, [check_broken])
    assert not finding.stops
    assert "odd machine" in finding.what
    monkeypatch.setattr(doctor, "MACHINE", (check_broken, check_bad))
    with pytest.raises(MachineError, match=r"(?s)Nothing was started.*the machine is bad.*mend it"):
        doctor.require_sound(settings)
