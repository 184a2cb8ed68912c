"""What PostgreSQL keeps of a small run is no bad plan for the large one that comes next, on the same connection."""

from collections.abc import Callable
from uuid import UUID

import pytest

from tests.integration.agents.conftest import Office, plan

# As foreign keys and `end_egress` ask: by key, with a plan that is kept whatever is asked for.
LOOK_UPS = {
    "run_customers_pkey": "SELECT 1 FROM run_customers WHERE run_id = $1 AND customer_id = $2",
    "egress_ledger_pkey": "SELECT 1 FROM egress_ledger WHERE egress_id = $2",
    "run_steps_pkey": "SELECT 1 FROM run_steps WHERE run_id = $1 AND step = 'analyse' AND customer_id = $2",
    "customers_pkey": "SELECT 1 FROM customers WHERE customer_id = $2",
}


@pytest.mark.parametrize("statistics", ["VACUUM ANALYZE", "SELECT 1"], ids=["small and known", "unknown"])
@pytest.mark.parametrize("role", ["nlp_agent", "prediction_agent", "action_agent"])
def test_rows_are_looked_up_by_their_whole_key(
    office: Office, hire: Callable[..., list[UUID]], role: str, statistics: str
) -> None:
    plan(office, hire(60))
    office.analyse()
    owner = office.bank.server.connect(office.bank.name)
    owner.autocommit = True
    with owner.cursor() as cursor:
        cursor.execute(statistics)
    owner.close()

    connection = office.bank.connect(role)
    with connection, connection.cursor() as cursor:
        cursor.execute("SET plan_cache_mode = force_generic_plan")
        for index, query in LOOK_UPS.items():
            if not _may_read(office, role, query.split()[3]):
                continue
            cursor.execute(f"PREPARE look_up (text, uuid) AS {query}")
            cursor.execute("EXPLAIN EXECUTE look_up ('a-run', '00000000-0000-0000-0000-000000000001')")
            lines = [row[0] for row in cursor.fetchall()]
            cursor.execute("DEALLOCATE look_up")
            assert any(index in line for line in lines), lines
            assert not any("Filter" in line for line in lines), lines
    connection.close()


def _may_read(office: Office, role: str, table: str) -> bool:
    [(may,)] = office.bank.query("SELECT has_table_privilege(%s, %s, 'SELECT')", role, table)
    return bool(may)
