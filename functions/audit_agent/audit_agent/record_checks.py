"""The comparisons of a run's records inside the database: plan, steps, results, ledger and audit rows.

Every row that the query gives is a gap: customer, step, the store that lacks something, problem, event, batch.
"""

from audit_agent.batch_checks import Batches
from audit_agent.gaps import Gap
from vigie.database import Transaction
from vigie.vocabulary import GapName

CHECKS = """
WITH event AS MATERIALIZED (
    SELECT event_id, event_type, status, customer_id, details, details->>'step' AS step,
           details->>'purpose' AS purpose, details->>'egress_id' AS egress_id
    FROM audit_log WHERE run_id = %(run_id)s
),
kind (step, purpose, store, saved_as) AS (VALUES
    ('analyse', 'feedback_analysis', 'feedback_analyses', 'ANALYSIS_SAVED'),
    ('predict', 'profiling', 'predictions', 'PREDICTION_SAVED'),
    ('decide', 'retention_offers', 'actions', 'ACTION_SAVED')
),
result AS MATERIALIZED (
    SELECT customer_id, 'analyse' AS step, true AS by_consent, egress_id, false AS analysis_lost
    FROM feedback_analyses WHERE run_id = %(run_id)s
    UNION ALL SELECT customer_id, 'predict', true, NULL, analysis_lost FROM predictions WHERE run_id = %(run_id)s
    UNION ALL SELECT customer_id, 'decide', source <> 'none', egress_id, analysis_lost
    FROM actions WHERE run_id = %(run_id)s
),
ended AS MATERIALIZED (
    SELECT customer_id, step, outcome, reason FROM run_steps WHERE run_id = %(run_id)s
),
call AS MATERIALIZED (
    SELECT egress_id, customer_id, outcome,
           CASE purpose WHEN 'feedback_analysis' THEN 'analyse' WHEN 'retention_offers' THEN 'decide' END AS step
    FROM egress_ledger WHERE run_id = %(run_id)s
),
saved AS MATERIALIZED (
    SELECT e.event_id, e.customer_id, k.step, k.store, e.details->>'analysis_lost' = 'true' AS analysis_lost
    FROM event e JOIN kind k ON k.saved_as = e.event_type
)
-- the plan, and how each step ended
SELECT c.customer_id, k.step, 'run_steps', 'StepNotEnded', NULL::uuid, c.batch_no
FROM run_customers c CROSS JOIN kind k LEFT JOIN ended s USING (customer_id, step)
WHERE c.run_id = %(run_id)s AND s.customer_id IS NULL
UNION ALL
SELECT s.customer_id, s.step, k.store, 'ResultMissing', NULL, NULL
FROM ended s JOIN kind k USING (step) LEFT JOIN result r USING (customer_id, step)
WHERE s.outcome = 'done' AND r.customer_id IS NULL
UNION ALL
SELECT r.customer_id, r.step, 'run_steps', 'StepNotDone', NULL, NULL
FROM result r LEFT JOIN ended s USING (customer_id, step)
WHERE s.outcome IS DISTINCT FROM 'done'
UNION ALL
-- results and the events that report them, one for one
SELECT r.customer_id, r.step, 'audit_log', 'ResultWithoutEvent', NULL, NULL
FROM result r LEFT JOIN saved e USING (customer_id, step) WHERE e.event_id IS NULL
UNION ALL
SELECT e.customer_id, e.step, e.store, 'EventWithoutResult', e.event_id, NULL
FROM saved e LEFT JOIN result r USING (customer_id, step)
LEFT JOIN ended s USING (customer_id, step)
WHERE r.customer_id IS NULL AND s.outcome IS DISTINCT FROM 'withdrawn'
UNION ALL
SELECT customer_id, step, store, 'EventWithoutResult', event_id, NULL
FROM (SELECT *, row_number() OVER (PARTITION BY customer_id, step ORDER BY event_id) AS nth FROM saved) e
WHERE nth > 1
UNION ALL
SELECT r.customer_id, r.step, 'audit_log', 'SegmentWithoutEvent', NULL, NULL
FROM result r LEFT JOIN event e ON e.event_type = 'SEGMENTATION' AND e.customer_id = r.customer_id
WHERE r.step = 'decide' AND e.event_id IS NULL
UNION ALL
-- what was made without an analysis that failed, or was never ended, is marked so, in its row and in its event
SELECT r.customer_id, r.step, k.store, 'LossNotMarked', NULL, NULL
FROM result r JOIN kind k USING (step) LEFT JOIN ended s ON s.customer_id = r.customer_id AND s.step = 'analyse'
WHERE r.step <> 'analyse' AND NOT r.analysis_lost AND coalesce(s.outcome, 'failed') = 'failed'
UNION ALL
SELECT r.customer_id, r.step, 'audit_log', 'LossToldOtherwise', e.event_id, NULL
FROM result r JOIN saved e USING (customer_id, step)
WHERE r.analysis_lost IS DISTINCT FROM coalesce(e.analysis_lost, false)
UNION ALL
-- steps without a result, and the events that report why
SELECT s.customer_id, s.step, 'audit_log', 'StepWithoutEvent', NULL, NULL
FROM ended s LEFT JOIN event e ON e.customer_id = s.customer_id AND e.step = s.step
    AND (e.event_type = 'DERIVED_DATA_ERASED' AND s.outcome = 'withdrawn'
         OR e.event_type = 'STEP_ENDED' AND e.details->>'outcome' = s.outcome AND e.details->>'reason' = s.reason)
WHERE s.outcome <> 'done' AND e.event_id IS NULL
UNION ALL
SELECT e.customer_id, e.step, 'run_steps', 'EventWithoutStep', e.event_id, NULL
FROM event e LEFT JOIN ended s USING (customer_id, step)
WHERE e.event_type = 'STEP_ENDED'
  AND (s.outcome, s.reason) IS DISTINCT FROM (e.details->>'outcome', e.details->>'reason')
UNION ALL
-- consent, looked up for each customer with a result, and in force where the result needs it
SELECT r.customer_id, r.step, 'audit_log', 'ConsentNotChecked', NULL, NULL
FROM result r JOIN kind k USING (step)
LEFT JOIN event e ON e.event_type = 'CONSENT_CHECK' AND e.customer_id = r.customer_id AND e.purpose = k.purpose
    AND (e.status = 'ok' OR NOT r.by_consent)
WHERE e.event_id IS NULL
UNION ALL
SELECT s.customer_id, s.step, 'audit_log', 'ConsentNotChecked', NULL, NULL
FROM ended s JOIN kind k USING (step)
LEFT JOIN event e ON e.event_type = 'CONSENT_CHECK' AND e.customer_id = s.customer_id AND e.purpose = k.purpose
WHERE s.outcome = 'skipped' AND e.event_id IS NULL
UNION ALL
-- calls: each with an outcome, reported when it left and when it ended, and pseudonymised before
SELECT c.customer_id, c.step, 'egress_ledger', 'CallWithoutOutcome', NULL, NULL
FROM call c WHERE c.outcome IS NULL
UNION ALL
SELECT c.customer_id, c.step, 'audit_log', 'CallStartWithoutEvent', NULL, NULL
FROM call c LEFT JOIN event e ON e.event_type = 'LLM_CALL_START' AND e.egress_id = c.egress_id::text
WHERE e.event_id IS NULL
UNION ALL
SELECT c.customer_id, c.step, 'audit_log', 'CallEndWithoutEvent', NULL, NULL
FROM call c LEFT JOIN event e ON e.event_type = 'LLM_CALL_END' AND e.egress_id = c.egress_id::text
    AND e.details->>'outcome' = c.outcome
WHERE c.outcome IS NOT NULL AND e.event_id IS NULL
UNION ALL
SELECT e.customer_id, 'run', 'egress_ledger', 'EventWithoutCall', e.event_id, NULL
FROM event e LEFT JOIN call c ON c.egress_id::text = e.egress_id
WHERE e.event_type IN ('LLM_CALL_START', 'LLM_CALL_END') AND c.egress_id IS NULL
UNION ALL
SELECT r.customer_id, r.step, 'egress_ledger', 'ResultWithoutAnswer', NULL, NULL
FROM result r LEFT JOIN call c ON c.egress_id = r.egress_id AND c.customer_id = r.customer_id
WHERE r.egress_id IS NOT NULL AND c.outcome IS DISTINCT FROM 'answered'
UNION ALL
SELECT coalesce(c.customer_id, e.customer_id), 'analyse', 'audit_log', 'PseudonymisationNotTold', NULL, NULL
FROM (SELECT customer_id, count(*) FROM call WHERE step = 'analyse' GROUP BY 1) c
FULL JOIN (
    SELECT customer_id, count(*) FROM event WHERE event_type IN ('PSEUDONYMISATION', 'ANONYMISATION') GROUP BY 1
) e USING (customer_id)
WHERE c.count IS DISTINCT FROM e.count
UNION ALL
SELECT c.customer_id, c.step, 'audit_log', 'RefusalNotTold', NULL, NULL
FROM call c LEFT JOIN event e ON e.customer_id = c.customer_id
    AND (c.outcome = 'blocked' AND e.event_type = 'EGRESS_BLOCKED'
         OR c.outcome = 'rejected' AND e.event_type = 'GUARD_REJECTED' AND e.egress_id = c.egress_id::text)
WHERE c.outcome IN ('blocked', 'rejected') AND e.event_id IS NULL
UNION ALL
-- the plan as it was reported
SELECT NULL, 'run', 'run_customers', 'PlanDiffers', NULL, NULL
FROM runs r LEFT JOIN event e ON e.event_type = 'RUN_PLANNED'
WHERE r.run_id = %(run_id)s AND NOT coalesce(
    r.planned = (SELECT count(*) FROM run_customers WHERE run_id = %(run_id)s)
    AND (e.details->>'planned')::integer = r.planned AND (e.details->>'batches')::integer = r.batches, false)
"""
# A run that has just grown has no statistics: the planner takes it for a handful of rows, joins every row with every
# other, and 22,000 events take 22 s. Hashed, they take 0.1 s.
HASHED = "SET LOCAL enable_nestloop = off"
AS_USUAL = "SET LOCAL enable_nestloop = on"
# Batches that an agent said it ended for good.
ENDED_BATCHES = """
SELECT DISTINCT CASE agent WHEN 'nlp_agent' THEN 'analyse' WHEN 'prediction_agent' THEN 'predict'
                           WHEN 'action_agent' THEN 'decide' END,
       (details->>'batch_no')::integer
FROM audit_log
WHERE run_id = %s AND event_type = 'BATCH_END' AND details->>'remaining' = '0'
"""


def gaps_in_records(transaction: Transaction, run_id: str) -> list[Gap]:
    """Return the gaps between the run's tables. Steps that were never ended are among them, whatever the reason."""
    transaction.cursor.execute(HASHED)
    rows = transaction.fetch(CHECKS, {"run_id": run_id})
    transaction.cursor.execute(AS_USUAL)
    return [
        Gap(step, store, GapName(problem), customer_id, event_id, batch_no)
        for customer_id, step, store, problem, event_id, batch_no in rows
    ]


def read_batches(transaction: Transaction, run_id: str) -> Batches:
    """The run's batches: how many were planned, and which an agent ended for good."""
    planned = transaction.fetch("SELECT batches FROM runs WHERE run_id = %s", (run_id,))[0][0]
    ended = transaction.fetch(ENDED_BATCHES, (run_id,))
    return Batches(planned, frozenset((row[0], row[1]) for row in ended))
