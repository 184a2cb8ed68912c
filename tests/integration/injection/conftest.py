"""A real database, a model server that obeys whoever speaks to it last, and the agents between them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import vigie_llm.provider
from tests.integration.injection.bank import Bank
from tests.template_database import MigratedServer
from vigie.secrets import LlmSecret
from vigie_llm.provider import LlmSettings, Provider
from vigie_local.settings import LOCAL_MODEL

ROOT = Path(__file__).parents[3]


class ObedientServer:
    """The model server's address and its control page."""

    def __init__(self, url: str) -> None:
        self.url = url

    def set(self, **settings: object) -> None:
        self._control("PUT", "", settings)

    def reset(self) -> None:
        self._control("POST", "/reset")

    def requests(self) -> list[str]:
        """The bodies of everything that arrived."""
        return [request["body"] for request in self._control("GET", "/requests?limit=10000")["requests"]]

    def _control(self, method: str, path: str, data: object = None) -> dict[str, Any]:
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(f"{self.url}/_control{path}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            said: dict[str, Any] = json.load(answer)
        return said


@pytest.fixture(scope="package")
def bank(migrated: MigratedServer) -> Bank:
    return Bank(migrated, migrated.copy())


@pytest.fixture(scope="package")
def server_process() -> Iterator[ObedientServer]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "infra")}
    command = [sys.executable, "-m", "vigie_model_server", "--port", "0", "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        yield ObedientServer(process.stdout.readline().split()[-1])
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
def server(server_process: ObedientServer) -> Iterator[ObedientServer]:
    server_process.reset()
    yield server_process
    server_process.reset()


@pytest.fixture
def provider(server: ObedientServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Provider]]:
    """The agents' own provider, client and all; only its secret does not come from Secrets Manager."""
    secret = LlmSecret("local", server.url, "no-key", LOCAL_MODEL)
    monkeypatch.setattr(vigie_llm.provider, "read_secret", lambda _kind, _name: lambda _afresh=False: secret)
    opened: list[Provider] = []

    def open_provider() -> Provider:
        opened.append(Provider(LlmSettings(database_secret="unused", llm_secret="unused", llm_concurrency=8)))
        return opened[-1]

    yield open_provider
    for provider in opened:
        if provider._model is not None:
            provider._model.close()
