"""docker-compose.yml: valid, loopback only, no Docker socket, nobody runs as root.

No container engine is needed: `docker compose config` resolves the file, and its structure is checked here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from vigie_local.commands import READY_FILE
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


def resolve(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What compose makes of the file, with no other variables than these."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_CONFIG") if name in os.environ}
    command = ["docker", "compose", "--project-directory", str(tmp_path), "--file", str(FILE), "config"]
    return subprocess.run(command, env=environment | variables, capture_output=True, text=True)


@pytest.mark.skipif(not has_compose(), reason="the docker command with its compose plug-in is not installed")
@pytest.mark.parametrize("name", ["GROQ_API_KEY", "LLM_API_KEY"])
def test_a_key_in_a_variable_is_refused_with_the_remedy(tmp_path: Path, name: str) -> None:
    for given in ({name: "sk-planted"}, {}):
        if not given:
            (tmp_path / ".env").write_text(f"{name}=sk-planted\n")
        result = resolve(tmp_path, **given)
        assert result.returncode != 0
        assert f"unset {name}, write the key to a file, set {name}_FILE" in result.stderr
        assert "sk-planted" not in result.stderr + result.stdout


def test_keys_come_from_files_only(services: dict[str, Any]) -> None:
    declared = yaml.safe_load(FILE.read_text())["secrets"]
    assert {name: secret["file"] for name, secret in declared.items()} == {
        "groq_api_key": "${GROQ_API_KEY_FILE:-/dev/null}",
        "llm_api_key": "${LLM_API_KEY_FILE:-/dev/null}",
    }
    for service in services.values():
        variables = set(service.get("environment", {}))
        assert not variables & {"GROQ_API_KEY", "LLM_API_KEY", "POSTGRES_PASSWORD", "PGPASSWORD"}
    cloud = services["cloud"]
    assert set(cloud["secrets"]) == set(declared)
    assert cloud["environment"]["GROQ_API_KEY_FILE"] == "/run/secrets/groq_api_key"
    assert cloud["environment"]["LLM_API_KEY_FILE"] == "/run/secrets/llm_api_key"


def test_no_container_can_write_but_to_volumes_and_memory(services: dict[str, Any]) -> None:
    for service in services.values():
        assert service["read_only"] is True
        assert any(place.startswith("/tmp") for place in service["tmpfs"])


def test_the_database_server_keeps_no_password_in_its_environment(services: dict[str, Any]) -> None:
    script = services["postgres"]["entrypoint"][4]
    assert script.splitlines()[-1].strip() == 'exec postgres "$$@"'
    assert "export" not in script


def test_localhost_can_mean_the_machine(services: dict[str, Any]) -> None:
    name = services["cloud"]["environment"]["VIGIE_HOST_MACHINE"]
    assert services["cloud"]["extra_hosts"] == [f"{name}:host-gateway"]


def test_what_says_that_the_cloud_is_ready_does_not_outlive_its_container(services: dict[str, Any]) -> None:
    file = f"/tmp/{READY_FILE}"
    assert services["cloud"]["healthcheck"]["test"] == ["CMD", "test", "-f", file]
    assert "/tmp:exec" in services["cloud"]["tmpfs"]
    assert not any(file.startswith(volume.split(":")[1]) for volume in services["cloud"]["volumes"])


def test_the_health_window_fits_a_million_customers(services: dict[str, Any]) -> None:
    assert services["cloud"]["healthcheck"]["start_period"] == "6h"


def test_the_dashboard_knows_its_address_and_asks_no_server_for_it(services: dict[str, Any]) -> None:
    assert "--browser.serverAddress=localhost" in services["dashboard"]["command"]


def test_what_the_image_holds_is_not_taken_from_a_volume(services: dict[str, Any]) -> None:
    dockerfile = (REPOSITORY / "infra" / "docker" / "Dockerfile").read_text()
    (folder,) = re.findall(r"VIGIE_BUILD=(\S+)", dockerfile)
    places = [mount.split(":")[1] for service in services.values() for mount in service.get("volumes", [])]
    assert not [place for place in places if folder.startswith(place)]


def test_the_file_says_which_compose_it_needs() -> None:
    head = FILE.read_text().split("\nname:")[0]
    assert "Compose 2 or newer" in head
    assert "docker-compose" in head


def test_version_1_of_compose_is_refused_with_a_sentence(services: dict[str, Any]) -> None:
    """Version 1 knows no `:+` and shows the value, of the first service first."""
    assert "${COMPOSE_1:+This file needs Compose 2" in next(iter(services.values()))["stop_grace_period"]
