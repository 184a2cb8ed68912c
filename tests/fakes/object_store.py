"""An S3 client that keeps what is put; it knows its bucket and no other."""

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError


@dataclass
class FakeObjectStore:
    """`objects` by key."""

    bucket: str = "runs"
    objects: dict[str, bytes] = field(default_factory=dict)

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> dict[str, Any]:
        if self.bucket != Bucket:
            raise ClientError({"Error": {"Code": "NoSuchBucket", "Message": "none"}}, "PutObject")
        self.objects[Key] = Body
        return {}
