-- A withdrawal also erases what was derived and kept beside the results: the model's answers in the ledger, and the
-- tone that a prediction repeats. The ledger's evidence (who, when, what was sent, what came of it) stays.
-- depends: 0010_decision_rule

CREATE OR REPLACE FUNCTION keep_egress() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_outcome text[] := ARRAY['outcome', 'answer', 'tokens_in', 'tokens_out', 'latency_ms', 'ended_at'];
    ends boolean := OLD.outcome IS NULL AND NEW.outcome IS NOT NULL
        AND to_jsonb(NEW) - of_outcome = to_jsonb(OLD) - of_outcome;
    erases boolean := OLD.answer IS NOT NULL AND NEW.answer IS NULL
        AND to_jsonb(NEW) - 'answer' = to_jsonb(OLD) - 'answer';
BEGIN
    IF NOT (ends OR erases) THEN
        RAISE EXCEPTION 'UPDATE on egress_ledger is refused: a call''s outcome is written once'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION erase_answers() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
BEGIN
    IF consent_granted_now(NEW.customer_id, NEW.purpose) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    UPDATE egress_ledger SET answer = NULL
    WHERE customer_id = NEW.customer_id AND purpose = NEW.purpose AND answer IS NOT NULL;
    IF NEW.purpose = 'feedback_analysis' THEN
        -- The probability was computed under the consent to profiling and stands, with the part that the tone had in it.
        UPDATE predictions
        SET sentiment_score = NULL,
            drivers = (SELECT coalesce(jsonb_agg(driver), '[]') FROM jsonb_array_elements(drivers) AS driver
                       WHERE driver ->> 'feature' <> 'sentiment_score')
        WHERE customer_id = NEW.customer_id AND sentiment_score IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION erase_answers FROM PUBLIC;
CREATE TRIGGER erase_answers AFTER INSERT ON consents
    FOR EACH ROW WHEN (NOT NEW.granted) EXECUTE FUNCTION erase_answers();
CREATE INDEX egress_ledger_by_customer ON egress_ledger (customer_id);
