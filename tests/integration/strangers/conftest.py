"""A fresh database of an audit trail for each test."""

from tests.integration.audit.conftest import environment  # noqa: F401 - a fixture
