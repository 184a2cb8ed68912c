"""Messages of a model server that cannot start."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vigie_model_server", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "infra"), **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_a_taken_port_is_named_together_with_the_variable_that_changes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = start("--port", port)
    assert done.returncode == 1
    assert port in done.stderr
    assert "MODEL_PORT" in done.stderr


def test_an_unknown_setting_is_named() -> None:
    done = start("--port", "0", "--set", "latencyms=5")
    assert done.returncode == 2
    assert "latencyms" in done.stderr


def test_keys_are_refused_as_arguments() -> None:
    done = start("--port", "0", "--set", 'accepted_keys=["k"]')
    assert done.returncode == 2
    assert "VIGIE_MODEL_SERVER_ACCEPTED_KEYS" in done.stderr


def test_a_setting_from_the_environment_is_checked_like_any_other() -> None:
    done = start("--port", "0", VIGIE_MODEL_SERVER_LATENCY_MS="fast")
    assert done.returncode == 2
    assert "latency_ms" in done.stderr
