"""docker-compose.yml: valid, loopback only, no Docker socket, nobody runs as root.

No container engine is needed: `docker compose config` resolves the file, and its structure is checked here.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest
import yaml

from vigie_local.settings import REPOSITORY

FILE = REPOSITORY / "docker-compose.yml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return dict(content["services"])


def has_compose() -> bool:
    docker = shutil.which("docker")
    return bool(docker) and subprocess.run([str(docker), "compose", "version"], capture_output=True).returncode == 0


@pytest.mark.skipif(not has_compose(), reason="the docker command with its compose plug-in is not installed")
def test_docker_compose_accepts_the_file() -> None:
    command = ["docker", "compose", "--file", str(FILE), "config", "--quiet"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_every_dependency_and_volume_exists(services: dict[str, Any]) -> None:
    volumes = set(yaml.safe_load(FILE.read_text())["volumes"])
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        assert {mount.split(":")[0] for mount in service.get("volumes", [])} <= volumes


def test_every_lasting_service_has_a_healthcheck(services: dict[str, Any]) -> None:
    lasting = {name for name in services if name != "password"}
    assert {name for name in lasting if "healthcheck" in services[name]} == lasting
    waited_for = [
        (name, condition["condition"])
        for service in services.values()
        for name, condition in service.get("depends_on", {}).items()
    ]
    assert all(condition != "service_started" for _name, condition in waited_for)


def test_ports_are_published_on_the_loopback_address_only(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_container_is_privileged_or_gets_the_docker_socket(services: dict[str, Any]) -> None:
    assert "docker.sock" not in FILE.read_text()
    for service in services.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not service.get("privileged")


def test_no_container_runs_as_root(services: dict[str, Any]) -> None:
    dockerfile = (REPOSITORY / "infra" / "docker" / "Dockerfile").read_text()
    assert "\nUSER vigie\n" in dockerfile
    own_image = [service for service in services.values() if service["image"] == "vigie-local"]
    assert all("user" not in service for service in own_image)
    assert services["postgres"]["user"] == "999:999"


def test_no_password_is_written_down(services: dict[str, Any]) -> None:
    given = [str(value) for service in services.values() for value in service.get("environment", {}).values()]
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"]
    assert not [value for value in given if value.startswith("${") and not value.endswith((":-}", ":-500}"))]


def test_postgresql_has_the_version_of_the_package(services: dict[str, Any]) -> None:
    from vigie_local.postgres_files import MAJOR_VERSION

    assert services["postgres"]["image"] == f"postgres:{MAJOR_VERSION}"
