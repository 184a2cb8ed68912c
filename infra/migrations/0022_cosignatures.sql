-- Witnesses outside this system cosign checkpoints: who else has seen the log as it is.
-- depends: 0021_composed_wording

CREATE TABLE audit_cosignature (
    tree_size   bigint NOT NULL REFERENCES audit_checkpoint,
    witness     text NOT NULL,
    line        text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tree_size, witness)
);
COMMENT ON TABLE audit_cosignature IS 'Signature lines of witnesses (C2SP tlog-cosignature) under checkpoints';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_cosignature
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON audit_cosignature TO audit_agent;
GRANT SELECT ON audit_cosignature TO dashboard;
