-- Oversight that proves itself: proposals that are wrong on purpose, what each reviewer made of them, and a queue that
-- slows down where too many pass. tests/attacks/test_planted_proposals.py asks every role which ones are planted.
-- depends: 0026_hand_over

-- A number in [0, 1) that nobody knows without the campaign's key.
CREATE FUNCTION planted_draw(key bytea, what text) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || left(encode(sha256(key || convert_to('planted ' || what, 'UTF8')), 'hex'), 13))::bit(52)::bigint
           / 4503599627370496::double precision
$$;

-- One reviewed sentence of a kind, for a tone, that says nothing of these topics.
CREATE FUNCTION planted_sentence(key bytea, what text, of_kind text, of_language text, tone text, not_of text[])
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE of_language WHEN 'fr' THEN text_fr ELSE text_en END FROM public.sentences
    WHERE kind = of_kind AND leaving IS NULL AND causes = '{}' AND segments = '{}' AND offers = '{}'
      AND CASE of_kind WHEN 'closing' THEN tones = '{}' ELSE tone = ANY (tones) END
      AND CASE of_kind WHEN 'topic' THEN topics <> '{}' AND NOT topics && not_of ELSE topics = '{}' END
    ORDER BY public.planted_draw(key, what || ' ' || phrase_id) LIMIT 1
$$;

-- Which of a run's proposals are made wrong, and how. Each customer with a proposal is drawn by the campaign's key, so
-- that a planted proposal differs from its neighbours in nothing but what is wrong: its customer has this arbitration,
-- this expected value, this place in the queue. What is written is made of the customer's own proposal, the catalogue
-- and the phrase bank: of nobody else, whose withdrawal could not erase it. What cannot be made wrong in the way that
-- was drawn gets a wrong price. Null stands for what the agent made.
CREATE OR REPLACE FUNCTION planted(run text)
RETURNS TABLE (customer_id uuid, kind text, offer_id text, message text, price_eur numeric)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    item record;
    other record;
    what text;
    tone text;
