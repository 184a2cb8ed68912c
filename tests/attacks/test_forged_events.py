"""Events that are not the writer's own: another agent's, of another time, or with text of somebody's choice in them."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from tests.integration.conftest import Bank
from tests.integration.database.conftest import consent_of, enter_egress
from vigie.event_rules import Kind
from vigie.events import MEANINGS, WRITERS, rules_of
from vigie.vocabulary import EventType
from vigie_local.migrations import FUNCTION_ROLES

REFUSED = "VG005"
LATE = "VG006"
NAME, IBAN, PHONE, BIRTH = "Marie_Durand", "FR7630006000011234567890189", 33612345678, 19800101
PERSONAL = [NAME, IBAN, str(PHONE), PHONE, 612345678, BIRTH, 0.33612345678, {NAME: 1}, {"NAME": PHONE}, [NAME], None]
INSERT = """
INSERT INTO audit_log (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details, request_id)
VALUES (uuidv7(), clock_timestamp() + %s::interval, %s, %s, %s, 'ok', %s, %s, %s)
"""
EVERY_PAIR = [(role, event_type) for role, types in WRITERS.items() for event_type in types]
EVERY_DETAIL = [(role, kind, name) for role, kind in EVERY_PAIR for name in rules_of(role, kind)]


def parameters(
    role: str, event_type: str, details: dict[str, Any] | None = None, *, agent: str = "", after: str = "0",
    run_id: str | None = "run", customer_id: UUID | None = None, request_id: str | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    return (after, run_id, agent or role, event_type, customer_id, json.dumps(details or {}), request_id)


@pytest.fixture(scope="module")
def sessions(bank: Bank) -> Iterator[Callable[[str], Connection]]:
    """A connection for each role, kept open: thousands of events are tried."""
    with contextlib.ExitStack() as stack:
        yield cache(lambda role: stack.enter_context(contextlib.closing(bank.connect(role))))


type Try = Callable[..., str | None]


@pytest.fixture
def refusal(sessions: Callable[[str], Connection]) -> Try:
    """Try to write an event; return the code with which the database refuses it, None when it takes it."""

    def attempt(role: str, event_type: str, details: dict[str, Any] | None = None, **named: Any) -> str | None:
        connection = sessions(role)
        try:
            with connection.cursor() as cursor:
                cursor.execute(INSERT, parameters(role, event_type, details, **named))
            return None
        except psycopg2.Error as refused:
            said, code = str(refused), str(refused.pgcode)
        finally:
            connection.rollback()
        assert not any(value in said for value in (NAME, IBAN, str(PHONE)))
        return "not its type" if "does not write this type" in said else code

    return attempt


@pytest.fixture(autouse=True, scope="module")
def a_run(victim: Callable[[], UUID]) -> UUID:
    return victim()


@pytest.mark.parametrize("role", [*(role for role in FUNCTION_ROLES if role in WRITERS), "owner", "postgres"])
def test_nobody_writes_an_event_for_another(refusal: Try, role: str) -> None:
    others = {*WRITERS, "database", " ", NAME} - {role}
    assert {other for other in others if refusal(role, "BATCH_START", agent=other) != REFUSED} == set()


@pytest.mark.parametrize("role", [*WRITERS, "postgres"])
def test_each_writes_its_own_types_and_no_others(refusal: Try, role: str) -> None:
    every = (*EventType, "NOT_A_TYPE")
    assert {kind for kind in every if refusal(role, kind, run_id=None) != "not its type"} == set(WRITERS.get(role, ()))


@pytest.mark.parametrize("after", ["-3 minutes", "-1 day", "-20 years", "10 seconds", "1 day", "100 years"])
@pytest.mark.parametrize("role", ["nlp_agent", "audit_agent", "owner"])
def test_an_event_happens_when_it_is_written(refusal: Try, role: str, after: str) -> None:
    assert refusal(role, WRITERS[role][0], after=after, run_id=None) == LATE


def test_what_a_batch_collected_for_a_minute_is_taken(refusal: Try) -> None:
    assert refusal("nlp_agent", "BATCH_START", after="-1 minute") is None


@pytest.mark.parametrize(("role", "event_type", "name"), EVERY_DETAIL)
def test_no_detail_of_any_type_takes_personal_data(refusal: Try, role: str, event_type: EventType, name: str) -> None:
    taken = [value for value in PERSONAL if refusal(role, event_type, {name: value}) != REFUSED]
    assert taken == []


@pytest.mark.parametrize(("role", "event_type", "name"), EVERY_DETAIL)
def test_what_names_a_record_names_one_that_is_there(refusal: Try, role: str, event_type: EventType, name: str) -> None:
    """Each value that has the right shape and is nobody's."""
    rule = rules_of(role, event_type)[name]
    shapes = ["other-7", "7", "0" * 64, str(uuid4()), "http://marie.durand/fr76", "run-of-marie", "analysis-77", 0.5, 7]
    if event_type is EventType.RUN_RECONCILED:
        shapes.remove(7)  # as many as a run of any size can have
    if rule.record:
        assert [value for value in shapes if refusal(role, event_type, {name: value}) != REFUSED] == []
    else:
        assert rule.kind is not Kind.TEXT


