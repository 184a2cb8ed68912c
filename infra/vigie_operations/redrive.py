"""Process again, as new runs, the customers whom closed runs failed or whose analyses they lost.

Which ones is defined by the database (the view `to_take_up`): the planner reads it again when it plans such a run, so
that no customer is in two of them, however often and wherever this is asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vigie_operations.errors import RunError
from vigie_operations.progress import say
from vigie_operations.run import follow_run, new_run_id, start_execution
from vigie_operations.run_report import RunReport
from vigie_operations.targets import OWNER, Target

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

WAITING = """
SELECT t.run_id, count(*)::int FROM to_take_up t JOIN runs r USING (run_id)
WHERE CASE WHEN %(run)s = '' THEN r.purpose = 'retention' ELSE r.run_id = ANY(%(family)s) END
GROUP BY t.run_id, r.planned_at ORDER BY r.planned_at
"""
# A run, those that took it up, those that took these up, and so on.
FAMILY = """
WITH RECURSIVE family (run_id) AS (
    SELECT %s UNION SELECT d.redriven_as FROM redrives d JOIN family f USING (run_id)
)
SELECT run_id FROM family
"""
# Those who failed in a closed run, and are in a newer one that is not closed.
OPEN = """
SELECT n.run_id, count(DISTINCT m.customer_id)::int
FROM lost_customers l JOIN runs r USING (run_id) JOIN run_customers m USING (customer_id)
JOIN runs n ON n.run_id = m.run_id
WHERE r.counts IS NOT NULL AND n.counts IS NULL AND n.planned_at > r.planned_at AND n.purpose = r.purpose
  AND CASE WHEN %(run)s = '' THEN r.purpose = 'retention' ELSE r.run_id = ANY(%(family)s) END
GROUP BY n.run_id ORDER BY n.run_id
"""
# Those of them whom a newer run lost again that is not of the family.
ELSEWHERE = """
SELECT t.run_id, count(DISTINCT t.customer_id)::int
FROM to_take_up t JOIN lost_customers l ON l.customer_id = t.customer_id AND l.run_id = ANY(%(family)s)
WHERE t.run_id <> ALL(%(family)s) GROUP BY 1 ORDER BY 1
"""
BLOCKED = """
SELECT count(*)::int FROM run_steps s JOIN runs r USING (run_id)
WHERE s.step = 'analyse' AND s.outcome = 'failed' AND s.reason = 'EgressBlocked' AND r.run_id = ANY(%(family)s)
"""
LOCK = "vigie/redrive"


def redrive(target: Target, run_id: str) -> list[RunReport]:
    """Start and follow a run for each closed run that has customers to process again.

    Raises:
        RunError: the run is unknown or not closed, another redrive is under way, or an execution failed.
        TargetError: nothing is deployed, or the target cannot be reached.
    """
    with target.connected(OWNER) as connection, _only_one(target, connection):
        _require_closed(target, connection, run_id)
        asked = {"run": run_id, "family": [row[0] for row in _fetch(connection, FAMILY, (run_id,))]}
        waiting = _fetch(connection, WAITING, asked)
        _say_what_is_not_redriven(target, connection, asked)
        reports = [_run(target, of, customers) for of, customers in waiting]
    say(f"{len(reports)} runs started." if reports else "Nothing to redrive.")
    return reports


def _run(target: Target, of: str, customers: int) -> RunReport:
    run_id = new_run_id()
    say(f"Run {run_id} takes up {customers} customers of {of}")
    return follow_run(target, start_execution(target, {"redrive": of}, run_id), run_id)


@contextlib.contextmanager
def _only_one(target: Target, connection: Connection) -> Iterator[None]:
    [(locked,)] = _fetch(connection, "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (LOCK,))
    if not locked:
        raise RunError(f"Another {target.command('redrive')} is under way: wait for its end")
    yield


def _fetch(connection: Connection, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def _require_closed(target: Target, connection: Connection, run_id: str) -> None:
    if not run_id:
        return
    found = _fetch(connection, "SELECT counts IS NOT NULL FROM runs WHERE run_id = %s", (run_id,))
    if not found:
        raise RunError(f"RUN={run_id!r} was never planned. Leave RUN out to redrive every closed run")
    if not found[0][0]:
        raise RunError(f"RUN={run_id!r} is not closed. Complete it first: {target.command('resume', run_id)}")


def _say_what_is_not_redriven(target: Target, connection: Connection, asked: dict[str, Any]) -> None:
    for name, customers in _fetch(connection, OPEN, asked):
        say(f"Run {name} has {customers} of them and is not closed: wait, or {target.command('resume', name)}")
    for name, customers in _fetch(connection, ELSEWHERE, asked) if asked["run"] else []:
        say(f"Run {name} has {customers} of them and lost them again: {target.command('redrive', name)}")
    if asked["run"] and (blocked := _fetch(connection, BLOCKED, asked)[0][0]):
        say(f"{blocked} analyses were blocked by the egress guard, which would block the same texts again.")
    unreadable = _fetch(
        connection, "SELECT queue, count(*) FROM dead_letters WHERE reason = 'Unreadable' GROUP BY queue ORDER BY queue"
    )
    for queue, number in unreadable:
        say(f"{number} messages in {queue} could not be read: they name no run, and nothing can redrive them.")
