"""Which remedy is told when credentials or the database fail, and what survives a rotation."""

from __future__ import annotations

import socket
from typing import Any

import boto3
import psycopg2
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from dashboard import connection
from dashboard.connection import Database, read_credentials
from dashboard.errors import (
    DatabaseUnreachableError,
    SecretMalformedError,
    SecretMissingError,
    SecretUnreadableError,
)
from vigie.secrets import DatabaseSecret

SECRET = '{"host": "::1", "port": 1, "dbname": "d", "username": "dashboard", "password": "old"}'


class FakeSecrets:
    """Secrets Manager's one call."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer

    def get_secret_value(self, SecretId: str) -> dict[str, str]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"SecretString": self.answer}


def refuse(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetSecretValue")


def use_secrets(monkeypatch: pytest.MonkeyPatch, answer: str | Exception) -> None:
    monkeypatch.setattr(boto3, "client", lambda *_, **__: FakeSecrets(answer))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refuse("ResourceNotFoundException"), SecretMissingError),
        (refuse("AccessDeniedException"), SecretUnreadableError),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), SecretUnreadableError),
        ("not json", SecretMalformedError),
        ('{"host": "::1", "port": 1, "dbname": "d", "username": "u"}', SecretMalformedError),
    ],
)
def test_each_trouble_with_the_secret_has_its_own_error(
    monkeypatch: pytest.MonkeyPatch, answer: str | Exception, error: type[Exception]
) -> None:
    use_secrets(monkeypatch, answer)
    with pytest.raises(error, match="vigie/database/dashboard"):
        read_credentials()


def test_a_malformed_secret_is_reported_without_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    use_secrets(monkeypatch, '{"host": "h", "password": "do-not-tell"}')
    with pytest.raises(SecretMalformedError) as raised:
        read_credentials()
    assert raised.value.values["fields"] == "port, dbname, username, ca_bundle"
    assert "do-not-tell" not in str(raised.value)


def test_another_secret_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_DATABASE_SECRET", "elsewhere/dashboard")
    use_secrets(monkeypatch, refuse("ResourceNotFoundException"))
    with pytest.raises(SecretMissingError, match="elsewhere/dashboard"):
        read_credentials()


class FakeServer:
    """A database that lets in who has the right password, and drops its connections on demand."""

    def __init__(self) -> None:
        self.password = "old"
        self.opened: list[FakeConnection] = []

    def connect(self, **settings: Any) -> FakeConnection:
        if settings["password"] != self.password:
            raise psycopg2.OperationalError("password authentication failed")
        self.opened.append(FakeConnection())
        return self.opened[-1]


class FakeConnection:
    """A database that answers every query with one row until it is dropped."""

    closed = 0
    autocommit = False
    description: tuple[Any, ...] = ()
    dropped = False
    pair = socket.socketpair()

    def fileno(self) -> int:
        return self.pair[0].fileno()

    def cursor(self) -> FakeConnection:
        return self

    def __enter__(self) -> FakeConnection:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def execute(self, sql: str, parameters: object = None) -> None:
        if self.dropped:
            self.closed = 2
            raise psycopg2.OperationalError("server closed the connection unexpectedly")

    def fetchall(self) -> list[tuple[Any, ...]]:
        return [()]

    def close(self) -> None:
        self.closed = 1


class Credentials:
    """The secret, which may be rotated; counts how often it is read."""

    def __init__(self) -> None:
        self.password = "old"
        self.reads = 0

    def __call__(self) -> DatabaseSecret:
        self.reads += 1
        return DatabaseSecret("::1", "1", "d", "u", self.password)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    fake = FakeServer()
    monkeypatch.setattr(psycopg2, "connect", fake.connect)
    return fake


def test_one_connection_and_one_reading_of_the_secret_serve_many_queries(server: FakeServer) -> None:
    credentials = Credentials()
    database = Database(credentials)
    for _ in range(5):
        assert database.fetch("SELECT") == [{}]
    assert (len(server.opened), credentials.reads) == (1, 1)


def test_a_rotated_password_is_fetched_again_when_the_old_one_stops_working(server: FakeServer) -> None:
    credentials = Credentials()
    database = Database(credentials)
    database.fetch("SELECT")
    server.password = credentials.password = "new"
    server.opened[0].dropped = True
    assert database.fetch("SELECT") == [{}]
    assert credentials.reads == 2


def test_a_rotation_is_noticed_without_any_failure_once_the_secret_is_old(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = Credentials()
    database = Database(credentials)
    database.fetch("SELECT")
    server.password = credentials.password = "new"
    monkeypatch.setattr(connection, "SECRET_AGE_S", -1)
    assert database.fetch("SELECT") == [{}]
    assert server.opened[0].closed
    assert len(server.opened) == 2


def test_a_database_that_stays_away_is_named_without_its_password(server: FakeServer) -> None:
    server.password = "changed by somebody"
    with pytest.raises(DatabaseUnreachableError) as raised:
        Database(Credentials()).fetch("SELECT")
    assert raised.value.values == {"host": "::1", "port": "1", "dbname": "d"}
    assert "old" not in str(raised.value)


def test_it_recovers_by_itself_when_the_database_is_back(server: FakeServer) -> None:
    database = Database(Credentials())
    server.password = "away"
    with pytest.raises(DatabaseUnreachableError):
        database.fetch("SELECT")
    server.password = "old"
    assert database.fetch("SELECT") == [{}]
