"""What the database does during a run: its own counters, and what its sessions were seen doing.

The package of PostgreSQL has no pg_stat_statements. A thread looks at pg_stat_activity instead, many times a second;
a session's share of looks is its share of time. Of a statement only verb and table are kept, never a value.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Any, Self

from tests.bench.cloud import BenchCloud
from vigie_local.services import database_server
from vigie_local.settings import DATABASE

LOOK_EVERY_S = 0.1
SHOWN = 12
COUNTERS = """
SELECT xact_commit, active_time / 1000, blks_read, blks_hit, tup_inserted, tup_updated,
       (SELECT wal_bytes FROM pg_stat_wal),
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
FROM pg_stat_database WHERE datname = current_database()
"""
NAMES = ("commits", "active_seconds", "blocks_read", "blocks_hit", "rows_inserted", "rows_updated", "wal_bytes")
LOOK = """
SELECT usename, coalesce(wait_event_type || ':' || wait_event, 'CPU'), query
FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()
"""
CHANGE = re.compile(r"^\s*(INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)", re.IGNORECASE)
CALL = re.compile(r"^\s*SELECT\s+(\w+)\s*\(", re.IGNORECASE)
READ = re.compile(r"^\s*(?:SELECT|WITH)\b.*?\bFROM\s+(\w+)", re.IGNORECASE | re.DOTALL)
COUNTING = {"count", "coalesce", "max", "min", "sum"}


class DatabaseLoad:
    """A sampler of database counters and activity while its context lasts; then see `as_dict`."""

    def __init__(self, cloud: BenchCloud) -> None:
        self._server = database_server(cloud.settings)
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self._looks = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_repeatedly, daemon=True)

    def __enter__(self) -> Self:
        self._connection = self._server.connect(DATABASE)
        self._connection.autocommit = True
        self._before = self._counters()
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._seconds = time.monotonic() - self._began
        self._after = self._counters()
        self._connection.close()

    def as_dict(self) -> dict[str, Any]:
        """Counters of the whole run; seconds by statement, by wait and by role, from the looks."""
        change = {
            name: round(float(after) - float(before), 1)
            for name, before, after in zip(NAMES, self._before, self._after, strict=False)
        }
        return {
            "counters": change | {"connections": int(self._after[-1])},
            "seconds_by_statement": self._seconds_by(2),
            "seconds_by_wait": self._seconds_by(1),
            "seconds_by_role": self._seconds_by(0),
        }

    def _seconds_by(self, part: int) -> dict[str, float]:
        looks: Counter[str] = Counter()
        for seen, count in self._seen.items():
            looks[seen[part]] += count
        each = self._seconds / max(1, self._looks)
        return {name: round(count * each, 2) for name, count in looks.most_common(SHOWN)}

    def _look_repeatedly(self) -> None:
        with self._connection.cursor() as cursor:
            while not self._ended.wait(LOOK_EVERY_S):
                cursor.execute(LOOK)
                self._looks += 1
                for role, wait, text in cursor.fetchall():
                    self._seen[role, wait, kind_of_statement(text)] += 1

    def _counters(self) -> tuple[Any, ...]:
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(COUNTERS)
            row = cursor.fetchone()
        assert row is not None
        return row


def kind_of_statement(text: str) -> str:
    """A statement's verb and table, or the function it calls; never a value, which may be personal."""
    if change := CHANGE.match(text):
        return f"{change[1].lower()} {change[2].lower()}"
    if (call := CALL.match(text)) and call[1].lower() not in COUNTING:
        return f"{call[1].lower()}()"
    if read := READ.match(text):
        return f"select from {read[1].lower()}"
    words = text.split()
    return words[0].lower() if words and words[0].isalpha() else "other"
