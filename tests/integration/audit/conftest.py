"""A fresh database for each test of the audit trail, with a key and a store of its own."""

from collections.abc import Iterator

import pytest

from tests.integration.audit.audit_environment import AuditEnvironment
from tests.template_database import MigratedServer


@pytest.fixture
def environment(migrated: MigratedServer) -> Iterator[AuditEnvironment]:
    """A fresh database, with a key and a store of its own."""
    name = migrated.copy()
    yield AuditEnvironment(migrated, name)
    migrated.drop(name)
