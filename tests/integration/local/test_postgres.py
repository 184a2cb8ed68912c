"""PostgreSQL from its package: password authentication, loopback only, data that survive a restart."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from vigie_local.accounts import Account, can_reach
from vigie_local.errors import ServiceError, StepError
from vigie_local.migrations import MIGRATIONS, OWNER, ROLES, apply_migrations, prepare_database
from vigie_local.ports import accepts, free_port
from vigie_local.postgres import PostgresServer, temporary_postgres
from vigie_local.postgres_files import PACKAGE, packaged_programs
from vigie_local.secrets import role_passwords, set_role_passwords

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to step down")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with temporary_postgres() as running:
        yield running


def ask(server: PostgresServer, query: str, dbname: str = "postgres") -> object:
    connection = server.connect(dbname)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
            return row[0] if row else None
    finally:
        connection.close()


def test_it_is_postgresql_18_and_waits_for_the_disk_at_commit(server: PostgresServer) -> None:
    assert str(ask(server, "SHOW server_version")).startswith("18.")
    assert ask(server, "SHOW synchronous_commit") == "on"
    assert ask(server, "SHOW fsync") == "on"


def test_no_one_enters_without_the_password(server: PostgresServer) -> None:
    for password in ("", "wrong"):
        with pytest.raises(psycopg2.OperationalError):
            server.connect("postgres", password=password)


def test_passwords_are_checked_by_scram(server: PostgresServer) -> None:
    methods = ask(server, "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules")
    assert methods == "scram-sha-256"


def test_it_listens_on_the_loopback_address_only(server: PostgresServer) -> None:
    assert ask(server, "SHOW listen_addresses") == "127.0.0.1"
    assert ask(server, "SHOW unix_socket_directories") == ""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", server.port), timeout=2)


def test_the_superusers_password_is_readable_by_its_owner_only(server: PostgresServer) -> None:
    assert stat.S_IMODE(server.password_file.stat().st_mode) == 0o600
    assert not list(server.data.parent.glob("initial-password"))


@needs_root
def test_started_by_root_it_does_not_run_as_root(server: PostgresServer) -> None:
    postmaster = (server.data / "postmaster.pid").stat()
    assert postmaster.st_uid != 0


def test_what_was_committed_survives_a_restart() -> None:
    with temporary_postgres() as server:
        connection = server.connect("postgres")
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        connection.close()
        assert server.stop()
        assert not accepts(server.port)
        server.start()
        assert ask(server, "SELECT answer FROM kept") == 42


@needs_root
def test_data_live_elsewhere_when_the_unprivileged_account_cannot_enter_the_home() -> None:
    closed = Path(tempfile.mkdtemp())
    closed.chmod(0o700)
    server = PostgresServer(closed / "home", free_port())
    try:
        server.start()
        assert closed not in server.data.parents
        assert str(ask(server, "SHOW server_version")).startswith("18.")
    finally:
        outside = server.data.parent
        server.remove()
        shutil.rmtree(closed)
    assert not outside.exists()


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that only its owner may enter, as /root is."""
    folder = Path(tempfile.mkdtemp())
    yield folder
    shutil.rmtree(folder)


def outside_places(*folders: Path) -> set[Path]:
    """Return the data folders outside of homes below these folders; other tests make and remove theirs meanwhile."""
    found = set()
    for note in Path("/var/lib").glob("vigie-*/home"):
        with contextlib.suppress(FileNotFoundError):
            home = Path(note.read_text())
            found |= {note.parent for folder in folders if home.is_relative_to(folder)}
    return found


def install_package(folder: Path) -> None:
    """PostgreSQL's package, as pip lays it out, in another folder."""
    original = packaged_programs().parent
    for part in (original, original.parents[1] / f"{PACKAGE}.libs"):
        if part.exists():
            shutil.copytree(part, folder / part.relative_to(original.parents[1]), copy_function=shutil.copyfile)
    for program in (folder / original.relative_to(original.parents[1]) / "bin").iterdir():
        program.chmod(0o700)
    (folder / PACKAGE / "__init__.py").touch()


