"""The database and its schema: owner role, database, then the plain SQL migrations, as the owner.

Migrations are forward only and run by yoyo, which remembers the ones it has applied.
"""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from vigie_local.errors import ServiceError, StepError
from vigie_local.postgres import SUPERUSER, PostgresServer
from vigie_local.settings import DATABASE, REPOSITORY

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

OWNER = "owner"
OPERATOR = "operator"
# One login role per function, one for the dashboard, and one for each duty of people; migrations make them.
FUNCTION_ROLES = (
    "planner", "nlp_agent", "prediction_agent", "action_agent", "audit_agent", "dead_letters", "dashboard",
    "officer", "reviewer", "second_reviewer", "operator",
)  # fmt: skip
ROLES = (*FUNCTION_ROLES, OWNER)
LARGE_OBJECTS = (
    "lo_creat",
    "lo_create",
    "lo_from_bytea",
    "lo_open",
    "lo_put",
    "lowrite",
    "lo_truncate",
    "lo_truncate64",
)
MIGRATIONS = REPOSITORY / "infra" / "migrations"


def prepare_database(server: PostgresServer, owner_password: str, dbname: str = DATABASE) -> None:
    """Make the owner (who may make the functions' roles) and the database; keep what exists."""
    connection = _connect_superuser(server)
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
    _close_large_objects(server, dbname)


def _close_large_objects(server: PostgresServer, dbname: str) -> None:
    """Take from everybody but the superuser the right to keep large objects, which lie outside all tables."""
    connection = server.connect(dbname)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(f"REVOKE EXECUTE ON FUNCTION {', '.join(LARGE_OBJECTS)} FROM PUBLIC")
    finally:
        connection.close()


def _connect_superuser(server: PostgresServer) -> Connection:
    import psycopg2

    try:
        return server.connect(SUPERUSER)
    except psycopg2.OperationalError as error:
        raise ServiceError(_no_way_in(server, str(error).strip())) from error


def _no_way_in(server: PostgresServer, said: str) -> str:
    where = f"PostgreSQL on {server.host}:{server.port}"
    if "authentication failed" not in said:
        return f"{where} cannot be reached: {said}"
    return (
        f"{where} refuses the password in {server.password_file}: it is not the one that the database was made with. "
        "Put that one back; in containers `docker compose restart postgres cloud` makes the file's password the one "
        "in force; or start afresh, which deletes the data: make clean, or docker compose down --volumes."
    )


def apply_migrations(
    server: PostgresServer, owner_password: str, folder: Path = MIGRATIONS, dbname: str = DATABASE
) -> list[str]:
    """Apply what is new in `folder` as the owner; return the names; StepError names a file that fails."""
    from yoyo import get_backend, read_migrations  # type: ignore[import-untyped]

    uri = f"postgresql://{OWNER}:{quote(owner_password, safe='')}@{server.host}:{server.port}/{dbname}"
    backend = get_backend(f"{uri}?{urlencode(server.tls_parameters())}")
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
    """Set a role's password; only its SCRAM verifier travels, so no log can hold the password."""
    from psycopg2 import sql
    from psycopg2.extensions import encrypt_password

    verifier = encrypt_password(password, role, scope=connection, algorithm="scram-sha-256")
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))
