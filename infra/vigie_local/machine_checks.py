"""What about this machine keeps Vigie from running, each with its remedy. Standard library only.

`make doctor` runs this before anything is installed, under whatever Python there is (3.9 or later).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vigie_local.accounts import unprivileged_account
from vigie_local.errors import ServiceError
from vigie_local.settings import REPOSITORY, LocalSettings

INSTALLED_BYTES = 3 * 2**30
RUNNING_BYTES = 500 * 2**20
MEMORY_BYTES = 1500 * 2**20
SHARED_BYTES = 64 * 2**20
OPEN_FILES = 1024
LONGEST_PATH = 700
# A socket's name ends at 104 bytes on macOS, 108 on Linux; programs add some thirty to the folder's.
LONGEST_TEMPORARY = 70
_CLOCK_TOLERANCE_S = 86_400


@dataclass(frozen=True)
class Finding:
    """What is wrong, what to do, and whether Vigie cannot run like that."""

    what: str
    remedy: str
    stops: bool = True


def check_python(_settings: LocalSettings) -> Iterator[Finding]:
    """A Python 3.13 that runs, or the installed environment."""
    if sys.version_info[:2] == (3, 13):
        return
    found = subprocess.run(
        [str(REPOSITORY / "infra" / "bootstrap.sh"), "find-python"], capture_output=True, text=True, timeout=120
    )
    if found.returncode:
        yield Finding("No Python 3.13 that runs", found.stderr.strip().replace("\n", "\n      "))


def check_folder(settings: LocalSettings) -> Iterator[Finding]:
    """Names and lengths of the project's folder and the home."""
    for name, folder in (("the clone", REPOSITORY), ("VIGIE_HOME", settings.home)):
        text = str(folder)
        if ":" in text or "\n" in text:
            yield Finding(f"The path of {name} holds a colon or a line break: {text!r}", "rename it, or choose another")
        if len(os.fsencode(text)) > LONGEST_PATH:
            yield Finding(f"The path of {name} is longer than {LONGEST_PATH} bytes", "choose one nearer to /")
    if re.search(r"[\[*?]", str(REPOSITORY)):
        remedy = "rename the folder if you use .venv/bin/aws, which does not find its own files there; all else works"
        yield Finding(f"The clone's path holds one of [ * ?: {REPOSITORY}", remedy, stops=False)


def check_writing(settings: LocalSettings) -> Iterator[Finding]:
    """Return whether the home's file system takes files and runs programs."""
    for folder in _written(settings):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(2**20))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            yield Finding(f"{folder} cannot be written: {error.strerror}", _writing_remedy(error.errno))
        else:
            if os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0):
                yield Finding(f"{folder} is mounted noexec: programs cannot run there", "clone to another file system")


def _is_installed() -> bool:
    return (REPOSITORY / ".venv" / ".vigie-lock").exists()


def _written(settings: LocalSettings) -> set[Path]:
    """Where files are written: the environments only until they are installed."""
    return {settings.home} if _is_installed() else {settings.home, settings.tools}


def _writing_remedy(number: int | None) -> str:
    if number in (errno.ENOSPC, errno.EDQUOT):
        return "free some space or inodes there (make clean removes the local cloud), or set VIGIE_HOME"
    return "make it writable for you, or set VIGIE_HOME to a folder that is"


