"""The unprivileged account that PostgreSQL runs under when everything else runs as root."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from vigie_local.errors import ServiceError


class PopenIdentity(TypedDict, total=False):
    """The arguments of subprocess that change the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """A user of this system, by numbers."""

    name: str
    uid: int
    gid: int

    def popen_arguments(self) -> PopenIdentity:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def unprivileged_account() -> Account | None:
    """The account to step down to, or None when this process is not root."""
    if os.geteuid() != 0:
        return None
    # initdb looks its user up by number, so the account has to exist by name.
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise ServiceError(
            "PostgreSQL refuses to run as root, and there is no account 'nobody' to step down to. "
            "Run make as an ordinary user."
        ) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def can_reach(path: Path, account: Account) -> bool:
    """Return whether the account may enter every existing folder on the way to `path`."""
    folders = [folder for folder in (path, *path.parents) if folder.is_dir()]
    return all(_may_enter(folder, account) for folder in folders)


def can_read_all(folder: Path, account: Account) -> bool:
    """Return whether the account may read each file below `folder`, enter each folder, and run what its owner may."""
    return all(_may(path, account, _needed(path)) for path in (folder, *folder.rglob("*")) if path.exists())


def _needed(path: Path) -> int:
    runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
    return 0o5 if runs else 0o4


def _may_enter(folder: Path, account: Account) -> bool:
    return _may(folder, account, 0o1)


def _may(path: Path, account: Account, wanted: int) -> bool:
    status = path.stat()
    shift = 6 if status.st_uid == account.uid else 3 if status.st_gid == account.gid else 0
    return status.st_mode >> shift & wanted == wanted


def give_folder(folder: Path, account: Account | None) -> None:
    """Make the folder, for its owner alone, and give it to the account."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if account:
        os.chown(folder, account.uid, account.gid)
