"""The services of the local cloud: started together or not at all, stopped in reverse order."""

from __future__ import annotations

import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from vigie_local import ports
from vigie_local.container import ServiceElsewhere
from vigie_local.errors import LocalCloudError, ServiceError
from vigie_local.localstack import CREDENTIALS, LocalStack
from vigie_local.postgres import PostgresServer
from vigie_local.processes import ProcessSpec, log_tail, running_pid, start_process, stop_process
from vigie_local.settings import LOOPBACK, REPOSITORY, LocalSettings, service_environment

_HTTP_TIMEOUT_S = 60


class Service(Protocol):
    """What the supervisor needs of a service."""

    @property
    def pid_file(self) -> Path: ...
    @property
    def log(self) -> Path: ...
    def start(self) -> None: ...
    def stop(self) -> bool: ...
    def is_running(self) -> bool: ...


@dataclass(frozen=True)
class Entry:
    """A service with its name for people, its port and the variable that changes the port."""

    name: str
    variable: str
    port: int
    service: Service


@dataclass(frozen=True)
class WebService:
    """A web server in a process of its own, ready when `health` answers with 200."""

    pid_file: Path
    log: Path
    command: tuple[str, ...]
    environment: dict[str, str]
    health: str

    def start(self) -> None:
        """Start it unless it runs; return when it answers."""
        if not self.is_running():
            start_process(
                ProcessSpec(
                    name=self.pid_file.stem, command=self.command, environment=self.environment,
                    log=self.log, pid_file=self.pid_file, folder=REPOSITORY,
                )
            )  # fmt: skip
        self._wait_ready()

    def stop(self) -> bool:
        return stop_process(self.pid_file, timeout_s=10)

    def is_running(self) -> bool:
        return running_pid(self.pid_file) is not None

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _HTTP_TIMEOUT_S
        while not answers(self.health):
            if not self.is_running():
                raise ServiceError(f"It ended while starting:\n{log_tail(self.log)}")
            if time.monotonic() > deadline:
                raise ServiceError(f"It does not respond at {self.health}:\n{log_tail(self.log)}")
            time.sleep(0.1)


def answers(url: str) -> bool:
    """Return whether a GET on this address of this machine succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def model_server(settings: LocalSettings) -> WebService:
    """The local model server: Groq's protocol, answers from rules."""
    return WebService(
        pid_file=settings.run / "model-server.pid",
        log=settings.logs / "model-server.log",
        command=(sys.executable, "-m", "vigie_model_server", "--port", str(settings.model_port)),
        environment=service_environment(settings.model_server_switches),
        health=f"{settings.model_url}/_control",
    )


def dashboard(settings: LocalSettings) -> WebService:
    """The dashboard; it reads its database password from the local Secrets Manager."""
    options = {
        "server.address": settings.listen,
        "server.port": str(settings.dashboard_port),
        "server.baseUrlPath": settings.dashboard_path,
        # Pages may be read, and their data asked for, from this address; without it Streamlit asks an outside server
        # for its own.
        "browser.serverAddress": urlsplit(settings.dashboard_url).hostname or "localhost",
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    return WebService(
        pid_file=settings.run / "dashboard.pid",
        log=settings.logs / "dashboard.log",
        command=(sys.executable, "-m", "streamlit", "run", "dashboard/server.py", *arguments),
        environment=service_environment({**CREDENTIALS, "AWS_ENDPOINT_URL": settings.endpoint}),
        health=f"http://{LOOPBACK}:{settings.dashboard_port}{_below(settings)}/_stcore/health",
    )


def _below(settings: LocalSettings) -> str:
    return f"/{settings.dashboard_path}" if settings.dashboard_path else ""


def cloud_services(settings: LocalSettings) -> list[Entry]:
    """What a deployment needs, in starting order."""
    ours = settings.postgres_host == LOOPBACK
    database = Entry("PostgreSQL", "POSTGRES_PORT", settings.postgres_port, database_server(settings))
    return [
        *([database] if ours else []),
        Entry("LocalStack", "LOCALSTACK_PORT", settings.localstack_port, local_aws(settings)),
        Entry("model server", "MODEL_PORT", settings.model_port, model_server(settings)),
    ]


def dashboard_entry(settings: LocalSettings) -> Entry:
    return Entry("dashboard", "DASHBOARD_PORT", settings.dashboard_port, dashboard(settings))


def all_services(settings: LocalSettings) -> list[Entry]:
    """Every service that this machine, or this container, runs itself."""
    ours = settings.dashboard_host == LOOPBACK
    return [*cloud_services(settings), *([dashboard_entry(settings)] if ours else [])]


def services_elsewhere(settings: LocalSettings) -> list[ServiceElsewhere]:
    """Those that another machine or container runs."""
    database = ServiceElsewhere("PostgreSQL", settings.postgres_host, settings.postgres_port)
    dashboard = ServiceElsewhere("dashboard", settings.dashboard_host, settings.dashboard_port)
    return [service for service in (database, dashboard) if service.host != LOOPBACK]


def database_server(settings: LocalSettings) -> PostgresServer:
    return PostgresServer(settings.home, settings.postgres_port, settings.postgres_host)


def local_aws(settings: LocalSettings) -> LocalStack:
    return LocalStack(settings.home, settings.localstack_port, settings.localstack_switches, settings.listen)


def restart_local_aws(settings: LocalSettings) -> None:
    """Forget every resource: LocalStack keeps them in memory."""
    cloud = local_aws(settings)
    cloud.stop()
    cloud.start()


def start_services(entries: list[Entry], say: Callable[[str], None]) -> None:
    """Start what does not run yet. When one fails, those started by this call are stopped again."""
    missing = require_ports(entries)
    started: list[Entry] = []
    try:
        for entry in entries:
            if entry in missing:
                started.append(entry)
            _start(entry, say, new=entry in missing)
    except BaseException:
        for entry in reversed(started):
            if entry.service.stop():
                say(f"  {entry.name} stopped again")
        raise


def require_ports(entries: list[Entry]) -> list[Entry]:
    """The services that do not run yet; raises PortTakenError when one of them could not listen."""
    missing = [entry for entry in entries if not entry.service.is_running()]
    ports.require_free((entry.name, entry.port, entry.variable) for entry in missing)
    return missing


def not_running(entries: list[Entry]) -> list[str]:
    """The names of those that do not run."""
    return [entry.name for entry in entries if not entry.service.is_running()]


def stop_services(entries: list[Entry], say: Callable[[str], None]) -> int:
    """Stop what runs, last started first; return how many there were."""
    stopped = 0
    for entry in reversed(entries):
        if entry.service.stop():
            say(f"  {entry.name} stopped")
            stopped += 1
    return stopped


def _start(entry: Entry, say: Callable[[str], None], *, new: bool) -> None:
    began = time.monotonic()
    try:
        entry.service.start()
    except LocalCloudError as error:
        where = f"{entry.name} ({entry.variable}={entry.port})"
        raise ServiceError(f"{where}: {error}\nIts log: {entry.service.log}") from error
    took = f" ({time.monotonic() - began:.1f} s)" if new else ", already running"
    say(f"  {entry.name} on {LOOPBACK}:{entry.port}{took}")
