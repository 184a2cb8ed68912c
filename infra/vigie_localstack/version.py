"""The LocalStack that the executor and the patches are written for."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

PACKAGE = "localstack-core"
# As pinned in pyproject.toml.
PINNED = "2026.3.0"


class LocalStackVersionError(Exception):
    """When another LocalStack is installed than the one that is patched."""


def require_pinned_version() -> None:
    """Refuse to go on with another LocalStack: a patch of a private part may then do nothing, without a word.

    Raises:
        LocalStackVersionError: another version is installed, or none.
    """
    try:
        installed = version(PACKAGE)
    except PackageNotFoundError:
        installed = "missing"
    if installed != PINNED:
        raise LocalStackVersionError(
            f"{PACKAGE} is {installed}; Vigie's patches are written for {PINNED} and tested with it. "
            "Install that one from the lock: make environment. To move to another, see "
            "docs/decisions/0018-localstack-pinned-and-patched.md"
        )