BEGIN
    FOR item IN
        SELECT a.customer_id, a.channel, x.offer_id, x.language, x.segment, x.source, x.message, x.phrase_ids, o.cost_eur,
               k.catalogue_version, y.key, coalesce(f.sentiment, 'none') AS tone, coalesce(f.topics, '{}') AS topics
        FROM public.runs r
        JOIN public.campaigns k ON k.campaign_id = r.campaign_id
        LEFT JOIN public.campaign_keys y ON y.campaign_id = k.campaign_id
        JOIN public.arbitrations a ON a.run_id = r.run_id AND a.verdict = 'proposed'
        JOIN public.actions x ON x.run_id = a.run_id AND x.customer_id = a.customer_id AND x.source <> 'none'
        JOIN public.catalogue_offers o ON o.version = k.catalogue_version AND o.offer_id = x.offer_id
        LEFT JOIN public.feedback_analyses f ON f.run_id = a.run_id AND f.customer_id = a.customer_id
        WHERE r.run_id = run AND k.planted_share > 0
          AND (y.key IS NULL OR public.planted_draw(y.key, run || ' ' || a.customer_id) < k.planted_share)
    LOOP
        IF item.key IS NULL THEN
            RAISE EXCEPTION 'the campaign of run % plants proposals and has no key to draw them by', run
                USING ERRCODE = 'VG009', HINT = 'Open campaigns with open_campaign(), or set planted_share to 0.';
        END IF;
        what := run || ' ' || item.customer_id || ' ';
        customer_id := item.customer_id;
        kind := (ARRAY['wrong_offer', 'wrong_price', 'wrong_customer'])
                [1 + floor(3 * public.planted_draw(item.key, what || 'kind'))];
        offer_id := NULL;
        message := NULL;
        price_eur := NULL;
        IF kind = 'wrong_offer' THEN
            -- An offer that may be made to such a customer, and answers none of what this one wrote about.
            SELECT o.offer_id, o.cost_eur, s.phrase_id,
                   CASE item.language WHEN 'fr' THEN s.text_fr ELSE s.text_en END AS says
            INTO other
            FROM public.catalogue_offers o
            JOIN public.offers c ON c.offer_id = o.offer_id
            JOIN public.sentences s ON s.kind = 'offer' AND o.offer_id = ANY (s.offers)
            WHERE o.version = item.catalogue_version AND o.offer_id <> item.offer_id
              AND item.topics <> '{}' AND c.topics <> '{}' AND NOT (c.topics || o.topics) && item.topics
              AND item.channel = ANY (o.channels) AND item.segment = ANY (o.segments)
              AND (o.languages = '{}' OR item.language = ANY (o.languages))
              AND (c.tones = '{}' OR item.tone = ANY (c.tones)) AND (o.tones = '{}' OR item.tone = ANY (o.tones))
              AND (s.tones = '{}' OR item.tone = ANY (s.tones))
              AND current_date BETWEEN coalesce(o.valid_from, '-infinity') AND coalesce(o.valid_until, 'infinity')
            ORDER BY public.planted_draw(item.key, what || s.phrase_id) LIMIT 1;
            IF FOUND THEN
                SELECT string_agg(CASE s.kind WHEN 'offer' THEN other.says
                                  ELSE CASE item.language WHEN 'fr' THEN s.text_fr ELSE s.text_en END END, ' ' ORDER BY place)
                INTO message
                FROM unnest(item.phrase_ids) WITH ORDINALITY AS chosen (phrase_id, place)
                JOIN public.sentences s USING (phrase_id)
                WHERE s.kind = 'offer' OR s.offers = '{}' OR other.offer_id = ANY (s.offers);
                offer_id := other.offer_id;
                price_eur := other.cost_eur;
                message := coalesce(message, other.says);
            END IF;
        ELSIF kind = 'wrong_customer' AND item.source = 'model' THEN
            -- Thanks for praise to who complained, or regret to who praised, about what they did not mention.
            tone := CASE WHEN item.tone IN ('negative', 'mixed') THEN 'positive' ELSE 'negative' END;
            SELECT concat_ws(' ',
                public.planted_sentence(item.key, what, 'opening', item.language, tone, '{}'),
                public.planted_sentence(item.key, what, 'topic', item.language, tone, item.topics || '{other}'::text[]),
                max(CASE item.language WHEN 'fr' THEN s.text_fr ELSE s.text_en END) FILTER (WHERE s.kind = 'offer'),
                public.planted_sentence(item.key, what, 'closing', item.language, tone, '{}'))
            INTO message
            FROM unnest(item.phrase_ids) AS chosen (phrase_id) JOIN public.sentences s USING (phrase_id)
            HAVING count(*) > 1;
        END IF;
        IF message IS NULL THEN
            kind := 'wrong_price';
            price_eur := least(ceil(greatest(item.cost_eur, 10)
                               * (1.4 + public.planted_draw(item.key, what || 'price'))::numeric), 999999);
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

-- Notes which of a run's proposals were made wrong: only where what is stored is what planted() made.
CREATE OR REPLACE FUNCTION plant(run text) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
DECLARE
    noted integer;
BEGIN
    INSERT INTO public.planted_proposals (proposal_id, kind)
    SELECT p.proposal_id, w.kind
    FROM public.planted(run) w
    JOIN public.proposals p ON p.run_id = run AND p.customer_id = w.customer_id
    JOIN public.proposal_versions v ON v.proposal_id = p.proposal_id AND v.version = 1
    WHERE (w.price_eur IS NULL OR w.price_eur = v.price_eur) AND (w.message IS NULL OR w.message = v.message)
      AND NOT EXISTS (SELECT FROM public.planted_proposals n WHERE n.proposal_id = p.proposal_id);
    GET DIAGNOSTICS noted = ROW_COUNT;
    RETURN noted;
END $$;
COMMENT ON FUNCTION plant IS 'Notes which of a run''s proposals are wrong on purpose; how many were not noted yet';

-- The last line: whoever writes it, a planted proposal leaves in no hand-over.
CREATE FUNCTION refuse_planted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF EXISTS (SELECT FROM public.planted_proposals WHERE proposal_id = NEW.proposal_id) THEN
        RAISE EXCEPTION 'proposal % is not handed over', NEW.proposal_id
            USING ERRCODE = 'VG009', HINT = 'hand_over() chooses what leaves.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_planted BEFORE INSERT OR UPDATE OF proposal_id ON handed_over
    FOR EACH ROW EXECUTE FUNCTION refuse_planted();

