"""Takes up again those who failed in closed runs: each once, as a run of its own; the closed ones stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vigie_local.errors import RunError
from vigie_local.localstack import aws_client
from vigie_local.settings import LocalSettings
from vigie_operations.report import RunReport
from vigie_operations.resume import execution_status, owner
from vigie_operations.run import follow_run, new_run_id, start_execution

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# What an execution's input may name at most.
PART = 10_000
# Failed for good, or given up with its batch; and no later run has come to a decision meanwhile.
FAILED = """
SELECT DISTINCT s.customer_id::text
FROM run_steps s JOIN runs r USING (run_id)
WHERE s.run_id = %s AND s.outcome = 'failed' AND (s.step <> 'analyse' OR s.reason = 'BatchFailed')
  AND NOT EXISTS (SELECT FROM run_steps l JOIN runs later ON later.run_id = l.run_id
                  WHERE l.customer_id = s.customer_id AND l.step = 'decide' AND l.outcome = 'done'
                    AND later.planned_at > r.planned_at)
ORDER BY 1
"""
WAITING = """
SELECT r.run_id, r.purpose FROM runs r
WHERE r.counts IS NOT NULL AND CASE WHEN %(run)s = '' THEN r.purpose = 'retention' ELSE r.run_id = %(run)s END
  AND NOT EXISTS (SELECT FROM redrives d WHERE d.run_id = r.run_id)
  AND EXISTS (SELECT FROM run_steps s WHERE s.run_id = r.run_id AND s.outcome = 'failed'
              AND (s.step <> 'analyse' OR s.reason = 'BatchFailed'))
ORDER BY r.planned_at
"""
# Asked for, but never planned: whoever asked was interrupted, or the local cloud was.
UNPLANNED = """
SELECT d.run_id, o.purpose, d.part, d.redriven_as FROM redrives d JOIN runs o ON o.run_id = d.run_id
WHERE (%(run)s = '' OR d.run_id = %(run)s) AND NOT EXISTS (SELECT FROM runs n WHERE n.run_id = d.redriven_as)
ORDER BY d.asked_at, d.part
"""
OPEN = """
SELECT d.run_id, d.redriven_as FROM redrives d JOIN runs n ON n.run_id = d.redriven_as
WHERE (%(run)s = '' OR d.run_id = %(run)s) AND n.counts IS NULL
"""
MARK = "UPDATE dead_letters SET redriven_as = %s WHERE run_id = %s AND redriven_as IS NULL AND step <> 'close_audit'"


@dataclass(frozen=True)
class Redrive:
    """A run that takes up the failures, or a part of them, of another."""

    of: str
    purpose: str
    part: int
    run_id: str


def redrive(settings: LocalSettings, run_id: str) -> list[RunReport]:
    """Starts and follows a run for each closed run with failures that was not taken up before.

    Raises:
        RunError: the run is unknown or not closed, or an execution failed.
    """
    states = aws_client("stepfunctions", settings.endpoint)
    with owner(settings) as connection:
        _require_closed(connection, run_id)
        asked = [*_unplanned(connection, states, run_id), *_ask(connection, run_id)]
        _say_what_is_not_redriven(connection, run_id)
        reports = [report for one in asked if (report := _run(settings, connection, states, one))]
    print(f"{len(reports)} runs started." if reports else "Nothing to redrive.", flush=True)
    return reports


def parts(customers: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The customers in portions that an execution's input takes, counted from 1."""
    for start in range(0, len(customers), PART):
        yield start // PART + 1, customers[start : start + PART]


def _fetch(connection: Connection, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def _require_closed(connection: Connection, run_id: str) -> None:
    if not run_id:
        return
    found = _fetch(connection, "SELECT counts IS NOT NULL FROM runs WHERE run_id = %s", (run_id,))
    if not found:
        raise RunError(f"RUN={run_id!r} was never planned. Leave RUN out to redrive every closed run")
    if not found[0][0]:
        raise RunError(f"RUN={run_id!r} is not closed. Complete it first: make resume RUN={run_id}")


def _unplanned(connection: Connection, states: Any, run_id: str) -> list[Redrive]:
    """Earlier redrives that came to no plan, each under a name that is free."""
    found = []
    for of, purpose, part, name in _fetch(connection, UNPLANNED, {"run": run_id}):
        if execution_status(states, name) == "RUNNING":
            print(f"Run {name}, which takes up {of}, is being planned.", flush=True)
            continue
        fresh = new_run_id()
        with connection, connection.cursor() as cursor:
            cursor.execute("UPDATE redrives SET redriven_as = %s WHERE redriven_as = %s", (fresh, name))
            cursor.execute("UPDATE dead_letters SET redriven_as = %s WHERE redriven_as = %s", (fresh, name))
        found.append(Redrive(of, purpose, part, fresh))
    return found


def _ask(connection: Connection, run_id: str) -> list[Redrive]:
    """Notes what is to be redriven, and the letters that this takes up, before anything starts."""
    asked = []
    for of, purpose in _fetch(connection, WAITING, {"run": run_id}):
        customers = [row[0] for row in _fetch(connection, FAILED, (of,))]
        with connection, connection.cursor() as cursor:
            for part, _ in parts(customers):
                one = Redrive(of, purpose, part, new_run_id())
                cursor.execute(
                    "INSERT INTO redrives (run_id, part, redriven_as) VALUES (%s, %s, %s)", (of, part, one.run_id)
                )
                cursor.execute(MARK, (one.run_id, of))
                asked.append(one)
    return asked


def _run(settings: LocalSettings, connection: Connection, states: Any, one: Redrive) -> RunReport | None:
    failed = [row[0] for row in _fetch(connection, FAILED, (one.of,))]
    customers = dict(parts(failed)).get(one.part, [])
    if not customers:
        print(f"Run {one.of}: a later run has decided about everybody who failed in it.", flush=True)
        return None
    print(f"Run {one.run_id} takes up {len(customers)} customers of {one.of}", flush=True)
    content = {"customer_ids": customers, "purpose": one.purpose}
    report = follow_run(settings, start_execution(states, content, one.run_id), one.run_id)
    print("\n".join(["", *report.lines(), ""]), flush=True)
    return report


def _say_what_is_not_redriven(connection: Connection, run_id: str) -> None:
    for of, name in _fetch(connection, OPEN, {"run": run_id}):
        print(f"Run {name}, which takes up {of}, is not closed: make resume RUN={name}", flush=True)
    unreadable = _fetch(
        connection, "SELECT queue, count(*) FROM dead_letters WHERE reason = 'Unreadable' GROUP BY queue ORDER BY queue"
    )
    for queue, number in unreadable:
        print(f"{number} messages in {queue} could not be read: they name no run, and nothing can redrive them.")
