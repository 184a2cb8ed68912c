"""The dashboard asks no outside server for this machine's address, wherever it listens."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from vigie_local.ports import free_port
from vigie_local.settings import REPOSITORY, service_environment


@pytest.fixture
def proxy() -> Iterator[tuple[int, list[bytes]]]:
    """A proxy that answers nothing: its port, and the first line of each request that would have left."""
    asked: list[bytes] = []

    def listen() -> None:
        while True:
            try:
                connection, _address = listening.accept()
            except OSError:
                return
            asked.append(connection.recv(4096).split(b"\r\n")[0])
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=listen, daemon=True).start()
        yield listening.getsockname()[1], asked
        listening.shutdown(socket.SHUT_RDWR)


def wait_until_it_is_open(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while "URL:" not in log.read_text():
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=10) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1"])
def test_nothing_is_asked_at_start(proxy: tuple[int, list[bytes]], tmp_path: Path, address: str) -> None:
    port, (through, asked) = free_port(), proxy
    log = tmp_path / "log"
    way_out = f"http://127.0.0.1:{through}"
    variables = {"HTTP_PROXY": way_out, "HTTPS_PROXY": way_out, "http_proxy": way_out, "https_proxy": way_out}
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/server.py",
               f"--server.address={address}", f"--server.port={port}"]  # fmt: skip
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=REPOSITORY, env=service_environment(variables | {"HOME": str(tmp_path)}),
            stdout=output, stderr=output, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        wait_until_it_is_open(port, server, log)
    finally:
        server.terminate()
        server.wait(30)
    assert asked == []
    assert "http://localhost" in log.read_text()
