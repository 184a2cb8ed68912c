"""One deployed stack that is not the local cloud's, for all tests of the operations."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.operations.account import Account, deployed_account


@pytest.fixture(scope="session")
def account() -> Iterator[Account]:
    """The stack in a stand-in for an AWS account, with customers and an approved model."""
    folder = Path(tempfile.mkdtemp(prefix="vigie-account-"))
    try:
        with deployed_account(folder) as account:
            yield account
    finally:
        shutil.rmtree(folder, ignore_errors=True)