@pytest.mark.parametrize(("role", "event_type"), EVERY_PAIR)
def test_no_event_takes_another_detail(refusal: Try, role: str, event_type: EventType) -> None:
    others = {name for kind in MEANINGS for name in MEANINGS[kind][1]} - set(rules_of(role, event_type))
    for name in (*others, NAME, ""):
        assert refusal(role, event_type, {name: 1}) == REFUSED


@pytest.mark.parametrize("column", ["run_id", "request_id"])
@pytest.mark.parametrize("text", [NAME, IBAN, str(PHONE), "marie-durand", ""])
def test_no_other_column_takes_text(refusal: Try, column: str, text: str) -> None:
    named: dict[str, Any] = {column: text}
    assert refusal("nlp_agent", "BATCH_START", **named) == REFUSED


def test_a_look_at_a_consent_names_the_customer_s_own(bank: Bank, victim: Callable[[], UUID], refusal: Try) -> None:
    first, second = victim(), victim()
    for customer_id in (first, second):
        bank.record_consent(customer_id, "feedback_analysis", True)
    details = {"purpose": "feedback_analysis", "consent_id": consent_of(bank, first, "feedback_analysis")}
    assert refusal("nlp_agent", "CONSENT_CHECK", details, customer_id=first) is None
    assert refusal("nlp_agent", "CONSENT_CHECK", details, customer_id=second) == REFUSED
    assert refusal("nlp_agent", "CONSENT_CHECK", details | {"consent_id": None}, customer_id=first) == REFUSED


def test_a_call_is_reported_by_who_made_it_about_whom_it_was(
    bank: Bank, victim: Callable[[], UUID], refusal: Try
) -> None:
    first, second = victim(), victim()
    for customer_id in (first, second):
        bank.record_consent(customer_id, "feedback_analysis", True)
    egress_id = str(enter_egress(bank, first))
    details = {"egress_id": egress_id, "prompt_sha256": "0" * 64, "attempt": 1}
    assert refusal("nlp_agent", "LLM_CALL_START", details, customer_id=first) is None
    for other in ({"prompt_sha256": "1" * 64}, {"attempt": 2}):
        assert refusal("nlp_agent", "LLM_CALL_START", details | other, customer_id=first) == REFUSED
    assert refusal("nlp_agent", "LLM_CALL_START", details, customer_id=second) == REFUSED
    assert refusal("action_agent", "LLM_CALL_START", details, customer_id=first) == REFUSED
    assert refusal("nlp_agent", "LLM_CALL_START", details, customer_id=first, run_id=None) == REFUSED


def test_a_copied_file_of_events_is_checked_as_well(bank: Bank) -> None:
    connection = bank.connect("nlp_agent")
    copy = "COPY audit_log (event_id, occurred_at, agent, event_type, status, details) FROM STDIN"
    line = f"{uuid4()}\tnow\tnlp_agent\tSTEP_ENDED\tok\t" + json.dumps({"reason": NAME}) + "\n"
    with connection.cursor() as cursor, pytest.raises(psycopg2.Error) as caught:
        cursor.copy_expert(copy, io.StringIO(line))
    connection.close()
    assert caught.value.pgcode == REFUSED
