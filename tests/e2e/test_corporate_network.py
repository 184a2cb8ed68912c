"""Behind a company's proxy and certificate authority: what the shell says reaches a deployed function's calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Cloud
from tests.unit.llm.network import Authority, Proxy, proxying, tls_front
from vigie_llm.causes import REMEDIES, Cause
from vigie_local.ports import free_port
from vigie_local.secrets import publish_secrets
from vigie_local.settings import LocalSettings, load_settings

HOST = "llm.bank.example"
PASSWORD = "Zebra-4711"
CUSTOMERS = 12
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def proxy(cloud: Cloud, authority: Authority, tmp_path: Path) -> Iterator[Proxy]:
    """The company's proxy, which alone knows the model's host; the model speaks TLS only."""
    with (
        tls_front(authority, tmp_path, cloud.settings.model_port, HOST) as port,
        proxying(Proxy(port, PASSWORD)) as proxy,
    ):
        yield proxy
    publish_secrets(cloud.settings, cloud.client("secretsmanager"))


def point(cloud: Cloud, tmp_path: Path, port: int, bundle: str, url: str = f"https://{HOST}/v1") -> None:
    """Write the secret as `make deploy-local` does from such a shell."""
    (tmp_path / "ca.pem").write_text(bundle)
    shell = {
        "LLM_BASE_URL": url, "LLM_MODEL": "vigie-local-rules", "LLM_API_KEY": "key-of-the-bank",
        "HTTPS_PROXY": f"http://user:{PASSWORD}@127.0.0.1:{port}", "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
    }  # fmt: skip
    given: LocalSettings = load_settings(shell)
    fields = {name: getattr(given, name) for name in ("llm_base_url", "llm_model", "llm_api_key", "network")}
    publish_secrets(replace(cloud.settings, **fields), cloud.client("secretsmanager"))


def summary(cloud: Cloud) -> tuple[str, str]:
    """A run's id and what the operator is told about it; its counts add up, or the run would not have closed."""
    done = cloud.vigie("run", "--input", json.dumps({"limit": CUSTOMERS}))
    found = re.search(r"Run (run-\S+)", done.stdout + done.stderr)
    assert found, done.stderr
    return found[1], done.stdout + done.stderr


def logged(cloud: Cloud, run_id: str) -> list[dict[str, Any]]:
    """The agents' structured log lines about a run."""
    logs = cloud.client("logs")
    return [
        json.loads(event["message"])
        for agent in ("nlp-agent", "action-agent")
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/vigie-{agent}")
        for event in page["events"]
        if run_id in event["message"] and event["message"].startswith("{")
    ]


def test_a_run_reaches_its_provider_through_the_proxy_with_the_company_s_certificates(
    cloud: Cloud, proxy: Proxy, authority: Authority, tmp_path: Path
) -> None:
    point(cloud, tmp_path, proxy.port, authority.pem)
    run_id, said = summary(cloud)
    assert "unanswered" not in said
    assert set(proxy.asked) == {f"{HOST}:443"}
    asked = cloud.query("SELECT DISTINCT recipient, address, outcome FROM egress_ledger WHERE run_id = %s", run_id)
    assert asked == [(HOST, f"https://{HOST}/v1", "answered")]
    lines = logged(cloud, run_id)
    assert lines
    assert not any(word in json.dumps(lines) for word in (PASSWORD, "key-of-the-bank", "BEGIN CERTIFICATE"))


def assert_named(cloud: Cloud, run_id: str, said: str, cause: Cause) -> None:
    assert f"{cause}: {REMEDIES[cause]}" in said
    assert "Unknown" not in said
    told = {(line["cause"], line["remedy"]) for line in logged(cloud, run_id) if "cause" in line}
    assert told == {(cause, REMEDIES[cause])}
    assert cloud.query("SELECT DISTINCT outcome FROM egress_ledger WHERE run_id = %s", run_id) == [("unavailable",)]


def test_another_authority_is_named_as_a_matter_of_certificates(
    cloud: Cloud, proxy: Proxy, authority: Authority, tmp_path: Path
) -> None:
    point(cloud, tmp_path, proxy.port, Authority("Another Root").pem)
    assert_named(cloud, *summary(cloud), "Tls")


@pytest.mark.parametrize("status", [403, 407])
def test_a_proxy_that_refuses_is_named_as_the_proxy(
    cloud: Cloud, proxy: Proxy, authority: Authority, tmp_path: Path, status: int
) -> None:
    if status == 403:
        proxy.status = status
    else:
        proxy.password = "another"
    point(cloud, tmp_path, proxy.port, authority.pem)
    assert_named(cloud, *summary(cloud), "Proxy")


def test_a_proxy_that_is_not_there_is_named_as_the_proxy(
    cloud: Cloud, proxy: Proxy, authority: Authority, tmp_path: Path
) -> None:
    point(cloud, tmp_path, free_port(), authority.pem)
    assert_named(cloud, *summary(cloud), "Proxy")
    assert proxy.asked == []
