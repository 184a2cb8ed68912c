-- What is said to a customer belongs to a finite, reviewed language: sentences of a phrase bank in an allowed order.
-- The database holds that language, and refuses an action in other words from whoever has the agent's password.
-- The sentences themselves are loaded by 0021_phrases.py from phrases/*.toml.
-- depends: 0020_events_of_their_writer

-- Whom an offer suits, by the tone of what they wrote: "your complaint" is nothing to say to who praised.
ALTER TABLE offers ADD COLUMN tones text[] NOT NULL DEFAULT '{}'
    CHECK (tones <@ ARRAY['positive', 'negative', 'neutral', 'mixed', 'none']);
COMMENT ON COLUMN offers.tones IS 'Tones of feedback that this offer suits, none: no analysis; empty means any';
UPDATE offers SET tones = '{negative,mixed}' WHERE offer_id = 'complaint_priority';
UPDATE offers SET tones = '{positive,neutral,none}' WHERE offer_id = 'loyalty_thanks';
-- One sentence that says what its title says: the other one is said by closings.
UPDATE offers SET message_fr = 'Merci de votre fidélité, qui compte beaucoup pour nous.',
                  message_en = 'Thank you for your loyalty, which means a great deal to us.'
WHERE offer_id = 'loyalty_thanks';
-- French as it is typeset, as in the phrase bank.
UPDATE offers SET message_fr = replace(replace(message_fr, '''', '’'), ' :', U&'\00A0:'),
                  title_fr = replace(title_fr, '''', '’');

CREATE TABLE phrases (
    phrase_id text PRIMARY KEY CHECK (phrase_id ~ '^[a-z][a-z0-9_]{2,39}$'),
    kind      text NOT NULL
        CHECK (kind IN ('opening', 'topic', 'cause', 'offer', 'assurance', 'closing', 'reason')),
    text_fr   text NOT NULL CHECK (length(text_fr) BETWEEN 10 AND 200),
    text_en   text NOT NULL CHECK (length(text_en) BETWEEN 10 AND 200),
    tones     text[] NOT NULL DEFAULT '{}'
        CHECK (tones <@ ARRAY['positive', 'negative', 'neutral', 'mixed', 'none']),
    leaving   boolean,
    topics    text[] NOT NULL DEFAULT '{}',
    causes    text[] NOT NULL DEFAULT '{}',
    segments  text[] NOT NULL DEFAULT '{}' CHECK (segments <@ ARRAY['High', 'Medium', 'Low']),
    offers    text[] NOT NULL DEFAULT '{}',
    active    boolean NOT NULL DEFAULT true,
    CHECK (kind <> 'offer' OR cardinality(offers) = 1),
    CHECK (kind <> 'topic' OR cardinality(topics) > 0),
    CHECK (kind <> 'cause' OR cardinality(causes) > 0)
);
COMMENT ON TABLE phrases IS
    'Reviewed sentences; each column from tones to offers says when one fits, empty or null means always';

CREATE FUNCTION keep_phrases() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - 'active' = to_jsonb(OLD) - 'active' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% on phrases is refused: messages that were stored name their sentences', TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'Add a sentence under a new id, and set active = false.';
END $$;
CREATE TRIGGER keep_phrases BEFORE UPDATE OR DELETE ON phrases FOR EACH ROW EXECUTE FUNCTION keep_phrases();
CREATE TRIGGER keep_all_phrases BEFORE TRUNCATE ON phrases FOR EACH STATEMENT EXECUTE FUNCTION keep_phrases();

-- An offer's own message is a sentence like the others, under the offer's id.
CREATE VIEW sentences AS
    SELECT phrase_id, kind, text_fr, text_en, tones, leaving, topics, causes, segments, offers
    FROM phrases WHERE active
    UNION ALL
    SELECT offer_id, 'offer', message_fr, message_en, tones, NULL, '{}', '{}', segments, ARRAY[offer_id]
    FROM offers WHERE active;

CREATE FUNCTION phrases_sha256() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT encode(sha256(convert_to(string_agg(phrase_id || E'\t' || text_fr || E'\t' || text_en, E'\n'
                                               ORDER BY phrase_id COLLATE "C"), 'UTF8')), 'hex')
    FROM public.sentences
$$;

-- A run is made with the sentences of its day, and with drafts or without.
ALTER TABLE runs
    ADD COLUMN phrases_sha256 text CHECK (phrases_sha256 ~ '^[0-9a-f]{64}$'),
    ADD COLUMN wording text NOT NULL DEFAULT 'composed' CHECK (wording IN ('composed', 'drafted'));
COMMENT ON COLUMN runs.phrases_sha256 IS 'Hash of the sentences that were active when the run was planned';
COMMENT ON COLUMN runs.wording IS 'drafted: the model''s own words are kept as well, unreviewed, in drafts';
CREATE FUNCTION note_phrases() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.phrases_sha256 := public.phrases_sha256();
    RETURN NEW;
END $$;
CREATE TRIGGER note_phrases BEFORE INSERT ON runs FOR EACH ROW EXECUTE FUNCTION note_phrases();

-- The model's own words, where a bank wants them: nothing that calls a model reads this table.
CREATE TABLE drafts (
    run_id      text NOT NULL,
    customer_id uuid NOT NULL,
    message     text CHECK (length(message) <= 600),
    findings    text[] NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, customer_id),
    FOREIGN KEY (run_id, customer_id) REFERENCES actions ON DELETE CASCADE
);
COMMENT ON TABLE drafts IS 'A model''s own words, which no person has reviewed; findings: why the guard withheld them';
INSERT INTO drafts (run_id, customer_id, message)
    SELECT run_id, customer_id, left(message, 600) FROM actions WHERE source = 'model' AND message IS NOT NULL;
UPDATE actions SET message = NULL WHERE source = 'model';
ALTER TABLE actions DROP COLUMN reason;
ALTER TABLE actions ADD COLUMN reason text[], ADD COLUMN phrase_ids text[];
COMMENT ON COLUMN actions.source IS
    'model: sentences chosen by the model; catalogue: its own message, source_reason says why; none: no offer may be made';
COMMENT ON COLUMN actions.phrase_ids IS 'The message''s sentences in order; null in rows that are older than the bank';
COMMENT ON COLUMN actions.reason IS 'Sentences of the kind reason, which a reader gets in their own language';

CREATE FUNCTION require_draftable() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.runs JOIN public.actions USING (run_id) WHERE run_id = NEW.run_id
                   AND wording = 'drafted' AND customer_id = NEW.customer_id AND source = 'model') THEN
        RAISE EXCEPTION 'run % was planned without drafts, or has no action of the model for customer %',
            NEW.run_id, NEW.customer_id
            USING ERRCODE = 'VG005', HINT = 'Deploy with WORDING=drafted, and plan another run.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER require_consent AFTER INSERT ON drafts FOR EACH ROW EXECUTE FUNCTION require_consent('retention_offers');
CREATE TRIGGER require_draftable AFTER INSERT ON drafts FOR EACH ROW EXECUTE FUNCTION require_draftable();

CREATE FUNCTION erase_wording() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.phrase_ids := NULL;
    DELETE FROM public.drafts WHERE run_id = NEW.run_id AND customer_id = NEW.customer_id;
    RETURN NEW;
END $$;
CREATE TRIGGER erase_wording BEFORE UPDATE ON actions
    FOR EACH ROW WHEN (NEW.source = 'none' AND OLD.source <> 'none') EXECUTE FUNCTION erase_wording();

-- What was found in feedback are words of closed lists, and nothing else.
ALTER TABLE feedback_analyses DROP COLUMN summary,
    ADD COLUMN causes text[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT feedback_analyses_causes_check CHECK (cardinality(causes) <= 3 AND causes <@ ARRAY[
        'price', 'waiting', 'unreachable', 'error', 'failure', 'unclear', 'refusal', 'competitor', 'unheard',
        'helpful', 'easy']),
    ADD CONSTRAINT feedback_analyses_topics_check CHECK (cardinality(topics) BETWEEN 1 AND 4 AND topics <@ ARRAY[
        'fees', 'customer_service', 'mobile_app', 'website', 'card', 'transfer', 'loan', 'savings', 'rates',
        'branch', 'account_closure', 'security_fraud', 'onboarding', 'communication', 'insurance', 'other']);
COMMENT ON COLUMN feedback_analyses.causes IS 'Why the customer is displeased or pleased';

-- Actions' words are sentences that are there, of their language and in the order of kinds, that fit the offer and what
-- was found about the customer in this run. A statement at once: row by row, a look at the bank costs ten times as much.
-- It fires after the triggers of each row, which look at consents: what a withdrawal erased fits nothing any more.
CREATE FUNCTION require_composed() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    refused uuid;
BEGIN
    WITH given AS (
        SELECT i.*, coalesce(f.sentiment, 'none') AS tone, coalesce(f.intent_to_leave, false) AS may_leave,
               coalesce(f.topics, '{}') AS spoken_of, coalesce(f.causes, '{}') AS moved_by
        FROM inserted AS i LEFT JOIN LATERAL (
            SELECT * FROM public.feedback_analyses
            WHERE run_id = i.run_id AND customer_id = i.customer_id OFFSET 0
        ) AS f ON true
    ), composed AS (
        SELECT run_id, customer_id,
            string_agg(CASE language WHEN 'fr' THEN text_fr ELSE text_en END, ' ' ORDER BY place)
                FILTER (WHERE part = 1) AS text,
            string_agg(kind, ' ' ORDER BY part, place) AS kinds,
            count(DISTINCT phrase_id) = count(*) AND bool_and(kind IS NOT NULL
                AND (kind = 'reason') = (part = 2)
                AND (tones = '{}' OR tone = ANY (tones))
                AND (leaving IS NULL OR leaving = may_leave)
                AND (topics = '{}' OR topics && spoken_of)
                AND (causes = '{}' OR causes && moved_by)
                AND (segments = '{}' OR segment = ANY (segments))
                AND (offers = '{}' OR offer_id = ANY (offers))) AS fits
        FROM given LEFT JOIN LATERAL (
            SELECT 1 AS part, * FROM unnest(phrase_ids) WITH ORDINALITY
            UNION ALL SELECT 2, * FROM unnest(reason) WITH ORDINALITY
        ) AS chosen (part, phrase_id, place) ON true
        LEFT JOIN public.sentences USING (phrase_id)
        WHERE source <> 'none' GROUP BY run_id, customer_id
    )
    SELECT customer_id INTO refused
    FROM given LEFT JOIN composed USING (run_id, customer_id) LEFT JOIN public.offers AS made USING (offer_id)
    WHERE (CASE source
        WHEN 'none' THEN num_nonnulls(message, phrase_ids, reason) = 0
        WHEN 'catalogue' THEN phrase_ids = ARRAY[offer_id] AND reason IS NULL
        ELSE kinds ~ '^opening( topic| cause| topic cause| cause topic)? offer( assurance)? closing( reason){1,4}$'
    END AND (source = 'none' OR message = text AND fits AND made.active AND segment = ANY (made.segments)
             AND (made.tones = '{}' OR tone = ANY (made.tones)))) IS NOT TRUE
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the wording of the action for customer % is not composed of reviewed sentences that fit it', refused
            USING ERRCODE = 'VG005', HINT = 'Compose it of rows of sentences, in the order of kinds.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER require_composed AFTER INSERT ON actions REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION require_composed();

REVOKE EXECUTE ON FUNCTION keep_phrases, phrases_sha256, note_phrases, require_draftable, erase_wording,
    require_composed FROM PUBLIC;
GRANT SELECT ON phrases, sentences TO action_agent, dashboard;
GRANT INSERT (run_id, customer_id, message, findings) ON drafts TO action_agent;
GRANT SELECT ON drafts TO dashboard;
