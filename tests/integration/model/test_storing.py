"""What storing many customers costs, and that no shortcut passes by the audit."""

from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from model.contract_binding import COUNT_OTHERS
from model.load import main

PEOPLE = 400
GYM = """
name = "gym"
id_column = "member"
[label]
column = "gone"
positive = ["yes"]
negative = ["no"]
horizon_days = 30
[consents]
granted = ["profiling", "retention_offers"]
source = "made-up members"
policy_version = "7"
[[feature]]
name = "visits"
type = "integer"
range = [0, 1000]
words.fr.label = "Visites"
words.en.label = "Visits"
"""


@pytest.fixture
def gym(tmp_path: Path) -> list[str]:
    """What to load: members in no order of their ids."""
    contract, data = tmp_path / "gym.toml", tmp_path / "gym.csv"
    contract.write_text(GYM, encoding="utf-8")
    rows = (f"M{n * 7919 % 1009},{n},{'yes' if n % 5 else 'no'}" for n in range(PEOPLE))
    data.write_text("\n".join(["member,visits,gone", *rows]) + "\n", encoding="utf-8")
    return ["--data", str(data), "--contract", str(contract)]


def ask(dsn: str, sql: str) -> list[Any]:
    with closing(psycopg2.connect(dsn)) as conn, conn, conn.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def test_every_declared_consent_is_one_row_and_one_event_that_says_the_same(gym: list[str], dsn: str) -> None:
    assert main([*gym, "--dsn", dsn]) == 0
    stored = ask(
        dsn,
        "SELECT purpose, granted, source, policy_version, count(*), count(DISTINCT customer_id) FROM consents"
        " GROUP BY 1, 2, 3, 4 ORDER BY 1",
    )
    assert stored == [
        (purpose, True, "made-up members", "7", PEOPLE, PEOPLE) for purpose in ("profiling", "retention_offers")
    ]
    events = ask(
        dsn,
        "SELECT customer_id, (details ->> 'consent_id')::bigint, details ->> 'purpose', details ->> 'policy_version',"
        " (details ->> 'granted')::boolean, status, agent FROM audit_log WHERE event_type = 'CONSENT_RECORDED'"
        " ORDER BY 2",
    )
    assert events == ask(
        dsn,
        "SELECT customer_id, consent_id, purpose, policy_version, granted, 'ok', session_user::text FROM consents"
        " ORDER BY 2",
    )
    assert main([*gym, "--dsn", dsn]) == 0
    assert ask(dsn, "SELECT count(*) FROM audit_log WHERE event_type = 'CONSENT_RECORDED'") == [(len(events),)]


def test_customers_not_delivered_are_counted_without_comparing_each_with_every_other(gym: list[str], dsn: str) -> None:
    assert main([*gym, "--dsn", dsn]) == 0
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cursor:
        cursor.execute("SET work_mem = '64kB'")  # to 400 people what the usual memory is to a million
        cursor.execute("CREATE TEMP TABLE delivered (customer_id uuid PRIMARY KEY)")
        cursor.execute("INSERT INTO delivered SELECT gen_random_uuid() FROM generate_series(1, 5000)")
        cursor.execute("ANALYZE delivered")
        cursor.execute(f"EXPLAIN {COUNT_OTHERS}", ("gym",))
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Anti Join" in plan
    assert "SubPlan" not in plan
