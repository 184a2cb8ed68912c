-- Lost analyses are counted, marked where something was made without them, and taken up again.
-- depends: 0014_by_index

ALTER TABLE runs
    ADD COLUMN most_lost_analyses double precision NOT NULL DEFAULT 0.05 CHECK (most_lost_analyses BETWEEN 0 AND 1),
    ADD COLUMN reasons jsonb;
COMMENT ON COLUMN runs.most_lost_analyses IS
    'The share of the analyses to be made that may be lost before the run counts as partial';
COMMENT ON COLUMN runs.reasons IS 'Per step: why customers ended it without a result, and how many; written with the counts';

ALTER TABLE predictions ADD COLUMN analysis_lost boolean NOT NULL DEFAULT false;
ALTER TABLE actions ADD COLUMN analysis_lost boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN predictions.analysis_lost IS
    'Made without the customer''s analysis, which was lost: scored as if no feedback had been received';
COMMENT ON COLUMN actions.analysis_lost IS
    'Made without the customer''s analysis, which was lost, or from a prediction that was';

-- Failures are rare: these stay small, and find them among all steps and results of all runs.
CREATE INDEX run_steps_failed ON run_steps (run_id, customer_id) WHERE outcome = 'failed';
CREATE INDEX predictions_without_analysis ON predictions (run_id, customer_id) WHERE analysis_lost;

-- Runs that were made before this migration are marked, too.
UPDATE predictions p SET analysis_lost = true FROM run_steps s
WHERE s.run_id = p.run_id AND s.customer_id = p.customer_id AND s.step = 'analyse' AND s.outcome = 'failed';
UPDATE actions a SET analysis_lost = true FROM run_steps s
WHERE s.run_id = a.run_id AND s.customer_id = a.customer_id AND s.step = 'analyse' AND s.outcome = 'failed';

-- What the egress guard blocked is final: the same text would be blocked again. An analysis may also have come too late
-- for the prediction.
CREATE VIEW lost_customers AS
SELECT run_id, customer_id FROM run_steps
WHERE outcome = 'failed' AND (step <> 'analyse' OR reason <> 'EgressBlocked')
UNION
SELECT p.run_id, p.customer_id FROM predictions p
JOIN run_steps s ON s.run_id = p.run_id AND s.step = 'analyse' AND s.customer_id = p.customer_id
WHERE p.analysis_lost AND s.outcome = 'done';
COMMENT ON VIEW lost_customers IS 'Whom a run failed, or decided about without their analysis, and another run can do better';

-- The newest run of the same purpose that has a customer answers for them, under way or not; a closed one of any other
-- purpose does when it lost nothing of theirs.
CREATE VIEW to_take_up AS
SELECT lost.run_id, lost.customer_id
FROM lost_customers lost JOIN runs r USING (run_id)
WHERE r.counts IS NOT NULL
  AND EXISTS (SELECT FROM customer_features f WHERE f.customer_id = lost.customer_id AND f.contract = r.contract)
  AND (SELECT c.granted FROM consents c
       WHERE c.customer_id = lost.customer_id AND c.purpose = 'profiling'
       ORDER BY c.recorded_at DESC, c.consent_id DESC LIMIT 1)
  AND NOT EXISTS (
      SELECT FROM runs later JOIN run_customers m ON m.run_id = later.run_id AND m.customer_id = lost.customer_id
      WHERE later.planned_at > r.planned_at
        AND (later.purpose = r.purpose
             OR later.counts IS NOT NULL AND NOT EXISTS (
                 SELECT FROM lost_customers again
                 WHERE again.run_id = later.run_id AND again.customer_id = lost.customer_id))
  );
COMMENT ON VIEW to_take_up IS 'Whom make redrive takes up, by the closed run that lost them';

GRANT SELECT (analysis_lost) ON predictions TO planner, audit_agent;
GRANT SELECT (analysis_lost) ON actions TO audit_agent;
GRANT UPDATE (reasons) ON runs TO planner;
GRANT SELECT ON to_take_up TO planner, dashboard;
GRANT SELECT (run_id, part), INSERT (run_id, part, redriven_as) ON redrives TO planner;
GRANT SELECT (run_id, step, redriven_as), UPDATE (redriven_as) ON dead_letters TO planner;
