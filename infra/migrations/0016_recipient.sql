-- A run's calls go where it was planned that they go; the ledger states the address.
-- depends: 0015_lost_analyses

ALTER TABLE runs ADD COLUMN llm_recipient text, ADD COLUMN llm_address text, ADD COLUMN llm_model text,
    ADD CONSTRAINT endpoint_is_whole CHECK (num_nonnulls(llm_recipient, llm_address, llm_model) IN (0, 3));
COMMENT ON COLUMN runs.llm_address IS
    'Below it calls are posted, without credentials; null, as recipient and model, in runs planned before this column';

ALTER TABLE egress_ledger ADD COLUMN address text;
COMMENT ON COLUMN egress_ledger.address IS 'Where the call goes; null in rows that are older than this column';

CREATE FUNCTION require_planned_recipient() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    IF EXISTS (
        SELECT FROM runs WHERE run_id = NEW.run_id AND llm_recipient IS NOT NULL
        AND (llm_recipient, llm_address, llm_model) IS DISTINCT FROM (NEW.recipient, NEW.address, NEW.model)
    ) THEN
        RAISE EXCEPTION 'egress refused: run % was planned with another recipient, address or model', NEW.run_id
            USING ERRCODE = 'VG003', HINT = 'Plan another run for another recipient.';
    END IF;
    RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION require_planned_recipient FROM PUBLIC;
CREATE TRIGGER require_planned_recipient BEFORE INSERT ON egress_ledger
    FOR EACH ROW EXECUTE FUNCTION require_planned_recipient();
