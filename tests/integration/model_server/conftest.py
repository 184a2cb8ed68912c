"""A model server of its own process for these tests, on a free port, stopped by its own pid."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
KEY_SETTING = "VIGIE_MODEL_SERVER_ACCEPTED_KEYS"


class RunningServer:
    """The address of the server, and its control page."""

    def __init__(self, url: str) -> None:
        self.url = url

    def control(self, method: str = "GET", path: str = "", data: object = None) -> dict[str, Any]:
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(f"{self.url}/_control{path}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            result: dict[str, Any] = json.load(answer)
        return result

    def set(self, **settings: object) -> None:
        self.control("PUT", data=settings)


@pytest.fixture(scope="session")
def server_process() -> Iterator[RunningServer]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "infra"), KEY_SETTING: '["right-key"]'}
    command = [sys.executable, "-m", "vigie_model_server", "--port", "0", "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        yield RunningServer(line.split()[-1])
    finally:
        process.terminate()
        assert process.wait(timeout=10) == 0


@pytest.fixture
def server(server_process: RunningServer) -> Iterator[RunningServer]:
    server_process.control("POST", "/reset")
    yield server_process
    server_process.control("POST", "/reset")
