-- The rule that turns a probability into a segment is frozen with a run, beside its thresholds.
-- depends: 0009_consent_races

ALTER TABLE runs ADD COLUMN decision jsonb NOT NULL DEFAULT
    '{"mode": "thresholds", "offers": {"High": {"cost_eur": 60, "save_rate": 0.3},
      "Medium": {"cost_eur": 12, "save_rate": 0.12}}}';
COMMENT ON COLUMN runs.decision IS 'Mode and offers of functions/planner/planner/decision.toml as they were';
