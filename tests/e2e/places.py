"""Every place of a running local cloud where a text may have been left behind, with what it says."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.e2e.conftest import MACHINE, Cloud
from vigie_local.services import database_server

# What a customer told the bank is held there, and nowhere else.
PERSONAL_TABLES = {"customers", "feedback"}

type Place = tuple[str, str]


def everywhere(cloud: Cloud) -> Iterator[Place]:
    """(place, text) of everything but the two tables that hold personal data."""
    for search in (queues, executions, log_groups, metrics, objects, tables, files, processes, model_requests):
        yield from search(cloud)


def queues(cloud: Cloud) -> Iterator[Place]:
    """Messages that wait in any queue; they stay there."""
    sqs = cloud.client("sqs")
    for url in sqs.list_queues().get("QueueUrls", []):
        while messages := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=5, MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages"):  # fmt: skip
            for message in messages:
                yield f"queue {url.rsplit('/', 1)[1]}", _text(message)
        yield (
            f"queue {url.rsplit('/', 1)[1]} attributes",
            _text(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]),
        )


def executions(cloud: Cloud) -> Iterator[Place]:
    """Input, output, error and every event of every execution, those of the map's batches included."""
    states = cloud.client("stepfunctions")
    found = states.list_executions(stateMachineArn=MACHINE)["executions"]
    for execution in list(found):
        for map_run in states.list_map_runs(executionArn=execution["executionArn"])["mapRuns"]:
            yield "map run", _text(states.describe_map_run(mapRunArn=map_run["mapRunArn"]))
            # LocalStack keeps a batch's own execution to itself; its messages are read from the queue, held.
            with contextlib.suppress(ClientError):
                found += states.list_executions(mapRunArn=map_run["mapRunArn"])["executions"]
    for execution in found:
        arn = execution["executionArn"]
        yield f"execution {arn}", _text(states.describe_execution(executionArn=arn))
        for page in states.get_paginator("get_execution_history").paginate(executionArn=arn):
            yield f"history of {arn}", _text(page["events"])


def log_groups(cloud: Cloud) -> Iterator[Place]:
    """Every line of every log group."""
    logs = cloud.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            yield f"log group {group['logGroupName']}", "\n".join(event["message"] for event in page["events"])


def metrics(cloud: Cloud) -> Iterator[Place]:
    """Names and dimensions of every metric."""
    for page in cloud.client("cloudwatch").get_paginator("list_metrics").paginate():
        yield "metrics", _text(page["Metrics"])


def objects(cloud: Cloud) -> Iterator[Place]:
    """Every object in every bucket."""
    s3 = cloud.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"]):
            for found in page.get("Contents", []):
                if found["Size"] < 1_000_000:  # larger ones are the built code
                    body = s3.get_object(Bucket=bucket["Name"], Key=found["Key"])["Body"].read()
                    yield f"object {bucket['Name']}/{found['Key']}", found["Key"] + body.decode("utf-8", "replace")


def tables(cloud: Cloud) -> Iterator[Place]:
    """Every row of every table but those that hold personal data: audit details, ledger and results included."""
    named = cloud.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    for (table,) in named:
        if table not in PERSONAL_TABLES and table != "model_registry":
            for (row,) in cloud.query(f'SELECT t::text FROM "{table}" t'):
                yield f"table {table}", row


def files(cloud: Cloud) -> Iterator[Place]:
    """Every file below the home but the database's own and the bank's delivery: LocalStack's logs and ours."""
    settings = cloud.settings
    not_searched = (settings.home / "bank", settings.home / "build", database_server(settings).data)
    for folder, below, names in os.walk(settings.home):
        below[:] = [name for name in below if Path(folder, name) not in not_searched]
        for name in names:
            path = Path(folder, name)
            if path.is_file() and path.suffix not in {".py", ".pyc", ".so"}:
                yield f"file {path.relative_to(settings.home)}", path.read_bytes().decode("utf-8", "replace")


def processes(cloud: Cloud) -> Iterator[Place]:
    """Arguments and environment of every process of the cloud."""
    for pid in cloud_pids(cloud):
        for kind in ("cmdline", "environ"):
            try:
                said = Path("/proc", str(pid), kind).read_bytes()
            except OSError:  # it has ended
                continue
            yield f"{kind} of process {pid}", said.replace(b"\0", b"\n").decode("utf-8", "replace")


def cloud_pids(cloud: Cloud) -> set[int]:
    """The services' processes, and all that they started."""
    parents = {pid: _parent(pid) for pid in map(int, filter(str.isdigit, os.listdir("/proc")))}
    found = {int(json.loads(file.read_text())["pid"]) for file in cloud.settings.run.glob("*.pid")}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def model_requests(cloud: Cloud) -> Iterator[Place]:
    """Everything that the model server received."""
    page = cloud.model_server("GET", "/requests?limit=10000")
    assert page["dropped"] == 0, "the model server no longer has all that it received"
    for request in page["requests"]:
        yield "request to the model", _text(request)


def _parent(pid: int) -> int:
    try:
        return int(Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def _text(value: Any) -> str:
    """As JSON, with strings that hold JSON opened up, so that no escape hides a letter."""
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace").decode().replace("\\", "")
