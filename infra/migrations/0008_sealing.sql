-- Sealing: how far the sealer has come, what was published, and which gaps were found, each once.
-- depends: 0007_offers

-- Where the sealer stands is a place in (xact, seq), the order in which rows become final.
ALTER TABLE audit_frontier
    ADD COLUMN last_seq bigint NOT NULL DEFAULT 0,
    ADD CHECK (cardinality(hashes) = bit_count(tree_size::bit(64)));

CREATE FUNCTION keep_frontier_growing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.tree_size < OLD.tree_size THEN
        RAISE EXCEPTION 'the sealed log has % events and cannot shrink to %', OLD.tree_size, NEW.tree_size
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_growing BEFORE UPDATE ON audit_frontier
    FOR EACH ROW EXECUTE FUNCTION keep_frontier_growing();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON audit_frontier
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Rows are only ever taken from audit_log, which keeps them; checking it again would mark every sealed row as
-- locked, and so write the log a second time.
ALTER TABLE audit_leaf DROP CONSTRAINT audit_leaf_event_id_fkey;

-- A time that no calendar of the outside world can write would stop the sealer for good.
ALTER TABLE audit_log ADD CHECK (occurred_at >= '2000-01-01Z' AND occurred_at < '10000-01-01Z');

CREATE TABLE audit_publication (
    tree_size    bigint PRIMARY KEY REFERENCES audit_checkpoint,
    bucket       text NOT NULL,
    object_key   text NOT NULL,
    version_id   text,
    published_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE audit_publication IS 'Checkpoints that the write-once store holds';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_publication
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE run_gaps ADD COLUMN batch_no integer;
CREATE UNIQUE INDEX run_gaps_each_once
    ON run_gaps (run_id, customer_id, step, store, problem, event_id, batch_no) NULLS NOT DISTINCT;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON run_gaps
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT SELECT, INSERT ON audit_publication TO audit_agent;
GRANT SELECT ON audit_publication, audit_frontier TO dashboard;
-- Which call a result came from, so that each result is matched with an answered call.
GRANT SELECT (egress_id) ON feedback_analyses, actions TO audit_agent;
