"""Error rates of a run across the groups that its contract declares sensitive, once outcomes are known."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from model.contract import Contract
from vigie_scoring.drift import Drift
from vigie_scoring.groups import name_groups, rate_of

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

PREDICTED = """
SELECT p.customer_id::text, f.features, p.probability >= (r.thresholds->>'medium')::double precision
FROM predictions p
JOIN runs r USING (run_id)
JOIN LATERAL (
    SELECT features FROM customer_features
    WHERE customer_id = p.customer_id AND contract = r.contract ORDER BY as_of DESC LIMIT 1
) f ON true
WHERE p.run_id = %s ORDER BY p.customer_id
"""


def measure_errors(conn: "Connection", contract: Contract, run_id: str, outcomes: Mapping[str, int]) -> list[Drift]:
    """Per declared group: leavers left in Low (`missed_rate`), stayers flagged (`false_alarm_rate`), with intervals."""
    with conn, conn.cursor() as cursor:
        cursor.execute(PREDICTED, (run_id,))
        known = [row for row in cursor.fetchall() if row[0] in outcomes]
    left = np.array([outcomes[row[0]] == 1 for row in known], dtype=bool)
    flagged = np.array([bool(row[2]) for row in known], dtype=bool)
    rows = [row[1] for row in known]
    return [
        error
        for feature in contract.features
        if feature.sensitive and rows
        for error in _of_feature(feature.name, feature.numeric, rows, left, flagged)
    ]


def _of_feature(name: str, numeric: bool, rows: list[dict[str, Any]], left: Any, flagged: Any) -> Iterator[Drift]:
    groups = name_groups(numeric, [row.get(name) for row in rows])
    for group in sorted(set(groups.tolist())):
        inside = groups == group
        for measure, whom, wrong in (("missed_rate", left, ~flagged), ("false_alarm_rate", ~left, flagged)):
            if (inside & whom).any():
                yield rate_of(f"{name}: {group}", measure, wrong[inside & whom], float(wrong[whom].mean()))
