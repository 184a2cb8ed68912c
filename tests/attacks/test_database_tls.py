"""Whoever sits between Vigie and a database on another machine: the way in the clear, and a server that is another's.

0.0.0.0 reaches this machine and is no loopback address, so that a real server stands for one elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import psycopg2
import pytest

import dashboard.connection
from dashboard.errors import DashboardError
from model.database import DatabaseUnknownError, connect
from tests.attacks.tls_in_front import Authority, Front
from tests.template_database import MigratedServer, migrated_server
from vigie.audit import Origin
from vigie.database import Database
from vigie.errors import DatabaseUnavailableError, SecretMalformedError, SettingsError
from vigie.secrets import DatabaseSecret
from vigie.transport import is_loopback, needs_certificates
from vigie_local.database_certificate import CERTIFICATE, KEY, make_certificate
from vigie_local.demo_bank import tool_variables
from vigie_local.migrations import OWNER, apply_migrations
from vigie_local.postgres import PostgresServer
from vigie_local.secrets import connection_facts
from vigie_local.services import database_server
from vigie_local.settings import LocalSettings
from vigie_operations.errors import TargetError
from vigie_operations.targets import Target

ELSEWHERE = "0.0.0.0"
REFUSALS = (
    psycopg2.OperationalError, SettingsError, DatabaseUnavailableError, DatabaseUnknownError, DashboardError,
    TargetError,
)  # fmt: skip
ORIGIN = Origin("planner", None, "")


@dataclass
class Office:
    """A database behind a certificate that can be exchanged."""

    migrated: MigratedServer
    name: str
    front: Front
    folder: Path

    def use(self, authority: Authority, host: str = ELSEWHERE, days_left: int = 5) -> None:
        """Have the server show a certificate, from the next connection on."""
        self.front.context = authority.context(self.folder, host, days_left)

    def dsn(self, host: str) -> str:
        return f"{self.migrated.dsn(self.name)} host={host} port={self.front.port}"

    def secret(self, role: str, ca_bundle: str, host: str = ELSEWHERE) -> DatabaseSecret:
        known = self.migrated.secret(self.name, role)
        return replace(known, host=host, port=str(self.front.port), ca_bundle=ca_bundle)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with migrated_server() as migrated:
        front = Front(migrated.server.port)
        yield Office(migrated, migrated.copy(), front, tmp_path_factory.mktemp("certificates"))
        front.close()


def as_function(office: Office, ca: str, _tmp: Path) -> None:
    database = Database(lambda _: office.secret("planner", ca))
    try:
        with database.transaction(ORIGIN) as running:
            assert running.fetch("SELECT 1") == [(1,)]
    finally:
        database.close()


def as_dashboard(office: Office, ca: str, _tmp: Path) -> None:
    database = dashboard.connection.Database(lambda: office.secret("dashboard", ca))
    assert database.fetch("SELECT 1 AS one") == [{"one": 1}]


class SecretsManager:
    """Gives one secret, whatever its name."""

    exceptions: ClassVar[None] = None

    def __init__(self, secret: DatabaseSecret) -> None:
        names = ("host", "port", "dbname", "username", "password", "ca_bundle")
        self._text = json.dumps({name: getattr(secret, name) for name in names})

    def client(self, *_: object, **__: object) -> SecretsManager:
        return self

    def get_secret_value(self, **_: str) -> dict[str, str]:
        return {"SecretString": self._text}

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        return {"Stacks": [{"Outputs": [{"OutputKey": "DatabaseSecretPrefix", "OutputValue": "vigie/database"}]}]}


def as_operation(office: Office, ca: str, tmp: Path) -> None:
    with Target("aws", SecretsManager(office.secret("dashboard", ca)), tmp).connected():
        pass


def as_tool(office: Office, ca: str, tmp: Path) -> None:
    (tmp / "ca.pem").write_text(ca)
    dsn = office.dsn(ELSEWHERE) + (f" sslrootcert={tmp / 'ca.pem'}" if ca else "")
    with contextlib.closing(connect(dsn)):
        pass


def as_migration(office: Office, ca: str, tmp: Path) -> None:
    """The owner's way; the superuser's is `PostgresServer.connect`, with the same parameters."""
    server = PostgresServer(tmp, office.front.port, ELSEWHERE)
    server.password_file.parent.mkdir(exist_ok=True)
    server.password_file.write_text(office.migrated.server.superuser_password())
    (server.password_file.parent / "database.crt").write_text(ca)
    assert apply_migrations(server, office.migrated.passwords[OWNER], dbname=office.name) == []
    server.connect(office.name).close()


WAYS = [as_function, as_dashboard, as_operation, as_tool, as_migration]
type Way = Callable[[Office, str, Path], None]


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_proves_its_name_is_reached_encrypted(office: Office, way: Way, tmp_path: Path) -> None:
    authority = Authority()
    office.use(authority)
    before = office.front.encrypted
    way(office, authority.pem, tmp_path)
    assert office.front.encrypted > before
    assert office.front.in_clear == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("attack", ["no_encryption", "no_certificates", "another_authority", "another_name", "expired"])
def test_no_connection_is_made_to_a_server_that_does_not(
    office: Office, way: Way, attack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the environment of libpq asks for less."""
    authority = Authority()
    office.use(Authority() if attack == "another_authority" else authority,
               "database.bank.example" if attack == "another_name" else ELSEWHERE,
               -1 if attack == "expired" else 5)  # fmt: skip
    if attack == "no_encryption":
        office.front.context = None
    monkeypatch.setenv("PGSSLMODE", "disable")
    monkeypatch.setenv("PGGSSENCMODE", "prefer")
    with pytest.raises(REFUSALS):
        way(office, "" if attack == "no_certificates" else authority.pem, tmp_path)
    assert office.front.in_clear == 0


