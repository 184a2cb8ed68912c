"""Reconciliation of a run that has just grown, and of whose tables no statistics exist."""

import time
import tracemalloc

from audit_agent import tree_store
from audit_agent.log_comparison import StoredEvents
from audit_agent.record_checks import gaps_in_records
from audit_agent.sealing import CHUNK
from tests.integration.audit.audit_environment import AuditEnvironment
from tests.integration.audit.finished_run import RUN
from tests.integration.audit.large_run import write_large_run
from vigie.audit import Origin

CUSTOMERS = 3_000
EVENTS = 36_091
# Joined row by row the comparison takes 40 s and more; hashed, 0.2 s.
MOST_SECONDS = 6


def test_a_run_of_thousands_whose_tables_have_no_statistics_is_compared_in_seconds(
    environment: AuditEnvironment,
) -> None:
    write_large_run(environment, CUSTOMERS)
    with environment.database("audit_agent").transaction(Origin("audit_agent")) as transaction:
        began = time.monotonic()
        gaps = gaps_in_records(transaction, RUN)
        took = time.monotonic() - began
        stored = StoredEvents(transaction, RUN)
    assert gaps == stored.gaps == []
    assert len(stored) == EVENTS
    assert took < MOST_SECONDS


def test_an_event_to_compare_takes_little_memory(environment: AuditEnvironment) -> None:
    """A run of 100,000 customers writes 1.2 million, and the function has a gigabyte for everything."""
    write_large_run(environment, CUSTOMERS)
    with environment.database("audit_agent").transaction(Origin("audit_agent")) as transaction:
        tracemalloc.start()
        try:
            stored = StoredEvents(transaction, RUN)
            kept, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(stored) == EVENTS
    assert kept / EVENTS < 200
    assert (most - kept) < 20 * 2**20


def test_one_gap_among_thousands_of_customers_is_found(environment: AuditEnvironment) -> None:
    write_large_run(environment, CUSTOMERS)
    customer = environment.fetch("SELECT customer_id FROM predictions LIMIT 1")[0][0]
    environment.tamper("DELETE FROM predictions WHERE customer_id = %s", str(customer))
    with environment.database("audit_agent").transaction(Origin("audit_agent")) as transaction:
        found = {(gap.problem, gap.customer_id) for gap in gaps_in_records(transaction, RUN)}
    assert {problem for problem, _ in found} == {"ResultMissing", "EventWithoutResult"}
    assert len({customer_id for _, customer_id in found}) == 1


def test_a_chunk_to_seal_is_taken_by_index_and_not_by_sorting_all_that_waits(environment: AuditEnvironment) -> None:
    write_large_run(environment, CUSTOMERS)
    with environment.database("audit_agent").transaction(Origin("audit_agent")) as transaction:
        place = tree_store.lock_cursor(transaction)
        assert len(tree_store.waiting_events(transaction, place, CHUNK)) == CHUNK
        plan = transaction.fetch(f"EXPLAIN {tree_store.WAITING}", (place.seq, CHUNK))
    words = "\n".join(row[0] for row in plan)
    assert "Index Scan using audit_log_by_seq" in words
    assert "Sort" not in words
    assert "Seq Scan" not in words
