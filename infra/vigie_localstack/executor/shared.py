"""What all execution environments of one LocalStack share: the loop, the folders, the way to the logs."""

import functools
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from localstack import config
from localstack.aws.connect import connect_to

from vigie_localstack.executor.code_folders import CodeFolders
from vigie_localstack.executor.direct_logs import DirectLogs
from vigie_localstack.executor.event_loop import ExecutorLoop
from vigie_localstack.executor.log_delivery import LogDelivery, LogsClient
from vigie_localstack.patches import log_copies

_lock = threading.Lock()


@dataclass(frozen=True)
class Shared:
    """Made once, when the first function is created."""

    loop: ExecutorLoop
    folders: CodeFolders
    environments: Path
    logs: LogDelivery


def shared() -> Shared:
    """Return the one instance; LocalStack asks from many threads at once."""
    with _lock:
        return _make_shared()


@functools.cache
def _make_shared() -> Shared:
    root = Path(config.dirs.tmp).absolute() / "process-executor"
    # What a killed LocalStack left behind.
    shutil.rmtree(root, ignore_errors=True)
    (root / "environments").mkdir(parents=True)
    log_copies.install()
    return Shared(
        loop=ExecutorLoop().start(),
        folders=CodeFolders(root / "code"),
        environments=root / "environments",
        logs=LogDelivery(_logs_client).start(),
    )


@functools.cache
def _logs_client(account: str, region: str) -> LogsClient:
    api = cast(LogsClient, connect_to(aws_access_key_id=account, region_name=region).logs)
    return DirectLogs(account, region, api)
