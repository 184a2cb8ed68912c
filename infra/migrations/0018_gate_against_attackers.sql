-- The gate holds against whoever has an agent's password, not only against an agent's mistakes.
-- tests/attacks/test_database_gate.py tries each of these as that role.
-- depends: 0017_contract_content

-- Nobody but the owner makes temporary objects: a temporary table is searched before a permanent one of that name.
DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC', current_database());
END $$;

-- Consent can only be judged by what is committed now. A snapshot that is older than a withdrawal does not show it.
CREATE FUNCTION require_read_committed() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'refused: consent cannot be judged by a snapshot of the past'
            USING ERRCODE = 'VG004', HINT = 'Use the isolation level READ COMMITTED.';
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION require_read_committed FROM PUBLIC;
GRANT EXECUTE ON FUNCTION require_read_committed TO nlp_agent, prediction_agent, action_agent;

CREATE OR REPLACE FUNCTION consent_granted_now(customer uuid, for_purpose text) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    SELECT consent_id FROM (
        SELECT consent_id, granted FROM public.consents
        WHERE customer_id = customer AND purpose = for_purpose
        ORDER BY recorded_at DESC, consent_id DESC LIMIT 1
    ) newest WHERE granted
$$;

CREATE OR REPLACE FUNCTION require_consent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.require_read_committed();
    IF public.consent_granted_now(NEW.customer_id, TG_ARGV[0]) IS NULL THEN
        RAISE EXCEPTION 'no consent for % is in force for customer %', TG_ARGV[0], NEW.customer_id
            USING ERRCODE = 'VG001', HINT = 'Nothing may be derived under a purpose without consent.';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION gate_egress() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    in_force bigint;
BEGIN
    PERFORM public.require_read_committed();
    in_force := public.consent_granted_now(NEW.customer_id, NEW.purpose);
    IF in_force IS NULL OR in_force <> NEW.consent_id THEN
        RAISE EXCEPTION 'egress refused: consent % for % is not in force for customer %',
            NEW.consent_id, NEW.purpose, NEW.customer_id
            USING ERRCODE = 'VG001', HINT = 'Read the newest consent; without one nothing may leave.';
    END IF;
    IF NEW.agent <> session_user OR num_nonnulls(NEW.outcome, NEW.answer, NEW.ended_at) > 0 THEN
        RAISE EXCEPTION 'egress refused: a call is entered by who makes it, before it has an outcome'
            USING ERRCODE = 'VG002', HINT = 'Write the outcome with end_egress().';
    END IF;
    IF (NEW.agent, NEW.purpose) NOT IN (('nlp_agent', 'feedback_analysis'), ('action_agent', 'retention_offers')) THEN
        RAISE EXCEPTION 'egress refused: % makes no calls for %', NEW.agent, NEW.purpose
            USING ERRCODE = 'VG002', HINT = 'Each agent enters calls for its own purpose.';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION keep_gate_shut() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF public.consent_granted_now(NEW.customer_id, NEW.purpose) IS DISTINCT FROM NEW.consent_id THEN
        RAISE EXCEPTION 'egress refused: consent % for % is no longer in force for customer %',
            NEW.consent_id, NEW.purpose, NEW.customer_id
            USING ERRCODE = 'VG001', HINT = 'Read the newest consent; without one nothing may leave.';
    END IF;
    RETURN NULL;
END $$;

-- A withdrawal sees every result that is committed before it, and waits for those under way.
CREATE OR REPLACE FUNCTION lock_customer_on_withdrawal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.require_read_committed();
    PERFORM FROM public.customers WHERE customer_id = NEW.customer_id FOR UPDATE;
    RETURN NEW;
END $$;

-- A clock that is ahead, a bank's or this one's before it was set back, must not let a grant outlive a withdrawal.
-- Named to fire after `lock_customer`, when no other withdrawal of this customer is under way.
ALTER TABLE consents DROP CONSTRAINT consents_recorded_at_check;
CREATE FUNCTION keep_consents_in_time() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_here timestamptz := pg_catalog.clock_timestamp();
BEGIN
    IF NEW.recorded_at > now_here + interval '5 minutes' THEN
        RAISE EXCEPTION 'the consent of customer % for % is dated %, which is in the future',
            NEW.customer_id, NEW.purpose, NEW.recorded_at
            USING ERRCODE = 'check_violation', HINT = 'Set the clock of the system that exported it.';
    END IF;
    NEW.recorded_at := least(NEW.recorded_at, now_here);
    IF NOT NEW.granted AND NEW.recorded_at > now_here - interval '1 minute' THEN
        NEW.recorded_at := greatest(NEW.recorded_at, (
            SELECT max(recorded_at) FROM public.consents
            WHERE customer_id = NEW.customer_id AND purpose = NEW.purpose
        ));
    END IF;
    RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION keep_consents_in_time FROM PUBLIC;
