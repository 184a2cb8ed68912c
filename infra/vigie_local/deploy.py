"""Deploy the built template with the standard SAM CLI, only when something differs from what is deployed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from vigie_local.build import Build, run_sam
from vigie_local.localstack import aws_client
from vigie_local.settings import REGION, REPOSITORY, STACK, LocalSettings

# Where SAM puts the code it deploys.
ARTIFACTS_BUCKET = "vigie-artifacts"
_HEALTHY = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


def deploy(settings: LocalSettings, built: Build, repository: Path = REPOSITORY) -> bool:
    """Bring the stack up to date; False when it was already."""
    cloud_formation = aws_client("cloudformation", settings.endpoint)
    stack = find_stack(cloud_formation)
    wanted = _fingerprint(settings, built, repository)
    if stack and _deployed(settings) == [stack["StackId"], wanted]:
        return False
    _create_bucket(settings)
    _run_sam_deploy(settings, built, repository)
    deployed = find_stack(cloud_formation)
    _stamp(settings).write_text(json.dumps([deployed["StackId"] if deployed else "", wanted]))
    return True


def is_broken(settings: LocalSettings) -> bool:
    """Return whether a deployment that failed half-way left the stack in a state that no update mends."""
    stack = find_stack(aws_client("cloudformation", settings.endpoint))
    return stack is not None and stack["StackStatus"] not in _HEALTHY


def find_stack(cloud_formation: Any, name: str = STACK) -> dict[str, Any] | None:
    """The stack's description, or None when there is none."""
    try:
        described: list[dict[str, Any]] = cloud_formation.describe_stacks(StackName=name)["Stacks"]
    except cloud_formation.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    return next((stack for stack in described if stack["StackStatus"] != "DELETE_COMPLETE"), None)


def _fingerprint(settings: LocalSettings, built: Build, repository: Path) -> str:
    settings_file = repository / "samconfig.toml"
    text = settings_file.read_text() if settings_file.exists() else ""
    parameters = json.dumps(dict(settings.stack_parameters), sort_keys=True)
    return hashlib.sha256(f"{built.fingerprint}\0{text}\0{parameters}".encode()).hexdigest()


def _stamp(settings: LocalSettings) -> Path:
    return settings.home / "deployed.json"


def _deployed(settings: LocalSettings) -> object:
    """What was last deployed: the stack's id (the stack is gone when LocalStack was) and the fingerprint."""
    try:
        return json.loads(_stamp(settings).read_text())
    except (FileNotFoundError, ValueError):
        return None


def _create_bucket(settings: LocalSettings) -> None:
    s3 = aws_client("s3", settings.endpoint)
    if not any(bucket["Name"] == ARTIFACTS_BUCKET for bucket in s3.list_buckets()["Buckets"]):
        s3.create_bucket(Bucket=ARTIFACTS_BUCKET)


def _run_sam_deploy(settings: LocalSettings, built: Build, repository: Path) -> None:
    arguments = [
        "deploy", "--template-file", str(built.template), "--stack-name", STACK,
        "--config-file", str(repository / "samconfig.toml"), "--config-env", "local",
        "--region", REGION, "--s3-bucket", ARTIFACTS_BUCKET, "--no-progressbar",
    ]  # fmt: skip
    if settings.stack_parameters:
        given = (f"{name}={value}" for name, value in settings.stack_parameters.items())
        arguments += ["--parameter-overrides", *given]
    run_sam(settings, arguments, "sam-deploy.log", repository)
