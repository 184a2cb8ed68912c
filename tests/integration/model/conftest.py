"""A PostgreSQL of this suite's own, with the real schema and a fresh database for each test."""

from collections.abc import Iterator

import pytest

from vigie_local.migrations import OWNER, apply_migrations, prepare_database
from vigie_local.postgres import PostgresServer, temporary_postgres

PASSWORD = "only-for-this-test"


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    with temporary_postgres() as started:
        yield started


@pytest.fixture
def dsn(server: PostgresServer, request: pytest.FixtureRequest) -> str:
    name = f"bank_{abs(hash(request.node.nodeid)) % 10**9}"
    prepare_database(server, PASSWORD, name)
    apply_migrations(server, PASSWORD, dbname=name)
    return f"host=127.0.0.1 port={server.port} dbname={name} user={OWNER} password={PASSWORD}"
