-- A withdrawal under way: nothing leaves and nothing is stored on the strength of a consent that is going.
-- depends: 0008_sealing

-- As for results, the customer's row is held FOR KEY SHARE until the entry commits: a withdrawal waits for it,
-- and an entry that waited for a withdrawal sees it.
ALTER TABLE egress_ledger ADD FOREIGN KEY (customer_id) REFERENCES customers;

CREATE FUNCTION keep_gate_shut() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF consent_granted_now(NEW.customer_id, NEW.purpose) IS DISTINCT FROM NEW.consent_id THEN
        RAISE EXCEPTION 'egress refused: consent % for % is no longer in force for customer %',
            NEW.consent_id, NEW.purpose, NEW.customer_id
            USING ERRCODE = 'VG001', HINT = 'Read the newest consent; without one nothing may leave.';
    END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION keep_gate_shut FROM PUBLIC;
CREATE TRIGGER zz_keep_gate_shut AFTER INSERT ON egress_ledger
    FOR EACH ROW EXECUTE FUNCTION keep_gate_shut();

-- Every segment comes from profiling, whatever is offered or not.
CREATE TRIGGER zz_require_profiling AFTER INSERT ON actions
    FOR EACH ROW EXECUTE FUNCTION require_consent('profiling');
