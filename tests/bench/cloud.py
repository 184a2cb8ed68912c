"""A private local cloud for measuring: its own folder and free ports, the whole bank loaded, stopped at the end."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
import urllib.request
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.customers import write_bank
from vigie_local import commands, demo_bank
from vigie_local.console_steps import run_tool, step
from vigie_local.errors import ServiceError
from vigie_local.localstack import aws_client
from vigie_local.ports import free_port
from vigie_local.secrets import role_passwords
from vigie_local.services import database_server, local_aws, model_server
from vigie_local.settings import DATABASE, LocalSettings, service_environment
from vigie_operations.targets import Target

OWNER = "owner"


@dataclass(frozen=True)
class BenchCloud:
    """A deployed stack whose bank holds `customers` customers, and the ways into it."""

    settings: LocalSettings
    customers: int

    @property
    def target(self) -> Target:
        """This cloud as a target of operations."""
        return commands.target_of(self.settings)

    def client(self, service: str) -> Any:
        """A boto3 client of this cloud."""
        return aws_client(service, self.settings.endpoint)

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """All rows of a query, as the database's owner."""
        password = role_passwords(self.settings.private)[OWNER]
        connection = database_server(self.settings).connect(DATABASE, OWNER, password)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def set_model(self, **changes: object) -> dict[str, Any]:
        """Reset the model server, then change these settings; return its state."""
        self._control("POST", "/reset")
        return self._control("PUT", "", changes)

    def set_model_keeping(self, **changes: object) -> dict[str, Any]:
        """Change these settings of the model server; keep the others and its recordings."""
        return self._control("PUT", "", changes)

    def model_requests(self) -> list[dict[str, Any]]:
        """What the model server received since it was last set, all of it.

        Raises:
            ServiceError: it kept only the newest ones, so that nothing can be said of the others.
        """
        requests: list[dict[str, Any]] = []
        while True:
            page = self._control("GET", f"/requests?limit=10000&offset={len(requests)}")
            if page["dropped"]:
                raise ServiceError(f"The model server dropped {page['dropped']} of the requests it recorded")
            requests += page["requests"]
            if not page["requests"] or len(requests) >= page["matching"]:
                return requests

    def model_state(self) -> dict[str, Any]:
        """The model server's settings and counts."""
        return self._control("GET", "")

    def function_variable(self, function: str, name: str) -> int:
        """A whole number from a deployed function's environment, such as LLM_CONCURRENCY."""
        described = self.client("lambda").get_function_configuration(FunctionName=function)
        return int(described["Environment"]["Variables"][name])

    def pid_files(self) -> dict[str, Path]:
        """The pid file of each service, by the name used in the tables."""
        return {
            "localstack": local_aws(self.settings).pid_file,
            "postgresql": database_server(self.settings).pid_file,
            "model server": model_server(self.settings).pid_file,
        }

    def _control(self, method: str, path: str, body: dict[str, object] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.settings.model_url}/_control{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            state: dict[str, Any] = json.load(answer)
            return state


@contextlib.contextmanager
def bench_cloud(customers: int, switches: Mapping[str, str] | None = None) -> Iterator[BenchCloud]:
    """Start and deploy a cloud with this many customers; remove it afterwards.

    `switches` are settings of LocalStack.
    """
    home = Path(tempfile.mkdtemp(prefix="vigie-bench-"))
    home.chmod(0o711)
    settings = LocalSettings(
        home,
        postgres_port=free_port(),
        localstack_port=free_port(),
        model_port=free_port(),
        dashboard_port=free_port(),
        customers=customers,
        localstack_switches=dict(switches or {}),
    )
    try:
        commands.deploy_stack(settings, Namespace())
        _fill(settings)
        yield BenchCloud(settings, customers)
    finally:
        commands.clean(settings, Namespace())
        shutil.rmtree(home, ignore_errors=True)


def _fill(settings: LocalSettings) -> None:
    with step("Bank to measure") as current:
        write_bank(settings.home / "bank", settings.customers)
        command = [sys.executable, "-m", "model.load", "--demo", "--data", str(settings.home / "bank")]
        environment = service_environment(demo_bank.tool_variables(settings))
        run_tool(command, environment, settings.logs / "load.log", settings.home)
        current.note = f"{settings.customers} customers with feedback and every consent"
    demo_bank.fill_bank(settings)
    _settle(settings)


def _settle(settings: LocalSettings) -> None:
    """Statistics as a bank that has been there for a while has them."""
    server = database_server(settings)
    connection = server.connect(DATABASE)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
    finally:
        connection.close()