def check_space(settings: LocalSettings) -> Iterator[Finding]:
    """The space left where the environments and the local cloud live."""
    for folder in _written(settings):
        present = next(place for place in (folder, *folder.parents) if place.exists())
        free = shutil.disk_usage(present).free
        needed = RUNNING_BYTES if _is_installed() else INSTALLED_BYTES
        if free < needed:
            remedy = f"free {(needed - free) // 2**20 + 1} MB (make clean removes the local cloud), or set VIGIE_HOME"
            yield Finding(f"{free // 2**20} MB are free for {folder}", remedy, stops=free < RUNNING_BYTES // 5)


def check_open_files(_settings: LocalSettings) -> Iterator[Finding]:
    """The hard limit of open files; the soft one is raised to it."""
    import resource

    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
        remedy = f"ulimit -Hn {OPEN_FILES} as root, LimitNOFILE= of the service, or /etc/security/limits.conf"
        yield Finding(f"At most {hard} files may be open (ulimit -Hn)", remedy, stops=hard < OPEN_FILES // 4)


def check_home_folder(_settings: LocalSettings) -> Iterator[Finding]:
    """HOME, which uv would use."""
    home = os.environ.get("HOME", "")
    if os.environ.get("UV_CACHE_DIR") or (home and os.path.isdir(home) and os.access(home, os.W_OK)):
        return
    what = f"HOME={home!r} cannot be written" if home else "HOME is not set"
    yield Finding(what, "nothing: downloads are kept in .local/cache instead", stops=False)


def check_temporary_folder(_settings: LocalSettings) -> Iterator[Finding]:
    """TMPDIR, which other programs use as it is."""
    named = os.environ.get("TMPDIR")
    folder = named or tempfile.gettempdir()
    if named and not (os.path.isdir(named) and os.access(named, os.W_OK | os.X_OK)):
        yield Finding(f"TMPDIR={named!r} is no folder that can be written", "create it, or unset TMPDIR", stops=False)
        return
    if len(os.fsencode(folder)) > LONGEST_TEMPORARY:
        what = f"TMPDIR is longer than {LONGEST_TEMPORARY} bytes, too long for the sockets of browsers and of Python"
        yield Finding(what, "export TMPDIR=/tmp", stops=False)
    if os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0):
        what = f"The temporary folder {folder} is mounted noexec"
        yield Finding(what, "set TMPDIR elsewhere if an installation or initdb fails", stops=False)


def check_umask(_settings: LocalSettings) -> Iterator[Finding]:
    """A umask that takes away the owner's own rights."""
    mask = os.umask(0o022)
    os.umask(mask)
    if mask & 0o700:
        yield Finding(f"umask {mask:03o} takes your own rights to new files away", "umask 022 (077 does too)")


def check_clock(_settings: LocalSettings) -> Iterator[Finding]:
    """A clock that is behind the project's own files."""
    newest = max((path.stat().st_mtime for path in REPOSITORY.glob("*") if path.is_file()), default=0.0)
    if (now := time.time()) < newest - _CLOCK_TOLERANCE_S:
        what = (
            f"The clock says {time.strftime('%Y-%m-%d %H:%MZ', time.gmtime(now))}, before the project's files were made"
        )
        yield Finding(what, "set the clock (timedatectl set-ntp true)")


def check_memory(_settings: LocalSettings) -> Iterator[Finding]:
    """The memory that is free, within a container's limit."""
    free = min(_machine_memory(), _container_memory())
    if free < MEMORY_BYTES:
        remedy = f"close other programs, or give the machine {MEMORY_BYTES // 2**20} MB"
        yield Finding(f"{free // 2**20:.0f} MB of memory are free", remedy, stops=False)


def _machine_memory() -> float:
    try:
        found = re.search(r"^MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        return float("inf")
    return int(found[1]) * 1024 if found else float("inf")


def _container_memory() -> float:
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        used = (group / "memory.current").read_text().strip()
    except OSError:
        return float("inf")
    return int(limit) - int(used) if limit.isdecimal() else float("inf")


def check_shared_memory(_settings: LocalSettings) -> Iterator[Finding]:
    """/dev/shm, which PostgreSQL and training share memory through."""
    shared = Path("/dev/shm")
    if sys.platform != "linux":
        return
    if not shared.is_dir() or not os.access(shared, os.W_OK):
        yield Finding(
            "/dev/shm cannot be written", "mount -t tmpfs -o mode=1777 shm /dev/shm (docker: --shm-size=256m)"
        )
    elif shutil.disk_usage(shared).free < SHARED_BYTES:
        yield Finding("/dev/shm is nearly full", "docker: --shm-size=256m; else remove what is left there", stops=False)


def check_account(_settings: LocalSettings) -> Iterator[Finding]:
    """The account that PostgreSQL steps down to when everything runs as root."""
    try:
        unprivileged_account()
    except ServiceError as error:
        yield Finding("There is no account 'nobody' for PostgreSQL", str(error))
