"""A PostgreSQL server of one's own, from its package: made, started and stopped without an installation.

    with temporary_postgres() as server:        # tests: private folder, free port, removed at the end
        connection = server.connect("postgres")

PostgreSQL refuses to run as root. Started by root, it runs as `nobody`; where that account cannot use
the project's folder (a clone below /root), programs and data live below /var/lib instead (`postgres_files`).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.silence import TCP_PARAMETERS
from vigie.transport import tls_parameters
from vigie_local.accounts import Account, give_folder, unprivileged_account
from vigie_local.database_certificate import CERTIFICATE
from vigie_local.errors import ServiceError
from vigie_local.ports import free_port
from vigie_local.postgres_files import (
    MAJOR_VERSION,
    claim_place,
    place_of,
    remove_place,
    settle,
    shell_safe,
    usable_programs,
)
from vigie_local.processes import ProcessSpec, log_tail, running_pid, start_process, stop_process
from vigie_local.settings import LOOPBACK, service_environment
from vigie_operations.private_files import write_private

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SUPERUSER = "postgres"
_START_TIMEOUT_S = 60
# For a small machine that also runs everything else; a commit still waits for the disk.
_SERVER_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "130",
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "synchronous_commit": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failing statement's text may hold personal data: the log gets the error, never the statement.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True)
class PostgresServer:
    """A cluster below `home`, listening on 127.0.0.1:`port`, password authentication only.

    With another `host` the cluster is somebody else's: connect() works, starting and stopping are not for us.
    """

    home: Path
    port: int
    host: str = LOOPBACK

    @property
    def pid_file(self) -> Path:
        return self.home / "run" / "postgres.pid"

    @property
    def log(self) -> Path:
        return self.home / "logs" / "postgres.log"

    @property
    def password_file(self) -> Path:
        """The superuser's password: generated, readable by its owner only."""
        return self.home / "private" / "postgres-superuser"

    @property
    def data(self) -> Path:
        return self._place() / "data"

    def start(self) -> None:
        """Make the cluster when there is none, start it unless it runs, return when it answers."""
        if self.is_running():
            return
        self.initialise()
        start_process(self._spec())
        self.wait_ready()
        self._require_ours()

    def stop(self) -> bool:
        """End it the way that keeps every commit; False when it did not run."""
        return stop_process(self.pid_file, signal.SIGINT, timeout_s=30)

    def is_running(self) -> bool:
        return running_pid(self.pid_file) is not None

    def remove(self) -> None:
        """Stop it and delete its data, wherever that lives."""
        self.stop()
        remove_place(self.home, unprivileged_account())
        self.password_file.unlink(missing_ok=True)

    def connect(self, dbname: str, user: str = SUPERUSER, password: str | None = None) -> Connection:
        """A connection as `user`; the superuser's password is known and need not be given."""
        import psycopg2

        opened: Connection = psycopg2.connect(
            host=self.host, port=self.port, dbname=dbname, user=user,
            password=self.superuser_password() if password is None else password, connect_timeout=10, **TCP_PARAMETERS,
            **self.tls_parameters(),
        )  # fmt: skip
        return opened

    def superuser_password(self) -> str:
        try:
            return self.password_file.read_text().strip()
        except FileNotFoundError as error:
            raise ServiceError(
                f"{self.password_file} is missing: no role can connect to the database. Start afresh: make clean."
            ) from error

    def tls_parameters(self) -> dict[str, Any]:
        """What libpq needs to know a server on another host, whose certificate lies beside its password."""
        certificate = self.password_file.parent / CERTIFICATE
        return tls_parameters(self.host, str(certificate) if self.host != LOOPBACK else "")

    def initialise(self) -> None:
        """Make the cluster and its superuser's password; do nothing when it exists."""
        self.home.mkdir(parents=True, exist_ok=True)  # so that its own rights count when a place is chosen
        account = unprivileged_account()
        place = settle(self.home, account)
        give_folder(place, account)
        claim_place(self.home, place)
        if (self.data / "PG_VERSION").exists():
            self._require_version()
            return
        password = secrets.token_urlsafe(32)
        if self.data.exists():
            shutil.rmtree(self.data)  # what an interrupted initialisation left
        write_private(self.password_file, password)
        self._initdb(password, account)

    def wait_ready(self) -> None:
        """Return when the server lets the superuser in; raise ServiceError with its log otherwise."""
        import psycopg2

        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                self.connect(SUPERUSER).close()
                return
            except psycopg2.OperationalError as error:
                if not self.is_running():
                    raise ServiceError(f"PostgreSQL did not start:\n{log_tail(self.log)}") from error
                if time.monotonic() > deadline or "authentication failed" in str(error):
                    raise ServiceError(f"PostgreSQL refuses connections: {error}\n{log_tail(self.log)}") from error
            time.sleep(0.05)

    def _require_ours(self) -> None:
        """Verify that the server just started answers on the port, not another that held it."""
        connection = self.connect(SUPERUSER)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SHOW data_directory")
                (folder,) = cursor.fetchone() or ("",)
        finally:
            connection.close()
        if Path(folder).resolve() != self.data.resolve():
            raise ServiceError(f"Another PostgreSQL answers on port {self.port}: set POSTGRES_PORT to a free one.")

    def _spec(self) -> ProcessSpec:
        options = _SERVER_SETTINGS | {"port": str(self.port)}
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return ProcessSpec(
            name="PostgreSQL",
            command=(str(self._programs() / "postgres"), "-D", str(self.data), *arguments),
            environment=service_environment({"HOME": str(self._place())}),
            log=self.log,
            pid_file=self.pid_file,
            folder=self._place(),
            stop_signal=signal.SIGINT,
            account=unprivileged_account(),
        )

    def _initdb(self, password: str, account: Account | None) -> None:
        pwfile = self._place() / "initial-password"
        write_private(pwfile, password)
        if account:
            os.chown(pwfile, account.uid, account.gid)
        options = (
            "-D", str(self.data), "-U", SUPERUSER, f"--pwfile={pwfile}",
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8", "--no-instructions", "--no-sync",
        )  # fmt: skip
        try:
            with shell_safe(self._programs()) as programs:
                self._run_initdb((str(programs / "initdb"), *options), account)
        finally:
            pwfile.unlink(missing_ok=True)

    def _run_initdb(self, command: tuple[str, ...], account: Account | None) -> None:
        environment = service_environment({"HOME": str(self._place()), "LC_ALL": "C"})
        identity = account.popen_arguments() if account else {}
        try:
            result = subprocess.run(
                command, env=environment, cwd=self._place(), capture_output=True, text=True, check=False, **identity
            )
        except OSError as error:
            raise ServiceError(
                f"initdb does not start ({error}). What is wrong with this machine: make doctor"
            ) from error
        if result.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise ServiceError(f"initdb failed:\n{result.stdout}{result.stderr}")

    def _require_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != MAJOR_VERSION:
            raise ServiceError(
                f"{self.data} is of PostgreSQL {version}, this is {MAJOR_VERSION}. Start afresh: make clean."
            )

    def _place(self) -> Path:
        return place_of(self.home, unprivileged_account())

    def _programs(self) -> Path:
        return usable_programs(self._place(), unprivileged_account())


@contextlib.contextmanager
def temporary_postgres(port: int | None = None) -> Iterator[PostgresServer]:
    """A server with a private folder and a free port, stopped and removed at the end."""
    home = Path(tempfile.mkdtemp(prefix="vigie-postgres-"))
    home.chmod(0o711)
    server = PostgresServer(home, port or free_port())
    try:
        server.start()
        yield server
    finally:
        server.remove()
        shutil.rmtree(home, ignore_errors=True)
