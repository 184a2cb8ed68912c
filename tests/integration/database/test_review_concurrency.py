"""Fifty reviewers on one queue and one budget, while their connections and then the database itself are killed."""

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from tests.integration.conftest import Bank
from tests.review_bank import CAMPAIGN, ReviewBank
from tests.template_database import migrated_server, run_alone

REVIEWERS, PROPOSALS, PRICE, AFFORDABLE = 50, 80, 30, 40
DEADLINE_SECONDS = 120
KILL_EVERY_S, KILLED_BEFORE_RESTART = 0.03, 4


@pytest.fixture(scope="module")
def review() -> Iterator[ReviewBank]:
    """A server of its own, which may be restarted, and as many connections as there are reviewers."""
    with migrated_server() as migrated:
        run_alone(migrated.server, f"ALTER ROLE reviewer CONNECTION LIMIT {REVIEWERS}")
        review = ReviewBank(Bank(migrated, migrated.copy()), budget=PRICE * AFFORDABLE)
        for number in range(REVIEWERS):
            review.bank.query("INSERT INTO people (person, duty) VALUES (%s, 'reviewer')", f"reviewer-{number}")
        run, _ = review.plan(PROPOSALS)
        assert review.propose(run) == (PROPOSALS, 0)
        yield review


class Reviewer:
    """Claims, opens and approves until nothing is left; rejects what the budget does not pay for any more."""

    def __init__(self, review: ReviewBank, person: str, deadline: float) -> None:
        self._review, self._person, self._deadline = review, person, deadline
        self.told: list[tuple[UUID, str]] = []

    def work(self) -> list[tuple[UUID, str]]:
        """The states that the database confirmed, whatever happened to connections meanwhile."""
        while time.monotonic() < self._deadline:
            with contextlib.suppress(psycopg2.OperationalError, psycopg2.InterfaceError):
                connection = self._review.bank.connect("reviewer")
                connection.autocommit = True
                try:
                    if self._work_through(connection):
                        return self.told
                finally:
                    connection.close()
            time.sleep(0.05)
        raise AssertionError(f"{self._person} did not come to an end")

    def _work_through(self, connection: Connection) -> bool:
        """Whether nothing is left for anybody: what somebody else holds may come back."""
        with connection.cursor() as cursor:
            while True:
                cursor.execute("SELECT proposal_id FROM claim_proposals(%s, 2, %s)", (self._person, CAMPAIGN))
                held = [proposal for (proposal,) in cursor.fetchall()]
                if not held:
                    cursor.execute("SELECT count(*) FROM proposal_states WHERE state = 'open'")
                    return cursor.fetchone() == (0,)
                for proposal in held:
                    cursor.execute("SELECT open_case(%s, %s)", (self._person, proposal))
                    [case] = cursor.fetchone() or ({},)
                    decide = "SELECT decide(%s, %s, %s, %s, %s)"
                    asked = (self._person, proposal, "approve", case["content_sha256"], "fits")
                    try:
                        cursor.execute(decide, asked)
                    except psycopg2.Error as error:
                        if error.pgcode != "VG009" or "over budget" not in str(error):
                            raise
                        cursor.execute(decide, (*asked[:2], "reject", asked[3], "other"))
                    [state] = cursor.fetchone() or ("",)
                    self.told.append((proposal, state))


def kill_until(review: ReviewBank, ended: threading.Event) -> int:
    """Terminate a reviewer's session now and then, and kill and restart the database once; how many sessions ended."""
    killed, restarted = 0, False
    while not ended.wait(KILL_EVERY_S):
        with (
            contextlib.suppress(psycopg2.Error),
            contextlib.closing(review.bank.server.connect("postgres")) as connection,
        ):
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT pid FROM pg_stat_activity WHERE usename = 'reviewer' AND state = 'active'")
                if pids := [pid for (pid,) in cursor.fetchall()]:
                    cursor.execute("SELECT pg_terminate_backend(%s)", (random.choice(pids),))
                    killed += 1
        if killed >= KILLED_BEFORE_RESTART and not restarted:
            restarted = True
            review.bank.server.stop()
            review.bank.server.start()
    assert restarted
    return killed


def test_fifty_reviewers_overdraw_nothing_decide_nothing_twice_and_lose_nothing(review: ReviewBank) -> None:
    deadline, ended = time.monotonic() + DEADLINE_SECONDS, threading.Event()
    with ThreadPoolExecutor(REVIEWERS + 1) as threads:
        killing = threads.submit(kill_until, review, ended)
        people = [Reviewer(review, f"reviewer-{number}", deadline) for number in range(REVIEWERS)]
        try:
            working = [threads.submit(person.work) for person in people]
            told = [entry for future in working for entry in future.result()]
        finally:
            ended.set()
        assert killing.result() >= KILLED_BEFORE_RESTART

    states = dict(review.bank.query("SELECT proposal_id, state FROM proposal_states"))
    assert len(states) == PROPOSALS
    assert sorted(states.values()) == ["approved"] * AFFORDABLE + ["rejected"] * (PROPOSALS - AFFORDABLE)
    assert review.bank.query("SELECT budget_left(%s)", CAMPAIGN) == [(0,)]
    # Each decided once, each with its event; and what anybody was told is so.
    once = "SELECT count(*), count(DISTINCT proposal_id), count(DISTINCT event_id) FROM decisions"
    assert review.bank.query(once) == [(PROPOSALS, PROPOSALS, PROPOSALS)]
    events = "SELECT count(*), count(DISTINCT details ->> 'proposal_id') FROM audit_log WHERE event_type = %s"
    assert review.bank.query(events, "PROPOSAL_DECIDED") == [(PROPOSALS, PROPOSALS)]
    assert {proposal: states[proposal] for proposal, _ in told} == dict(told)
    assert len({proposal for proposal, _ in told}) == len(told)
