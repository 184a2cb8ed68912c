-- A run, who is in it, what each step came to, and its results.
-- depends: 0002_bank

CREATE TABLE model_registry (
    version            text PRIMARY KEY,
    contract           text NOT NULL,
    algorithm          text NOT NULL,
    scorer             bytea NOT NULL,
    scorer_sha256      text NOT NULL CHECK (scorer_sha256 ~ '^[0-9a-f]{64}$'),
    pipeline           bytea,
    pipeline_sha256    text CHECK (pipeline_sha256 ~ '^[0-9a-f]{64}$'),
    contract_toml      text NOT NULL,
    contract_sha256    text NOT NULL,
    training_sha256    text NOT NULL,
    metrics            jsonb NOT NULL,
    state              text NOT NULL DEFAULT 'candidate' CHECK (state IN ('candidate', 'approved', 'retired')),
    registered_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    approved_by        text,
    approved_at        timestamptz,
    retired_at         timestamptz,
    CHECK (state = 'candidate' OR (approved_by IS NOT NULL AND approved_at IS NOT NULL))
);
CREATE UNIQUE INDEX one_approved_model_per_contract ON model_registry (contract) WHERE state = 'approved';

CREATE TABLE runs (
    run_id          text PRIMARY KEY,
    purpose         text NOT NULL,
    status          text NOT NULL DEFAULT 'running'
        CHECK (status IN ('running', 'succeeded', 'partial', 'failed')),
    contract        text NOT NULL,
    model_version   text NOT NULL REFERENCES model_registry,
    scorer_sha256   text NOT NULL,
    prompt_versions jsonb NOT NULL,
    thresholds      jsonb NOT NULL,
    batch_size      integer NOT NULL CHECK (batch_size BETWEEN 1 AND 1000),
    batches         integer NOT NULL,
    planned         integer NOT NULL,
    planned_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at     timestamptz,
    counts          jsonb
);
CREATE INDEX runs_by_time ON runs (planned_at DESC);

CREATE TABLE run_customers (
    run_id      text NOT NULL REFERENCES runs,
    customer_id uuid NOT NULL REFERENCES customers,
    batch_no    integer NOT NULL,
    PRIMARY KEY (run_id, customer_id)
);
CREATE INDEX run_customers_by_batch ON run_customers (run_id, batch_no);

-- Every planned customer ends each step exactly once.
CREATE TABLE run_steps (
    run_id      text NOT NULL,
    customer_id uuid NOT NULL,
    step        text NOT NULL CHECK (step IN ('analyse', 'predict', 'decide')),
    outcome     text NOT NULL CHECK (outcome IN ('done', 'skipped', 'failed', 'withdrawn')),
    reason      text,
    ended_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, step, customer_id),
    FOREIGN KEY (run_id, customer_id) REFERENCES run_customers,
    CHECK ((outcome = 'done') = (reason IS NULL))
);

CREATE TABLE egress_ledger (
    egress_id       uuid PRIMARY KEY,
    agent           text NOT NULL DEFAULT session_user,
    run_id          text NOT NULL,
    customer_id     uuid NOT NULL,
    purpose         text NOT NULL CHECK (purpose IN ('feedback_analysis', 'retention_offers')),
    consent_id      bigint NOT NULL REFERENCES consents,
    attempt         integer NOT NULL CHECK (attempt >= 1),
    recipient       text NOT NULL,
    country         text NOT NULL,
    retention       text NOT NULL,
    model           text NOT NULL,
    prompt_version  text NOT NULL,
    redacted_prompt text NOT NULL,
    prompt_sha256   text NOT NULL CHECK (prompt_sha256 ~ '^[0-9a-f]{64}$'),
    entity_counts   jsonb NOT NULL,
    sent_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    outcome         text CHECK (outcome IN ('answered', 'rejected', 'blocked', 'refused', 'unavailable', 'unsent', 'lost')),
    answer          jsonb,
    tokens_in       integer,
    tokens_out      integer,
    latency_ms      integer,
    ended_at        timestamptz,
    UNIQUE (run_id, customer_id, purpose, attempt),
    FOREIGN KEY (run_id, customer_id) REFERENCES run_customers
);
COMMENT ON TABLE egress_ledger IS
    'One row per external call, committed before it leaves; the outcome is written once, by end_egress()';
COMMENT ON COLUMN egress_ledger.outcome IS
    'answered; rejected (answer failed validation or the guard); blocked (the guard kept it from leaving); '
    'refused (by the provider, final); '
    'unavailable (no answer after retries); unsent (the deadline came before it left); '
    'lost (the process ended before the outcome was stored)';

CREATE TABLE feedback_analyses (
    run_id          text NOT NULL,
    customer_id     uuid NOT NULL REFERENCES customers,
    feedback_ids    uuid[] NOT NULL,
    sentiment       text NOT NULL CHECK (sentiment IN ('positive', 'negative', 'neutral', 'mixed')),
    score           double precision NOT NULL CHECK (score BETWEEN -1 AND 1),
    topics          text[] NOT NULL,
    intent_to_leave boolean NOT NULL,
    summary         text NOT NULL CHECK (length(summary) <= 400),
    egress_id       uuid NOT NULL REFERENCES egress_ledger,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, customer_id),
    FOREIGN KEY (run_id, customer_id) REFERENCES run_customers
);
CREATE INDEX feedback_analyses_by_customer ON feedback_analyses (customer_id);

CREATE TABLE predictions (
    run_id          text NOT NULL,
    customer_id     uuid NOT NULL REFERENCES customers,
    model_version   text NOT NULL REFERENCES model_registry,
    probability     double precision NOT NULL CHECK (probability BETWEEN 0 AND 1),
    log_odds        double precision NOT NULL,
    intercept       double precision NOT NULL,
    contributions   jsonb NOT NULL,
    drivers         jsonb NOT NULL,
    sentiment_score double precision,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, customer_id),
    FOREIGN KEY (run_id, customer_id) REFERENCES run_customers
);
COMMENT ON COLUMN predictions.contributions IS 'Term to log-odds; with the intercept they sum to log_odds';
CREATE INDEX predictions_by_customer ON predictions (customer_id);

CREATE TABLE actions (
    run_id      text NOT NULL,
    customer_id uuid NOT NULL REFERENCES customers,
    segment     text NOT NULL CHECK (segment IN ('High', 'Medium', 'Low')),
    source      text NOT NULL CHECK (source IN ('model', 'catalogue', 'none')),
    source_reason text,
    offer_id    text REFERENCES offers,
    language    text NOT NULL CHECK (language IN ('fr', 'en')),
    reason      text,
    message     text,
    egress_id   uuid REFERENCES egress_ledger,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, customer_id),
    FOREIGN KEY (run_id, customer_id) REFERENCES run_customers,
    CHECK ((source = 'none') = (offer_id IS NULL)),
    CHECK ((source = 'model') = (egress_id IS NOT NULL)),
    CHECK ((source = 'model') = (source_reason IS NULL))
);
COMMENT ON COLUMN actions.source IS
    'model: worded by the model; catalogue: the catalogue''s own text, source_reason says why; none: no offer may be made';
CREATE INDEX actions_by_customer ON actions (customer_id);

CREATE TABLE run_drift (
    run_id     text NOT NULL REFERENCES runs,
    subject    text NOT NULL,
    measure    text NOT NULL,
    value      double precision NOT NULL,
    level      text NOT NULL CHECK (level IN ('ok', 'warning', 'alarm')),
    details    jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (run_id, subject, measure)
);
