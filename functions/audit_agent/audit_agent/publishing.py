"""Publishes checkpoints to the write-once store: an S3 bucket with object lock."""

from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from audit_agent.errors import LogBrokenError, StoreUnavailableError
from audit_agent.signing import PATIENCE

PREFIX = "checkpoints/"


def cosignature_key(size: int, key_id: bytes) -> str:
    """The name of a checkpoint that a witness has cosigned."""
    return f"cosignatures/{size:020d}-{key_id.hex()}.txt"


def object_key(size: int) -> str:
    """The name of the checkpoint of a tree: its size in twenty digits, so that names sort as sizes do."""
    return f"{PREFIX}{size:020d}.txt"


class CheckpointStore:
    """A store that keeps each checkpoint under object lock, so that it can be neither changed nor deleted."""

    def __init__(self, bucket: str, client: Any = None) -> None:
        self.bucket = bucket
        self._client = client or boto3.client("s3", config=PATIENCE)

    def put(self, size: int, note: str) -> str | None:
        """Store a checkpoint and answer its version; to store it again changes nothing.

        Raises:
            StoreUnavailableError: S3 does not answer, or refuses.
            LogBrokenError: another checkpoint of this size was published before.
        """
        stored, version = self._put(object_key(size), note)
        return version if stored else self._require_same(size, note)

    def put_cosigned(self, size: int, key_id: bytes, note: str) -> None:
        """Store a checkpoint with a witness's cosignature; one that is there already stays.

        Raises:
            StoreUnavailableError: S3 does not answer, or refuses.
        """
        self._put(cosignature_key(size, key_id), note)

    def _put(self, key: str, note: str) -> tuple[bool, str | None]:
        """Whether it was stored, and its version; it is not where something has this name."""
        try:
            answer = self._client.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=note.encode(),
                ContentType="text/plain; charset=utf-8",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "412"):
                raise self._unavailable(error) from error
            return False, None
        except BotoCoreError as error:
            raise self._unavailable(error) from error
        return True, answer.get("VersionId")

    def require_none_beyond(self, size: int) -> None:
        """Refuse to go on when a larger log than ours was published: ours is then an older state of it.

        Raises:
            StoreUnavailableError: S3 does not answer, or refuses.
            LogBrokenError: there is a checkpoint beyond this size.
        """
        try:
            found = self._client.list_objects_v2(
                Bucket=self.bucket, Prefix=PREFIX, StartAfter=object_key(size), MaxKeys=1
            )
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable(error) from error
        if found.get("Contents"):
            raise LogBrokenError(
                f"{found['Contents'][0]['Key']} was published, but the database's newest checkpoint covers "
                f"{size} events: an older state was restored. Restore the newest one, or begin a new log under "
                "another AUDIT_ORIGIN and CHECKPOINT_BUCKET."
            )

    def _require_same(self, size: int, note: str) -> str | None:
        try:
            found = self._client.get_object(Bucket=self.bucket, Key=object_key(size))
            text = found["Body"].read().decode()
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable(error) from error
        if text != note:
            raise LogBrokenError(f"another checkpoint was published as {object_key(size)}: the log was forked")
        version: str | None = found.get("VersionId")
        return version

    def _unavailable(self, error: Exception) -> StoreUnavailableError:
        return StoreUnavailableError(f"bucket {self.bucket} cannot be used now: {type(error).__name__}")
