-- Consent, enforced by the database: at the ledger, at every result, and when it is withdrawn.
-- depends: 0004_audit

-- The one way to change a consent from outside; imports by COPY are audited by the same trigger.
CREATE FUNCTION record_consent(
    customer uuid, for_purpose text, is_granted boolean, from_source text, of_policy_version text
) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO consents (customer_id, purpose, granted, source, policy_version)
    VALUES (customer, for_purpose, is_granted, from_source, of_policy_version)
    RETURNING consent_id
$$;

-- A withdrawal waits for results being written for this customer, and those written later see it:
-- every result's foreign key holds the customer's row FOR KEY SHARE until it commits.
CREATE FUNCTION lock_customer_on_withdrawal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM customers WHERE customer_id = NEW.customer_id FOR UPDATE;
    RETURN NEW;
END $$;
CREATE TRIGGER lock_customer BEFORE INSERT ON consents
    FOR EACH ROW WHEN (NOT NEW.granted) EXECUTE FUNCTION lock_customer_on_withdrawal();

CREATE FUNCTION audit_consents() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
BEGIN
    INSERT INTO audit_log (event_id, occurred_at, agent, event_type, status, customer_id, details)
    SELECT uuidv7(), clock_timestamp(), session_user, 'CONSENT_RECORDED', 'ok', customer_id,
           jsonb_build_object('consent_id', consent_id, 'purpose', purpose, 'granted', granted,
                              'policy_version', policy_version)
    FROM inserted ORDER BY consent_id;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_consents AFTER INSERT ON consents
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION audit_consents();

CREATE FUNCTION consent_granted_now(customer uuid, for_purpose text) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public AS $$
    SELECT consent_id FROM (
        SELECT consent_id, granted FROM consents
        WHERE customer_id = customer AND purpose = for_purpose
        ORDER BY recorded_at DESC, consent_id DESC LIMIT 1
    ) newest WHERE granted
$$;
COMMENT ON FUNCTION consent_granted_now IS 'The consent row that allows this purpose now, or null';

-- What was derived under a withdrawn purpose goes, and what it was is not repeated in the audit.
-- An offer that may no longer be made leaves its action standing as `none`: the segment came from profiling.
CREATE FUNCTION erase_derived() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
DECLARE
    erased record;
BEGIN
    -- An older withdrawal that is imported late must not undo what a newer grant allows.
    IF consent_granted_now(NEW.customer_id, NEW.purpose) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    FOR erased IN
        WITH analyses AS (
            DELETE FROM feedback_analyses
            WHERE customer_id = NEW.customer_id AND NEW.purpose = 'feedback_analysis' RETURNING run_id
        ), scores AS (
            DELETE FROM predictions
            WHERE customer_id = NEW.customer_id AND NEW.purpose = 'profiling' RETURNING run_id
        ), decisions AS (
            DELETE FROM actions
            WHERE customer_id = NEW.customer_id AND NEW.purpose = 'profiling' RETURNING run_id
        ), offers_made AS (
            UPDATE actions SET source = 'none', source_reason = 'ConsentWithdrawn', offer_id = NULL,
                               egress_id = NULL, message = NULL, reason = NULL
            WHERE customer_id = NEW.customer_id AND source <> 'none' AND NEW.purpose = 'retention_offers'
            RETURNING run_id
        )
        SELECT run_id, 'analyse' AS step, true AS whole FROM analyses
        UNION ALL SELECT run_id, 'predict', true FROM scores
        UNION ALL SELECT run_id, 'decide', true FROM decisions
        UNION ALL SELECT run_id, 'decide', false FROM offers_made
    LOOP
        UPDATE run_steps SET outcome = 'withdrawn', reason = 'ConsentWithdrawn'
        WHERE erased.whole AND run_id = erased.run_id AND customer_id = NEW.customer_id AND step = erased.step;
        INSERT INTO audit_log (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details)
        VALUES (uuidv7(), clock_timestamp(), erased.run_id, session_user, 'DERIVED_DATA_ERASED', 'ok',
                NEW.customer_id, jsonb_build_object('purpose', NEW.purpose, 'step', erased.step));
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER erase_derived AFTER INSERT ON consents
    FOR EACH ROW WHEN (NOT NEW.granted) EXECUTE FUNCTION erase_derived();

CREATE FUNCTION require_consent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF consent_granted_now(NEW.customer_id, TG_ARGV[0]) IS NULL THEN
        RAISE EXCEPTION 'no consent for % is in force for customer %', TG_ARGV[0], NEW.customer_id
            USING ERRCODE = 'VG001', HINT = 'Nothing may be derived under a purpose without consent.';
    END IF;
    RETURN NULL;
END $$;

-- Named to fire after the foreign keys' own triggers, when the customer's row is held.
CREATE TRIGGER zz_require_consent AFTER INSERT ON feedback_analyses
    FOR EACH ROW EXECUTE FUNCTION require_consent('feedback_analysis');
CREATE TRIGGER zz_require_consent AFTER INSERT ON predictions
    FOR EACH ROW EXECUTE FUNCTION require_consent('profiling');
CREATE TRIGGER zz_require_consent AFTER INSERT ON actions
    FOR EACH ROW WHEN (NEW.source <> 'none') EXECUTE FUNCTION require_consent('retention_offers');

CREATE FUNCTION gate_egress() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    in_force bigint := consent_granted_now(NEW.customer_id, NEW.purpose);
BEGIN
    IF in_force IS NULL OR in_force <> NEW.consent_id THEN
        RAISE EXCEPTION 'egress refused: consent % for % is not in force for customer %',
            NEW.consent_id, NEW.purpose, NEW.customer_id
            USING ERRCODE = 'VG001', HINT = 'Read the newest consent; without one nothing may leave.';
    END IF;
    IF NEW.agent <> session_user OR num_nonnulls(NEW.outcome, NEW.answer, NEW.ended_at) > 0 THEN
        RAISE EXCEPTION 'egress refused: a call is entered by who makes it, before it has an outcome'
            USING ERRCODE = 'VG002', HINT = 'Write the outcome with end_egress().';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER gate_egress BEFORE INSERT ON egress_ledger
    FOR EACH ROW EXECUTE FUNCTION gate_egress();

-- The only change a ledger row may see: its outcome, once.
CREATE FUNCTION keep_egress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.outcome IS NOT NULL OR NEW.outcome IS NULL
       OR (to_jsonb(NEW) - ARRAY['outcome', 'answer', 'tokens_in', 'tokens_out', 'latency_ms', 'ended_at'])
          IS DISTINCT FROM
          (to_jsonb(OLD) - ARRAY['outcome', 'answer', 'tokens_in', 'tokens_out', 'latency_ms', 'ended_at']) THEN
        RAISE EXCEPTION 'UPDATE on egress_ledger is refused: a call''s outcome is written once'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_egress BEFORE UPDATE ON egress_ledger
    FOR EACH ROW EXECUTE FUNCTION keep_egress();

-- False when the outcome had been written already: it stays as it was.
CREATE FUNCTION end_egress(
    egress uuid, how text, what jsonb, tokens_sent integer, tokens_received integer, took_ms integer
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    UPDATE egress_ledger
    SET outcome = how, answer = what, tokens_in = tokens_sent, tokens_out = tokens_received,
        latency_ms = took_ms, ended_at = clock_timestamp()
    WHERE egress_id = egress AND agent = session_user AND outcome IS NULL;
    RETURN FOUND;
END $$;
