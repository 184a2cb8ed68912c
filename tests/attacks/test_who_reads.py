"""Who can read a customer's words, names and contact data: planted values, searched in all that a role can select."""

import json
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import psycopg2
import pytest

from tests.integration.conftest import Bank
from tests.integration.database.conftest import ANALYSED, CHOSEN, claim_egress, consent_of
from vigie.vocabulary import ReadingReason
from vigie_local.migrations import FUNCTION_ROLES

WORDS = "the-zanzibar-counter-closed-early"
# What is planted of a customer, by what it tells.
PLANTED = {
    "words": WORDS, "first_name": "Zanzibarine", "last_name": "Quillfeather", "email": "zq@planted.example",
    "phone": "+33700000042", "address": "42 rue du Canari", "iban": "FR7699999000011234567890189",
    "birth_date": "1961-04-23",
}  # fmt: skip
CONTACT = ("email", "phone", "address", "iban", "birth_date")
# Who may read what, and where. Nobody else, and nowhere else.
IN_CUSTOMERS = {f"customers.{column}" for column in PLANTED if column != "words"}
NAMES = {"customers.first_name", "customers.last_name"}
READS: dict[str, set[str]] = {
    "nlp_agent": {"feedback.text", *IN_CUSTOMERS},
    "action_agent": IN_CUSTOMERS,
    "dashboard": NAMES,
}
SENT = """
INSERT INTO egress_ledger (egress_id, run_id, customer_id, purpose, consent_id, attempt, recipient, country, retention,
                           model, prompt_version, redacted_prompt, prompt_sha256, entity_counts)
VALUES (%s, 'run', %s, %s, %s, 1, 'r', 'c', 'r', 'm', 'v', %s, repeat('0', 64), '{}')
"""
RELATIONS = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm')"


@pytest.fixture(scope="module")
def planted(bank: Bank, victim: Callable[[], UUID]) -> UUID:
    """A customer with every planted value, whose words were sent by both agents and answered."""
    customer_id = victim()
    columns = ", ".join(f"{column} = %s" for column in PLANTED if column != "words")
    values = [value for column, value in PLANTED.items() if column != "words"]
    bank.query(f"UPDATE customers SET {columns} WHERE customer_id = %s", *values, customer_id)
    bank.query(
        "INSERT INTO feedback VALUES (gen_random_uuid(), %s, clock_timestamp(), 'app', 'en', %s)", customer_id, WORDS
    )
    for purpose, role in (("feedback_analysis", "nlp_agent"), ("retention_offers", "action_agent")):
        bank.record_consent(customer_id, purpose, True)
        egress_id = uuid4()
        consent_id = consent_of(bank, customer_id, purpose)
        bank.query(SENT, egress_id, customer_id, purpose, consent_id, f"I say: {WORDS}", role=role)
        claim_egress(bank, egress_id, role=role)
        answer = json.dumps(ANALYSED if role == "nlp_agent" else CHOSEN)
        bank.query("SELECT end_egress(%s, 'answered', %s, 1, 1, 1)", egress_id, answer, role=role)
    return customer_id


@pytest.fixture(scope="module")
def egress_id(bank: Bank, planted: UUID) -> UUID:
    """The call in which nlp_agent sent the words."""
    sql = "SELECT egress_id FROM egress_ledger WHERE customer_id = %s AND agent = 'nlp_agent'"
    [(found,)] = bank.query(sql, planted)
    return UUID(str(found))


def readable(bank: Bank, role: str) -> Iterator[tuple[str, str]]:
    """Every column and value that a role can select, as text."""
    columns = bank.query(
        f"SELECT relname, attname FROM ({RELATIONS}) r JOIN pg_attribute ON attrelid = relname::regclass"
        " WHERE attnum > 0 AND NOT attisdropped"
    )
    connection = bank.connect(role)
    connection.set_session(readonly=False, autocommit=True)
    with connection.cursor() as cursor:
        for table, column in columns:
            try:
                cursor.execute(f'SELECT "{column}"::text FROM "{table}"')
            except psycopg2.errors.InsufficientPrivilege:
                continue
            yield from ((f"{table}.{column}", str(value)) for (value,) in cursor.fetchall())
    connection.close()


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("role", FUNCTION_ROLES)
def test_a_role_reads_of_a_customer_what_it_needs_and_nothing_else(bank: Bank, role: str) -> None:
    found = {place for place, value in readable(bank, role) for planted in PLANTED.values() if planted in value}
    assert found == READS.get(role, set())


