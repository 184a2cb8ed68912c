"""A fresh database for each test of the audit trail, with a key and a store of its own."""

from collections.abc import Iterator

import pytest

from tests.integration.audit.ground import Ground
from tests.template_database import MigratedServer


@pytest.fixture
def ground(migrated: MigratedServer) -> Iterator[Ground]:
    """A fresh database, with a key and a store of its own."""
    name = migrated.copy()
    yield Ground(migrated, name)
    migrated.drop(name)
