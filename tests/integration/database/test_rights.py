"""Each role may do what rights.toml says, and nothing else: everything is tried, both ways."""

import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from tests.integration.conftest import Bank
from vigie_local.migrations import FUNCTION_ROLES

STATED: dict[str, Any] = tomllib.loads((Path(__file__).parent / "rights.toml").read_text(encoding="utf-8"))
STATEMENTS = {
    "select": 'SELECT "{column}" FROM "{table}" LIMIT 0',
    "insert": 'INSERT INTO "{table}" ("{column}") OVERRIDING SYSTEM VALUE SELECT NULL::{of} WHERE false',
    "update": 'UPDATE "{table}" SET "{column}" = DEFAULT WHERE false',
}
# Nobody can write to a view, the owner included.
VIEWS = {"current_consents", "sentences", "lost_customers", "to_take_up", "own_answers"}
WHOLE_TABLE = {"delete": 'DELETE FROM "{table}" WHERE false', "truncate": 'TRUNCATE "{table}" CASCADE'}


@pytest.fixture(scope="module")
def columns(bank: Bank) -> dict[str, list[tuple[str, str]]]:
    """Name and type of every column, by table or view; the migrations' own tables are among them."""
    rows = bank.query(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') ORDER BY 1, a.attnum"
    )
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for table, column, of in rows:
        found[table].append((column, of))
    return found


@pytest.fixture(params=FUNCTION_ROLES)
def session(bank: Bank, request: pytest.FixtureRequest) -> Iterator[tuple[str, Connection]]:
    connection = bank.connect(request.param)
    connection.set_session(readonly=False)  # what a role's settings say, the role may set otherwise
    yield request.param, connection
    connection.close()


def is_allowed(connection: Connection, statement: str) -> bool:
    """Whether the role may do it; whatever it did is undone."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    except psycopg2.errors.InsufficientPrivilege:
        return False
    except psycopg2.Error as error:
        # A function of ours that may be called, and refuses what it is called with.
        if not str(error.pgcode).startswith("VG"):
            raise
    finally:
        connection.rollback()
    return True


def test_the_file_names_every_role_and_nothing_that_does_not_exist(columns: dict[str, list[tuple[str, str]]]) -> None:
    assert set(STATED) == set(FUNCTION_ROLES)
    for role, rights in STATED.items():
        assert set(rights) <= {"functions", *STATEMENTS}, role
        for operation in STATEMENTS:
            for table, named in rights.get(operation, {}).items():
                assert table in columns
                assert named == "all" or set(named) < {column for column, _ in columns[table]}, (role, table)


@pytest.mark.parametrize("operation", STATEMENTS)
def test_every_column_of_every_table(
    session: tuple[str, Connection], columns: dict[str, list[tuple[str, str]]], operation: str
) -> None:
    role, connection = session
    allowed: dict[str, list[str]] = {}
    for table, named in columns.items():
        if operation != "select" and table in VIEWS:
            continue
        for column, of in named:
            if is_allowed(connection, STATEMENTS[operation].format(table=table, column=column, of=of)):
                allowed.setdefault(table, []).append(column)
    stated = {
        table: [column for column, _ in columns[table]] if named == "all" else named
        for table, named in STATED[role].get(operation, {}).items()
    }
    assert {table: set(named) for table, named in allowed.items()} == {t: set(named) for t, named in stated.items()}


@pytest.mark.parametrize("operation", WHOLE_TABLE)
def test_no_role_deletes(
    session: tuple[str, Connection], columns: dict[str, list[tuple[str, str]]], operation: str
) -> None:
    role, connection = session
    tables = [table for table in columns if table not in VIEWS]
    statements = {table: WHOLE_TABLE[operation].format(table=table) for table in tables}
    assert [table for table in tables if is_allowed(connection, statements[table])] == [], role


def test_every_function(bank: Bank, session: tuple[str, Connection]) -> None:
    role, connection = session
    functions = bank.query(
        "SELECT proname, pronargs FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        " AND prorettype <> 'trigger'::regtype"
    )
    assert {name for name, _ in functions} >= {"record_consent", "consent_granted_now", "end_egress"}
    callable_by_role = {
        name
        for name, arguments in functions
        if is_allowed(connection, f"SELECT {name}({', '.join(['NULL'] * arguments)})")
    }
    assert callable_by_role == set(STATED[role]["functions"])


def test_no_role_makes_tables_or_roles_or_becomes_another(session: tuple[str, Connection]) -> None:
    role, connection = session
    others = [other for other in (*FUNCTION_ROLES, "owner", "postgres") if other != role]
    made = ["CREATE TABLE mine ()", "CREATE ROLE another", "CREATE SCHEMA mine", "COPY (SELECT 1) TO PROGRAM 'true'"]
    for statement in (*made, *(f'SET ROLE "{other}"' for other in others)):
        assert not is_allowed(connection, statement), statement


@pytest.mark.parametrize("column", ["first_name", "last_name", "email", "phone", "address", "iban", "birth_date"])
@pytest.mark.parametrize("role", ["planner", "prediction_agent", "audit_agent"])
def test_who_needs_no_name_cannot_read_one(bank: Bank, role: str, column: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        bank.query(f"SELECT {column} FROM customers", role=role)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        bank.query("SELECT text FROM feedback", role=role)