@needs_root
def test_a_package_that_only_root_can_read_is_copied_whole_and_leaves_nothing(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    umask = os.umask(0o077)
    try:
        install_package(closed / "site-packages")
        monkeypatch.syspath_prepend(str(closed / "site-packages"))
        assert closed in packaged_programs().parents
        server = PostgresServer(closed / "home", free_port())
        server.start()
        assert str(ask(server, "SHOW server_version")).startswith("18.")
        [place] = outside_places(closed)
        assert place in server.data.parents
    finally:
        os.umask(umask)
        server.remove()
    assert not outside_places(closed)


@needs_root
def test_a_home_that_is_moved_keeps_its_data_and_a_copy_leaves_the_original_alone(closed: Path) -> None:
    server = PostgresServer(closed / "home", free_port())
    server.start()
    connection = server.connect("postgres")
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    connection.close()
    server.stop()
    shutil.copytree(closed / "home", closed / "copy", symlinks=True)
    copy = PostgresServer(closed / "copy", free_port())
    copy.start()
    assert ask(copy, "SELECT to_regclass('kept')") is None
    copy.remove()
    (closed / "home").rename(closed / "moved")
    moved = PostgresServer(closed / "moved", server.port)
    moved.start()
    assert ask(moved, "SELECT answer FROM kept") == 42
    moved.remove()
    assert not outside_places(closed)


@needs_root
def test_a_home_moved_to_where_the_account_cannot_follow_takes_its_data_along(closed: Path) -> None:
    opened = Path(tempfile.mkdtemp())
    opened.chmod(0o711)
    server = PostgresServer(opened / "home", free_port())
    server.start()
    system = ask(server, "SELECT system_identifier::text FROM pg_control_system()")
    server.stop()
    shutil.move(opened / "home", closed / "home")
    moved = PostgresServer(closed / "home", server.port)
    moved.start()
    assert ask(moved, "SELECT system_identifier::text FROM pg_control_system()") == system
    moved.remove()
    shutil.rmtree(opened)
    assert not outside_places(opened, closed)


def test_the_folder_may_have_any_name_and_no_shell_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    top = Path(tempfile.mkdtemp())
    top.chmod(0o711)
    odd = top / """-o $HOME `touch oops` $(touch oops) "q" 'r' #1 é %s \\ [g]* & ;"""
    odd.mkdir()
    install_package(odd / "site-packages")
    monkeypatch.syspath_prepend(str(odd / "site-packages"))
    server = PostgresServer(odd / "home", free_port())
    try:
        server.start()
        assert str(ask(server, "SHOW server_version")).startswith("18.")
        prepare_database(server, "secret")
        assert len(apply_migrations(server, "secret", migrations_below(odd))) > 5
        assert not list(top.rglob("oops"))
    finally:
        server.remove()
        shutil.rmtree(top)


def migrations_below(folder: Path) -> Path:
    return Path(shutil.copytree(MIGRATIONS, folder / "migrations"))


def test_reach_follows_the_rights_of_every_folder_on_the_way(tmp_path: Path) -> None:
    stranger = Account("stranger", uid=54321, gid=54321)
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    inner.chmod(0o755)
    (tmp_path / "outer").chmod(0o700)
    assert not can_reach(inner, stranger)
    assert can_reach(Path("/"), stranger)


def test_data_of_another_version_are_refused_with_the_remedy(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path, free_port())
    server.data.mkdir(parents=True)
    (server.data / "PG_VERSION").write_text("15\n")
    try:
        with pytest.raises(ServiceError, match=r"of PostgreSQL 15, this is 18\. Start afresh: make clean"):
            server.start()
    finally:
        server.remove()


def test_a_server_that_cannot_start_shows_its_log() -> None:
    with temporary_postgres() as running:
        running.stop()
        (running.data / "postgresql.conf").open("a").write("\nnonsense = on\n")
        with pytest.raises(ServiceError, match=r"(?s)did not start.*nonsense"):
            running.start()


def test_the_projects_migrations_apply_once_and_roles_get_their_passwords(server: PostgresServer) -> None:
    passwords = role_passwords(server.home / "private")
    for expected in (True, False):
        prepare_database(server, passwords[OWNER])
        assert bool(apply_migrations(server, passwords[OWNER])) is expected
        set_role_passwords(server, passwords)
    for role in ROLES:
        server.connect("vigie", role, passwords[role]).close()


def test_no_password_reaches_the_servers_log(server: PostgresServer) -> None:
    text = server.log.read_text()
    assert not [password for password in role_passwords(server.home / "private").values() if password in text]


def test_a_migration_that_fails_is_named_and_leaves_nothing(server: PostgresServer, tmp_path: Path) -> None:
    password = role_passwords(server.home / "private")[OWNER]
    prepare_database(server, password, "broken")
    (tmp_path / "0001_good.sql").write_text("CREATE TABLE good (a int);")
    (tmp_path / "0002_bad.sql").write_text("-- depends: 0001_good\nCREATE TABLE half (a int);\nSELECT nonsense;")
    with pytest.raises(StepError, match=r"Migration 0002_bad failed.*nonsense"):
        apply_migrations(server, password, tmp_path, "broken")
    assert ask(server, "SELECT to_regclass('good')::text", "broken") == "good"
    assert ask(server, "SELECT to_regclass('half')", "broken") is None


def test_a_lost_password_is_said_with_the_remedy(server: PostgresServer, tmp_path: Path) -> None:
    other = PostgresServer(tmp_path, server.port)
    other.password_file.parent.mkdir()
    other.password_file.write_text("another-one")
    with pytest.raises(ServiceError, match=r"refuses the password in .*docker compose") as refused:
        prepare_database(other, "unused")
    assert str(other.password_file) in str(refused.value)
    assert "another-one" not in str(refused.value)


def test_a_database_that_cannot_be_reached_is_named(server: PostgresServer, tmp_path: Path) -> None:
    other = PostgresServer(tmp_path, free_port())
    other.password_file.parent.mkdir()
    other.password_file.write_text("another-one")
    with pytest.raises(ServiceError, match=rf"PostgreSQL on 127.0.0.1:{other.port} cannot be reached"):
        prepare_database(other, "unused")
