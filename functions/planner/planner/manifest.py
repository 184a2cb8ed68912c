"""The list of a run's batches, where the state machine's map reads it."""

import json
from dataclasses import dataclass
from typing import Any

import boto3


@dataclass(frozen=True, slots=True)
class Location:
    """An S3 object."""

    bucket: str
    key: str


class Manifests:
    """Writes manifests to the bucket of runs."""

    def __init__(self, bucket: str, client: Any = None) -> None:
        self._bucket = bucket
        self._client = client or boto3.client("s3")

    def write(self, run_id: str, batches: int) -> Location:
        """Write the batch numbers of a run, counted from 0. Writing again changes nothing."""
        key = f"runs/{run_id}/batches.json"
        body = json.dumps([{"batch_no": batch_no} for batch_no in range(batches)])
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body.encode(), ContentType="application/json")
        return Location(self._bucket, key)
