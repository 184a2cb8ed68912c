"""A bank for the dashboard to show: a PostgreSQL of its own, demo data, the dashboard's secret, a Streamlit server."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

from vigie_local.ports import free_port
from vigie_local.postgres import PostgresServer, temporary_postgres

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "for-this-test-only"
_START_TIMEOUT_S = 60


@dataclass
class SecretStore:
    """Secrets Manager's GetSecretValue over HTTP, with what it takes to rotate or lose a secret."""

    address: str
    secrets: dict[str, str]
    reads: int = 0


@contextlib.contextmanager
def secret_store(secrets: dict[str, str]) -> Iterator[SecretStore]:
    """Serve on a free port of 127.0.0.1 until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            store.reads += 1
            value = store.secrets.get(request["SecretId"])
            body = {"Name": request["SecretId"], "SecretString": value}
            missing = {"__type": "ResourceNotFoundException", "message": "no such secret"}
            content = json.dumps(missing if value is None else body).encode()
            self.send_response(400 if value is None else 200)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Write nothing: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    store = SecretStore(f"http://127.0.0.1:{server.server_address[1]}", secrets)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()


def secret_of(server: PostgresServer, dbname: str, password: str = PASSWORD, role: str = "dashboard") -> str:
    """The secret's JSON text for the dashboard's role, or another."""
    settings = {"host": "127.0.0.1", "port": server.port, "dbname": dbname, "username": role}
    return json.dumps(settings | {"password": password})


@contextlib.contextmanager
def bank_server() -> Iterator[PostgresServer]:
    """A PostgreSQL with the database `vigie`, migrated and empty; the role `dashboard` may enter."""
    with temporary_postgres() as server:
        prepare_database(server, "vigie")
        yield server


def prepare_database(server: PostgresServer, dbname: str) -> None:
    """Make and migrate a database as the deployment does: by a role `owner` that is no superuser."""
    connection = server.connect("postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = 'owner'")
        if cursor.fetchone() is None:
            cursor.execute("CREATE ROLE owner LOGIN CREATEROLE PASSWORD %s", (PASSWORD,))
        cursor.execute(f"CREATE DATABASE {dbname} OWNER owner")
    connection.close()
    migrate(server, dbname)
    with server.connect("postgres") as connection, connection.cursor() as cursor:
        for role in ("dashboard", "officer", "reviewer", "second_reviewer"):
            cursor.execute(f"ALTER ROLE {role} PASSWORD %s", (PASSWORD,))


def migrate(server: PostgresServer, dbname: str) -> None:
    """Applies infra/migrations."""
    address = f"postgresql://owner:{PASSWORD}@127.0.0.1:{server.port}/{dbname}"
    command = [sys.executable, "-m", "yoyo", "apply", "-b", "-d", address, str(ROOT / "infra/migrations")]
    subprocess.run(command, check=True, capture_output=True, cwd=tempfile.gettempdir())


def fill_bank(server: PostgresServer, dbname: str = "vigie", customers: int = 200, audit_rows: int = 0) -> None:
    """Writes customers, three runs with their results, and at least `audit_rows` audit events."""
    sql = Path(__file__).with_name("dashboard_bank.sql").read_text()
    sql = sql.replace(":customers", str(customers)).replace(":audit_rows", str(audit_rows))
    with server.connect(dbname) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
    connection.close()


def fill_campaign(server: PostgresServer, dbname: str = "vigie", proposals: int = 60) -> None:
    """Writes people, a catalogue, a campaign and proposals of the newest run, after `fill_bank`."""
    sql = Path(__file__).with_name("dashboard_campaign.sql").read_text().replace(":proposals", str(proposals))
    with server.connect(dbname) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
    connection.close()


def reviewing_secrets(server: PostgresServer, dbname: str = "vigie") -> dict[str, str]:
    """The secrets of a dashboard on which people review."""
    duties = ("dashboard", "reviewer", "second_reviewer")
    return {f"vigie/database/{role}": secret_of(server, dbname, role=role) for role in duties}


def dashboard_environment(store: SecretStore, home: Path) -> dict[str, str]:
    """What a dashboard process needs, and nothing of the operator's own account."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "VIGIE_HOME": str(home),
        "AWS_ENDPOINT_URL": store.address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@contextlib.contextmanager
def running_dashboard(store: SecretStore) -> Iterator[str]:
    """Starts Streamlit on a free port as `make dashboard` does; gives its address, stops it by pid."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/server.py", "--server.port", str(port)]
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile() as log:
        environment = dashboard_environment(store, Path(home))
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_healthy(address, process, log)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_until_healthy(address: str, process: subprocess.Popen[Any], log: IO[bytes]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/_stcore/health") as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    log.seek(0)
    raise RuntimeError(f"the dashboard did not start:\n{log.read().decode()}")
