-- Approved actions leave: each once, with the bytes that were approved, under consents that are in force at that moment.
-- tests/attacks/test_hand_over.py attacks it as the database's owner, as an operator and as a withdrawal under way.
-- depends: 0025_review

CREATE INDEX handed_over_by_hand_over ON handed_over (hand_over_id);
CREATE INDEX hand_overs_by_campaign ON hand_overs (campaign_id, handed_at);

-- The consent to be contacted, where everything that an offer rests on is consented to now; null where it is not, or where
-- a withdrawal is under way. Until this transaction ends, a withdrawal waits: what it erases has left before it, or never.
CREATE FUNCTION consent_to_contact(customer uuid) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM FROM public.customers c WHERE c.customer_id = customer FOR KEY SHARE SKIP LOCKED;
    IF NOT FOUND OR public.consent_granted_now(customer, 'profiling') IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN public.consent_granted_now(customer, 'retention_offers');
END $$;
COMMENT ON FUNCTION consent_to_contact IS
    'The consent row under which this customer may be made an offer now, or null; holds off withdrawals';

-- What was approved is what is stored: the hash of the stored bytes, of the version, of each approval that counts, and of
-- the events that the approvals wrote are one, and name one customer.
CREATE FUNCTION require_approved_bytes(proposal uuid, of_version integer) RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    stored record;
BEGIN
    SELECT v.content_sha256 AS said, p.customer_id,
           public.content_sha256(p.proposal_id, v.nonce, p.recipient_ref, v.offer_id, v.channel, v.price_eur, v.message) AS hashed
    INTO stored
    FROM public.proposals p JOIN public.proposal_versions v USING (proposal_id)
    WHERE p.proposal_id = proposal AND v.version = of_version;
    IF stored.hashed IS DISTINCT FROM stored.said OR NOT EXISTS (
        SELECT FROM public.decisions d
        WHERE d.proposal_id = proposal AND d.version = of_version AND d.decision = 'approve' AND d.content_sha256 = stored.said
    ) OR EXISTS (
        SELECT FROM public.decisions d LEFT JOIN public.audit_log l USING (event_id)
        WHERE d.proposal_id = proposal AND d.version = of_version AND d.content_sha256 = stored.said
          AND d.decision IN ('approve', 'second_approve')
          AND (l.event_type, l.customer_id, l.details ->> 'proposal_id', l.details ->> 'content_sha256', l.details ->> 'decision')
              IS DISTINCT FROM ('PROPOSAL_DECIDED', stored.customer_id, proposal::text, stored.said, d.decision)
    ) THEN
        RAISE EXCEPTION 'nothing was handed over: what is stored of proposal % is not what was approved', proposal
            USING ERRCODE = 'VG009',
            HINT = 'Look at it (vigie campaigns reconcile), then have it edited, or rejected, and decided anew.';
    END IF;
END $$;

