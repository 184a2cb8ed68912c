"""Where a deployed stack is: the local cloud, or an AWS account and region.

    target = local_target(port=4566, home=Path(".local"))
    target = aws_target(region="eu-west-3", profile="bank")

Everything that differs between the two is here. Names of resources come from the stack's outputs, the database's
address and credentials from Secrets Manager.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psycopg2
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from vigie.errors import SettingsError
from vigie.secrets import DatabaseSecret
from vigie_operations.errors import TargetError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

STACK = "vigie"
LOCAL = "local"
AWS = "aws"
LOCAL_REGION = "us-east-1"
OWNER = "owner"
READER = "dashboard"
_CONNECT_SECONDS = 10


@dataclass(frozen=True)
class Target:
    """A deployed stack and how to reach it.

    `folder` is where files are written by default; `start_hint` is the remedy when the target does not respond.
    """

    name: str
    session: Any = field(repr=False)
    folder: Path
    stack: str = STACK
    endpoint: str | None = None
    start_hint: str = ""
    # The local cloud knows its database without LocalStack, which forgets its secrets when it stops.
    connector: Callable[[str], Connection] | None = field(default=None, repr=False)

    def client(self, service: str) -> Any:
        """Return a boto3 client of this target."""
        config = Config(retries={"max_attempts": 2}, connect_timeout=5, read_timeout=60)
        return self.session.client(service, endpoint_url=self.endpoint, config=config)

    @property
    def region(self) -> str:
        """The AWS region."""
        return str(self.session.region_name)

    @property
    def state_machine(self) -> str:
        """ARN of the retention run's state machine."""
        return self.output("StateMachineArn")

    def execution(self, name: str) -> str:
        """Return the ARN of the execution of this name."""
        return f"{self.state_machine.replace(':stateMachine:', ':execution:')}:{name}"

    @property
    def checkpoint_bucket(self) -> str:
        """Name of the write-once bucket of signed checkpoints."""
        return self.output("CheckpointBucketName")

    @property
    def audit_key(self) -> str:
        """ARN of the key that signs checkpoints."""
        return self.output("AuditKeyArn")

    @property
    def audit_ed25519_key(self) -> str:
        """ARN of the key whose signatures other people's tools read; empty where the stack has none."""
        return self._outputs.get("AuditEd25519KeyArn", "")

    def command(self, operation: str, run_id: str = "") -> str:
        """Return what an operator types for an operation on this target, for errors and summaries to name."""
        if self.name == LOCAL:
            return f"make {operation}" + (f" RUN={run_id}" if run_id else "")
        stack = [] if self.stack == STACK else ["--stack", self.stack]
        return " ".join(["vigie", "--target", self.name, *stack, operation, *([run_id] if run_id else [])])

    def output(self, name: str) -> str:
        """Return one of the stack's outputs.

        Raises:
            TargetError: the stack is not deployed, or was deployed from an older template.
        """
        try:
            return self._outputs[name]
        except KeyError:
            raise TargetError(
                f"Stack {self.stack} has no output {name}: it was deployed from an older template. Deploy it again."
            ) from None

    def connect(self, role: str) -> Connection:
        """Open a connection to the stack's database as one of its roles; the caller closes it.

        Raises:
            TargetError: the role's secret does not exist, or the database cannot be reached.
        """
        if self.connector:
            return self.connector(role)
        secret = self._database_secret(role)
        try:
            opened: Connection = psycopg2.connect(**secret.parameters(), connect_timeout=_CONNECT_SECONDS)
        except SettingsError as error:
            raise TargetError(str(error)) from error
        except psycopg2.OperationalError as error:
            reason = str(error).strip().splitlines()[0]
            raise TargetError(f"The database of target {self.name} cannot be reached as {role}: {reason}") from error
        return opened

    @contextlib.contextmanager
    def connected(self, role: str = READER) -> Iterator[Connection]:
        """Connect as a role, and close the connection at the end; errors as for `connect`."""
        connection = self.connect(role)
        try:
            yield connection
        finally:
            connection.close()

    @cached_property
    def _outputs(self) -> dict[str, str]:
        try:
            [stack] = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                raise TargetError(f"Stack {self.stack} is not deployed at target {self.name}. {self._hint}") from error
            raise TargetError(f"Stack {self.stack} cannot be described: {error}") from error
        except BotoCoreError as error:
            raise self.unreachable(error) from error
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def unreachable(self, error: Exception) -> TargetError:
        """Return the error that says that the target does not respond, and names the remedy."""
        return TargetError(f"Target {self.name} does not respond ({type(error).__name__}). {self._hint}")

    @property
    def _hint(self) -> str:
        return self.start_hint or "Check the region, the profile and the stack's name (vigie --help)."

    def _database_secret(self, role: str) -> DatabaseSecret:
        name = f"{self.output('DatabaseSecretPrefix')}/{role}"
        try:
            text = self.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise TargetError(
                f"Secret {name} cannot be read ({code}). It holds the database role {role}'s credentials: "
                "docs/operating.md lists the secrets, and who may read them."
            ) from error
        except BotoCoreError as error:
            raise self.unreachable(error) from error
        try:
            return DatabaseSecret.parse(name, text)
        except SettingsError as error:
            raise TargetError(str(error)) from error


def local_target(port: int, home: Path) -> Target:
    """Return the local cloud whose LocalStack listens at this port of the loopback address."""
    return Target(
        name=LOCAL,
        # LocalStack takes any credentials; these are worth nothing anywhere else.
        session=boto3.Session(region_name=LOCAL_REGION, aws_access_key_id="test", aws_secret_access_key="test"),
        folder=home,
        endpoint=f"http://127.0.0.1:{port}",
        start_hint="Start the local cloud: make deploy-local",
    )


def aws_target(stack: str = STACK, region: str | None = None, profile: str | None = None) -> Target:
    """Return a stack in an AWS account, with the credentials that boto3's default chain finds.

    Raises:
        TargetError: no region is configured, or the profile does not exist.
    """
    try:
        session = boto3.Session(region_name=region, profile_name=profile)
    except BotoCoreError as error:
        raise TargetError(f"The AWS profile cannot be used: {error}") from error
    if not session.region_name:
        raise TargetError("No AWS region is configured: give --region, or set AWS_REGION or AWS_DEFAULT_REGION.")
    return Target(name=AWS, session=session, folder=Path.cwd() / "vigie-files", stack=stack)
