-- The audit trail, and what makes it and the other records append-only.
-- depends: 0003_runs

CREATE TABLE audit_log (
    event_id    uuid PRIMARY KEY,
    occurred_at timestamptz NOT NULL,
    run_id      text,
    agent       text NOT NULL,
    event_type  text NOT NULL CHECK (event_type ~ '^[A-Z][A-Z_]{2,40}$'),
    status      text NOT NULL CHECK (status IN ('ok', 'refused', 'failed')),
    customer_id uuid,
    details     jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(details) = 'object'),
    request_id  text,
    -- In commit order up to the oldest open transaction: how the sealer finds what is new without waiting for anybody.
    xact        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq         bigint GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX audit_log_by_xact ON audit_log (xact, seq);
CREATE INDEX audit_log_by_run ON audit_log (run_id, event_type);
CREATE INDEX audit_log_by_customer ON audit_log (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX audit_log_by_time ON audit_log (occurred_at DESC);

CREATE TABLE audit_leaf (
    leaf_index bigint PRIMARY KEY,
    event_id   uuid NOT NULL UNIQUE REFERENCES audit_log,
    leaf_hash  bytea NOT NULL CHECK (length(leaf_hash) = 32)
);

CREATE TABLE audit_checkpoint (
    tree_size  bigint PRIMARY KEY,
    root_hash  bytea NOT NULL CHECK (length(root_hash) = 32),
    note       text NOT NULL,
    signed_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The sealer's place: one row, locked while a round is on, so that two sealers cannot fork the tree.
CREATE TABLE audit_frontier (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    tree_size bigint NOT NULL DEFAULT 0,
    hashes    bytea[] NOT NULL DEFAULT '{}',
    last_xact xid8 NOT NULL DEFAULT '0'
);
INSERT INTO audit_frontier DEFAULT VALUES;

CREATE TABLE run_gaps (
    run_id      text NOT NULL,
    customer_id uuid,
    step        text NOT NULL,
    store       text NOT NULL,
    problem     text NOT NULL,
    event_id    uuid,
    found_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX run_gaps_by_run ON run_gaps (run_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: it is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Record a new row that says what changed.';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_leaf
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON consents
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON egress_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
