"""The database and its schema: owner role, database, then the plain SQL migrations, as the owner.

Migrations are forward only and run by yoyo, which remembers the ones it has applied.
"""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from vigie_local.errors import StepError
from vigie_local.postgres import SUPERUSER, PostgresServer
from vigie_local.settings import DATABASE, REPOSITORY

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

OWNER = "owner"
# One login role per function and one for the dashboard; migrations 0001 and 0012 make them.
FUNCTION_ROLES = (
    "planner", "nlp_agent", "prediction_agent", "action_agent", "audit_agent", "dead_letters", "dashboard",
)  # fmt: skip
ROLES = (*FUNCTION_ROLES, OWNER)
MIGRATIONS = REPOSITORY / "infra" / "migrations"


def prepare_database(server: PostgresServer, owner_password: str, dbname: str = DATABASE) -> None:
    """Makes the owner (who may make the functions' roles) and the database; keeps what exists."""
    connection = server.connect(SUPERUSER)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (OWNER,))
            if cursor.fetchone() is None:
                cursor.execute(f'CREATE ROLE "{OWNER}" LOGIN CREATEROLE')
            set_password(connection, OWNER, owner_password)
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (dbname,))
            if cursor.fetchone() is None:
                cursor.execute(f'CREATE DATABASE "{dbname}" OWNER "{OWNER}"')
    finally:
        connection.close()


def apply_migrations(
    server: PostgresServer, owner_password: str, folder: Path = MIGRATIONS, dbname: str = DATABASE
) -> list[str]:
    """Applies what is new in `folder` as the owner; returns the names; StepError names a file that fails."""
    from yoyo import get_backend, read_migrations  # type: ignore[import-untyped]

    uri = f"postgresql://{OWNER}:{quote(owner_password, safe='')}@{server.host}:{server.port}/{dbname}"
    backend = get_backend(uri)
    try:
        with backend.lock():
            waiting = backend.to_apply(read_migrations(glob.escape(str(folder))))
            return [_apply(backend, migration) for migration in waiting]
    finally:
        backend.connection.close()


def _apply(backend: object, migration: object) -> str:
    name = str(migration.id)  # type: ignore[attr-defined]
    try:
        backend.apply_one(migration)  # type: ignore[attr-defined]
    except Exception as error:  # every driver error becomes one that names the file
        raise StepError(f"Migration {name} failed: {error}") from error
    return name


def set_password(connection: Connection, role: str, password: str) -> None:
    """Sets a role's password; only its SCRAM verifier travels, so no log can hold the password."""
    from psycopg2 import sql
    from psycopg2.extensions import encrypt_password

    verifier = encrypt_password(password, role, scope=connection, algorithm="scram-sha-256")
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))
