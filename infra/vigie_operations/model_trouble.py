"""Why the model provider gave no answers in a run, and which batches were not sent: lines for its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vigie_operations.targets import Target

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

UNANSWERED = """
    SELECT details ->> 'reason', count(*) FROM audit_log
    WHERE run_id = %s AND event_type = 'LLM_CALL_END' AND details ->> 'outcome' = 'unavailable'
    GROUP BY 1 ORDER BY 2 DESC
"""
REFUSED = """
    SELECT concat_ws(', ', CASE WHEN details @> '{"other_recipient": true}' THEN 'recipient' END,
                     CASE WHEN details @> '{"other_address": true}' THEN 'address' END,
                     CASE WHEN details @> '{"other_model": true}' THEN 'model' END), count(*)
    FROM audit_log WHERE run_id = %s AND event_type = 'RECIPIENT_REFUSED' GROUP BY 1 ORDER BY 2 DESC
"""


def model_trouble(target: Target, connection: Connection, run_id: str) -> tuple[str, ...]:
    """Return a line for each cause, with what can be done; none when every call was answered."""
    from vigie_llm.causes import REMEDIES
    from vigie_llm.refusals import REFUSALS

    remedies = {refusal.code: refusal.remedy for refusal in REFUSALS.values()} | {**REMEDIES}
    logs = target.command("logs")
    with connection, connection.cursor() as cursor:
        cursor.execute(UNANSWERED, (run_id,))
        unanswered = cursor.fetchall()
        cursor.execute(REFUSED, (run_id,))
        refused = cursor.fetchall()
    return (
        *(
            f"  unanswered calls   {calls:>6}   {cause or 'Unknown'}: {remedies.get(cause, logs)}"
            for cause, calls in unanswered
        ),
        *(
            f"  batches not sent   {batches:>6}   the secret names another {what} than the run was planned with: "
            f"{target.command('redrive')}"
            for what, batches in refused
        ),
    )
