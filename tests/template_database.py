"""One PostgreSQL for many tests: the schema is migrated once into a template, and each test copies that."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vigie.secrets import DatabaseSecret
from vigie_local.migrations import OWNER, ROLES, apply_migrations, prepare_database
from vigie_local.postgres import PostgresServer, temporary_postgres
from vigie_local.secrets import set_role_passwords

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

TEMPLATE = "vigie_template"


@dataclass(frozen=True)
class MigratedServer:
    """A server with a migrated template, and the password of every role."""

    server: PostgresServer
    passwords: dict[str, str]

    def copy(self, source: str = TEMPLATE) -> str:
        """Copy a database that nobody is connected to; return the copy's name."""
        name = f"copy_{secrets.token_hex(6)}"
        # Nothing here outlives the machine: files are copied as they are, without a log of every page.
        run_alone(self.server, f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {source} STRATEGY file_copy")
        # A copy has all of its template but the rights on the database itself.
        run_alone(self.server, f"REVOKE TEMPORARY, CREATE ON DATABASE {name} FROM PUBLIC")
        return name

    def drop(self, name: str) -> None:
        """Drop a database with every connection to it."""
        run_alone(self.server, f"DROP DATABASE {name} WITH (FORCE)")

    def connect(self, name: str, role: str = OWNER) -> Connection:
        """Connect as a role of Vigie or as the superuser."""
        return self.server.connect(name, role, self.passwords.get(role))

    def secret(self, name: str, role: str) -> DatabaseSecret:
        """What a function of this role reads."""
        return DatabaseSecret(self.server.host, str(self.server.port), name, role, self.passwords[role])

    def dsn(self, name: str) -> str:
        """The owner's connection string."""
        where = f"host={self.server.host} port={self.server.port} dbname={name}"
        return f"{where} user={OWNER} password={self.passwords[OWNER]}"


@contextlib.contextmanager
def migrated_server() -> Iterator[MigratedServer]:
    """Start a server, migrate its template, give every role a password; stop and remove it at the end."""
    with temporary_postgres() as server:
        # The disk need not be waited for, and passwords that live for minutes need no thousands of hashings a log-in.
        for setting in ("fsync = off", "scram_iterations = 1"):
            run_alone(server, f"ALTER SYSTEM SET {setting}")
        run_alone(server, "SELECT pg_reload_conf()")
        passwords = {role: secrets.token_urlsafe(24) for role in ROLES}
        prepare_database(server, passwords[OWNER], TEMPLATE)
        apply_migrations(server, passwords[OWNER], dbname=TEMPLATE)
        set_role_passwords(server, passwords)
        yield MigratedServer(server, passwords)


def run_alone(server: PostgresServer, statement: str) -> None:
    """Run a statement that cannot be part of a transaction."""
    with contextlib.closing(server.connect("postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