@pytest.mark.usefixtures("planted")
def test_the_search_finds_what_is_planted_wherever_it_is(bank: Bank) -> None:
    found = {place for place, value in readable(bank, "owner") for planted in PLANTED.values() if planted in value}
    assert found == {"feedback.text", "egress_ledger.redacted_prompt", *IN_CUSTOMERS}


def test_an_agent_reads_its_own_answers_only(bank: Bank, planted: UUID) -> None:
    for role in ("nlp_agent", "action_agent"):
        [(purpose,)] = bank.query("SELECT purpose FROM own_answers WHERE customer_id = %s", planted, role=role)
        assert purpose == {"nlp_agent": "feedback_analysis", "action_agent": "retention_offers"}[role]


def events(bank: Bank, egress: UUID) -> list[tuple[str, str]]:
    """Who read what was sent in a call, and why, as the trail has it."""
    sql = (
        "SELECT agent, details ->> 'reason' FROM audit_log WHERE event_type = 'PROMPT_READ'"
        " AND details ->> 'egress_id' = %s ORDER BY seq"
    )
    return bank.query(sql, str(egress))


@pytest.mark.parametrize("reason", ReadingReason)
def test_an_officer_reads_on_purpose_and_the_trail_says_so(bank: Bank, egress_id: UUID, reason: str) -> None:
    before = events(bank, egress_id)
    [(asked,)] = bank.query("SELECT ask_to_read(%s, %s)", egress_id, reason, role="officer")
    assert bank.query("SELECT read_prompt(%s)", asked, role="officer") == [(f"I say: {WORDS}",)]
    assert events(bank, egress_id) == [*before, ("officer", reason)]


def test_who_takes_the_event_back_has_read_nothing(bank: Bank, egress_id: UUID) -> None:
    """Asked, read and rolled back in one transaction, with and without a savepoint."""
    before = events(bank, egress_id)
    connection = bank.connect("officer")
    with connection.cursor() as cursor:
        for between in ("SELECT 1", "SAVEPOINT here"):
            cursor.execute(between)
            cursor.execute("SELECT ask_to_read(%s, 'incident')", (egress_id,))
            asked = cursor.fetchall()[0][0]
            cursor.execute("SELECT read_prompt(%s)", (asked,))
            assert cursor.fetchall() == [(None,)]
    connection.rollback()
    connection.close()
    assert events(bank, egress_id) == before


@pytest.mark.parametrize("reason", ["", "curiosity", "Marie_Durand"])
def test_no_other_reason_is_taken(bank: Bank, egress_id: UUID, reason: str) -> None:
    with pytest.raises(psycopg2.Error, match="no such reason") as caught:
        bank.query("SELECT ask_to_read(%s, %s)", egress_id, reason, role="officer")
    assert caught.value.pgcode == "VG007"


def test_an_event_is_good_for_its_asker_for_five_minutes(bank: Bank, egress_id: UUID) -> None:
    [(asked,)] = bank.query("SELECT ask_to_read(%s, 'incident')", egress_id, role="officer")
    for role in set(FUNCTION_ROLES) - {"officer"}:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            bank.query("SELECT read_prompt(%s)", asked, role=role)
    assert bank.query("SELECT read_prompt(%s)", asked) == [(None,)]  # the owner did not ask
    superuser = bank.connect("postgres")
    with superuser, superuser.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE audit_log SET occurred_at = occurred_at - interval '6 minutes' WHERE event_id = %s", (asked,)
        )
    superuser.close()
    assert bank.query("SELECT read_prompt(%s)", asked, role="officer") == [(None,)]


def test_another_event_opens_nothing(bank: Bank) -> None:
    for (event_id,) in bank.query("SELECT event_id FROM audit_log WHERE event_type <> 'PROMPT_READ'"):
        assert bank.query("SELECT read_prompt(%s)", event_id, role="officer") == [(None,)]