CREATE FUNCTION hand_over_line(proposal uuid, recipient uuid, content_sha256 text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT proposal || ' ' || recipient || ' ' || content_sha256 || E'\n'
$$;
COMMENT ON FUNCTION hand_over_line IS
    'hand_overs.items_sha256 is the SHA-256 of these lines, in the order of the proposals'' ids';

CREATE FUNCTION hand_over(who text, campaign text)
RETURNS TABLE (hand_over_id uuid, proposal_id uuid, recipient_ref uuid, customer_id uuid, offer_id text, channel text,
               language text, message text, price_eur numeric, content_sha256 text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    made       uuid := uuidv7();
    noted      uuid := uuidv7();
    item       record;
    of_version integer;
    consent    bigint;
    proposals  uuid[] := '{}';
    versions   integer[] := '{}';
    consents   bigint[] := '{}';
    hashed     text;
BEGIN
    PERFORM public.require_person(who, 'operator');
    PERFORM public.require_read_committed();
    -- One hand-over of a campaign at a time, and no decision of its reviewers meanwhile.
    PERFORM FROM public.campaigns c WHERE c.campaign_id = campaign AND c.closed_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'campaign % is not open', campaign
            USING ERRCODE = 'VG009', HINT = 'Name an open campaign: vigie campaigns list. A closed one hands nothing over.';
    END IF;
    FOR item IN
        SELECT s.proposal_id, s.customer_id FROM public.proposal_states s
        WHERE s.campaign_id = campaign AND s.state = 'approved' ORDER BY s.proposal_id
    LOOP
        consent := public.consent_to_contact(item.customer_id);
        CONTINUE WHEN consent IS NULL;
        -- Held, then looked at again: an edit, an undo or an objection may have been committed meanwhile.
        PERFORM FROM public.proposals p WHERE p.proposal_id = item.proposal_id FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        SELECT s.version INTO of_version FROM public.proposal_states s
        WHERE s.proposal_id = item.proposal_id AND s.state = 'approved' AND s.expires_at > clock_timestamp()
          AND NOT EXISTS (SELECT FROM public.planted_proposals x WHERE x.proposal_id = s.proposal_id)
          AND EXISTS (SELECT FROM public.campaign_members m
                      WHERE m.campaign_id = campaign AND m.customer_id = s.customer_id AND NOT m.held_out);
        CONTINUE WHEN NOT FOUND;
        PERFORM public.require_approved_bytes(item.proposal_id, of_version);
        proposals := proposals || item.proposal_id;
        versions := versions || of_version;
        consents := consents || consent;
    END LOOP;
    IF cardinality(proposals) = 0 THEN
        RETURN;
    END IF;

    SELECT encode(sha256(convert_to(string_agg(
               public.hand_over_line(p.proposal_id, p.recipient_ref, v.content_sha256), '' ORDER BY p.proposal_id), 'UTF8')), 'hex')
    INTO hashed
    FROM unnest(proposals, versions) AS chosen (proposal_id, version)
    JOIN public.proposals p USING (proposal_id)
    JOIN public.proposal_versions v USING (proposal_id, version);
    INSERT INTO public.audit_log (event_id, occurred_at, agent, event_type, status, details)
    SELECT noted, clock_timestamp(), session_user, 'HANDED_OVER', 'ok', jsonb_build_object(
        'campaign', campaign, 'person_id', o.person_id, 'hand_over_id', made,
        'items', cardinality(proposals), 'items_sha256', hashed)
    FROM public.people o WHERE o.person = who;
    INSERT INTO public.hand_overs (hand_over_id, campaign_id, person, items, items_sha256, event_id)
    VALUES (made, campaign, who, cardinality(proposals), hashed, noted);
    INSERT INTO public.handed_over (proposal_id, hand_over_id, version, content_sha256, consent_id)
    SELECT chosen.proposal_id, made, chosen.version, v.content_sha256, chosen.consent_id
    FROM unnest(proposals, versions, consents) AS chosen (proposal_id, version, consent_id)
    JOIN public.proposal_versions v USING (proposal_id, version);
    RETURN QUERY
        SELECT made, p.proposal_id, p.recipient_ref, p.customer_id, v.offer_id, v.channel, v.language, v.message,
               v.price_eur::numeric, v.content_sha256
        FROM unnest(proposals, versions) AS chosen (proposal_id, version)
        JOIN public.proposals p USING (proposal_id)
        JOIN public.proposal_versions v USING (proposal_id, version)
        ORDER BY p.proposal_id;
END $$;
COMMENT ON FUNCTION hand_over IS 'Hands over what is approved and not handed over yet; a second call finds nothing new';

CREATE FUNCTION require_hand_over(asked uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    of_campaign text;
BEGIN
    SELECT h.campaign_id INTO of_campaign FROM public.hand_overs h WHERE h.hand_over_id = asked;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'hand-over % does not exist', asked
            USING ERRCODE = 'VG009', HINT = 'The campaign''s hand-overs: vigie hand-over list CAMPAIGN.';
    END IF;
    RETURN of_campaign;
END $$;

-- Which of a hand-over's actions may be read once more: what was answered has arrived, what was contested, has expired or
-- lost its consent must not leave.
CREATE FUNCTION readable_again(asked uuid) RETURNS uuid[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    item  record;
    those uuid[] := '{}';
BEGIN
    PERFORM public.require_read_committed();
    FOR item IN
        SELECT h.proposal_id, h.version, p.customer_id
        FROM public.handed_over h JOIN public.proposals p USING (proposal_id)
        WHERE h.hand_over_id = asked AND h.answer IS NULL AND p.withdrawn_at IS NULL AND p.expires_at > clock_timestamp()
          AND NOT EXISTS (SELECT FROM public.objections o WHERE o.proposal_id = p.proposal_id)
        ORDER BY h.proposal_id
    LOOP
        IF public.consent_to_contact(item.customer_id) IS NOT NULL
           AND EXISTS (SELECT FROM public.proposals p WHERE p.proposal_id = item.proposal_id AND p.withdrawn_at IS NULL) THEN
            PERFORM public.require_approved_bytes(item.proposal_id, item.version);
            those := those || item.proposal_id;
        END IF;
    END LOOP;
    RETURN those;
END $$;

CREATE FUNCTION note_reading(who text, asked uuid, read_items integer, read_names boolean) RETURNS void LANGUAGE sql AS $$
    INSERT INTO public.audit_log (event_id, occurred_at, agent, event_type, status, details)
    SELECT uuidv7(), clock_timestamp(), session_user, 'HAND_OVER_READ', 'ok', jsonb_build_object(
        'campaign', h.campaign_id, 'person_id', o.person_id, 'hand_over_id', h.hand_over_id,
        'items', read_items, 'with_names', read_names)
    FROM public.hand_overs h, public.people o WHERE h.hand_over_id = asked AND o.person = who
$$;

CREATE FUNCTION hand_over_again(who text, hand_over uuid)
RETURNS TABLE (hand_over_id uuid, proposal_id uuid, recipient_ref uuid, customer_id uuid, offer_id text, channel text,
               language text, message text, price_eur numeric, content_sha256 text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    those uuid[];
BEGIN
    PERFORM public.require_person(who, 'operator');
    PERFORM public.require_hand_over(hand_over);
    those := public.readable_again(hand_over);
    PERFORM public.note_reading(who, hand_over, cardinality(those), false);
    RETURN QUERY
        SELECT h.hand_over_id, p.proposal_id, p.recipient_ref, p.customer_id, v.offer_id, v.channel, v.language, v.message,
               v.price_eur::numeric, v.content_sha256
        FROM public.handed_over h
        JOIN public.proposals p USING (proposal_id)
        JOIN public.proposal_versions v ON (v.proposal_id, v.version) = (h.proposal_id, h.version)
        WHERE h.proposal_id = ANY (those)
        ORDER BY p.proposal_id;
END $$;
COMMENT ON FUNCTION hand_over_again IS
    'What an earlier hand-over holds and may still leave: for a file that was lost before it reached its receiver';

CREATE FUNCTION recipients(who text, hand_over uuid)
RETURNS TABLE (recipient_ref uuid, first_name text, last_name text, contact text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    those uuid[];
BEGIN
    PERFORM public.require_person(who, 'operator');
    PERFORM public.require_hand_over(hand_over);
    those := public.readable_again(hand_over);
    PERFORM public.note_reading(who, hand_over, cardinality(those), true);
    RETURN QUERY
        SELECT p.recipient_ref, c.first_name, c.last_name,
               CASE v.channel WHEN 'email' THEN c.email WHEN 'phone' THEN c.phone
                              WHEN 'letter' THEN c.address ELSE c.customer_number END
        FROM public.handed_over h
        JOIN public.proposals p USING (proposal_id)
        JOIN public.proposal_versions v ON (v.proposal_id, v.version) = (h.proposal_id, h.version)
        JOIN public.customers c ON c.customer_id = p.customer_id
        WHERE h.proposal_id = ANY (those)
        ORDER BY p.proposal_id;
END $$;
COMMENT ON FUNCTION recipients IS
    'Whom a hand-over''s references name, with the one contact detail of the channel (app: the customer''s number)';

CREATE FUNCTION answer_hand_over(who text, hand_over uuid, answers jsonb) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
DECLARE
    of_campaign text;
    entry       jsonb;
    given       text;
    named       text;
    stored      text;
    counted     jsonb := '{}';
    news        integer := 0;
BEGIN
    PERFORM public.require_person(who, 'operator');
    of_campaign := public.require_hand_over(hand_over);
    IF jsonb_typeof(answers) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'answers of a hand-over are an array, not %', coalesce(jsonb_typeof(answers), 'null')
            USING ERRCODE = 'VG009', HINT = '[{"proposal_id": "…", "answer": "delivered"}, …]';
    END IF;
    FOR entry IN SELECT value FROM jsonb_array_elements(answers) ORDER BY value ->> 'proposal_id' LOOP
        given := entry ->> 'answer';
        named := entry ->> 'proposal_id';
        IF given IS NULL OR given NOT IN ('delivered', 'failed', 'refused') THEN
            RAISE EXCEPTION 'answer % of proposal % is unknown', coalesce(given, 'null'), coalesce(named, 'null')
                USING ERRCODE = 'VG009', HINT = 'An answer is delivered, failed or refused.';
        END IF;
        SELECT coalesce(h.answer, '') INTO stored FROM public.handed_over h
        WHERE h.hand_over_id = hand_over AND h.proposal_id::text = lower(named) FOR UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'hand-over % holds no proposal %', hand_over, coalesce(named, 'null')
                USING ERRCODE = 'VG009', HINT = 'Answer with the ids of the hand-over''s own file.';
        ELSIF stored NOT IN ('', given) THEN
            RAISE EXCEPTION 'proposal % was answered as % before, not as %', named, stored, given
                USING ERRCODE = 'VG009', HINT = 'An answer is given once. What came of it later is an outcome.';
        ELSIF stored = '' THEN
            UPDATE public.handed_over h SET answer = given, answered_at = clock_timestamp()
            WHERE h.proposal_id::text = lower(named);
            counted := counted || jsonb_build_object(given, coalesce((counted ->> given)::integer, 0) + 1);
            news := news + 1;
        END IF;
    END LOOP;
    IF news > 0 THEN
        INSERT INTO public.audit_log (event_id, occurred_at, agent, event_type, status, details)
        VALUES (uuidv7(), clock_timestamp(), session_user, 'HAND_OVER_ANSWERED', 'ok', jsonb_build_object(
            'campaign', of_campaign, 'hand_over_id', hand_over, 'answers', counted));
    END IF;
    RETURN news;
END $$;
COMMENT ON FUNCTION answer_hand_over IS
    'Notes what the receiver answered to each action, once; the same answers again change nothing. Returns how many were new';

CREATE FUNCTION list_hand_overs(who text, campaign text)
RETURNS TABLE (hand_over_id uuid, handed_at timestamptz, person text, items integer, items_sha256 text, event_id uuid,
               delivered bigint, failed bigint, refused bigint, unanswered bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
#variable_conflict use_column
BEGIN
    PERFORM public.require_person(who, 'operator', 'officer');
    RETURN QUERY
        SELECT h.hand_over_id, h.handed_at, h.person, h.items, h.items_sha256, h.event_id,
               count(*) FILTER (WHERE o.answer = 'delivered'), count(*) FILTER (WHERE o.answer = 'failed'),
               count(*) FILTER (WHERE o.answer = 'refused'), count(*) FILTER (WHERE o.answer IS NULL)
        FROM public.hand_overs h JOIN public.handed_over o USING (hand_over_id)
        WHERE h.campaign_id = campaign
        GROUP BY h.hand_over_id ORDER BY h.handed_at;
END $$;

CREATE FUNCTION campaign_of_hand_over(who text, hand_over uuid) RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
BEGIN
    PERFORM public.require_person(who, 'operator', 'officer');
    RETURN public.require_hand_over(hand_over);
END $$;

-- What left is never taken back, and an answer is given once.
CREATE FUNCTION keep_handed_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.answer IS NULL AND NEW.answer IS NOT NULL
       AND (to_jsonb(NEW) - ARRAY['answer', 'answered_at']) = (to_jsonb(OLD) - ARRAY['answer', 'answered_at']) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% on handed_over is refused: what left is not taken back, and answered once', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER keep_handed_over BEFORE UPDATE OR DELETE ON handed_over
    FOR EACH ROW EXECUTE FUNCTION keep_handed_over();
CREATE TRIGGER append_only BEFORE TRUNCATE ON handed_over FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

REVOKE EXECUTE ON FUNCTION consent_to_contact, require_approved_bytes, hand_over_line, hand_over, require_hand_over,
    readable_again, note_reading, hand_over_again, recipients, answer_hand_over, list_hand_overs, campaign_of_hand_over,
    keep_handed_over FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hand_over, hand_over_again, recipients, answer_hand_over, list_hand_overs, campaign_of_hand_over
    TO operator;
GRANT EXECUTE ON FUNCTION list_hand_overs, campaign_of_hand_over TO officer;

-- Every function of ours finds its names where it was written, whatever the caller's session says.
DO $$
DECLARE
    ours regprocedure;
BEGIN
    FOR ours IN SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', ours);
    END LOOP;
END $$;
