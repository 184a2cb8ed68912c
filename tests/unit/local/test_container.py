"""Inside a container: whom localhost means, what a command may stop, and what status says."""

from __future__ import annotations

import socket

import pytest

from vigie_local import services
from vigie_local.__main__ import main
from vigie_local.container import names_this_machine, seen_from_container
from vigie_local.settings import load_settings

HOST = "host.docker.internal"
INSIDE = {"VIGIE_HOST_MACHINE": HOST, "POSTGRES_HOST": "postgres", "DASHBOARD_HOST": "dashboard"}


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("http://localhost:11434", f"http://{HOST}:11434"),
        ("http://LOCALHOST:11434/base/", f"http://{HOST}:11434/base/"),
        ("http://127.0.0.1:8000/v1", f"http://{HOST}:8000/v1"),
        ("http://127.8.9.1:8000", f"http://{HOST}:8000"),
        ("http://[::1]:8000", f"http://{HOST}:8000"),
        ("http://0.0.0.0:8000", f"http://{HOST}:8000"),
        ("http://[::ffff:127.0.0.1]:8000", f"http://{HOST}:8000"),
        ("http://models.localhost", f"http://{HOST}"),
        ("https://localhost", f"https://{HOST}"),
        ("http://10.0.0.9:8000", "http://10.0.0.9:8000"),
        ("https://localhost.example.org/v1", "https://localhost.example.org/v1"),
        ("http://ollama:11434", "http://ollama:11434"),
    ],
)
def test_localhost_means_the_machine_that_runs_the_containers(given: str, asked: str) -> None:
    variables = {"LLM_BASE_URL": given, "LLM_MODEL": "m", "LLM_ALLOW_CLEARTEXT": "true"}
    assert load_settings(INSIDE | variables).provider.base_url == asked
    assert load_settings(variables).provider.base_url == given
    assert names_this_machine(given) == (given != asked)


def test_a_login_in_the_address_stays_with_it() -> None:
    assert seen_from_container("http://a:b@localhost:1234/x", HOST) == f"http://a:b@{HOST}:1234/x"


def test_outside_a_container_nothing_is_elsewhere() -> None:
    settings = load_settings({})
    assert not settings.in_container
    assert services.services_elsewhere(settings) == []
    assert [entry.name for entry in services.all_services(settings)][-1] == "dashboard"


def test_inside_only_the_containers_own_services_are_started_and_stopped() -> None:
    settings = load_settings(INSIDE)
    assert [entry.name for entry in services.all_services(settings)] == ["LocalStack", "model server"]
    assert [service.name for service in services.services_elsewhere(settings)] == ["PostgreSQL", "dashboard"]


@pytest.mark.parametrize("command", ["down", "clean"])
def test_the_containers_are_not_stopped_from_inside(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    for name, value in (INSIDE | {"VIGIE_HOME": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    assert main([command]) == 1
    assert "docker compose down" in capsys.readouterr().err


def test_status_asks_the_services_of_other_containers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as freed:
            silent = freed.getsockname()[1]
        home = {"VIGIE_HOME": str(tmp_path), "POSTGRES_PORT": str(port), "DASHBOARD_PORT": str(silent)}
        for name, value in (INSIDE | {"POSTGRES_HOST": "localhost", "DASHBOARD_HOST": "localhost"} | home).items():
            monkeypatch.setenv(name, value)
        assert main(["status"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "running" in lines["PostgreSQL"]
    assert f"localhost:{port}" in lines["PostgreSQL"]
    assert "no answer" in lines["dashboard"]


def test_built_functions_come_from_where_the_image_put_them() -> None:
    assert str(load_settings({"VIGIE_BUILD": "/vigie/.local/build", "VIGIE_HOME": "/state"}).build) == (
        "/vigie/.local/build"
    )
    assert str(load_settings({"VIGIE_HOME": "/state"}).build) == "/state/build"
