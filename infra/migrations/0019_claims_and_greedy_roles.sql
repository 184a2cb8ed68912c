-- A call is claimed the moment before its bytes go, and a withdrawal closes the calls that are not claimed yet. The sealer
-- waits for no transaction, and no function keeps one open for ever.
-- depends: 0018_gate_against_attackers

ALTER TABLE egress_ledger
    ADD COLUMN claimed_at timestamptz,
    ADD COLUMN claims integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT claimed_when CHECK ((claims = 0) = (claimed_at IS NULL));
COMMENT ON COLUMN egress_ledger.claimed_at IS
    'When it was last claimed, the moment before its bytes went; null: nothing left (or the row is older than this column)';
COMMENT ON COLUMN egress_ledger.claims IS 'How often it was claimed: once for each time it was sent';
COMMENT ON COLUMN egress_ledger.sent_at IS 'When it was entered';
COMMENT ON COLUMN egress_ledger.outcome IS
    'answered; rejected (answer failed validation or the guard); blocked (the guard kept it from leaving); '
    'refused (by the provider, final); '
    'unavailable (no answer after retries); unsent (the deadline or a withdrawal came before it left); '
    'lost (the process ended before the outcome was stored)';

-- Which of these calls may leave now: `claimed`, else `withdrawn` (a consent that it rests on is not in force), `ended`
-- (it has an outcome already), `busy` (its row is held, as by a withdrawal under way: ask again), `unknown` (no such
-- call, or another role's). A withdrawal changes the rows of all calls that rest on it, so the row's lock decides which
-- of the two comes first. One by one: a statement for all of them would be planned anew each time.
CREATE FUNCTION claim_egress(calls uuid[]) RETURNS TABLE (call uuid, verdict text)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    held record;
BEGIN
    PERFORM public.require_read_committed();
    FOREACH call IN ARRAY coalesce(calls, '{}') LOOP
        SELECT customer_id, purpose, outcome, redacted_prompt IS NULL AS is_erased INTO held
        FROM public.egress_ledger WHERE egress_id = call AND agent = session_user FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            PERFORM FROM public.egress_ledger WHERE egress_id = call AND agent = session_user;
            verdict := CASE WHEN FOUND THEN 'busy' ELSE 'unknown' END;
        ELSIF held.is_erased OR public.consent_granted_now(held.customer_id, held.purpose) IS NULL THEN
            verdict := 'withdrawn';
        ELSIF held.outcome IS NOT NULL THEN
            verdict := 'ended';
        ELSE
            UPDATE public.egress_ledger SET claimed_at = clock_timestamp(), claims = claims + 1 WHERE egress_id = call;
            verdict := 'claimed';
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION claim_egress FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_egress TO nlp_agent, action_agent;
COMMENT ON FUNCTION claim_egress IS 'Claims calls that are about to leave, before each time they are sent';

-- What a row says of its call fits its claims. `unavailable`, `blocked` and `lost` may come before the first as after.
CREATE FUNCTION keep_claims() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.claims > 0 THEN
            RAISE EXCEPTION 'egress refused: a call is entered before it is claimed'
                USING ERRCODE = 'VG002', HINT = 'Claim it with claim_egress().';
        END IF;
    ELSIF OLD.outcome IS NULL AND (
        NEW.claims = 0 AND NEW.outcome IN ('answered', 'rejected', 'refused') OR NEW.claims > 0 AND NEW.outcome = 'unsent'
    ) THEN
        RAISE EXCEPTION 'the outcome % does not fit call %, which was claimed % times',
            NEW.outcome, NEW.egress_id, NEW.claims
            USING ERRCODE = 'VG002', HINT = 'Claim each call with claim_egress() before it leaves.';
    END IF;
    RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION keep_claims FROM PUBLIC;
CREATE TRIGGER keep_claims BEFORE INSERT OR UPDATE OF outcome ON egress_ledger
    FOR EACH ROW EXECUTE FUNCTION keep_claims();

-- As before, and: it may be claimed while it has no outcome. Compared as rows: as JSON, a claim takes three times as long.
CREATE OR REPLACE FUNCTION keep_egress() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    rest public.egress_ledger := NEW;
BEGIN
    IF OLD.outcome IS NULL AND NEW.claims = OLD.claims + 1 THEN
        rest.claims := OLD.claims; rest.claimed_at := OLD.claimed_at;
    ELSIF OLD.outcome IS NULL AND NEW.outcome IS NOT NULL THEN
        rest.outcome := NULL; rest.answer := OLD.answer; rest.ended_at := OLD.ended_at;
        rest.tokens_in := OLD.tokens_in; rest.tokens_out := OLD.tokens_out; rest.latency_ms := OLD.latency_ms;
    ELSIF num_nonnulls(NEW.answer, NEW.redacted_prompt) = 0 THEN
        rest.answer := OLD.answer; rest.redacted_prompt := OLD.redacted_prompt;
    END IF;
    IF rest IS DISTINCT FROM OLD OR NEW IS NOT DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'UPDATE on egress_ledger is refused: a call''s outcome is written once'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

-- Named to fire before `erase_answers`, which changes the rows of all calls that rest on the consent. An older
-- withdrawal that is imported late must not undo what a newer grant allows.
CREATE FUNCTION close_unclaimed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF public.consent_granted_now(NEW.customer_id, NEW.purpose) IS NULL THEN
        WITH closed AS (
            UPDATE public.egress_ledger SET outcome = 'unsent', ended_at = clock_timestamp()
            WHERE customer_id = NEW.customer_id AND purpose IN (NEW.purpose, 'retention_offers')
              AND outcome IS NULL AND claims = 0
            RETURNING egress_id, run_id
        )
        INSERT INTO public.audit_log (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details)
        SELECT uuidv7(), clock_timestamp(), run_id, session_user, 'LLM_CALL_END', 'failed', NEW.customer_id,
               jsonb_build_object('egress_id', egress_id, 'outcome', 'unsent')
        FROM closed;
    END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION close_unclaimed FROM PUBLIC;
CREATE TRIGGER close_unclaimed AFTER INSERT ON consents
    FOR EACH ROW WHEN (NOT NEW.granted) EXECUTE FUNCTION close_unclaimed();

-- Sealing goes by the order of insertion. Whoever inserts holds a lock on the log from before the row's number is given
-- until the transaction ends: no event up to `last_seq` waits or can still come, and none up to `next_seq` once the
-- transactions in `writers`, which held that lock when it was noted, have ended. A transaction that has only a number, as
-- any role can take one in any database of the server, holds nothing up. Building the index waits for all writers, so
-- that what is committed then is all there is.
CREATE INDEX audit_log_by_seq ON audit_log (seq);
ALTER TABLE audit_frontier ADD COLUMN next_seq bigint NOT NULL DEFAULT 0, ADD COLUMN writers text[] NOT NULL DEFAULT '{}';
UPDATE audit_frontier SET last_seq = coalesce(
    (SELECT min(seq) - 1 FROM audit_log l WHERE NOT EXISTS (SELECT FROM audit_leaf f WHERE f.event_id = l.event_id)),
    (SELECT max(seq) FROM audit_log), 0);
ALTER TABLE audit_frontier DROP COLUMN last_xact;
ALTER TABLE audit_log DROP COLUMN xact;
GRANT SELECT ON SEQUENCE audit_log_seq_seq TO audit_agent;

-- A function's session may set its own limits to nothing. This one it cannot escape; functions live for five minutes at
-- most. The owner, as a member of their roles, sees their sessions and may end them; it cannot act as one of them.
CREATE FUNCTION longest_transaction() RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '6 minutes' $$;
CREATE FUNCTION end_long_transactions() RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE usename IN ('planner', 'nlp_agent', 'prediction_agent', 'action_agent', 'audit_agent', 'dead_letters', 'dashboard')
      AND xact_start < clock_timestamp() - public.longest_transaction() AND pid <> pg_backend_pid()
$$;
REVOKE EXECUTE ON FUNCTION longest_transaction, end_long_transactions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_long_transactions TO audit_agent;
GRANT planner, nlp_agent, prediction_agent, action_agent, audit_agent, dead_letters, dashboard
    TO CURRENT_USER WITH INHERIT TRUE, SET FALSE;

-- Every function of ours finds its names where it was written, whatever the caller's session says.
DO $$
DECLARE
    ours regprocedure;
BEGIN
    FOR ours IN SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', ours);
    END LOOP;
END $$;
