"""LocalStack in host mode: the local AWS, with our process executor for Lambda, on 127.0.0.1 only.

    with temporary_localstack() as cloud:        # tests: private folder, free port, stopped at the end
        sqs = cloud.client("sqs")

Its state is in memory: stopping it forgets every resource.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vigie_local.errors import ServiceError
from vigie_local.ports import free_port
from vigie_local.processes import ProcessSpec, log_tail, running_pid, start_process, stop_process
from vigie_local.settings import LOOPBACK, REGION, REPOSITORY, service_environment

_START_TIMEOUT_S = 90
# What a program needs to talk to it: any credentials do.
CREDENTIALS = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


def runtime_python() -> Path:
    """The Python that functions run under: a stand-in for AWS's managed runtime."""
    return REPOSITORY / ".local" / "runtime" / "bin" / "python"


@dataclass(frozen=True)
class LocalStack:
    """One LocalStack below `home`, listening on 127.0.0.1:`port`; `extra` overrides its settings."""

    home: Path
    port: int
    extra: Mapping[str, str] = field(default_factory=dict)
    listen: str = LOOPBACK

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def pid_file(self) -> Path:
        return self.home / "run" / "localstack.pid"

    @property
    def log(self) -> Path:
        return self.home / "logs" / "localstack.log"

    def start(self) -> None:
        """Start it unless it runs; return when it answers."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start it unless it runs, without waiting."""
        if self.is_running():
            return
        # It knows nothing of what an earlier one left in files.
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir(parents=True)
        start_process(self._spec())

    def stop(self) -> bool:
        """End it and the functions it runs; False when it did not run."""
        return stop_process(self.pid_file, timeout_s=8)

    def is_running(self) -> bool:
        return running_pid(self.pid_file) is not None

    def wait_ready(self, on_wait: Callable[[], None] | None = None) -> None:
        """Return when it answers; raise ServiceError with its log when it ends or takes too long."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self.is_healthy():
            if not self.is_running():
                raise ServiceError(f"LocalStack ended while starting:\n{log_tail(self.log)}")
            if time.monotonic() > deadline:
                raise ServiceError(f"LocalStack does not respond:\n{log_tail(self.log)}")
            if on_wait:
                on_wait()
            time.sleep(0.1)

    def is_healthy(self) -> bool:
        """Return whether it answers its health check."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_localstack/health", timeout=2) as answer:
                return "services" in json.load(answer)
        except (OSError, ValueError):
            return False

    def client(self, service: str) -> Any:
        """A boto3 client for one service of this LocalStack; it never asks another cloud."""
        return aws_client(service, self.endpoint)

    @property
    def _temporary(self) -> Path:
        return self.home / "localstack" / "temporary"

    def _spec(self) -> ProcessSpec:
        return ProcessSpec(
            name="LocalStack",
            command=(sys.executable, "-m", "vigie_localstack.gateway"),
            environment=service_environment(self._environment() | dict(self.extra)),
            log=self.log,
            pid_file=self.pid_file,
            folder=self.home / "localstack",
        )

    def _environment(self) -> dict[str, str]:
        files = self.home / "localstack"
        return {
            "GATEWAY_LISTEN": f"{self.listen}:{self.port}",
            "LOCALSTACK_HOST": f"{LOOPBACK}:{self.port}",
            "FILESYSTEM_ROOT": str(files),
            # It keeps a cache in its home folder, and would read the operator's own AWS settings there.
            "HOME": str(files),
            # Below it the gateway puts what S3 stores.
            "TMPDIR": str(self._temporary),
            # Inside a container it would otherwise write to /var/lib/localstack.
            "OVERRIDE_IN_DOCKER": "0",
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
            "SQS_ENDPOINT_STRATEGY": "path",
            # Its services call each other without going through its own web server.
            "IN_MEMORY_CLIENT": "1",
            "LAMBDA_RUNTIME_EXECUTOR": "process",
            "VIGIE_RUNTIME_PYTHON": str(runtime_python()),
            # Where the audit log's keys outlive it; not with the passwords, which may be lost and made anew.
            "VIGIE_KEPT_KEYS": str(self.home / "audit-keys"),
            # Between two messages, and after the rare question to a queue that another has just emptied.
            "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.01",
            "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "1",
        }


def aws_client(service: str, endpoint: str) -> Any:
    """A boto3 client for `endpoint`, with credentials that are worth nothing elsewhere."""
    import boto3
    from botocore.config import Config

    create: Any = boto3.client
    return create(
        service, endpoint_url=endpoint, region_name=REGION,
        aws_access_key_id="test", aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 2}, connect_timeout=5, read_timeout=60),
    )  # fmt: skip


@contextlib.contextmanager
def temporary_localstack(**extra: str) -> Iterator[LocalStack]:
    """A LocalStack with a private folder and a free port; `extra` are settings of LocalStack."""
    home = Path(tempfile.mkdtemp(prefix="vigie-localstack-"))
    cloud = LocalStack(home, free_port(), extra)
    try:
        cloud.start()
        yield cloud
    finally:
        cloud.stop()
        shutil.rmtree(home, ignore_errors=True)
