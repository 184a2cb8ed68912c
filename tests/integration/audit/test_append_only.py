"""The audit records are append-only: by privilege for every role, by trigger also for owner and superuser."""

import contextlib

import psycopg2
import pytest

from tests.integration.audit.audit_environment import ROLES, AuditEnvironment, request
from tests.template_database import MigratedServer

TABLES = {
    "audit_log": "status",
    "audit_leaf": "leaf_hash",
    "audit_checkpoint": "note",
    "audit_publication": "object_key",
    "run_gaps": "problem",
}


@pytest.fixture(scope="module")
def sealed(migrated: MigratedServer) -> AuditEnvironment:
    """A row in every table: one database for all tests here, each of which must change nothing."""
    environment = AuditEnvironment(migrated, migrated.copy())
    environment.write(3)
    environment.sealer().seal(request())
    environment.tamper("INSERT INTO run_gaps (run_id, step, store, problem) VALUES ('run-1', 'run', 'x', 'x')")
    return environment


def attempt(environment: AuditEnvironment, role: str, statement: str) -> str:
    """What the database answers to a statement: the refusal's message."""
    with contextlib.closing(environment.connect(role)) as connection:
        connection.set_session(readonly=False)  # what a role's settings say, the role may set otherwise
        with connection.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege) as refusal:
            cursor.execute(statement)
        return str(refusal.value)


def statements(table: str, column: str) -> list[str]:
    return [f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"]


@pytest.mark.parametrize("table", TABLES)
def test_no_role_may_change_or_take_away_what_was_recorded(sealed: AuditEnvironment, table: str) -> None:
    for role in ROLES:
        for statement in statements(table, TABLES[table]):
            assert "permission denied" in attempt(sealed, role, statement), (role, statement)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("role", ["owner", "postgres"])
def test_owner_and_superuser_are_refused_by_triggers(sealed: AuditEnvironment, table: str, role: str) -> None:
    before = sealed.fetch(f"SELECT count(*) FROM {table}")
    for statement in statements(table, TABLES[table]):
        assert "append-only" in attempt(sealed, role, statement), (role, statement)
    assert sealed.fetch(f"SELECT count(*) FROM {table}") == before


@pytest.mark.parametrize("role", [*ROLES, "owner", "postgres"])
def test_the_frontier_can_neither_go_away_nor_shrink(sealed: AuditEnvironment, role: str) -> None:
    for statement in ("DELETE FROM audit_frontier", "TRUNCATE audit_frontier"):
        attempt(sealed, role, statement)
    attempt(sealed, role, "UPDATE audit_frontier SET tree_size = 0, hashes = '{}'")


@pytest.mark.parametrize("role", ["planner", "nlp_agent", "prediction_agent", "action_agent", "dashboard"])
def test_only_the_audit_agent_may_seal_and_sign(sealed: AuditEnvironment, role: str) -> None:
    leaf = "INSERT INTO audit_leaf SELECT 99, uuidv7(), leaf_hash FROM audit_leaf"
    checkpoint = "INSERT INTO audit_checkpoint SELECT 99, root_hash, note FROM audit_checkpoint"
    for statement in (leaf, checkpoint, "UPDATE audit_frontier SET last_seq = 0"):
        assert "permission denied" in attempt(sealed, role, statement)


@pytest.mark.parametrize("role", ["planner", "nlp_agent", "prediction_agent", "action_agent", "audit_agent"])
def test_no_writer_may_choose_its_place_in_the_order_of_sealing(sealed: AuditEnvironment, role: str) -> None:
    assert "permission denied" in attempt(
        sealed,
        role,
        "INSERT INTO audit_log (event_id, occurred_at, agent, event_type, status, seq)"
        " OVERRIDING SYSTEM VALUE VALUES (uuidv7(), now(), 'x', 'BATCH_START', 'ok', 1)",
    )
    for statement in ("SELECT nextval('audit_log_seq_seq')", "SELECT setval('audit_log_seq_seq', 1)"):
        assert "permission denied" in attempt(sealed, role, statement)