def test_a_secret_without_certificates_names_what_it_lacks_and_never_its_values() -> None:
    given = {"host": "db.bank.example", "port": 5432, "dbname": "vigie", "username": "planner", "password": "hunter2"}
    with pytest.raises(SecretMalformedError, match="vigie/database/planner is malformed: ca_bundle missing") as refused:
        DatabaseSecret.parse("vigie/database/planner", json.dumps(given))
    assert "hunter2" not in str(refused.value)
    for bundle in ("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----", "/no/such/file", "none"):
        with pytest.raises(SettingsError, match="ca_bundle"):
            DatabaseSecret.parse("x", json.dumps(given | {"ca_bundle": bundle})).parameters()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.3.2.1", "::1", "localhost", "::ffff:127.0.0.1", "/var/run/postgresql"]
)
def test_this_machine_needs_no_certificates(host: str) -> None:
    assert not needs_certificates(host)


@pytest.mark.parametrize(
    "host",
    ["", "0.0.0.0", "::", "10.0.0.1", "db", "localhost.bank.example", "127.0.0.1.bank.example", "127.1", "2130706433",
     "127.0.0.1,db.bank.example", "/tmp,db.bank.example", "localhost,10.0.0.1", "LOCALHOST.", "１２７.0.0.1"],
)  # fmt: skip
def test_every_other_host_does(host: str) -> None:
    assert needs_certificates(host)
    assert not is_loopback(host)


def test_the_environment_turns_no_loopback_address_into_another(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PGHOSTADDR wins over a host's name and number where nothing is said against it."""
    office.front.context, office.front.in_clear = None, 0
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.77")
    secret = office.secret("planner", "", "127.0.0.1")
    with contextlib.closing(psycopg2.connect(**secret.parameters(), connect_timeout=5)):
        pass
    with contextlib.closing(connect(f"{office.dsn('127.0.0.1')} hostaddr=192.0.2.77 connect_timeout=5")):
        pass
    assert office.front.in_clear == 2
    office.front.in_clear = 0


def test_a_database_on_this_machine_is_verified_too_where_certificates_are_given(office: Office) -> None:
    office.use(Authority(), "127.0.0.1")
    with pytest.raises(psycopg2.OperationalError, match="SSL error"):
        psycopg2.connect(**office.secret("planner", Authority().pem, "127.0.0.1").parameters())


def test_containers_reach_the_database_by_the_certificate_that_was_made_for_its_name(
    office: Office, tmp_path: Path
) -> None:
    """`postgres` in the compose file; here the name leads to this machine, as the engine's own names do there."""
    private = tmp_path / "private"
    make_certificate(private, "postgres")
    made = (private / CERTIFICATE).read_bytes()
    make_certificate(private, "postgres")
    assert (private / CERTIFICATE).read_bytes() == made
    assert [path.name for path in private.iterdir() if path.stat().st_mode & 0o077] == []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(private / CERTIFICATE, private / KEY)
    office.front.context, office.front.in_clear = context, 0
    settings = LocalSettings(home=tmp_path, postgres_host="postgres", postgres_port=office.front.port)
    facts = connection_facts("planner", office.migrated.passwords["planner"], settings) | {"dbname": office.name}
    known = DatabaseSecret.parse("x", json.dumps(facts)).parameters() | {"hostaddr": "127.0.0.1"}
    psycopg2.connect(**known).close()
    server = database_server(settings)
    owner: dict[str, Any] = {"dbname": office.name, "user": OWNER, "password": office.migrated.passwords[OWNER]}
    way: dict[str, Any] = (
        {"host": "postgres", "port": office.front.port} | server.tls_parameters() | {"hostaddr": "127.0.0.1"}
    )
    psycopg2.connect(**way, **owner).close()
    tool = tool_variables(settings)
    assert tool["PGSSLROOTCERT"] == str(private / CERTIFICATE)
    assert office.front.in_clear == 0
    with pytest.raises(psycopg2.OperationalError, match="does not match host name"):
        psycopg2.connect(**known | {"host": "another"})
