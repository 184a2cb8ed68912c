"""Dead letters against the real database: kept and audited once, answered with a name that nobody tries again."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from dead_letters.messages import DeadLetter
from dead_letters.recording import UnreadableLetterError, record_and_answer
from tests.integration.agents.conftest import Office, plan
from vigie.errors import DatabaseUnavailableError

LETTER = DeadLetter("", "vigie-prediction-dlq", "predict", 70, "a" * 64, "", 4, "token")


@pytest.fixture(autouse=True)
def planned(office: Office, hire: Callable[..., list[UUID]]) -> None:
    plan(office, hire(1))


def letter(office: Office) -> DeadLetter:
    return replace(LETTER, message_id=f"message-of-{office.run_id}", run_id=office.run_id)


def deliver(office: Office, dead: DeadLetter) -> bool:
    return record_and_answer(dead, office.database("dead_letters"), office.tokens, office.request("dead_letters"))


def kept(office: Office, dead: DeadLetter) -> list[tuple[object, ...]]:
    return office.bank.query(
        "SELECT queue, run_id, batch_no, step, reason, body_bytes, body_sha256 FROM dead_letters WHERE message_id = %s",
        dead.message_id,
    )


def test_it_is_kept_audited_and_its_task_fails(office: Office) -> None:
    dead = letter(office)
    assert deliver(office, dead)
    assert kept(office, dead) == [("vigie-prediction-dlq", office.run_id, 4, "predict", "GivenUp", None, None)]
    details = {"queue": "vigie-prediction-dlq", "step": "predict", "reason": "GivenUp", "batch_no": 4}
    assert office.bank.events(office.run_id, "DEAD_LETTERED") == [(None, "failed", details)]
    assert office.step_functions.answered["token"]["error"] == "DeadLettered"


def test_of_a_run_that_was_never_planned_the_event_names_none(office: Office) -> None:
    """A run's id is anybody's choice: it is kept with the letter, and not in the trail."""
    dead = replace(letter(office), run_id="Marie_Durand", message_id="of-nobody")
    assert deliver(office, dead)
    assert office.bank.query("SELECT run_id FROM dead_letters WHERE message_id = 'of-nobody'") == [("Marie_Durand",)]
    assert office.bank.events("Marie_Durand", "DEAD_LETTERED") == []
    newest = "SELECT run_id, event_type FROM audit_log ORDER BY seq DESC LIMIT 1"
    assert office.bank.query(newest) == [(None, "DEAD_LETTERED")]


def test_delivered_again_it_is_neither_kept_nor_audited_twice(office: Office) -> None:
    dead = letter(office)
    assert deliver(office, dead)
    assert not deliver(office, dead)
    assert len(kept(office, dead)) == len(office.bank.events(office.run_id, "DEAD_LETTERED")) == 1


def test_when_the_first_delivery_could_not_answer_the_second_does(office: Office) -> None:
    dead = letter(office)
    office.step_functions.waiting.clear()
    deliver(office, dead)
    office.step_functions.waiting.add("token")
    deliver(office, dead)
    assert office.step_functions.answered["token"]["error"] == "DeadLettered"


def test_a_task_that_timed_out_is_no_error(office: Office) -> None:
    office.step_functions.waiting.clear()
    office.step_functions.timed_out.add("token")
    assert deliver(office, letter(office))


def test_an_unreadable_one_stays_in_its_queue_and_is_on_record_once(office: Office) -> None:
    dead = replace(letter(office), task_token=None, run_id=None, batch_no=None)
    for _ in range(2):
        with pytest.raises(UnreadableLetterError):
            deliver(office, dead)
    assert kept(office, dead) == [("vigie-prediction-dlq", None, None, "predict", "Unreadable", 70, "a" * 64)]
    events = office.bank.query("SELECT count(*) FROM audit_log WHERE details ->> 'reason' = 'Unreadable'")
    assert events == [(1,)]


def test_without_the_database_nothing_is_answered(office: Office) -> None:
    office.bank.query("ALTER ROLE dead_letters NOLOGIN")
    try:
        with pytest.raises(DatabaseUnavailableError):
            deliver(office, letter(office))
    finally:
        office.bank.query("ALTER ROLE dead_letters LOGIN")
    assert office.step_functions.waiting == {"token"}