-- What proposal_marks makes of an approved planted one changes with the hand-over.
CREATE FUNCTION note_passed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM public.note_stage(p.proposal_id)
    FROM public.planted_proposals x JOIN public.proposals p USING (proposal_id)
    WHERE p.campaign_id = NEW.campaign_id AND p.stage = 'approved';
    RETURN NULL;
END $$;
CREATE TRIGGER note_passed AFTER INSERT ON hand_overs FOR EACH ROW EXECUTE FUNCTION note_passed();

-- What each person's newest decision on each version was; an undone one is none.
CREATE VIEW standing_decisions AS
SELECT * FROM (
    SELECT DISTINCT ON (proposal_id, version, person) *
    FROM public.decisions ORDER BY proposal_id, version, person, decided_at DESC
) newest WHERE decision <> 'undo';

-- What each person made of each planted proposal. Caught: rejected, or edited so that what was wrong is gone: another
-- offer for a wrong offer, other words for a wrong message, anything for a wrong price, which an edit takes from the
-- catalogue. Once a withdrawal has erased the content, an edit counts as catching.
CREATE VIEW planted_findings AS
SELECT p.campaign_id, x.proposal_id, d.person, max(d.decided_at) AS decided_at, bool_or(d.caught) AS caught
FROM public.planted_proposals x
JOIN public.proposals p USING (proposal_id)
JOIN public.proposal_versions first ON first.proposal_id = x.proposal_id AND first.version = 1
JOIN LATERAL (
    SELECT s.person, s.decided_at, s.decision = 'reject' AS caught
    FROM public.standing_decisions s WHERE s.proposal_id = x.proposal_id AND s.version = 1
    UNION ALL
    SELECT e.author, e.written_at, CASE
        WHEN first.nonce IS NULL OR x.kind = 'wrong_price' THEN true
        WHEN x.kind = 'wrong_offer' THEN e.offer_id <> first.offer_id
        ELSE e.message <> first.message END
    FROM public.proposal_versions e
    WHERE e.proposal_id = x.proposal_id AND e.version > 1 AND e.wording = 'edited'
) d ON true
GROUP BY p.campaign_id, x.proposal_id, d.person;

-- Wilson's 95 % interval of a share (Wilson 1927; advised for few cases by Brown, Cai and DasGupta, Statistical Science
-- 16, 2001). It is from 0 to 1 where nothing was seen.
CREATE FUNCTION wilson(share_of bigint, total bigint, OUT low double precision, OUT high double precision)
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN total = 0 THEN 0 ELSE greatest(0, (s + z * z / (2 * total) - reach) / (1 + z * z / total)) END,
           CASE WHEN total = 0 THEN 1 ELSE least(1, (s + z * z / (2 * total) + reach) / (1 + z * z / total)) END
    FROM (SELECT 1.959963984540054::double precision AS z, share_of::double precision / nullif(total, 0) AS s) given
    CROSS JOIN LATERAL (SELECT z * sqrt((s * (1 - s) + z * z / (4 * total)) / nullif(total, 0)) AS reach) r
$$;

CREATE FUNCTION oversight(campaign text)
RETURNS TABLE (person text, decisions bigint, planted bigint, caught bigint, catch_low double precision,
               catch_high double precision, under_5s bigint, overrides bigint, second_seen bigint, second_agreed bigint)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    WITH made AS (
        SELECT s.* FROM public.standing_decisions s JOIN public.proposals p USING (proposal_id)
        WHERE p.campaign_id = campaign
    ), edited AS (
        SELECT v.author AS person, count(*) AS edits
        FROM public.proposal_versions v JOIN public.proposals p USING (proposal_id)
        WHERE p.campaign_id = campaign AND v.version > 1 AND v.wording = 'edited' GROUP BY v.author
    ), paired AS (
        -- A first approval and another person's decision on the same version: each of the two sees whether they agree.
        SELECT pair.person, b.decision = 'second_approve' AS agreed
        FROM made a JOIN made b USING (proposal_id, version)
        CROSS JOIN LATERAL (VALUES (a.person), (b.person)) AS pair (person)
        WHERE a.decision = 'approve' AND a.person <> b.person AND b.decided_at > a.decided_at
          AND b.decision IN ('second_approve', 'reject')
    ), people AS (
        SELECT person FROM made UNION SELECT person FROM edited
    )
    SELECT o.person, m.decisions, f.planted, f.caught, (public.wilson(f.caught, f.planted)).*, m.under_5s,
           m.rejected + coalesce(e.edits, 0), a.seen, a.agreed
    FROM people o
    CROSS JOIN LATERAL (
        SELECT count(*) AS decisions, count(*) FILTER (WHERE seconds < 5) AS under_5s,
               count(*) FILTER (WHERE decision = 'reject') AS rejected
        FROM made WHERE made.person = o.person
    ) m
    LEFT JOIN edited e ON e.person = o.person
    CROSS JOIN LATERAL (
        SELECT count(*) AS planted, count(*) FILTER (WHERE n.caught) AS caught
        FROM public.planted_findings n WHERE n.campaign_id = campaign AND n.person = o.person
    ) f
    CROSS JOIN LATERAL (
        SELECT count(*) AS seen, count(*) FILTER (WHERE agreed) AS agreed FROM paired WHERE paired.person = o.person
    ) a
    ORDER BY o.person
