"""A real LocalStack of its own, with the process executor, and functions deployed to it from source text."""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

REPOSITORY = Path(__file__).parents[3]
CANARY = "VIGIE_TEST_CANARY"
START_SECONDS = 60.0


@pytest.fixture(scope="session")
def runtime_python() -> Path:
    """The Python of the stand-in for AWS's managed runtime, made from its lock when it is missing."""
    folder = Path(os.environ.get("VIGIE_HOME") or REPOSITORY / ".local") / "runtime"
    python = folder / "bin" / "python"
    if not python.exists():
        lock = REPOSITORY / "requirements" / "runtime.lock"
        uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
        create = [uv, "venv", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
        python_name = str(python)
        pip = [uv, "pip", "install", "--python", python_name] if uv else [python_name, "-m", "pip", "install"]
        subprocess.run([*create, str(folder)], check=True)
        subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)
    return python


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def zip_of(files: dict[str, str]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for name, text in files.items():
            writer.writestr(name, textwrap.dedent(text))
    return archive.getvalue()


def poll[T](look: Callable[[], T], what: str, seconds: float = 60.0) -> T:
    """Return the first true answer; fails when there is none before the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


@dataclass
class LocalStack:
    """A running LocalStack; `state` is the folder that holds everything it writes."""

    process: subprocess.Popen[bytes]
    port: int
    state: Path

    @classmethod
    def start(cls, state: Path, runtime_python: Path) -> "LocalStack":
        port = free_port()
        (state / "tmp").mkdir(parents=True)
        variables = os.environ | {
            CANARY: "seen",
            "PYTHONPATH": str(REPOSITORY / "infra"),
            "GATEWAY_LISTEN": f"127.0.0.1:{port}",
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
            "IN_MEMORY_CLIENT": "1",
            "FILESYSTEM_ROOT": str(state),
            "TMPDIR": str(state / "tmp"),
            "XDG_CACHE_HOME": str(state / "cache"),
            "LAMBDA_RUNTIME_EXECUTOR": "process",
            "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.1",
            "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "1",
            "VIGIE_RUNTIME_PYTHON": str(runtime_python),
        }
        with (state / "localstack.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "localstack.runtime.main"], env=variables, stdout=log, stderr=log
            )
        started = cls(process, port, state)
        try:
            poll(started.is_ready, "LocalStack answers", START_SECONDS)
        except BaseException:
            started.stop()
            raise
        return started

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.state / "localstack.log").read_text(errors="replace")

    def is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"LocalStack ended:\n{self.log}")
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_localstack/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 1}, read_timeout=120, max_pool_connections=20),
        )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is not None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Deployed:
    """A function in LocalStack and what a test asks of it."""

    name: str
    localstack: LocalStack
    awslambda: Any
    logs: Any

    @property
    def log_group(self) -> str:
        return f"/aws/lambda/{self.name}"

    def invoke(self, payload: str = "{}", **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.awslambda.invoke(FunctionName=self.name, Payload=payload, **options)
        return answer | {"Text": answer["Payload"].read().decode()}

    def update(self, source: str) -> None:
        self.awslambda.update_function_code(FunctionName=self.name, ZipFile=zip_of({"app.py": source}))
        self.awslambda.get_waiter("function_updated_v2").wait(
            FunctionName=self.name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
        )

    def messages(self) -> list[str]:
        """All events of all streams, each stream in the order stored."""
        found: list[str] = []
        for stream in self.streams():
            token: dict[str, str] = {}
            while True:
                page = self.logs.get_log_events(
                    logGroupName=self.log_group, logStreamName=stream, startFromHead=True, **token
                )
                found += [event["message"].removesuffix("\n") for event in page["events"]]
                if not page["events"]:
                    break
                token = {"nextToken": page["nextForwardToken"]}
        return found

    def streams(self) -> list[str]:
        try:
            answer = self.logs.describe_log_streams(logGroupName=self.log_group)
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        return [stream["logStreamName"] for stream in answer["logStreams"]]

    def finished_messages(self, invocations: int = 1) -> list[str]:
        """The messages once that many REPORT lines are there."""

        def look() -> list[str]:
            found = self.messages()
            return found if sum(m.startswith("REPORT") for m in found) >= invocations else []

        return poll(look, f"{invocations} REPORT lines")


@dataclass
class Deployer:
    """Creates functions and layers in one LocalStack."""

    localstack: LocalStack
    awslambda: Any = field(init=False)
    logs: Any = field(init=False)

    def __post_init__(self) -> None:
        self.awslambda, self.logs = self.localstack.client("lambda"), self.localstack.client("logs")

    def function(self, source: str | dict[str, str], **settings: Any) -> Deployed:
        """Deploy `source`, whose handler is `app.handler`, and wait until it can be invoked."""
        name = settings.pop("FunctionName", f"f-{uuid4().hex[:12]}")
        files = {"app.py": source} if isinstance(source, str) else source
        defaults = {"Runtime": "python3.13", "Handler": "app.handler", "Timeout": 20, "MemorySize": 256}
        self.awslambda.create_function(
            FunctionName=name,
            Role="arn:aws:iam::000000000000:role/any",
            Code={"ZipFile": zip_of(files)},
            **(defaults | settings),
        )
        self.awslambda.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
        )
        return Deployed(name, self.localstack, self.awslambda, self.logs)

    zip_of = staticmethod(zip_of)

    def layer(self, files: dict[str, str]) -> str:
        answer = self.awslambda.publish_layer_version(
            LayerName=f"l-{uuid4().hex[:12]}", Content={"ZipFile": zip_of(files)}
        )
        return str(answer["LayerVersionArn"])


@pytest.fixture(scope="session")
def localstack(tmp_path_factory: pytest.TempPathFactory, runtime_python: Path) -> Iterator[LocalStack]:
    started = LocalStack.start(tmp_path_factory.mktemp("localstack") / "state", runtime_python)
    yield started
    # It has nothing to save, and takes long to say goodbye to as many functions as the tests made.
    started.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def deploy(localstack: LocalStack) -> Deployer:
    return Deployer(localstack)


@pytest.fixture
def own_localstack(tmp_path: Path, runtime_python: Path) -> Iterator[Callable[..., Deployer]]:
    """Start a LocalStack that the test may stop or break."""
    started: list[LocalStack] = []

    def start(runtime: Path = runtime_python) -> Deployer:
        started.append(LocalStack.start(tmp_path / f"state-{len(started)}", runtime))
        return Deployer(started[-1])

    yield start
    for localstack in started:
        localstack.stop()


@pytest.fixture
def polled() -> Callable[..., Any]:
    """`polled(look)` is the first true answer of `look` before a deadline."""
    return lambda look: poll(look, "the awaited state")


@pytest.fixture
def ends() -> Callable[[int], None]:
    """`ends(pid)` passes when that process is gone before a deadline."""

    def wait_for_end(pid: int) -> None:
        poll(lambda: not is_running(pid), f"process {pid} ends")

    return wait_for_end


def is_running(pid: int) -> bool:
    """Whether the process still does anything; one that waits to be reaped does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")
