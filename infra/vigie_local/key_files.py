"""Keys of model providers, from a variable or, better, from a file that a variable names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from vigie_local.errors import SettingError

# A key is a line; what is longer is another file.
_MOST_BYTES = 8192


def read_key(environment: Mapping[str, str], name: str) -> str:
    """Return the key in `name`, or in the file that `name`_FILE names; an empty file means no key.

    Raises:
        SettingError: both are set, or the file cannot be read or holds something else. Never shows a key.
    """
    given = environment.get(name, "").strip()
    path = environment.get(f"{name}_FILE", "").strip()
    if not path:
        return given
    from_file = _read(f"{name}_FILE", path)
    if given and from_file:
        raise SettingError(f"{name}_FILE", path, f"{name} is set as well: unset one of the two")
    return from_file or given


def _read(name: str, path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            text = file.read(_MOST_BYTES + 1).decode("utf-8-sig").strip()
    except PermissionError as error:
        raise SettingError(name, path, _no_permission()) from error
    except OSError as error:
        raise SettingError(name, path, f"the file cannot be read ({error.strerror}); name a file") from error
    except UnicodeDecodeError as error:
        raise SettingError(name, path, "the file holds no text; it should hold the key alone") from error
    if len(text.split()) > 1 or len(text) > _MOST_BYTES:
        raise SettingError(name, path, "the file should hold the key alone, on one line")
    return text


def _no_permission() -> str:
    return (
        f"the file is closed to the user that runs this (number {os.geteuid()}). Let it be read; for a container: "
        "chmod 644 on the file, in a folder that is yours alone (chmod 700)"
    )
