"""One PostgreSQL for these tests, and a fresh database from a migrated template for each."""

import contextlib
from collections.abc import Iterator
from itertools import count

import pytest

from tests.integration.audit.ground import PASSWORD, ROLES, Ground
from vigie_local.migrations import OWNER, apply_migrations, prepare_database, set_password
from vigie_local.postgres import PostgresServer, temporary_postgres

TEMPLATE = "migrated"
numbers = count()


@contextlib.contextmanager
def migrated_server() -> Iterator[PostgresServer]:
    """A server with the schema in a template database, and a password for every role."""
    with temporary_postgres() as server:
        prepare_database(server, PASSWORD, TEMPLATE)
        apply_migrations(server, PASSWORD, dbname=TEMPLATE)
        with contextlib.closing(server.connect("postgres")) as connection, connection:
            for role in (*ROLES, OWNER):
                set_password(connection, role, PASSWORD)
        yield server


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """The server of these tests."""
    with migrated_server() as server:
        yield server


@pytest.fixture
def ground(server: PostgresServer) -> Iterator[Ground]:
    """A fresh database, with a key and a store of its own."""
    name = f"test_{next(numbers)}"
    copy_database(server, TEMPLATE, name)
    yield Ground(server, name)
    run_alone(server, f"DROP DATABASE {name} WITH (FORCE)")


def copy_database(server: PostgresServer, source: str, name: str) -> None:
    """A database with the content of another, which nobody may be using."""
    run_alone(server, f"CREATE DATABASE {name} TEMPLATE {source} OWNER {OWNER}")


def run_alone(server: PostgresServer, statement: str) -> None:
    """A statement that cannot be part of a transaction."""
    with contextlib.closing(server.connect("postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
