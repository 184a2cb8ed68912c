"""What concerns every call, in the agents: nothing is burned, nobody ends, and the round says that it stood still."""

from collections.abc import Callable
from uuid import UUID

import pytest

from tests.fakes.chat_models import ANALYSIS, FakeProvider, answer_of, obliging
from tests.integration.agents.conftest import Office, plan
from vigie_llm.chat import ChatAnswer, ChatRequest
from vigie_llm.errors import AccountRefusedError, NotNowError, TextTooLongError

Hire = Callable[..., list[UUID]]
REFUSED = AccountRefusedError(401, "invalid_api_key", "check api_key")


def raising(error: Exception) -> Callable[[ChatRequest], ChatAnswer]:
    def reply(request: ChatRequest) -> ChatAnswer:
        raise error

    return reply


@pytest.fixture
def one_by_one(office: Office) -> Office:
    office.provider = FakeProvider(office.model, concurrency=1)
    return office


def outcomes_in_the_ledger(office: Office) -> dict[str, int]:
    rows = office.bank.query(
        "SELECT coalesce(outcome, 'none'), count(*) FROM egress_ledger WHERE run_id = %s GROUP BY 1", office.run_id
    )
    return dict(rows)


@pytest.mark.parametrize("error", [REFUSED, NotNowError("busy", 432.0)])
def test_a_refused_account_costs_one_call_a_round_and_ends_no_customer(
    one_by_one: Office, hire: Hire, error: Exception
) -> None:
    office = one_by_one
    plan(office, hire(6))
    office.model.reply = raising(error)
    for attempts in (1, 2, 3):
        assert office.analyse() == {"outcomes": {}, "remaining": 6, "stalled": True}
        assert len(office.model.asked) == attempts
        ended = outcomes_in_the_ledger(office)
        assert ended["unavailable"] == attempts
        assert set(ended) <= {"unavailable", "unsent"}
    # Another customer each time: nobody is asked about twice while there are others.
    asked_about = office.bank.query(
        "SELECT count(DISTINCT customer_id) FROM egress_ledger WHERE run_id = %s AND outcome = 'unavailable'",
        office.run_id,
    )
    assert asked_about == [(3,)]
    office.model.reply = obliging
    assert office.analyse() == {"outcomes": {"done": 6}, "remaining": 0}


def test_a_text_that_is_too_long_is_asked_about_again_shorter(one_by_one: Office, hire: Hire) -> None:
    office = one_by_one
    [customer_id] = plan_one(office, hire)
    office.bank.query("UPDATE feedback SET text = repeat('The fees are too high. ', 150) WHERE customer_id = %s",
                      customer_id)  # fmt: skip

    def reply(request: ChatRequest) -> ChatAnswer:
        if len(request.user) > 1500:
            raise TextTooLongError(413, "request_too_large")
        return answer_of(ANALYSIS)

    office.model.reply = reply
    assert office.analyse() == {"outcomes": {}, "remaining": 1, "stalled": True}
    assert office.analyse() == {"outcomes": {"done": 1}, "remaining": 0}
    assert office.ledger(customer_id) == [(1, "refused"), (2, "answered")]
    first, second = office.model.asked
    assert len(second.user) < len(first.user) / 2


def test_a_text_that_is_too_long_at_any_length_ends(one_by_one: Office, hire: Hire) -> None:
    office = one_by_one
    [customer_id] = plan_one(office, hire)
    office.model.reply = raising(TextTooLongError(413, "request_too_large"))
    for _ in range(2):
        assert office.analyse()["remaining"] == 1
    assert office.analyse() == {"outcomes": {"ModelRefused": 1}, "remaining": 0}
    assert office.ledger(customer_id) == [(1, "refused"), (2, "refused"), (3, "refused")]


def plan_one(office: Office, hire: Hire) -> list[UUID]:
    hired = hire(1)
    plan(office, hired)
    return hired
