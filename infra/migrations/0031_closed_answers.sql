-- An answer in the ledger is of closed words and of ids of sentences, as the agents store it: no text fits it, whoever
-- has an agent's password. What was sent is text by its nature, and stays the agent's word.
-- depends: 0030_pages

-- What the database cannot read as such an answer is none: missing fields give null. Lists are short, so that nothing
-- can be spelled by repeating and ordering words. Sentences count though they were retired: an answer may come later.
CREATE FUNCTION is_closed_answer(purpose text, said jsonb) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE
    WHEN jsonb_typeof(said) <> 'object' THEN false
    WHEN purpose = 'feedback_analysis' THEN
        said - '{sentiment,score,topics,intent_to_leave,causes}'::text[] = '{}'
        AND said ->> 'sentiment' IN ('positive', 'negative', 'neutral', 'mixed')
        AND said ->> 'score' ~ '^-?(0(\.[0-9]{1,3})?|1(\.0{1,3})?)$'
        AND said ->> 'intent_to_leave' IN ('true', 'false')
        AND NOT said @? '$.topics[4]' AND said -> 'topics' <@ '["fees", "customer_service", "mobile_app", "website",
            "card", "transfer", "loan", "savings", "rates", "branch", "account_closure", "security_fraud",
            "onboarding", "communication", "insurance", "other"]'
        AND NOT said @? '$.causes[3]' AND said -> 'causes' <@ '["price", "waiting", "unreachable", "error", "failure",
            "unclear", "refusal", "competitor", "unheard", "helpful", "easy"]'
    WHEN purpose = 'retention_offers' THEN
        said - '{opening,topic,cause,first,offer,assurance,closing,reasons}'::text[] = '{}'
        AND said ->> 'first' IN ('topic', 'cause')
        AND (SELECT count(*) FROM jsonb_each_text(said - '{first,reasons}'::text[]) AS chosen (place, id)
             WHERE id = 'no' AND place IN ('topic', 'cause', 'assurance')
                OR EXISTS (SELECT FROM public.phrases WHERE phrase_id = id AND kind = place)
                OR place = 'offer' AND EXISTS (SELECT FROM public.offers WHERE offer_id = id)) = 6
        AND said ? 'reasons' AND NOT said @? '$.reasons[4]'
        AND NOT EXISTS (SELECT FROM jsonb_path_query(said, '$.reasons[*]') AS reason WHERE NOT EXISTS (
                            SELECT FROM public.phrases WHERE phrase_id = reason #>> '{}' AND kind = 'reason'))
    END
$$;

CREATE FUNCTION require_closed_answer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF public.is_closed_answer(NEW.purpose, NEW.answer) IS NOT TRUE THEN
        -- What it says is not repeated: it may be anything.
        RAISE EXCEPTION 'the answer to call % is not of the closed form of %', NEW.egress_id, NEW.purpose
            USING ERRCODE = 'VG005', HINT = 'Store the fields that were read from it: closed words, ids of sentences.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER require_closed_answer BEFORE UPDATE ON egress_ledger
    FOR EACH ROW WHEN (NEW.answer IS NOT NULL) EXECUTE FUNCTION require_closed_answer();

-- As exact as the answers: an analysis holds what was read from one.
ALTER TABLE feedback_analyses ADD CONSTRAINT feedback_analyses_score_exact
    CHECK (score = round(score::numeric, 3)::double precision) NOT VALID;

REVOKE EXECUTE ON FUNCTION is_closed_answer, require_closed_answer FROM PUBLIC;
