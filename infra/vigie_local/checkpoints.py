"""Puts published checkpoints back into a store that LocalStack has forgotten: the very bytes that were signed."""

from __future__ import annotations

from typing import Any

from vigie_local.localstack import aws_client
from vigie_local.postgres import PostgresServer
from vigie_local.settings import DATABASE, LocalSettings

PUBLISHED = """
SELECT bucket, object_key, note FROM audit_publication JOIN audit_checkpoint USING (tree_size)
UNION ALL
SELECT bucket, format('cosignatures/%s-%s.txt', lpad(tree_size::text, 20, '0'), right(witness, 8)), note || line
FROM audit_publication JOIN audit_checkpoint USING (tree_size) JOIN audit_cosignature USING (tree_size)
"""


def restore_checkpoints(settings: LocalSettings, server: PostgresServer) -> int:
    """Publish again what the database says was published and the store lacks; return how many.

    Only the local cloud does so. On AWS the store keeps them, and what it lacks is for an auditor to see.
    """
    connection = server.connect(DATABASE)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(PUBLISHED)
            published = cursor.fetchall()
    finally:
        connection.close()
    s3 = aws_client("s3", settings.endpoint)
    present = {bucket["Name"]: _names(s3, bucket["Name"]) for bucket in s3.list_buckets()["Buckets"]}
    missing = [row for row in published if row[0] in present and row[1] not in present[row[0]]]
    for bucket, name, note in missing:
        s3.put_object(Bucket=bucket, Key=name, Body=note.encode(), IfNoneMatch="*")
    return len(missing)


def _names(s3: Any, bucket: str) -> set[str]:
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    return {entry["Key"] for page in pages for kind in ("Versions", "DeleteMarkers") for entry in page.get(kind, [])}
