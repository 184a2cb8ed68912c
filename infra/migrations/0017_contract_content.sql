-- Customers belong to a contract's content, not to its name alone; a model that is no better than the base rate is
-- approved only with a reason.
-- depends: 0016_recipient

CREATE TABLE loaded_contracts (
    name        text PRIMARY KEY,
    fingerprint text NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    content     jsonb NOT NULL,
    loaded_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE loaded_contracts IS 'What the customers of each contract were loaded as: id column, date column, features';

ALTER TABLE model_registry ADD COLUMN content_fingerprint text CHECK (content_fingerprint ~ '^[0-9a-f]{64}$');
COMMENT ON COLUMN model_registry.content_fingerprint IS 'Of the contract; equals loaded_contracts.fingerprint, or runs are refused';

ALTER TABLE model_registry ADD COLUMN approval_reason text;
COMMENT ON COLUMN model_registry.approval_reason IS 'Why a model was approved although it is no better than the base rate';
ALTER TABLE model_registry ADD CONSTRAINT better_than_the_base_rate_or_a_reason CHECK (
    state <> 'approved'
    OR coalesce((metrics #>> '{base_rate,better}')::boolean, true)
    OR btrim(coalesce(approval_reason, '')) <> ''
);

GRANT SELECT (name, fingerprint) ON loaded_contracts TO planner;
GRANT SELECT (content_fingerprint) ON model_registry TO planner;
GRANT SELECT (approval_reason) ON model_registry TO dashboard;