CREATE TRIGGER time_of_record BEFORE INSERT ON consents
    FOR EACH ROW WHEN (NOT NEW.granted OR NEW.recorded_at > clock_timestamp())
    EXECUTE FUNCTION keep_consents_in_time();

CREATE OR REPLACE FUNCTION audit_consents() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.audit_log (event_id, occurred_at, agent, event_type, status, customer_id, details)
    SELECT uuidv7(), clock_timestamp(), session_user, 'CONSENT_RECORDED', 'ok', customer_id,
           jsonb_build_object('consent_id', consent_id, 'purpose', purpose, 'granted', granted,
                              'policy_version', policy_version)
    FROM inserted ORDER BY consent_id;
    RETURN NULL;
END $$;

-- What was sent is derived from what the customer wrote, or says what was concluded about them: it goes with the
-- consent. Its hash and counts stay as evidence.
ALTER TABLE egress_ledger ALTER COLUMN redacted_prompt DROP NOT NULL;
COMMENT ON COLUMN egress_ledger.redacted_prompt IS 'What was sent; null once a consent that it rests on is withdrawn';

CREATE OR REPLACE FUNCTION keep_egress() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_outcome text[] := ARRAY['outcome', 'answer', 'tokens_in', 'tokens_out', 'latency_ms', 'ended_at'];
    of_content text[] := ARRAY['answer', 'redacted_prompt'];
    ends boolean := OLD.outcome IS NULL AND NEW.outcome IS NOT NULL
        AND to_jsonb(NEW) - of_outcome = to_jsonb(OLD) - of_outcome;
    erases boolean := num_nonnulls(OLD.answer, OLD.redacted_prompt) > 0
        AND num_nonnulls(NEW.answer, NEW.redacted_prompt) = 0
        AND to_jsonb(NEW) - of_content = to_jsonb(OLD) - of_content;
BEGIN
    IF NOT (ends OR erases) THEN
        RAISE EXCEPTION 'UPDATE on egress_ledger is refused: a call''s outcome is written once'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

-- What arrives after a withdrawal is dropped; what arrives during one waits for it, as results do. A withdrawal of any
-- consent that a call rests on has erased what was sent: that tells of those that the call's own purpose does not name.
CREATE OR REPLACE FUNCTION end_egress(
    egress uuid, how text, what jsonb, tokens_sent integer, tokens_received integer, took_ms integer
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM public.require_read_committed();
    PERFORM FROM public.customers WHERE customer_id = (
        SELECT customer_id FROM public.egress_ledger WHERE egress_id = egress
    ) FOR KEY SHARE;
    UPDATE public.egress_ledger
    SET outcome = how, answer = CASE WHEN redacted_prompt IS NOT NULL THEN what END, tokens_in = tokens_sent,
        tokens_out = tokens_received, latency_ms = took_ms, ended_at = clock_timestamp()
    WHERE egress_id = egress AND agent = session_user AND outcome IS NULL;
    RETURN FOUND;
END $$;

-- Nor does a result stay whose call rests on a consent that was withdrawn meanwhile.
CREATE FUNCTION require_call_in_force() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM public.egress_ledger WHERE egress_id = NEW.egress_id AND redacted_prompt IS NULL) THEN
        RAISE EXCEPTION 'a consent that call % rests on was withdrawn', NEW.egress_id
            USING ERRCODE = 'VG001', HINT = 'Nothing may be derived under a purpose without consent.';
    END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION require_call_in_force FROM PUBLIC;
CREATE TRIGGER zz_require_call_in_force AFTER INSERT ON feedback_analyses
    FOR EACH ROW EXECUTE FUNCTION require_call_in_force();
CREATE TRIGGER zz_require_call_in_force AFTER INSERT ON actions
    FOR EACH ROW WHEN (NEW.egress_id IS NOT NULL) EXECUTE FUNCTION require_call_in_force();

