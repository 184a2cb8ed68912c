"""A log in a real PostgreSQL, signed by a real key service and published to a real store, and its owner's forgeries."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from audit_agent.publishing import CheckpointStore, object_key
from audit_agent.sealing import Sealer
from audit_agent.signing import Signer
from audit_agent.witnessing import Witness
from tests.integration.audit.audit_environment import AuditEnvironment, request
from vigie.canonical import canonical_event
from vigie.trail import COLUMNS, as_event
from vigie.verify import Frontier, leaf_hash
from vigie_local.localstack import LocalStack, temporary_localstack
from vigie_operations import audit_export
from vigie_operations.targets import Target, local_target

ORIGIN = "vigie.example/audit"
KEY = "alias/vigie-audit"
BUCKET = "published-checkpoints"
STACK = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"AuditKeyArn": {"Value": KEY}, "CheckpointBucketName": {"Value": BUCKET}},
}


@contextlib.contextmanager
def deployed_aws() -> Iterator[LocalStack]:
    """A LocalStack with a signing key behind an alias, and a stack that names it."""
    with temporary_localstack() as running:
        kms = running.client("kms")
        kms.create_alias(AliasName=KEY, TargetKeyId=new_key(kms))
        formation = running.client("cloudformation")
        formation.create_stack(StackName="vigie", TemplateBody=json.dumps(STACK))
        formation.get_waiter("stack_create_complete").wait(StackName="vigie")
        yield running


def new_key(kms: Any) -> str:
    """Make a signing key; its id."""
    return str(kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"])


@dataclass
class PublishedLog:
    """A log whose owner also holds the signing key and may do everything in the store."""

    environment: AuditEnvironment
    aws: LocalStack
    target: Target
    key: str = KEY
    witnesses: Sequence[Witness] = ()
    s3: Any = field(init=False)

    def __post_init__(self) -> None:
        self.s3 = self.aws.client("s3")

    def signer(self) -> Signer:
        return Signer(self.key, ORIGIN, self.aws.client("kms"))

    def grow(self, events: int = 3) -> None:
        """Commit events, seal them, and publish the checkpoint, as the sealer does."""
        self.environment.write(events)
        self.seal()

    def seal(self) -> None:
        """Seal what waits, and have the witnesses cosign it."""
        store = CheckpointStore(BUCKET, self.s3)
        Sealer(self.environment.database("audit_agent"), self.signer(), store, self.witnesses).seal(request())

    def verify(self, *options: str, auditor: str = "") -> int:
        """The exit code of `make verify-audit`; each auditor has a trust file."""
        trust = self.target.folder / f"trust-of-{auditor}.json" if auditor else None
        return audit_export.export_log(self.target, trust=trust).verify(extra=options)

    def sizes(self) -> list[int]:
        """The sizes that were signed."""
        return [size for (size,) in self.environment.fetch("SELECT tree_size FROM audit_checkpoint ORDER BY 1")]

    def versions(self) -> list[dict[str, Any]]:
        """Every version and delete marker of the store."""
        listed = self.s3.list_object_versions(Bucket=BUCKET)
        return [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]

    def remove(self, *versions: dict[str, Any]) -> None:
        """Remove versions for good, as no store with a retention would let anybody."""
        for each in versions:
            self.s3.delete_object(Bucket=BUCKET, Key=each["Key"], VersionId=each["VersionId"])

    def rewrite(self, publish: Callable[[int, str], None]) -> None:
        """Change the first event, build the tree anew, sign every checkpoint again, and publish each in some way."""
        self.environment.tamper("UPDATE audit_log SET status = 'failed' WHERE seq = (SELECT min(seq) FROM audit_log)")
        query = f"SELECT f.leaf_index, {COLUMNS} FROM audit_leaf f JOIN audit_log l USING (event_id) ORDER BY 1"
        leaves = [leaf_hash(canonical_event(**as_event(row[1:]))) for row in self.environment.fetch(query)]
        for index, leaf in enumerate(leaves):
            self.environment.tamper("UPDATE audit_leaf SET leaf_hash = %s WHERE leaf_index = %s", leaf, index)
        signer = self.signer()
        for size in self.sizes():
            tree = Frontier()
            tree.extend(leaves[:size])
            note = signer.sign(size, tree.root())
            self.environment.tamper(
                "UPDATE audit_checkpoint SET root_hash = %s, note = %s WHERE tree_size = %s", tree.root(), note, size
            )
            publish(size, note)
        self.environment.tamper("UPDATE audit_frontier SET hashes = %s::bytea[]", tree.hashes)

    def put(self, size: int, note: str) -> None:
        """Put a checkpoint over whatever is there."""
        self.s3.put_object(Bucket=BUCKET, Key=object_key(size), Body=note.encode())

    @contextlib.contextmanager
    def deployed_key(self) -> Iterator[None]:
        """Have the stack's name for its key point to the present signer's."""
        kms = self.aws.client("kms")
        before = kms.describe_key(KeyId=KEY)["KeyMetadata"]["KeyId"]
        kms.update_alias(AliasName=KEY, TargetKeyId=self.key)
        try:
            yield
        finally:
            kms.update_alias(AliasName=KEY, TargetKeyId=before)

    def change_key(self, signed_by_the_old_one: bool = True) -> None:
        """Go over to a new key, as `vigie audit change-key` does it; the record's signer may be the wrong one."""
        old, new = self.key, new_key(self.aws.client("kms"))
        audit_export.record_key_change(self.target, old if signed_by_the_old_one else new, new)
        self.key = new

    def roll_back(self, size: int) -> None:
        """Put the database back to the state of an older checkpoint, its own records included."""
        self.environment.tamper(
            "DELETE FROM audit_log WHERE event_id IN (SELECT event_id FROM audit_leaf WHERE leaf_index >= %s)", size
        )
        self.environment.tamper("DELETE FROM audit_leaf WHERE leaf_index >= %s", size)
        self.environment.tamper("DELETE FROM audit_publication WHERE tree_size > %s", size)
        self.environment.tamper("DELETE FROM audit_checkpoint WHERE tree_size > %s", size)

    def note(self, size: int) -> str:
        """A checkpoint as the database holds it."""
        [(note,)] = self.environment.fetch("SELECT note FROM audit_checkpoint WHERE tree_size = %s", size)
        return str(note)


@contextlib.contextmanager
def published_log(
    environment: AuditEnvironment, aws: LocalStack, folder: Path, rounds: int = 3
) -> Iterator[PublishedLog]:
    """A log with some published checkpoints; its store is emptied at the end."""
    log = PublishedLog(environment, aws, replace(local_target(aws.port, folder), connector=environment.connect))
    log.s3.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    try:
        for _ in range(rounds):
            log.grow()
        yield log
    finally:
        log.remove(*log.versions())
        log.s3.delete_bucket(Bucket=BUCKET)
