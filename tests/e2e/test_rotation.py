"""Passwords and the model's key are rotated in the middle of a run, as an operator would: no customer is lost."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Cloud, wait_until
from vigie_local.migrations import set_password
from vigie_local.postgres import SUPERUSER
from vigie_local.secrets import LLM_SECRET, database_secret, role_passwords
from vigie_local.services import database_server
from vigie_local.settings import DATABASE

RUN = "rotation"
CUSTOMERS = 60
ROLES = ("nlp_agent", "prediction_agent", "action_agent", "audit_agent")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def slow_model(cloud: Cloud) -> Iterator[None]:
    """Answers take a while, so that there is a middle of the run; afterwards everything is as it was."""
    kept = cloud.client("secretsmanager").get_secret_value(SecretId=LLM_SECRET)["SecretString"]
    passwords = role_passwords(cloud.settings.private)
    cloud.model_server("POST", "/reset")
    cloud.model_server("PUT", body={"latency_ms": 800})
    yield
    cloud.model_server("PUT", body={"latency_ms": 0, "accepted_keys": []})
    cloud.client("secretsmanager").put_secret_value(SecretId=LLM_SECRET, SecretString=kept)
    for role in ROLES:
        rotate_password(cloud, role, passwords[role])


def rotate_password(cloud: Cloud, role: str, password: str) -> None:
    """Give a role another password, tell Secrets Manager, and end the sessions that the old one opened."""
    change_secret(cloud, database_secret(role), password=password)
    connection = database_server(cloud.settings).connect(DATABASE, SUPERUSER)
    try:
        with connection, connection.cursor() as cursor:
            set_password(connection, role, password)
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (role,))
    finally:
        connection.close()


def rotate_key(cloud: Cloud, key: str) -> None:
    """Put another key in the secret; the provider takes the old one no longer."""
    change_secret(cloud, LLM_SECRET, api_key=key)
    cloud.model_server("PUT", body={"accepted_keys": [key]})


def change_secret(cloud: Cloud, name: str, **fields: str) -> None:
    manager = cloud.client("secretsmanager")
    content: dict[str, Any] = json.loads(manager.get_secret_value(SecretId=name)["SecretString"])
    manager.put_secret_value(SecretId=name, SecretString=json.dumps(content | fields))


def batches_ended(cloud: Cloud) -> Callable[[], bool]:
    sql = "SELECT count(*) FROM audit_log WHERE run_id = %s AND event_type = 'BATCH_END' AND agent = 'nlp_agent'"
    return lambda: bool(cloud.query(sql, RUN)[0][0] >= 1)


def test_rotating_every_secret_in_the_middle_of_a_run_loses_no_customer(cloud: Cloud, slow_model: None) -> None:
    arn = cloud.start(RUN, {"limit": CUSTOMERS, "batch_size": 10})
    wait_until(batches_ended(cloud))
    fresh = {role: secrets.token_urlsafe(32) for role in ROLES}
    for role, password in fresh.items():
        rotate_password(cloud, role, password)
    rotate_key(cloud, key := secrets.token_urlsafe(32))
    assert cloud.query("SELECT 1 FROM runs WHERE run_id = %s AND status = 'running'", RUN), "the run was over already"

    ended = cloud.wait(arn)
    assert ended["status"] == "SUCCEEDED", ended
    output = json.loads(ended["output"])
    counts = output["customers"]
    assert (output["status"], counts["failed"], counts["planned"]) == ("succeeded", 0, CUSTOMERS)
    assert counts["analysed"] + counts["without_consent"] + counts["without_feedback"] == CUSTOMERS
    assert counts["predicted"] == counts["actions"] == CUSTOMERS
    refused = cloud.query("SELECT count(*) FROM egress_ledger WHERE run_id = %s AND outcome = 'refused'", RUN)
    assert refused == [(0,)]
    # Without a refusal the old key would have gone on working, and nothing would have been shown.
    seen = cloud.model_server("GET", "/requests?limit=10000")["requests"]
    assert any(request["status"] == 401 for request in seen)
    assert_nowhere(cloud, [*fresh.values(), key])


def assert_nowhere(cloud: Cloud, values: list[str]) -> None:
    """None of the new secrets stands in a log, a log group, a table or an execution."""
    from tests.e2e import places

    for search in (places.log_groups, places.executions, places.files, places.tables, places.processes):
        for place, text in search(cloud):
            assert not any(value in text for value in values), place