-- As before, and: an action rests on the analysis that its run made, in its offer and in its words.
CREATE OR REPLACE FUNCTION erase_derived() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    erased record;
BEGIN
    -- An older withdrawal that is imported late must not undo what a newer grant allows.
    IF public.consent_granted_now(NEW.customer_id, NEW.purpose) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    FOR erased IN
        WITH analyses AS (
            DELETE FROM public.feedback_analyses
            WHERE customer_id = NEW.customer_id AND NEW.purpose = 'feedback_analysis' RETURNING run_id
        ), scores AS (
            DELETE FROM public.predictions
            WHERE customer_id = NEW.customer_id AND NEW.purpose = 'profiling' RETURNING run_id
        ), decisions AS (
            DELETE FROM public.actions
            WHERE customer_id = NEW.customer_id AND NEW.purpose = 'profiling' RETURNING run_id
        ), offers_made AS (
            UPDATE public.actions SET source = 'none', source_reason = 'ConsentWithdrawn', offer_id = NULL,
                                      egress_id = NULL, message = NULL, reason = NULL
            WHERE customer_id = NEW.customer_id AND source <> 'none'
              AND (NEW.purpose = 'retention_offers'
                   OR NEW.purpose = 'feedback_analysis' AND run_id IN (SELECT run_id FROM analyses))
            RETURNING run_id
        )
        SELECT run_id, 'analyse' AS step, true AS whole FROM analyses
        UNION ALL SELECT run_id, 'predict', true FROM scores
        UNION ALL SELECT run_id, 'decide', true FROM decisions
        UNION ALL SELECT run_id, 'decide', false FROM offers_made
    LOOP
        UPDATE public.run_steps SET outcome = 'withdrawn', reason = 'ConsentWithdrawn'
        WHERE erased.whole AND run_id = erased.run_id AND customer_id = NEW.customer_id AND step = erased.step;
        INSERT INTO public.audit_log (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details)
        VALUES (uuidv7(), clock_timestamp(), erased.run_id, session_user, 'DERIVED_DATA_ERASED', 'ok',
                NEW.customer_id, jsonb_build_object('purpose', NEW.purpose, 'step', erased.step));
    END LOOP;
    RETURN NULL;
END $$;

-- A call for an offer states what the analysis and the prediction concluded: it rests on all three purposes.
CREATE OR REPLACE FUNCTION erase_answers() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF public.consent_granted_now(NEW.customer_id, NEW.purpose) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    UPDATE public.egress_ledger SET answer = NULL, redacted_prompt = NULL
    WHERE customer_id = NEW.customer_id AND purpose IN (NEW.purpose, 'retention_offers')
      AND num_nonnulls(answer, redacted_prompt) > 0;
    IF NEW.purpose = 'feedback_analysis' THEN
        -- The probability was computed under the consent to profiling and stands. The other contributions would give
        -- the tone's part away: they sum to the log-odds.
        UPDATE public.predictions
        SET sentiment_score = NULL, contributions = '{}',
            drivers = (SELECT coalesce(jsonb_agg(driver), '[]') FROM jsonb_array_elements(drivers) AS driver
                       WHERE NOT 'sentiment_score' = ANY (regexp_split_to_array(driver ->> 'feature', ' [x&] ')))
        WHERE customer_id = NEW.customer_id AND sentiment_score IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;

-- Every function of ours finds its names where it was written, whatever the caller's session says.
DO $$
DECLARE
    ours regprocedure;
BEGIN
    FOR ours IN SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', ours);
    END LOOP;
END $$;

-- No role can take all connections of the server, and none waits or holds for ever by accident. A role may set its own
-- timeouts otherwise: only the number of connections binds one that wants to harm.
DO $$
DECLARE
    allowed record;
BEGIN
    FOR allowed IN
        SELECT * FROM (VALUES ('planner', 8), ('nlp_agent', 20), ('prediction_agent', 12), ('action_agent', 20),
                              ('audit_agent', 10), ('dead_letters', 5), ('dashboard', 12)) AS roles (name, connections)
    LOOP
        EXECUTE format('ALTER ROLE %I CONNECTION LIMIT %s', allowed.name, allowed.connections);
        EXECUTE format('ALTER ROLE %I SET lock_timeout = ''30s''', allowed.name);
        EXECUTE format('ALTER ROLE %I SET statement_timeout = ''5min''', allowed.name);
        EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''5min''', allowed.name);
    END LOOP;
    ALTER ROLE dashboard SET default_transaction_read_only = on;
    ALTER ROLE dashboard SET statement_timeout = '30s';
    ALTER ROLE dashboard SET idle_in_transaction_session_timeout = '30s';
END $$;
