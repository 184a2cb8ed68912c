"""How fast the database makes 10,000 proposals, and takes the decisions of a script that reviews them.

The script claims, opens and decides as a person who needs no time to think: what it takes is what a reviewer waits.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from psycopg2.extensions import connection as Connection

from tests.integration.conftest import Bank
from tests.review_bank import CAMPAIGN, FIRST, ReviewBank
from tests.template_database import migrated_server

RUN = "measured"
IN_BULK = 200
# A manager's pace that the pages are built for.
ASKED_PER_HOUR = 200
# As a load and the agents write them; the triggers, which look at each row, are measured elsewhere.
SEED = """
SET session_replication_role = replica;
INSERT INTO customers (customer_id, language) SELECT gen_random_uuid(), 'en' FROM generate_series(1, {customers});
INSERT INTO run_customers SELECT '{run}', customer_id, 0 FROM customers;
INSERT INTO predictions (run_id, customer_id, model_version, probability, log_odds, intercept, contributions, drivers)
    SELECT '{run}', customer_id, 'tiny-1', 0.8, 1.4, 0, '{{}}', '[{{"feature": "complaints"}}]' FROM run_customers;
INSERT INTO actions (run_id, customer_id, segment, source, source_reason, offer_id, language, phrase_ids, message)
    SELECT '{run}', customer_id, 'High', 'catalogue', 'ModelUnavailable', offer_id, 'en', ARRAY[offer_id], message_en
    FROM run_customers, offers WHERE offer_id = 'fee_review';
INSERT INTO arbitrations (run_id, customer_id, verdict, offer_id, channel, expected_value_eur, cost_eur)
    SELECT '{run}', customer_id, 'proposed', 'fee_review', 'email', (1000 * random())::numeric(12, 2), 30
    FROM run_customers;
SET session_replication_role = origin;
ANALYZE;
"""


def run(customers: int = 10_000, decisions: int = 200) -> dict[str, Any]:
    """Figures of the proposing, and of decisions while the queue is full and when nearly all of it is decided."""
    with migrated_server() as server:
        bank = Bank(server, server.copy())
        review = ReviewBank(bank, budget=10_000_000)
        bank.plan(RUN, [])
        bank.query("UPDATE runs SET campaign_id = %s WHERE run_id = %s", CAMPAIGN, RUN)
        with (
            contextlib.closing(server.connect(bank.name, "postgres")) as superuser,
            superuser,
            superuser.cursor() as cursor,
        ):
            cursor.execute(SEED.format(run=RUN, customers=customers))
        with stopwatch() as proposing:
            assert review.propose(RUN)[0] == customers + 1
        with contextlib.closing(bank.connect("reviewer")) as connection:
            connection.autocommit = True
            full = decide_some(connection, decisions)
            with stopwatch() as bulk:
                in_bulk = decide_in_bulk(connection, customers * 9 // 10)
            decided = decide_some(connection, decisions)
        return {
            "proposals": customers,
            "seconds_to_propose": round(proposing[0], 2),
            "full_queue": full,
            "bulk_decisions_per_second": round(in_bulk / bulk[0]),
            "nine_tenths_decided": decided,
            "decisions_asked_per_hour": ASKED_PER_HOUR,
        }


@contextlib.contextmanager
def stopwatch() -> Iterator[list[float]]:
    """A list that holds the seconds when the block has ended."""
    taken: list[float] = []
    began = time.perf_counter()
    yield taken
    taken.append(time.perf_counter() - began)


def decide_some(connection: Connection, decisions: int) -> dict[str, Any]:
    """Claim, open and approve one after the other; the median of each step in milliseconds."""
    steps: dict[str, list[float]] = {"claim": [], "open": [], "decide": []}
    with stopwatch() as whole:
        for _ in range(decisions):
            with stopwatch() as taken:
                proposal = ask(connection, "SELECT proposal_id FROM claim_proposals(%s, 1, %s)", FIRST, CAMPAIGN)
            steps["claim"] += taken
            with stopwatch() as taken:
                case = ask(connection, "SELECT open_case(%s, %s)", FIRST, proposal)
            steps["open"] += taken
            with stopwatch() as taken:
                decide = "SELECT decide(%s, %s, 'approve', %s, 'fits')"
                assert ask(connection, decide, FIRST, proposal, case["content_sha256"]) == "approved"
            steps["decide"] += taken
    medians = {f"{name}_ms": round(1000 * statistics.median(taken), 1) for name, taken in steps.items()}
    return {"decisions_per_hour": round(3600 * decisions / whole[0]), **medians}


def decide_in_bulk(connection: Connection, proposals: int) -> int:
    """Approve so many of the open ones, in bulks of the greatest size."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT proposal_id, content_sha256 FROM proposal_states WHERE state = 'open'"
                       " ORDER BY expected_value_eur DESC LIMIT %s", (proposals,))  # fmt: skip
        waiting: list[tuple[UUID, str]] = cursor.fetchall()
        for start in range(0, len(waiting), IN_BULK):
            ids, hashes = zip(*waiting[start : start + IN_BULK], strict=True)
            cursor.execute("SELECT approve_in_bulk(%s, %s, %s)", (FIRST, list(ids), list(hashes)))
    return len(waiting)


def ask(connection: Connection, sql: str, *arguments: object) -> Any:
    """The first column of the first row."""
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        row = cursor.fetchone()
        return row[0] if row else None
