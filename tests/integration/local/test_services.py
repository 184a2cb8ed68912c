"""Services start together or not at all."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vigie_local.errors import PortTakenError, ServiceError
from vigie_local.ports import accepts, free_port, is_taken, require_free
from vigie_local.services import Entry, WebService, model_server, start_services, stop_services
from vigie_local.settings import LocalSettings, service_environment


def web_service(home: Path, name: str, port: int, code: str | None = None) -> Entry:
    command = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
    service = WebService(
        pid_file=home / "run" / f"{name}.pid",
        log=home / "logs" / f"{name}.log",
        command=(sys.executable, "-c", code) if code else command,
        environment=service_environment(),
        health=f"http://127.0.0.1:{port}/",
    )
    return Entry(name, f"{name.upper()}_PORT", port, service)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_named_with_its_variable_before_anything_starts(tmp_path: Path, taken_port: int) -> None:
    first = web_service(tmp_path, "first", free_port())
    second = web_service(tmp_path, "second", taken_port)
    said: list[str] = []
    with pytest.raises(PortTakenError, match=f"second wants port {taken_port}.*SECOND_PORT="):
        start_services([first, second], said.append)
    assert said == []
    assert not first.service.is_running()
    assert not is_taken(first.port)


def test_every_taken_port_is_named_at_once(taken_port: int) -> None:
    with pytest.raises(PortTakenError) as refused:
        require_free([("one", taken_port, "ONE_PORT"), ("two", taken_port, "TWO_PORT")])
    for word in ("ONE_PORT", "TWO_PORT", "both"):
        assert word in str(refused.value)


def test_a_port_held_for_a_moment_by_a_program_that_does_not_listen_is_no_reason_to_refuse() -> None:
    passing = socket.socket()
    passing.bind(("127.0.0.1", 0))
    port = passing.getsockname()[1]
    assert is_taken(port)
    closer = threading.Timer(0.3, passing.close)
    closer.start()
    require_free([("one", port, "ONE_PORT")])
    closer.join()


def test_one_port_given_twice_is_refused_even_when_it_is_free() -> None:
    port = free_port()
    with pytest.raises(PortTakenError, match=f"TWO_PORT and ONE_PORT are both {port}"):
        require_free([("one", port, "ONE_PORT"), ("two", port, "TWO_PORT")])


def test_when_a_later_service_fails_those_started_are_stopped_and_its_log_is_shown(tmp_path: Path) -> None:
    first = web_service(tmp_path, "first", free_port())
    broken = web_service(tmp_path, "broken", free_port(), "raise SystemExit('the reason it gave')")
    said: list[str] = []
    with pytest.raises(ServiceError, match=r"(?s)broken.*BROKEN_PORT.*the reason it gave"):
        start_services([first, broken], said.append)
    assert not first.service.is_running()
    assert not accepts(first.port)
    assert any("first stopped again" in line for line in said)


def test_a_service_that_ran_before_survives_the_failure_of_a_later_one(tmp_path: Path) -> None:
    first = web_service(tmp_path, "first", free_port())
    broken = web_service(tmp_path, "broken", free_port(), "raise SystemExit(1)")
    start_services([first], lambda _line: None)
    try:
        with pytest.raises(ServiceError):
            start_services([first, broken], lambda _line: None)
        assert first.service.is_running()
    finally:
        first.service.stop()


def test_starting_twice_starts_once_and_stopping_twice_stops_once(tmp_path: Path) -> None:
    entry = web_service(tmp_path, "only", free_port())
    said: list[str] = []
    start_services([entry], said.append)
    start_services([entry], said.append)
    assert "already running" in said[-1]
    assert stop_services([entry], said.append) == 1
    assert stop_services([entry], said.append) == 0
    assert not accepts(entry.port)


def test_the_model_server_starts_with_its_switches_and_stops(tmp_path: Path) -> None:
    settings = LocalSettings(home=tmp_path, model_port=free_port())
    service = model_server(settings)
    service.start()
    try:
        assert accepts(settings.model_port)
    finally:
        assert service.stop()
    assert not accepts(settings.model_port)
