"""An AWS account's stand-in: MiniStack with the unchanged template, a PostgreSQL and a model provider of its own.

Nothing of the local cloud is in it. The stack is made as docs/operating.md says for AWS, and reached as an account is:
a profile in boto3's own files, the stack's outputs, Secrets Manager.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from vigie_local.migrations import FUNCTION_ROLES, OWNER, apply_migrations, prepare_database
from vigie_local.ports import free_port
from vigie_local.postgres import PostgresServer, temporary_postgres
from vigie_local.processes import ProcessSpec, log_tail, running_pid, start_process, stop_process
from vigie_local.secrets import set_role_passwords
from vigie_local.services import answers
from vigie_local.settings import DATABASE, LOCAL_MODEL, LOOPBACK, REPOSITORY, service_environment

ACCOUNT = "210987654321"
REGION = "eu-west-3"
PROFILE = "bank"
CUSTOMERS = 40
MINISTACK = REPOSITORY / ".local" / "ministack" / "bin" / "ministack"
SAM = REPOSITORY / ".local" / "sam" / "bin" / "sam"
VIGIE = REPOSITORY / ".venv" / "bin" / "vigie"
_START_SECONDS = 60


@dataclass(frozen=True)
class Account:
    """A stand-in for an account with a deployed stack; `folder` holds its boto3 profile and what commands write."""

    folder: Path
    server: PostgresServer
    owner_password: str

    @property
    def environment(self) -> dict[str, str]:
        """What an operator's shell has: where boto3's files are, and nothing that names the local cloud."""
        return service_environment(
            {
                "AWS_CONFIG_FILE": str(self.folder / "aws-config"),
                "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "aws-credentials"),
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        )

    def vigie(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command `vigie` on the account, as an operator does."""
        return subprocess.run(
            [str(VIGIE), "--target", "aws", "--profile", PROFILE, *arguments], cwd=self.folder,
            env=self.environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip

    def client(self, service: str) -> Any:
        """Return a boto3 client of the account."""
        config = dict(line.split(" = ") for line in (self.folder / "aws-config").read_text().splitlines()[1:])
        return boto3.client(  # type: ignore[call-overload]
            service, endpoint_url=config["endpoint_url"], region_name=REGION,
            aws_access_key_id=ACCOUNT, aws_secret_access_key="not-checked",
        )  # fmt: skip

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run SQL as the database's owner."""
        found = contextlib.closing(self.server.connect(DATABASE, OWNER, self.owner_password))
        with found as connection, connection, connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def deployed_account(folder: Path) -> Iterator[Account]:
    """Make an account with a deployed stack, customers and an approved model; end its servers afterwards."""
    with (
        temporary_postgres() as server,
        running(ministack(folder)) as endpoint,
        running(model_provider(folder)) as model,
    ):
        write_profile(folder, endpoint)
        passwords = make_database(server)
        account = Account(folder, server, passwords[OWNER])
        create_secrets(account, passwords, model)
        with ThreadPoolExecutor() as side_by_side:
            for step in [side_by_side.submit(deploy, account), side_by_side.submit(load_customers, account)]:
                step.result()
        yield account


@dataclass(frozen=True)
class Server:
    """A web server to start: its process, its address, and a path that answers when it is ready."""

    process: ProcessSpec
    address: str
    ready: str


def ministack(folder: Path) -> Server:
    """Return MiniStack on a free loopback port, with a folder of its own."""
    assert MINISTACK.exists(), f"{MINISTACK} is missing: ./infra/bootstrap.sh for-tests installs it"
    port = free_port()
    variables = {
        # Without these it would listen on every network, and open a port for devices beside its own.
        "BIND_HOST": LOOPBACK, "IOT_MTLS_ENABLED": "0",
        "GATEWAY_PORT": str(port), "MINISTACK_REGION": REGION, "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "HOME": str(folder), "TMPDIR": str(folder), "STATE_DIR": str(folder / "state"),
    }  # fmt: skip
    spec = _process(folder, "ministack", (str(MINISTACK),), variables)
    return Server(spec, f"http://{LOOPBACK}:{port}", "/_ministack/health")


def model_provider(folder: Path) -> Server:
    """Return the model server on a free port: the provider that the agents call."""
    port = free_port()
    command = (sys.executable, "-m", "vigie_model_server", "--port", str(port), "--quiet")
    return Server(_process(folder, "model-server", command, {}), f"http://{LOOPBACK}:{port}", "/_control")


def _process(folder: Path, name: str, command: tuple[str, ...], variables: dict[str, str]) -> ProcessSpec:
    return ProcessSpec(
        name=name, command=command, environment=service_environment(variables), folder=folder,
        log=folder / f"{name}.log", pid_file=folder / f"{name}.pid",
    )  # fmt: skip


@contextlib.contextmanager
def running(server: Server) -> Iterator[str]:
    """Run a server until the block ends, with all that it started; yield its address."""
    spec = server.process
    start_process(spec)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not answers(f"{server.address}{server.ready}"):
            said = log_tail(spec.log)
            assert running_pid(spec.pid_file), f"{spec.name} ended while starting:\n{said}"
            assert time.monotonic() < deadline, f"{spec.name} does not respond:\n{said}"
            time.sleep(0.1)
        yield server.address
    finally:
        stop_process(spec.pid_file, timeout_s=3)


def write_profile(folder: Path, endpoint: str) -> None:
    """Write boto3's files: a profile with region, endpoint and credentials that MiniStack takes for the account's."""
    (folder / "aws-config").write_text(f"[profile {PROFILE}]\nregion = {REGION}\nendpoint_url = {endpoint}\n")
    keys = f"[{PROFILE}]\naws_access_key_id = {ACCOUNT}\naws_secret_access_key = not-checked\n"
    (folder / "aws-credentials").write_text(keys)


def make_database(server: PostgresServer) -> dict[str, str]:
    """Step 1 of the deployment: database, migrations, a password for each role."""
    passwords = {role: secrets.token_urlsafe(24) for role in (*FUNCTION_ROLES, OWNER)}
    prepare_database(server, passwords[OWNER])
    apply_migrations(server, passwords[OWNER])
    set_role_passwords(server, passwords)
    return passwords


def create_secrets(account: Account, passwords: dict[str, str], model: str) -> None:
    """Step 2: a secret for each role, and the model provider's."""
    place = {"host": account.server.host, "port": account.server.port, "dbname": DATABASE}
    contents: dict[str, object] = {
        f"vigie/database/{role}": place | {"username": role, "password": password}
        for role, password in passwords.items()
    }
    contents["vigie/llm"] = {
        "provider": "openai-compatible",
        "base_url": model,
        "api_key": "none",
        "model": LOCAL_MODEL,
    }
    manager = account.client("secretsmanager")
    for name, content in contents.items():
        manager.create_secret(Name=name, SecretString=json.dumps(content))


def deploy(account: Account) -> None:
    """Step 3: `sam build` and `sam deploy` with the settings for AWS."""
    settings = ("--config-file", str(REPOSITORY / "samconfig.toml"), "--config-env", "aws")
    build = str(account.folder / "build")
    tools = f"{REPOSITORY / '.local/tools/bin'}:{account.environment['PATH']}"
    environment = account.environment | {
        "PATH": tools, "AWS_PROFILE": PROFILE, "SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.5",
        "__SAM_CLI_APP_DIR": str(account.folder / "sam-settings"),
    }  # fmt: skip
    template = str(REPOSITORY / "template.yaml")
    _run(account, [str(SAM), "build", "--template-file", template, "--build-dir", build, *settings], environment)
    built = f"{build}/template.yaml"
    _run(account, [str(SAM), "deploy", "--template-file", built, "--no-confirm-changeset", *settings], environment)
    _mend_mappings(account)


def _mend_mappings(account: Account) -> None:
    """Give MiniStack each MaximumConcurrency as the number it is: from a template's parameter it keeps it as text,
    compares that with numbers, and its poller takes no message at all. On AWS there is nothing to mend.
    """
    functions = account.client("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        if most := (mapping.get("ScalingConfig") or {}).get("MaximumConcurrency"):
            functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": int(most)})


def load_customers(account: Account) -> None:
    """Step 4: customers, and a model that is trained and approved, as the database's owner."""
    owner = {
        "PGHOST": account.server.host, "PGPORT": str(account.server.port), "PGDATABASE": DATABASE, "PGUSER": OWNER,
        "PGPASSWORD": account.owner_password, "VIGIE_HOME": str(account.folder / "tools"),
    }  # fmt: skip
    bank = str(account.folder / "customers")
    for command in (
        ("model.synthesise", "--customers", str(CUSTOMERS), "--out", bank),
        ("model.load", "--data", bank),
        ("model.train", "--quick", "--data", bank),
        ("model.promote", "--by", "an operator"),
    ):
        _run(account, [sys.executable, "-m", *command], account.environment | owner)


def _run(account: Account, command: Sequence[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=account.folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
