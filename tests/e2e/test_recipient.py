"""What is said about egress is what warm functions do: whoever the secret names is asked, and nobody else."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.e2e.conftest import Cloud, wait_until
from vigie_local import commands
from vigie_local.ports import free_port
from vigie_local.secrets import LLM_SECRET, publish_secrets
from vigie_local.services import answers
from vigie_local.settings import LocalSettings, service_environment

CUSTOMERS = 60
RULES = "vigie-local-rules"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class Other:
    """A second model, which stands for one elsewhere; it counts what reaches it."""

    port: int

    def control(self, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/_control", method="PUT" if body else "GET",
            data=json.dumps(body).encode() if body else None,
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    @property
    def calls(self) -> int:
        return int(self.control()["requests"])


@pytest.fixture(scope="module")
def other() -> Iterator[Other]:
    port = free_port()
    command = [sys.executable, "-m", "vigie_model_server", "--port", str(port)]
    process = subprocess.Popen(command, env=service_environment(), stdout=subprocess.DEVNULL)
    wait_until(lambda: answers(f"http://127.0.0.1:{port}/_control"), 30)
    yield Other(port)
    process.terminate()
    process.wait(10)


@pytest.fixture
def local(cloud: Cloud) -> Iterator[LocalSettings]:
    yield cloud.settings
    point(cloud, cloud.settings)


@pytest.fixture
def elsewhere(cloud: Cloud, other: Other) -> LocalSettings:
    return replace(cloud.settings, llm_base_url=f"http://127.0.0.1:{other.port}", llm_model=RULES, llm_api_key="k")


def point(cloud: Cloud, settings: LocalSettings) -> None:
    """Write the secret as `make deploy-local` does."""
    publish_secrets(settings, cloud.client("secretsmanager"))


def recipients(cloud: Cloud, run_id: str) -> set[tuple[Any, ...]]:
    return set(cloud.query("SELECT recipient, address FROM egress_ledger WHERE run_id = %s", run_id))


def test_warm_functions_ask_whom_the_secret_names_when_the_run_is_planned(
    cloud: Cloud, other: Other, local: LocalSettings, elsewhere: LocalSettings
) -> None:
    point(cloud, elsewhere)
    cloud.run("recipient-far", {"limit": CUSTOMERS})
    assert recipients(cloud, "recipient-far") == {("model on this machine", f"http://127.0.0.1:{other.port}/v1")}
    before = other.calls
    assert before > 0

    point(cloud, local)
    cloud.run("recipient-near", {"limit": CUSTOMERS})
    assert other.calls == before
    near = ("local rules on this machine", f"{cloud.settings.model_url}/openai/v1")
    assert recipients(cloud, "recipient-near") == {near}

    point(cloud, elsewhere)
    cloud.model_server("POST", "/reset")
    cloud.run("recipient-far-again", {"limit": CUSTOMERS})
    assert cloud.model_server("GET")["requests"] == 0
    assert other.calls > before


def test_a_secret_that_is_changed_in_the_middle_of_a_run_gets_none_of_its_calls(
    cloud: Cloud, other: Other, local: LocalSettings, elsewhere: LocalSettings
) -> None:
    point(cloud, local)
    cloud.model_server("PUT", body={"latency_ms": 1500})
    before = other.calls
    arn = cloud.start("recipient-moved", {"limit": CUSTOMERS, "batch_size": 10})
    ended = "SELECT count(*) FROM run_steps WHERE run_id = 'recipient-moved' AND step = 'analyse'"
    wait_until(lambda: cloud.query(ended)[0][0] >= 10)
    point(cloud, elsewhere)
    output = json.loads(cloud.wait(arn)["output"])
    cloud.model_server("PUT", body={"latency_ms": 0})
    assert other.calls == before
    counts = output["customers"]
    assert (output["status"], counts["failed"] > 0) == ("partial" if counts["predicted"] else "failed", True)
    refused = "SELECT count(*) FROM audit_log WHERE run_id = 'recipient-moved' AND event_type = 'RECIPIENT_REFUSED'"
    assert cloud.query(refused)[0][0] > 0
    burned = "SELECT count(*) FROM run_steps WHERE run_id = 'recipient-moved' AND reason LIKE 'Model%%'"
    assert cloud.query(burned + " AND %s", True) == [(0,)]


def test_going_on_with_a_run_touches_no_secret(
    cloud: Cloud, local: LocalSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    point(cloud, local)
    cloud.model_server("PUT", body={"latency_ms": 500})
    arn = cloud.start("recipient-resumed", {"limit": CUSTOMERS, "batch_size": 10})
    wait_until(lambda: bool(cloud.query("SELECT 1 FROM run_steps WHERE run_id = 'recipient-resumed'")))
    cloud.client("stepfunctions").stop_execution(executionArn=arn)
    wait_until(lambda: cloud.status(arn) == "ABORTED")
    cloud.model_server("PUT", body={"latency_ms": 0})
    written = cloud.client("secretsmanager").get_secret_value(SecretId=LLM_SECRET)
    elsewhere = replace(cloud.settings, groq_api_key="gsk_not_a_key")
    assert commands.resume(elsewhere, Namespace(run_id="recipient-resumed")) == 0
    now = cloud.client("secretsmanager").get_secret_value(SecretId=LLM_SECRET)
    assert (now["VersionId"], now["SecretString"]) == (written["VersionId"], written["SecretString"])
    assert "rules on this machine (nothing leaves it)" in capsys.readouterr().err
