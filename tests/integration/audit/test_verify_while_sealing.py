"""`make verify-audit` while the log grows: real PostgreSQL, key service and write-once store."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from audit_agent.publishing import CheckpointStore
from audit_agent.sealing import Sealer
from audit_agent.signing import Signer
from tests.integration.audit.audit_environment import AuditEnvironment, request
from vigie.trail import Trail
from vigie_local.localstack import LocalStack, temporary_localstack
from vigie_operations import audit_export
from vigie_operations.targets import Target, local_target

ORIGIN = "vigie.example/audit"
KEY = "alias/vigie-audit"
BUCKET = "checkpoints-of-a-growing-log"
STACK = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"AuditKeyArn": {"Value": KEY}, "CheckpointBucketName": {"Value": BUCKET}},
}


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalStack]:
    with temporary_localstack() as running:
        kms = running.client("kms")
        made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        kms.create_alias(AliasName=KEY, TargetKeyId=made["KeyMetadata"]["KeyId"])
        formation = running.client("cloudformation")
        formation.create_stack(StackName="vigie", TemplateBody=json.dumps(STACK))
        formation.get_waiter("stack_create_complete").wait(StackName="vigie")
        yield running


@dataclass
class Log:
    """A log that grows: its writer, and what it takes to verify it as a user does."""

    environment: AuditEnvironment
    aws: LocalStack
    target: Target

    def grow(self, events: int = 3) -> None:
        """Commit events, seal them, and publish the checkpoint."""
        self.environment.write(events)
        signer = Signer(KEY, ORIGIN, self.aws.client("kms"))
        store = CheckpointStore(BUCKET, self.aws.client("s3"))
        Sealer(self.environment.database("audit_agent"), signer, store).seal(request())

    def verify(self) -> int:
        """The exit code of `make verify-audit`."""
        exported = audit_export.export_log(self.target)
        return exported.verify()


@pytest.fixture
def log(environment: AuditEnvironment, aws: LocalStack, tmp_path: Path) -> Iterator[Log]:
    target = replace(local_target(aws.port, tmp_path), connector=environment.connect)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    grown = Log(environment, aws, target)
    grown.grow()
    yield grown
    for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def test_checkpoints_published_between_any_two_reads_are_no_alarm(
    log: Log, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    read_store, read_lines, read_checkpoints = audit_export.download_checkpoints, Trail.lines, Trail.checkpoints

    def lines(trail: Trail) -> Iterator[bytes]:
        yield from read_lines(trail)
        log.grow()

    def then_grow[T](read: Callable[..., T]) -> Callable[..., T]:
        def read_and_grow(*arguments: object) -> T:
            result = read(*arguments)
            log.grow()
            return result

        return read_and_grow

    monkeypatch.setattr(audit_export, "download_checkpoints", then_grow(read_store))
    monkeypatch.setattr(Trail, "checkpoints", then_grow(read_checkpoints))
    monkeypatch.setattr(Trail, "lines", lines)
    assert log.verify() == 0, capfd.readouterr().out
    assert capfd.readouterr().out.splitlines()[0] == "VALID"


def test_a_log_that_grows_all_the_time_verifies_every_time(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    ended = threading.Event()
    rounds = []

    def grow() -> None:
        while not ended.is_set():
            log.grow(200)
            rounds.append(1)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        for _ in range(4):
            before = len(rounds)
            assert log.verify() == 0, capfd.readouterr().out
            assert len(rounds) > before
    finally:
        ended.set()
        writer.join()


def test_a_log_behind_the_write_once_store_is_still_an_alarm(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    log.grow()
    newest = max(log.environment.fetch("SELECT tree_size FROM audit_checkpoint"))[0]
    log.environment.tamper("DELETE FROM audit_leaf WHERE leaf_index > 2")
    log.environment.tamper("DELETE FROM audit_publication WHERE tree_size > 3")
    log.environment.tamper("DELETE FROM audit_checkpoint WHERE tree_size > 3")
    assert log.verify() == 1
    told = capfd.readouterr().out
    assert "NOT VALID" in told
    assert f"{newest - 3} sealed events are missing" in told