$$;
COMMENT ON FUNCTION oversight IS
    'How each reviewer of a campaign decides; catch_low and catch_high are Wilson''s 95 % interval. Undone decisions do not count';

-- Slow: in a campaign that is open, of the newest twenty planted proposals that the person decided on before today, at
-- least five, fewer were caught than the campaign asks for. Of earlier days only, and without a figure, so that nobody
-- learns from a change of pace which case was planted.
CREATE OR REPLACE FUNCTION review_pace(who text) RETURNS TABLE (slow boolean, reason text, most integer)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT behind, CASE WHEN behind THEN 'catch_rate' END, CASE WHEN behind THEN 3 ELSE 20 END
    FROM (
        SELECT coalesce(bool_or(seen >= 5 AND caught < least_catch_rate * seen), false) AS behind
        FROM (
            SELECT k.least_catch_rate, count(n.proposal_id) AS seen, count(*) FILTER (WHERE n.caught) AS caught
            FROM public.campaigns k
            LEFT JOIN LATERAL (
                SELECT * FROM public.planted_findings f
                WHERE f.campaign_id = k.campaign_id AND f.person = who
                  AND f.decided_at < date_trunc('day', clock_timestamp() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
                ORDER BY f.decided_at DESC LIMIT 20
            ) n ON true
            WHERE k.closed_at IS NULL GROUP BY k.campaign_id
        ) campaign
    ) pace
$$;
COMMENT ON FUNCTION review_pace IS
    'Whether a person''s queue is slowed down, why (catch_rate), and how many cases they may hold at once';

-- A report is made outside the database, from oversight(), and signed with the audit trail's key; here its hash enters
-- the trail, so that another report of the same day can be told from it.
CREATE FUNCTION record_oversight_report(who text, campaign text, sha256 text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    noted uuid := uuidv7();
BEGIN
    PERFORM public.require_person(who, 'officer');
    IF sha256 IS NULL OR sha256 !~ '^[0-9a-f]{64}$' THEN
        RAISE EXCEPTION 'sha256 % is not the SHA-256 of a report', coalesce(sha256, 'null')
            USING ERRCODE = 'VG009', HINT = 'Give 64 hexadecimal digits, as vigie oversight report does.';
    ELSIF NOT EXISTS (SELECT FROM public.campaigns WHERE campaign_id = campaign) THEN
        RAISE EXCEPTION 'there is no campaign %', coalesce(campaign, 'null')
            USING ERRCODE = 'VG009', HINT = 'vigie campaigns list names them.';
    END IF;
    INSERT INTO public.audit_log (event_id, occurred_at, agent, event_type, status, details)
    SELECT noted, clock_timestamp(), session_user, 'OVERSIGHT_REPORTED', 'ok',
           jsonb_build_object('campaign', campaign, 'person_id', p.person_id, 'report_sha256', sha256)
    FROM public.people p WHERE p.person = who;
    RETURN noted;
END $$;

REVOKE EXECUTE ON FUNCTION planted_draw, planted_sentence, planted, plant, refuse_planted, note_passed, wilson, oversight,
    record_oversight_report FROM PUBLIC;
GRANT EXECUTE ON FUNCTION oversight, record_oversight_report TO officer;

-- Every function of ours finds its names where it was written, whatever the caller's session says.
DO $$
DECLARE
    ours regprocedure;
BEGIN
    FOR ours IN SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', ours);
    END LOOP;
END $$;
