"""A run freezes where its calls go; agents send nowhere else, and neither does the database let them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest

import vigie_llm.provider
from planner.manifest import Manifests
from planner.planning import plan_run
from planner.requests import PlanRequest
from planner.settings import PlannerSettings
from tests.fakes.object_store import FakeObjectStore
from tests.integration.agents.conftest import Office
from vigie.endpoint import Endpoint
from vigie.errors import RecipientChangedError
from vigie.secrets import LlmSecret
from vigie_llm.provider import LlmSettings, Provider
from vigie_llm.recipients import endpoint_of

Hire = Callable[..., list[UUID]]
SETTINGS = PlannerSettings("vigie/database/planner", "runs", "analysis-2", "action-3", 100, 6, 0.70, 0.35, 2, 16)
GROQ = LlmSecret("groq", "https://api.groq.com", "key", "openai/gpt-oss-20b")
ELSEWHERE = LlmSecret("openai-compatible", "https://llm.bank.example/v1", "key", "qwen3")
ENTER = """
INSERT INTO egress_ledger (egress_id, run_id, customer_id, purpose, consent_id, attempt, recipient, country, retention,
                           address, model, prompt_version, redacted_prompt, prompt_sha256, entity_counts)
VALUES (%s, %s, %s, 'feedback_analysis', consent_granted_now(%s, 'feedback_analysis'), 1, %s, 'c', 'r', %s, %s, 'v',
        'p', repeat('0', 64), '{}')
"""


def plan(office: Office, customers: list[UUID], endpoint: Endpoint | None) -> None:
    event = {"run_id": office.run_id, "input": {"customer_ids": [str(one) for one in customers]}}
    asked = PlanRequest.parse(event | ({"endpoint": endpoint.facts()} if endpoint else {}))
    manifests = Manifests("runs", FakeObjectStore())
    plan_run(asked, SETTINGS, office.database("planner"), manifests, office.request("planner"))


@pytest.fixture
def in_force(office: Office, monkeypatch: pytest.MonkeyPatch) -> list[LlmSecret]:
    """The office's provider, with the secret that is last in the list; it never gets as far as calling."""
    secrets = [GROQ]
    monkeypatch.setattr(vigie_llm.provider, "read_secret", lambda _kind, _name: lambda _afresh: secrets[-1])
    office.provider = Provider(LlmSettings("-", "vigie/llm", 2))  # type: ignore[assignment]
    return secrets


def test_where_calls_go_is_frozen_and_audited_without_the_key(office: Office, hire: Hire) -> None:
    plan(office, hire(1), endpoint_of(GROQ))
    frozen = ("Groq", "https://api.groq.com/openai/v1", "openai/gpt-oss-20b")
    columns = "SELECT llm_recipient, llm_address, llm_model FROM runs WHERE run_id = %s"
    assert office.bank.query(columns, office.run_id) == [frozen]
    [(_, _, details)] = office.bank.events(office.run_id, "RUN_PLANNED")
    assert (details["recipient"], details["address"], details["llm_model"]) == frozen


@pytest.mark.parametrize("work", ["analyse", "act"])
def test_a_batch_that_would_go_elsewhere_is_refused_and_no_customer_fails(
    office: Office, hire: Hire, in_force: list[LlmSecret], work: str
) -> None:
    plan(office, hire(2), endpoint_of(GROQ))
    in_force.append(ELSEWHERE)
    with pytest.raises(RecipientChangedError, match=r"planned with Groq .* the secret points to llm\.bank\.example"):
        getattr(office, work)()
    assert office.counts() == dict.fromkeys(office.counts(), 0)
    [(_, status, details)] = office.bank.events(office.run_id, "RECIPIENT_REFUSED")
    others = {"other_recipient": True, "other_address": True, "other_model": True}
    assert (status, details) == ("refused", {"batch_no": 0, **others})


def test_a_run_that_an_earlier_version_planned_continues(office: Office, hire: Hire) -> None:
    plan(office, hire(2), None)
    assert office.analyse() == {"outcomes": {"done": 2}, "remaining": 0}
    [(_, _, details)] = office.bank.events(office.run_id, "RUN_PLANNED")
    assert "address" not in details


def test_the_database_refuses_a_row_for_anybody_else(office: Office, hire: Hire) -> None:
    [customer_id] = hire(1)
    planned = endpoint_of(GROQ)
    plan(office, [customer_id], planned)

    def enter(recipient: str, address: str | None, model: str) -> Any:
        row = (uuid4(), office.run_id, customer_id, customer_id, recipient, address, model)
        return office.bank.query(ENTER, *row, role="nlp_agent")

    for other in (
        ("local rules on this machine", planned.address, planned.model),
        (planned.recipient, "https://llm.bank.example/v1", planned.model),
        (planned.recipient, None, planned.model),
        (planned.recipient, planned.address, "another"),
    ):
        with pytest.raises(psycopg2.Error) as caught:
            enter(*other)
        assert caught.value.pgcode == "VG003"
    enter(planned.recipient, planned.address, planned.model)
