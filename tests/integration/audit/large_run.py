"""A finished run of many customers, written in a few statements: tables grown at once, of which no statistics exist."""

from __future__ import annotations

import contextlib

from tests.integration.audit.audit_environment import AuditEnvironment
from tests.integration.audit.finished_run import RUN, SHA

BATCH = 100
STATEMENTS = """
SET session_replication_role = replica;
INSERT INTO model_registry (version, contract, algorithm, scorer, scorer_sha256, contract_toml, contract_sha256,
    training_sha256, metrics) VALUES ('m-1', 'bank', 'x', 'x', %(sha)s, 'x', 'x', 'x', '{}');
INSERT INTO runs (run_id, purpose, contract, model_version, scorer_sha256, prompt_versions, thresholds, batch_size,
    batches, planned)
VALUES (%(run)s, 'retention', 'bank', 'm-1', %(sha)s, '{}', '{"high": 0.7, "medium": 0.35}', %(batch)s,
    (%(customers)s + %(batch)s - 1) / %(batch)s, %(customers)s);
INSERT INTO customers (customer_id) SELECT uuidv7() FROM generate_series(1, %(customers)s);
INSERT INTO run_customers
SELECT %(run)s, customer_id, (row_number() OVER () - 1) / %(batch)s FROM customers;
INSERT INTO run_steps (run_id, customer_id, step, outcome)
SELECT %(run)s, customer_id, step, 'done' FROM run_customers, unnest('{analyse,predict,decide}'::text[]) AS step;
INSERT INTO consents (customer_id, purpose, granted, source, policy_version)
SELECT customer_id, purpose, true, 'test', 'v1'
FROM customers, unnest('{feedback_analysis,profiling,retention_offers}'::text[]) AS purpose;
INSERT INTO egress_ledger (egress_id, agent, run_id, customer_id, purpose, consent_id, attempt, recipient, country,
    retention, model, prompt_version, redacted_prompt, prompt_sha256, entity_counts, outcome)
SELECT uuidv7(), CASE purpose WHEN 'feedback_analysis' THEN 'nlp_agent' ELSE 'action_agent' END, %(run)s, customer_id,
    purpose, consent_id, 1, 'x', 'x', 'x', 'x', 'x', 'x', %(sha)s, '{}', 'answered'
FROM consents WHERE purpose <> 'profiling';
INSERT INTO feedback_analyses (run_id, customer_id, feedback_ids, sentiment, score, topics, intent_to_leave, egress_id)
SELECT %(run)s, customer_id, '{}', 'neutral', 0, '{other}', false, egress_id
FROM egress_ledger WHERE purpose = 'feedback_analysis';
INSERT INTO predictions (run_id, customer_id, model_version, probability, log_odds, intercept, contributions, drivers)
SELECT %(run)s, customer_id, 'm-1', 0.5, 0, 0, '{}', '[]' FROM run_customers;
INSERT INTO actions (run_id, customer_id, segment, source, offer_id, language, egress_id, reason, phrase_ids, message)
SELECT %(run)s, customer_id, 'Low', 'model', 'loyalty_thanks', 'en', egress_id, '{why_low}', words,
       (SELECT string_agg(text_en, ' ' ORDER BY place)
        FROM unnest(words) WITH ORDINALITY AS g (phrase_id, place) JOIN sentences USING (phrase_id))
FROM egress_ledger, (SELECT '{thanks_for_message,loyalty_thanks,listening}'::text[] AS words) AS chosen
WHERE purpose = 'retention_offers';
INSERT INTO audit_log (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details, request_id)
SELECT uuidv7(), clock_timestamp(), %(run)s, agent, event_type, 'ok', customer_id, details, NULL FROM (
    SELECT 'planner' AS agent, 'RUN_PLANNED' AS event_type, NULL::uuid AS customer_id,
           jsonb_build_object('planned', planned, 'batches', batches) AS details FROM runs
    UNION ALL SELECT agent, 'BATCH_END', NULL,
        jsonb_build_object('batch_no', batch_no, 'remaining', 0, 'outcomes', '{}'::jsonb)
    FROM unnest('{nlp_agent,prediction_agent,action_agent}'::text[]) AS agent,
         (SELECT DISTINCT batch_no FROM run_customers) AS batches
    UNION ALL SELECT CASE purpose WHEN 'feedback_analysis' THEN 'nlp_agent' WHEN 'profiling' THEN 'prediction_agent'
        ELSE 'action_agent' END, 'CONSENT_CHECK', customer_id,
        jsonb_build_object('purpose', purpose, 'consent_id', consent_id) FROM consents
    UNION ALL SELECT agent, 'LLM_CALL_START', customer_id, jsonb_build_object('egress_id', egress_id)
    FROM egress_ledger
    UNION ALL SELECT agent, 'LLM_CALL_END', customer_id,
        jsonb_build_object('egress_id', egress_id, 'outcome', 'answered') FROM egress_ledger
    -- the name that earlier versions wrote
    UNION ALL SELECT agent, 'ANONYMISATION', customer_id, '{"feedback_count": 1}' FROM egress_ledger
    WHERE purpose = 'feedback_analysis'
    UNION ALL SELECT 'nlp_agent', 'ANALYSIS_SAVED', customer_id, '{}' FROM feedback_analyses
    UNION ALL SELECT 'prediction_agent', 'PREDICTION_SAVED', customer_id, '{}' FROM predictions
    UNION ALL SELECT 'action_agent', told, customer_id, '{}'
    FROM actions, unnest('{SEGMENTATION,ACTION_SAVED}'::text[]) AS told
) AS events;
"""


def write_large_run(environment: AuditEnvironment, customers: int) -> None:
    """Twelve events a customer, all in order."""
    with contextlib.closing(environment.connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute(STATEMENTS, {"run": RUN, "sha": SHA, "customers": customers, "batch": BATCH})
