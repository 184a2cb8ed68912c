-- The catalogue with its money, campaigns whose terms are fixed before anything is proposed, and a hold-out that is drawn
-- once: what people, the planner and the action agent do through functions.
-- depends: 0023_campaigns

ALTER TABLE campaign_members
    ADD COLUMN kept_in boolean NOT NULL DEFAULT false,
    ADD COLUMN moved_at timestamptz;
COMMENT ON COLUMN campaign_members.kept_in IS
    'Contacted before the share was raised above the draw: stays treated, and is of no use for a comparison, ever after';
COMMENT ON COLUMN campaign_members.moved_at IS 'When a change of the share moved the customer to the other arm';
-- A withdrawal waits for who is being written about, as for every result.
ALTER TABLE arbitrations ADD FOREIGN KEY (customer_id) REFERENCES customers;

-- People.

CREATE FUNCTION name_person(who text, person text, duty text, active boolean) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    named public.people;
BEGIN
    -- The first operator is named by the database's owner.
    IF session_user <> 'owner' THEN
        PERFORM public.require_person(who, 'operator');
    END IF;
    IF who = person THEN
        RAISE EXCEPTION '% may not change the duty of %: nobody names themselves', who, person
            USING ERRCODE = 'VG008', HINT = 'Another operator does it.';
    END IF;
    INSERT INTO public.people AS p (person, duty, active) VALUES (person, duty, active)
    ON CONFLICT ON CONSTRAINT people_pkey DO UPDATE SET duty = EXCLUDED.duty, active = EXCLUDED.active
        WHERE (p.duty, p.active) IS DISTINCT FROM (EXCLUDED.duty, EXCLUDED.active)
    RETURNING * INTO named;
    IF FOUND THEN
        INSERT INTO public.audit_log (event_id, occurred_at, agent, event_type, status, details)
        VALUES (uuidv7(), clock_timestamp(), session_user, 'PERSON_CHANGED', 'ok', jsonb_build_object(
            'person_id', named.person_id, 'duty', named.duty, 'active', named.active));
        RETURN named.person_id;
    END IF;
    RETURN (SELECT p.person_id FROM public.people p WHERE p.person = name_person.person);
END $$;
COMMENT ON FUNCTION name_person IS 'Names a person for a duty, or releases them (active false); the same again changes nothing';

-- The catalogue. A code's texts were reviewed for the segments and tones that it was first loaded with.

CREATE FUNCTION load_catalogue(who text, version text, content text, policy jsonb, offers jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    hash text := encode(sha256(convert_to(content, 'UTF8')), 'hex');
    present text;
    wrong record;
BEGIN
    PERFORM public.require_person(who, 'operator');
    PERFORM pg_advisory_xact_lock(hashtextextended('catalogue', 3));
    SELECT c.sha256 INTO present FROM public.catalogues c WHERE c.version = load_catalogue.version;
    IF present = hash THEN
        RETURN false;
    ELSIF present IS NOT NULL THEN
        RAISE EXCEPTION 'version: % is loaded already, with other content', version
            USING ERRCODE = 'VG009', HINT = 'Give the changed file another version.';
    END IF;
    IF coalesce(jsonb_array_length(offers), 0) = 0 THEN
        RAISE EXCEPTION 'offers: version % has none', version USING ERRCODE = 'VG009', HINT = 'Write at least one offer.';
    END IF;
    SELECT o.offer_id, CASE
        WHEN (o.title_fr, o.title_en, o.message_fr, o.message_en)
             IS DISTINCT FROM (g.title_fr, g.title_en, g.message_fr, g.message_en) THEN 'its titles and messages'
        WHEN NOT g.segments <@ o.segments THEN 'segments'
        WHEN o.tones <> '{}' AND (g.tones = '{}' OR NOT g.tones <@ o.tones) THEN 'tones'
        END AS field INTO wrong
    FROM jsonb_to_recordset(offers) AS g (offer_id text, title_fr text, title_en text, message_fr text, message_en text,
                                          segments text[], tones text[])
    JOIN public.offers o USING (offer_id)
    WHERE (o.title_fr, o.title_en, o.message_fr, o.message_en)
          IS DISTINCT FROM (g.title_fr, g.title_en, g.message_fr, g.message_en)
       OR NOT g.segments <@ o.segments OR o.tones <> '{}' AND (g.tones = '{}' OR NOT g.tones <@ o.tones)
    ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'offer %: % are not those that were loaded under this code first', wrong.offer_id, wrong.field
            USING ERRCODE = 'VG009', HINT = 'Keep texts, and no more segments and tones than then; or give the offer a new code.';
    END IF;
    INSERT INTO public.offers (offer_id, title_fr, title_en, message_fr, message_en, segments, topics, tones, cost_eur,
                               save_rate)
    SELECT g.offer_id, g.title_fr, g.title_en, g.message_fr, g.message_en, g.segments, g.topics, g.tones, g.cost_eur,
           g.save_rate
    FROM jsonb_to_recordset(offers) AS g (offer_id text, title_fr text, title_en text, message_fr text, message_en text,
         segments text[], topics text[], tones text[], cost_eur numeric, save_rate numeric)
    ON CONFLICT (offer_id) DO NOTHING;
    INSERT INTO public.catalogues (version, sha256, content, policy, loaded_by) VALUES (version, hash, content, policy, who);
    INSERT INTO public.catalogue_offers
    SELECT load_catalogue.version, g.* FROM jsonb_to_recordset(offers) AS g (
        offer_id text, cost_eur numeric, save_rate double precision, save_rate_source text, segments text[], topics text[],
        tones text[], languages text[], channels text[], requires jsonb, cooldown_days integer, valid_from date,
        valid_until date, budget_line text, second_approval boolean);
    INSERT INTO public.audit_log (event_id, occurred_at, agent, event_type, status, details)
    VALUES (uuidv7(), clock_timestamp(), session_user, 'CATALOGUE_LOADED', 'ok', jsonb_build_object(
        'version', version, 'catalogue_sha256', hash, 'offers', jsonb_array_length(offers)));
    RETURN true;
END $$;
COMMENT ON FUNCTION load_catalogue IS
    'Loads a version, as vigie/catalogue_file.py reads it; false: these very bytes are loaded already';

-- A prerequisite that customers of a contract cannot meet because their features lack it.
CREATE FUNCTION missing_features(catalogue text, of_contract text) RETURNS text[] LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT coalesce(array_agg(DISTINCT asked.feature ORDER BY asked.feature), '{}')
    FROM public.catalogue_offers o CROSS JOIN LATERAL jsonb_each(o.requires) AS asked (feature, bounds)
    LEFT JOIN public.loaded_contracts l ON l.name = of_contract
    WHERE o.version = catalogue AND CASE WHEN l.name IS NULL
        THEN NOT EXISTS (SELECT FROM public.customer_features f WHERE f.contract = of_contract AND f.features ? asked.feature)
        ELSE NOT l.content -> 'features' ? asked.feature
             OR asked.bounds ?| ARRAY['min', 'max'] AND l.content -> 'features' ->> asked.feature !~ '\((integer|number)\)$'
        END
$$;
COMMENT ON FUNCTION missing_features IS 'Features that a catalogue requires and a contract lacks, or has not as numbers';

-- Campaigns.

CREATE FUNCTION campaign_terms(c campaigns, catalogue_sha256 text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT concat_ws(E'\n',
        'campaign: ' || c.campaign_id, 'contract: ' || c.contract, 'name: ' || c.name,
        'starts_on: ' || to_char(c.starts_on, 'YYYY-MM-DD'), 'ends_on: ' || to_char(c.ends_on, 'YYYY-MM-DD'),
        'budget_eur: ' || trim_scale(c.budget_eur), 'budget_lines: ' || c.budget_lines::text,
        'holdout_share: ' || c.holdout_share, 'holdout_shares: ' || c.holdout_shares::text,
        'holdout_commitment: ' || c.holdout_commitment, 'catalogue_sha256: ' || catalogue_sha256,
        'second_above_eur: ' || coalesce(trim_scale(c.second_above_eur)::text, 'none'),
        'planted_share: ' || c.planted_share, 'least_catch_rate: ' || c.least_catch_rate,
        'expires_after_days: ' || c.expires_after_days)
$$;
COMMENT ON FUNCTION campaign_terms IS 'Everything that decides, a line each: terms_sha256 is the SHA-256 of it in UTF-8';

-- Shares and budget lines are checked here as well as by constraints, so that whoever errs is told what to write.
CREATE FUNCTION require_terms(c campaigns) RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    said text;
    remedy text;
BEGIN
    SELECT line, hint INTO said, remedy FROM (VALUES
        (1, c.budget_eur IS NULL OR c.budget_eur <= 0, format('budget_eur: %s is no budget', c.budget_eur),
         'Write euros, more than 0.'),
        (2, c.holdout_share IS NULL OR c.holdout_share NOT BETWEEN 0 AND 0.5,
         format('holdout_share: %s would hold out more than half of the customers, or fewer than none', c.holdout_share),
         'Write a share from 0 to 0.5, such as 0.1.'),
        (3, jsonb_typeof(c.holdout_shares) <> 'object' OR EXISTS (
             SELECT FROM jsonb_each(c.holdout_shares) s WHERE s.key NOT IN ('High', 'Medium', 'Low')
             OR CASE WHEN jsonb_typeof(s.value) = 'number' THEN s.value::numeric NOT BETWEEN 0 AND 0.5 ELSE true END),
         format('holdout_shares: %s', c.holdout_shares), 'Write {"High": 0.2}: segments, and shares from 0 to 0.5.'),
        (4, jsonb_typeof(c.budget_lines) <> 'object' OR EXISTS (
             SELECT FROM jsonb_each(c.budget_lines) l
             WHERE CASE WHEN jsonb_typeof(l.value) = 'number' THEN l.value::numeric <= 0 ELSE true END),
         format('budget_lines: %s', c.budget_lines), 'Write {"advice": 500}: lines of the catalogue, and euros, more than 0.'),
        (5, c.ends_on IS NULL OR c.starts_on IS NULL OR c.ends_on < c.starts_on,
         format('ends_on: %s is before starts_on: %s', c.ends_on, c.starts_on), 'Write two dates in order.'),
        (6, c.name IS NULL OR c.name ~ '[[:cntrl:]]' OR length(c.name) NOT BETWEEN 1 AND 80,
         format('name: %L', c.name), 'Write 1 to 80 characters on one line.')
    ) AS rule (nr, is_broken, line, hint) WHERE is_broken ORDER BY nr LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%', said USING ERRCODE = 'VG009', HINT = remedy;
    END IF;
END $$;

CREATE FUNCTION open_campaign(who text, terms jsonb) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    c public.campaigns;
    person public.people;
    catalogue public.catalogues;
    key bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
    unknown text;
    lacking text;
BEGIN
    PERFORM public.require_person(who, 'operator');
    SELECT * INTO person FROM public.people p WHERE p.person = who;
    SELECT string_agg(name, ', ' ORDER BY name) INTO unknown FROM jsonb_object_keys(terms) AS given (name)
    WHERE name NOT IN ('campaign_id', 'contract', 'name', 'starts_on', 'ends_on', 'budget_eur', 'budget_lines',
                       'holdout_share', 'holdout_shares', 'catalogue_version', 'second_above_eur', 'planted_share',
                       'least_catch_rate', 'expires_after_days');
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'terms: % unknown', unknown USING ERRCODE = 'VG009', HINT = 'vigie campaigns open --help lists them.';
    END IF;
    c := jsonb_populate_record(NULL::public.campaigns,
        '{"holdout_share": 0.1, "holdout_shares": {}, "budget_lines": {}, "planted_share": 0.05, "least_catch_rate": 0.7,
          "expires_after_days": 30}' || jsonb_strip_nulls(terms));
    PERFORM public.require_terms(c);
    SELECT * INTO catalogue FROM public.catalogues WHERE version = c.catalogue_version;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'catalogue_version: % is not loaded', coalesce(c.catalogue_version, 'none')
            USING ERRCODE = 'VG009', HINT = 'Load it with make load-offers, or name another: vigie offers list.';
    END IF;
    IF NOT EXISTS (SELECT FROM public.customer_features f WHERE f.contract = c.contract) THEN
        RAISE EXCEPTION 'contract: no customer is loaded under %', coalesce(c.contract, 'none')
            USING ERRCODE = 'VG009', HINT = 'Load them with make load, or name another contract.';
    END IF;
    lacking := array_to_string(public.missing_features(catalogue.version, c.contract), ', ');
    IF lacking <> '' THEN
        RAISE EXCEPTION 'contract: % has no number or word for what catalogue % requires: %', c.contract, catalogue.version,
            lacking USING ERRCODE = 'VG009', HINT = 'Load the features, or a catalogue that does not require them.';
    END IF;
    SELECT string_agg(line, ', ' ORDER BY line) INTO lacking FROM (
        (SELECT budget_line FROM public.catalogue_offers o WHERE o.version = catalogue.version AND budget_line IS NOT NULL
         EXCEPT SELECT jsonb_object_keys(c.budget_lines))
        UNION
        (SELECT jsonb_object_keys(c.budget_lines)
         EXCEPT SELECT budget_line FROM public.catalogue_offers o WHERE o.version = catalogue.version)
    ) differing (line);
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION 'budget_lines: % stands in the catalogue or in the campaign only', lacking
            USING ERRCODE = 'VG009', HINT = 'Give each budget line of the catalogue its euros, and no other.';
    END IF;
    IF EXISTS (SELECT FROM public.campaigns o WHERE o.campaign_id = c.campaign_id) THEN
        RAISE EXCEPTION 'campaign_id: % is taken', c.campaign_id USING ERRCODE = 'VG009', HINT = 'Give it another id.';
    ELSIF EXISTS (SELECT FROM public.campaigns o WHERE o.contract = c.contract AND o.closed_at IS NULL) THEN
        RAISE EXCEPTION 'contract: % has an open campaign already', c.contract
            USING ERRCODE = 'VG009', HINT = 'Close it first: vigie campaigns close.';
    END IF;
    c.holdout_commitment := encode(sha256(key), 'hex');
    c.terms_sha256 := encode(sha256(convert_to(public.campaign_terms(c, catalogue.sha256), 'UTF8')), 'hex');
    c.opened_by := who;
    c.opened_at := clock_timestamp();
    c.opened_event := uuidv7();
    c.closed_at := NULL;
    INSERT INTO public.audit_log (event_id, occurred_at, agent, event_type, status, details)
    VALUES (c.opened_event, clock_timestamp(), session_user, 'CAMPAIGN_OPENED', 'ok', jsonb_build_object(
        'campaign', c.campaign_id, 'person_id', person.person_id, 'contract', c.contract,
        'catalogue_sha256', catalogue.sha256, 'terms_sha256', c.terms_sha256,
        'holdout_commitment', c.holdout_commitment, 'holdout_share', c.holdout_share));
    INSERT INTO public.campaigns SELECT c.*;
    INSERT INTO public.campaign_keys VALUES (c.campaign_id, key);
    RETURN c.opened_event;
END $$;
COMMENT ON FUNCTION open_campaign IS 'Opens a campaign with these terms; returns the audit event that fixes them';

CREATE FUNCTION share_held_out(c campaigns, of_segment text) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce((c.holdout_shares ->> of_segment)::double precision, c.holdout_share)
$$;

-- Raising a share adds customers to the hold-out and lowering it frees some, by the draw that each keeps. Whoever was
-- contacted already cannot be held out any more.
CREATE FUNCTION move_arms(c campaigns) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    UPDATE public.campaign_members m SET
        kept_in = kept_in OR NOT held_out AND reached.contacted AND draw < public.share_held_out(c, segment),
        held_out = draw < public.share_held_out(c, segment) AND (held_out OR NOT reached.contacted),
        moved_at = CASE WHEN held_out <> (draw < public.share_held_out(c, segment) AND (held_out OR NOT reached.contacted))
                        THEN clock_timestamp() ELSE moved_at END
    FROM (
        SELECT a.customer_id, EXISTS (
            SELECT FROM public.handed_over h JOIN public.proposals p USING (proposal_id)
            WHERE p.campaign_id = a.campaign_id AND p.customer_id = a.customer_id) AS contacted
        FROM public.campaign_members a WHERE a.campaign_id = c.campaign_id
    ) reached
    WHERE m.campaign_id = c.campaign_id AND m.customer_id = reached.customer_id AND m.segment IS NOT NULL;
    UPDATE public.proposals p SET superseded_at = clock_timestamp()
    FROM public.campaign_members m
    WHERE p.campaign_id = c.campaign_id AND (m.campaign_id, m.customer_id) = (p.campaign_id, p.customer_id)
      AND m.held_out AND p.superseded_at IS NULL
      AND NOT EXISTS (SELECT FROM public.handed_over h WHERE h.proposal_id = p.proposal_id);
END $$;

CREATE FUNCTION change_campaign(who text, campaign text, changes jsonb) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    c public.campaigns;
    before public.campaigns;
    unknown text;
    event uuid := uuidv7();
BEGIN
    PERFORM public.require_person(who, 'operator');
    -- While no customer's arm is being drawn.
    PERFORM pg_advisory_xact_lock(hashtextextended('holdout/' || campaign, 3));
    SELECT * INTO before FROM public.campaigns k WHERE k.campaign_id = campaign FOR UPDATE;
    IF NOT FOUND OR before.closed_at IS NOT NULL THEN
        RAISE EXCEPTION 'campaign: % is no open campaign', campaign
            USING ERRCODE = 'VG009', HINT = 'vigie campaigns list shows them.';
    END IF;
    SELECT string_agg(name, ', ' ORDER BY name) INTO unknown FROM jsonb_object_keys(changes) AS given (name)
    WHERE name NOT IN ('budget_eur', 'budget_lines', 'holdout_share', 'holdout_shares');
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'changes: % cannot change in an open campaign', unknown
            USING ERRCODE = 'VG009', HINT = 'Budget and hold-out share may; for anything else close it and open another.';
    END IF;
    c := jsonb_populate_record(before, jsonb_strip_nulls(changes));
    PERFORM public.require_terms(c);
    IF c.budget_eur < before.budget_eur OR EXISTS (
        SELECT FROM jsonb_each(before.budget_lines) l
        WHERE (l.value::numeric <= (c.budget_lines ->> l.key)::numeric) IS NOT TRUE)
       OR (SELECT count(*) FROM jsonb_object_keys(c.budget_lines)) <> (SELECT count(*) FROM jsonb_object_keys(before.budget_lines))
    THEN
        RAISE EXCEPTION 'budget: an open campaign''s budget and its lines only grow'
            USING ERRCODE = 'VG009', HINT = 'Close the campaign to spend no more.';
    END IF;
    c.terms_sha256 := encode(sha256(convert_to(public.campaign_terms(c, (
        SELECT sha256 FROM public.catalogues WHERE version = c.catalogue_version)), 'UTF8')), 'hex');
    IF c.terms_sha256 = before.terms_sha256 THEN
        RETURN before.opened_event;
    END IF;
    UPDATE public.campaigns k SET budget_eur = c.budget_eur, budget_lines = c.budget_lines,
        holdout_share = c.holdout_share, holdout_shares = c.holdout_shares, terms_sha256 = c.terms_sha256
    WHERE k.campaign_id = campaign;
    IF (c.holdout_share, c.holdout_shares) IS DISTINCT FROM (before.holdout_share, before.holdout_shares) THEN
        PERFORM public.move_arms(c);
    END IF;
    INSERT INTO public.audit_log (event_id, occurred_at, agent, event_type, status, details)
    SELECT event, clock_timestamp(), session_user, 'CAMPAIGN_CHANGED', 'ok', jsonb_build_object(
        'campaign', campaign, 'person_id', person_id, 'terms_sha256', c.terms_sha256, 'holdout_share', c.holdout_share)
    FROM public.people WHERE person = who;
    RETURN event;
END $$;
COMMENT ON FUNCTION change_campaign IS
    'Raises the budget or changes the hold-out''s share; returns the audit event that fixes the new terms';

CREATE FUNCTION close_campaign(who text, campaign text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM public.require_person(who, 'operator');
    UPDATE public.campaigns k SET closed_at = clock_timestamp() WHERE k.campaign_id = campaign AND k.closed_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'campaign: % is no open campaign', campaign
            USING ERRCODE = 'VG009', HINT = 'vigie campaigns list shows them.';
    END IF;
    INSERT INTO public.audit_log (event_id, occurred_at, agent, event_type, status, details)
    SELECT uuidv7(), clock_timestamp(), session_user, 'CAMPAIGN_CLOSED', 'ok',
           jsonb_build_object('campaign', campaign, 'person_id', person_id)
    FROM public.people WHERE person = who;
    RETURN public.holdout_key(campaign);
END $$;
COMMENT ON FUNCTION close_campaign IS 'Closes a campaign, and returns the key of its hold-out';

CREATE FUNCTION holdout_key(campaign text) RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
BEGIN
    IF EXISTS (SELECT FROM public.campaigns k WHERE k.campaign_id = campaign AND k.closed_at IS NULL) THEN
        RAISE EXCEPTION 'campaign: % is open: its key is read once it is closed', campaign
            USING ERRCODE = 'VG009', HINT = 'vigie campaigns close.';
    END IF;
    RETURN (SELECT encode(k.key, 'hex') FROM public.campaign_keys k WHERE k.campaign_id = campaign);
END $$;
COMMENT ON FUNCTION holdout_key IS 'The key of a closed campaign''s hold-out, in hexadecimal: anybody can draw again with it';

CREATE FUNCTION keep_campaigns() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    rest public.campaigns;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        rest := NEW;
        rest.budget_eur := OLD.budget_eur; rest.budget_lines := OLD.budget_lines; rest.closed_at := OLD.closed_at;
        rest.holdout_share := OLD.holdout_share; rest.holdout_shares := OLD.holdout_shares;
        rest.terms_sha256 := OLD.terms_sha256;
        IF rest IS NOT DISTINCT FROM OLD AND OLD.closed_at IS NULL AND NEW.budget_eur >= OLD.budget_eur THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% on campaigns is refused: what a campaign was opened with stays', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER keep_campaigns BEFORE UPDATE OR DELETE ON campaigns FOR EACH ROW EXECUTE FUNCTION keep_campaigns();
CREATE TRIGGER keep_all_campaigns BEFORE TRUNCATE ON campaigns FOR EACH STATEMENT EXECUTE FUNCTION keep_campaigns();

CREATE FUNCTION campaign_is_sealed(campaign text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT EXISTS (SELECT FROM public.campaigns c JOIN public.audit_leaf l ON l.event_id = c.opened_event
                   WHERE c.campaign_id = campaign)
$$;
COMMENT ON FUNCTION campaign_is_sealed IS 'Whether the event that fixes the campaign''s terms and key is in the sealed log';

-- A run proposes into an open campaign of its contract whose terms nobody can change unnoticed any more.
CREATE FUNCTION require_campaign() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.campaigns c WHERE c.campaign_id = NEW.campaign_id AND c.contract = NEW.contract
                   AND c.closed_at IS NULL AND public.campaign_is_sealed(c.campaign_id)) THEN
        RAISE EXCEPTION 'run %: campaign % is not open for contract %, or its opening is not sealed',
            NEW.run_id, NEW.campaign_id, NEW.contract
            USING ERRCODE = 'VG009', HINT = 'Seal first: vigie campaigns open waits for it.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER require_campaign BEFORE INSERT OR UPDATE OF campaign_id ON runs
    FOR EACH ROW WHEN (NEW.campaign_id IS NOT NULL) EXECUTE FUNCTION require_campaign();

-- The hold-out.

CREATE FUNCTION holdout_draws(key bytea, campaign text, customers uuid[])
RETURNS TABLE (customer_id uuid, draw double precision) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    inner_pad bytea := key || decode(repeat('00', 64 - length(key)), 'hex');
    outer_pad bytea := inner_pad;
    beginning bytea := convert_to(campaign, 'UTF8') || '\x00';
BEGIN
    FOR i IN 0..63 LOOP
        inner_pad := set_byte(inner_pad, i, get_byte(inner_pad, i) # 54);
        outer_pad := set_byte(outer_pad, i, get_byte(outer_pad, i) # 92);
    END LOOP;
    RETURN QUERY
    SELECT c.id, (('x' || encode(substr(sha256(outer_pad || sha256(
               inner_pad || beginning || convert_to(c.id::text, 'UTF8'))), 1, 7), 'hex'))::bit(56)::bigint >> 3)
           / 9007199254740992::double precision
    FROM unnest(customers) AS c (id);
END $$;
COMMENT ON FUNCTION holdout_draws IS
    'HMAC-SHA256 (RFC 2104) of campaign, a zero byte and the customer''s id as text; the first 53 bits as a share of 2^53';

-- Draws an arm for each customer that has none in the run's campaign yet, and says which arm each is in.
CREATE FUNCTION holdout_arms(run_id text, customers uuid[], segments text[])
RETURNS TABLE (customer_id uuid, held_out boolean) LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    c public.campaigns;
BEGIN
    SELECT k.* INTO c FROM public.runs r JOIN public.campaigns k USING (campaign_id) WHERE r.run_id = holdout_arms.run_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % belongs to no campaign: nobody is held out in it', holdout_arms.run_id
            USING ERRCODE = 'VG009', HINT = 'Name a campaign in the execution''s input.';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('holdout/' || c.campaign_id, 3));
    SELECT k.* INTO c FROM public.campaigns k WHERE k.campaign_id = c.campaign_id;
    INSERT INTO public.campaign_members (campaign_id, customer_id, segment, draw, held_out)
    SELECT c.campaign_id, d.customer_id, g.segment, d.draw, d.draw < public.share_held_out(c, g.segment)
    FROM unnest(holdout_arms.customers, holdout_arms.segments) AS g (id, segment)
    JOIN public.holdout_draws((SELECT key FROM public.campaign_keys k WHERE k.campaign_id = c.campaign_id), c.campaign_id,
                              holdout_arms.customers) d ON d.customer_id = g.id
    WHERE EXISTS (SELECT FROM public.run_customers r WHERE r.run_id = holdout_arms.run_id AND r.customer_id = g.id)
    ORDER BY d.customer_id
    ON CONFLICT DO NOTHING;
    RETURN QUERY
    SELECT m.customer_id, m.held_out FROM unnest(holdout_arms.customers) AS g (id)
    JOIN public.campaign_members m ON m.campaign_id = c.campaign_id AND m.customer_id = g.id;
END $$;
COMMENT ON FUNCTION holdout_arms IS 'Each customer''s arm in the run''s campaign, drawn at the first look and kept ever after';

-- Whoever asks: what is offered in a campaign goes to customers who were drawn for it, and at the catalogue's price.
CREATE FUNCTION refuse_held_out() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    refused record;
BEGIN
    SELECT i.customer_id, r.campaign_id INTO refused
    FROM inserted i
    CROSS JOIN LATERAL (SELECT * FROM public.runs WHERE run_id = i.run_id LIMIT 1) r
    LEFT JOIN LATERAL (
        SELECT * FROM public.campaign_members WHERE campaign_id = r.campaign_id AND customer_id = i.customer_id LIMIT 1
    ) m ON true
    WHERE i.offer_id IS NOT NULL AND m.held_out IS NOT FALSE AND (r.campaign_id IS NOT NULL OR TG_TABLE_NAME <> 'actions')
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'customer % is held out of campaign %, or was never drawn for it',
            refused.customer_id, coalesce(refused.campaign_id, 'none')
            USING ERRCODE = 'VG009', HINT = 'Ask holdout_arms() first, and offer nothing to whom it holds out.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refuse_held_out AFTER INSERT ON actions REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_held_out();
CREATE TRIGGER refuse_held_out_changed AFTER UPDATE ON actions REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_held_out();
CREATE TRIGGER refuse_held_out AFTER INSERT ON arbitrations REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_held_out();

CREATE FUNCTION refuse_held_out_proposal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    -- Held until the end, so that a change of the share waits for it.
    PERFORM FROM public.campaign_members m
    WHERE (m.campaign_id, m.customer_id) = (NEW.campaign_id, NEW.customer_id) AND NOT m.held_out FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'customer % is held out of campaign %, or was never drawn for it', NEW.customer_id, NEW.campaign_id
            USING ERRCODE = 'VG009', HINT = 'Nothing is proposed to whom holdout_arms() holds out.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_held_out BEFORE INSERT OR UPDATE OF campaign_id, customer_id ON proposals
    FOR EACH ROW EXECUTE FUNCTION refuse_held_out_proposal();

CREATE FUNCTION require_catalogue_price() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.runs r JOIN public.campaigns c USING (campaign_id)
        JOIN public.catalogue_offers o ON o.version = c.catalogue_version
        WHERE r.run_id = NEW.run_id AND o.offer_id = NEW.offer_id AND o.cost_eur = NEW.cost_eur
          AND NEW.channel = ANY (o.channels)
    ) THEN
        RAISE EXCEPTION 'the arbitration for customer % names an offer, price or channel that the catalogue does not have',
            NEW.customer_id USING ERRCODE = 'VG009', HINT = 'Read catalogue_offers of the campaign''s version.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER require_catalogue_price AFTER INSERT ON arbitrations
    FOR EACH ROW WHEN (NEW.offer_id IS NOT NULL) EXECUTE FUNCTION require_catalogue_price();
-- Named to fire after the foreign keys' own triggers, when the customer's row is held.
CREATE TRIGGER zz_require_consent AFTER INSERT ON arbitrations
    FOR EACH ROW EXECUTE FUNCTION require_consent('retention_offers');
CREATE TRIGGER zz_require_profiling AFTER INSERT ON arbitrations
    FOR EACH ROW EXECUTE FUNCTION require_consent('profiling');

-- What the arbitration needs to know of a customer and no more: the features that the catalogue requires, when which
-- offer was made over which channel, and how long ago a complaint about being contacted was.
CREATE FUNCTION arbitration_facts(run_id text, customers uuid[])
RETURNS TABLE (customer_id uuid, features jsonb, contacts jsonb, complaint_days integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    of_contract text;
    wanted text[];
BEGIN
    SELECT r.contract, coalesce((SELECT array_agg(DISTINCT k) FROM public.catalogue_offers o, jsonb_object_keys(o.requires) k
                                 WHERE o.version = c.catalogue_version), '{}')
    INTO of_contract, wanted
    FROM public.runs r JOIN public.campaigns c USING (campaign_id) WHERE r.run_id = arbitration_facts.run_id;
    RETURN QUERY
    SELECT rc.customer_id,
        coalesce((SELECT (SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(f.features) e WHERE e.key = ANY (wanted))
                  FROM public.customer_features f WHERE f.customer_id = rc.customer_id AND f.contract = of_contract
                  ORDER BY f.as_of DESC LIMIT 1), '{}'),
        coalesce((SELECT jsonb_agg(jsonb_build_object('offer_id', v.offer_id, 'channel', v.channel,
                      'days', greatest(0, floor(extract(epoch FROM clock_timestamp() - o.handed_at) / 86400))) ORDER BY o.handed_at)
                  FROM public.proposals p JOIN public.handed_over h USING (proposal_id)
                  JOIN public.hand_overs o USING (hand_over_id)
                  JOIN public.proposal_versions v ON (v.proposal_id, v.version) = (h.proposal_id, h.version)
                  WHERE p.customer_id = rc.customer_id AND h.answer IS DISTINCT FROM 'failed'
                    AND h.answer IS DISTINCT FROM 'refused'), '[]'),
        (SELECT floor(extract(epoch FROM clock_timestamp() - max(least(b.received_at, clock_timestamp()))) / 86400)::integer
         FROM public.feedback_analyses a JOIN public.feedback b ON b.feedback_id = ANY (a.feedback_ids)
         WHERE a.customer_id = rc.customer_id AND a.sentiment = 'negative' AND 'communication' = ANY (a.topics))
    FROM unnest(arbitration_facts.customers) AS g (id)
    JOIN public.run_customers rc ON rc.run_id = arbitration_facts.run_id AND rc.customer_id = g.id
    WHERE of_contract IS NOT NULL;
END $$;
COMMENT ON FUNCTION arbitration_facts IS 'Required features, earlier contacts and complaints about contact, for customers of a run';

-- What keeps a run from being planned into its campaign: features that are required and missing, customers without a value.
CREATE FUNCTION campaign_gaps(run text) RETURNS TABLE (missing text[], without_value bigint)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT public.missing_features(c.catalogue_version, r.contract),
        CASE WHEN k.policy ->> 'default_yearly_value_eur' IS NULL THEN (
            SELECT count(*) FROM public.run_customers rc JOIN public.customers u USING (customer_id)
            WHERE rc.run_id = r.run_id AND u.annual_value_eur IS NULL) ELSE 0 END
    FROM public.runs r JOIN public.campaigns c USING (campaign_id) JOIN public.catalogues k ON k.version = c.catalogue_version
    WHERE r.run_id = run
$$;

-- Allocation. The next migration says what of a budget is committed (budget_left), and proposes (propose).

-- Locks the budget until the transaction's end.
CREATE FUNCTION to_allocate(run text) RETURNS TABLE (customer_id uuid, expected_value_eur numeric, cost_eur numeric, budget_line text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    c public.campaigns;
BEGIN
    SELECT k.* INTO c FROM public.runs r JOIN public.campaigns k USING (campaign_id) WHERE r.run_id = run;
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('holdout/' || c.campaign_id, 3));
    PERFORM FROM public.campaigns k WHERE k.campaign_id = c.campaign_id FOR UPDATE;
    -- The share was raised while the run was on.
    UPDATE public.arbitrations a SET verdict = 'held_out', offer_id = NULL, channel = NULL
    FROM public.campaign_members m
    WHERE a.run_id = run AND a.offer_id IS NOT NULL AND m.held_out
      AND (m.campaign_id, m.customer_id) = (c.campaign_id, a.customer_id);
    RETURN QUERY
    SELECT a.customer_id, a.expected_value_eur, a.cost_eur, o.budget_line
    FROM public.arbitrations a
    JOIN public.catalogue_offers o ON (o.version, o.offer_id) = (c.catalogue_version, a.offer_id)
    WHERE a.run_id = run AND a.verdict = 'proposed';
END $$;
COMMENT ON FUNCTION to_allocate IS 'What a run would propose, were there money for all of it; the budget is locked meanwhile';

CREATE FUNCTION allocate_run(run text, over uuid[], shadow double precision) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    c public.campaigns;
    left_eur numeric;
BEGIN
    SELECT k.* INTO c FROM public.runs r JOIN public.campaigns k USING (campaign_id) WHERE r.run_id = run FOR UPDATE OF k;
    IF NOT FOUND OR c.closed_at IS NOT NULL OR EXISTS (SELECT FROM public.allocations a WHERE a.run_id = run) THEN
        RETURN false;
    END IF;
    left_eur := public.budget_left(c.campaign_id);
    UPDATE public.arbitrations SET verdict = 'over_budget'
    WHERE run_id = run AND verdict = 'proposed' AND customer_id = ANY (over);
    INSERT INTO public.allocations (run_id, campaign_id, budget_eur, proposed_eur, shadow_price, proposed, over_budget)
    SELECT run, c.campaign_id, left_eur, coalesce(sum(cost_eur) FILTER (WHERE verdict = 'proposed'), 0), shadow,
           count(*) FILTER (WHERE verdict = 'proposed'), count(*) FILTER (WHERE verdict = 'over_budget')
    FROM public.arbitrations WHERE run_id = run;
    IF EXISTS (SELECT FROM public.allocations a WHERE a.run_id = run AND a.proposed_eur > greatest(left_eur, 0)) THEN
        RAISE EXCEPTION 'run % would propose more than the budget of campaign % has left', run, c.campaign_id
            USING ERRCODE = 'VG009', HINT = 'Name in `over` whose offer the budget does not reach.';
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION allocate_run IS 'Keeps an allocation: who is over budget, and the shadow price; false where there is one already';

-- Events.

TRUNCATE audit_rules;
INSERT INTO audit_rules VALUES
('action_agent', 'ACTION_SAVED', '', 'type', '{}', ''),
('action_agent', 'ACTION_SAVED', 'analysis_lost', 'flag', '{}', ''),
('action_agent', 'ACTION_SAVED', 'egress_id', 'uuid', '{}', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
('action_agent', 'BATCH_END', '', 'type', '{}', ''),
('action_agent', 'BATCH_END', 'batch_no', 'count', '{}', ''),
('action_agent', 'BATCH_END', 'outcomes', 'counts', '{AnalysisGivenUp,AnswerRejected,BatchFailed,BelowBreakEven,ConsentWithdrawn,ContactPolicy,EgressBlocked,HeldOut,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction,done,failed,skipped,withdrawn}', ''),
('action_agent', 'BATCH_END', 'remaining', 'count', '{}', ''),
('action_agent', 'BATCH_START', '', 'type', '{}', ''),
('action_agent', 'BATCH_START', 'batch_no', 'count', '{}', ''),
('action_agent', 'BATCH_START', 'customers', 'count', '{}', ''),
('action_agent', 'CONSENT_CHECK', '', 'type', '{}', ''),
('action_agent', 'CONSENT_CHECK', 'consent_id', 'id or null', '{}', ''),
('action_agent', 'CONSENT_CHECK', 'purpose', 'word', '{retention_offers}', ''),
('action_agent', 'EGRESS_BLOCKED', '', 'type', '{}', ''),
('action_agent', 'EGRESS_BLOCKED', 'found', 'counts', '{ACCOUNT_NUMBER,ADDRESS,ADDRESS_WORDS,AMOUNT,AMOUNT_WORDS,BIRTH_DATE,CARD,CODE_WORDS,CONTENT_FILTERED,CONTROL_CHARACTER,CUSTOMER_NAME,CUSTOMER_UNKNOWN,DISGUISED_WORD,EMAIL,ENCODED,HANDLE,HIDDEN,IBAN,IP,LINK,LOOK_ALIKES,MACHINE_WORDS,MARKUP,MODEL_REFUSED,MORSE,NAME,NATIONAL_ID,NOT_JSON,NUMBER,NUMBER_WORDS,OTHER_NAME,PERCENTAGE,PERCENT_WORDS,PHONE,PLATE,PROMO_CODE,SCHEMA,SPELLED,SPELT_ADDRESS,UNSPEAKABLE,URL}', ''),
('action_agent', 'EGRESS_BLOCKED', 'purpose', 'word', '{retention_offers}', ''),
('action_agent', 'GUARD_REJECTED', '', 'type', '{}', ''),
('action_agent', 'GUARD_REJECTED', 'egress_id', 'uuid', '{}', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
('action_agent', 'GUARD_REJECTED', 'found', 'counts', '{ACCOUNT_NUMBER,ADDRESS,ADDRESS_WORDS,AMOUNT,AMOUNT_WORDS,BIRTH_DATE,CARD,CODE_WORDS,CONTENT_FILTERED,CONTROL_CHARACTER,CUSTOMER_NAME,CUSTOMER_UNKNOWN,DISGUISED_WORD,EMAIL,ENCODED,HANDLE,HIDDEN,IBAN,IP,LINK,LOOK_ALIKES,MACHINE_WORDS,MARKUP,MODEL_REFUSED,MORSE,NAME,NATIONAL_ID,NOT_JSON,NUMBER,NUMBER_WORDS,OTHER_NAME,PERCENTAGE,PERCENT_WORDS,PHONE,PLATE,PROMO_CODE,SCHEMA,SPELLED,SPELT_ADDRESS,UNSPEAKABLE,URL}', ''),
('action_agent', 'GUARD_REJECTED', 'purpose', 'word', '{retention_offers}', ''),
('action_agent', 'LLM_CALL_END', '', 'type', '{}', ''),
('action_agent', 'LLM_CALL_END', 'egress_id', 'uuid', '{}', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
('action_agent', 'LLM_CALL_END', 'latency_ms', 'count', '{}', ''),
('action_agent', 'LLM_CALL_END', 'outcome', 'word', '{answered,blocked,lost,refused,rejected,unavailable,unsent}', ''),
('action_agent', 'LLM_CALL_END', 'reason', 'word', '{Connection,Deadline,Dns,Proxy,Refused,Reset,Status,TimedOut,Tls,Unreadable,billing_not_active,blocked_api_access,every_call_refused,insufficient_quota,invalid_api_key,model_blocked,model_decommissioned,model_not_found,model_terms_required,no_json_schema,not_an_api,organization_restricted,permission_denied,proxy_refused,wrong_address}', ''),
('action_agent', 'LLM_CALL_END', 'tokens_in', 'count', '{}', ''),
('action_agent', 'LLM_CALL_END', 'tokens_out', 'count', '{}', ''),
('action_agent', 'LLM_CALL_START', '', 'type', '{}', ''),
('action_agent', 'LLM_CALL_START', 'attempt', 'count', '{}', ''),
('action_agent', 'LLM_CALL_START', 'egress_id', 'uuid', '{}', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
('action_agent', 'LLM_CALL_START', 'model', 'version', '{}', '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$'),
('action_agent', 'LLM_CALL_START', 'prompt_sha256', 'sha256', '{}', '^[0-9a-f]{64}$'),
('action_agent', 'LLM_CALL_START', 'prompt_version', 'text', '{}', '^(analysis|action)-[0-9]{1,3}$'),
('action_agent', 'LLM_CALL_START', 'purpose', 'word', '{retention_offers}', ''),
('action_agent', 'RECIPIENT_REFUSED', '', 'type', '{}', ''),
('action_agent', 'RECIPIENT_REFUSED', 'batch_no', 'count', '{}', ''),
('action_agent', 'RECIPIENT_REFUSED', 'other_address', 'flag', '{}', ''),
('action_agent', 'RECIPIENT_REFUSED', 'other_model', 'flag', '{}', ''),
('action_agent', 'RECIPIENT_REFUSED', 'other_recipient', 'flag', '{}', ''),
('action_agent', 'SEGMENTATION', '', 'type', '{}', ''),
('action_agent', 'STEP_ENDED', '', 'type', '{}', ''),
('action_agent', 'STEP_ENDED', 'outcome', 'word', '{failed,skipped,withdrawn}', ''),
('action_agent', 'STEP_ENDED', 'reason', 'word', '{AnalysisGivenUp,AnswerRejected,BatchFailed,BelowBreakEven,ConsentWithdrawn,ContactPolicy,EgressBlocked,HeldOut,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction}', ''),
('action_agent', 'STEP_ENDED', 'step', 'word', '{decide}', ''),
('audit_agent', 'CHECKPOINT_SIGNED', '', 'type', '{}', ''),
('audit_agent', 'CHECKPOINT_SIGNED', 'root_hash', 'sha256', '{}', '^[0-9a-f]{64}$'),
('audit_agent', 'CHECKPOINT_SIGNED', 'tree_size', 'id', '{}', ''),
('audit_agent', 'RUN_RECONCILED', '', 'type', '{}', ''),
('audit_agent', 'RUN_RECONCILED', 'events', 'id', '{}', ''),
('audit_agent', 'RUN_RECONCILED', 'gaps', 'id', '{}', ''),
('dead_letters', 'DEAD_LETTERED', '', 'type', '{}', ''),
('dead_letters', 'DEAD_LETTERED', 'batch_no', 'count', '{}', ''),
('dead_letters', 'DEAD_LETTERED', 'body_bytes', 'count', '{}', ''),
('dead_letters', 'DEAD_LETTERED', 'body_sha256', 'sha256', '{}', '^[0-9a-f]{64}$'),
('dead_letters', 'DEAD_LETTERED', 'queue', 'word', '{vigie-action-dlq,vigie-audit-dlq,vigie-nlp-dlq,vigie-prediction-dlq}', ''),
('dead_letters', 'DEAD_LETTERED', 'reason', 'word', '{GivenUp,Unreadable}', ''),
('dead_letters', 'DEAD_LETTERED', 'step', 'word', '{analyse,close_audit,decide,predict}', ''),
('nlp_agent', 'ANALYSIS_SAVED', '', 'type', '{}', ''),
('nlp_agent', 'ANALYSIS_SAVED', 'egress_id', 'uuid', '{}', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
('nlp_agent', 'BATCH_END', '', 'type', '{}', ''),
('nlp_agent', 'BATCH_END', 'batch_no', 'count', '{}', ''),
('nlp_agent', 'BATCH_END', 'outcomes', 'counts', '{AnalysisGivenUp,AnswerRejected,BatchFailed,BelowBreakEven,ConsentWithdrawn,ContactPolicy,EgressBlocked,HeldOut,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction,done,failed,skipped,withdrawn}', ''),
('nlp_agent', 'BATCH_END', 'remaining', 'count', '{}', ''),
('nlp_agent', 'BATCH_START', '', 'type', '{}', ''),
('nlp_agent', 'BATCH_START', 'batch_no', 'count', '{}', ''),
('nlp_agent', 'BATCH_START', 'customers', 'count', '{}', ''),
('nlp_agent', 'CONSENT_CHECK', '', 'type', '{}', ''),
('nlp_agent', 'CONSENT_CHECK', 'consent_id', 'id or null', '{}', ''),
('nlp_agent', 'CONSENT_CHECK', 'purpose', 'word', '{feedback_analysis}', ''),
('nlp_agent', 'EGRESS_BLOCKED', '', 'type', '{}', ''),
('nlp_agent', 'EGRESS_BLOCKED', 'found', 'counts', '{ACCOUNT_NUMBER,ADDRESS,ADDRESS_WORDS,AMOUNT,AMOUNT_WORDS,BIRTH_DATE,CARD,CODE_WORDS,CONTENT_FILTERED,CONTROL_CHARACTER,CUSTOMER_NAME,CUSTOMER_UNKNOWN,DISGUISED_WORD,EMAIL,ENCODED,HANDLE,HIDDEN,IBAN,IP,LINK,LOOK_ALIKES,MACHINE_WORDS,MARKUP,MODEL_REFUSED,MORSE,NAME,NATIONAL_ID,NOT_JSON,NUMBER,NUMBER_WORDS,OTHER_NAME,PERCENTAGE,PERCENT_WORDS,PHONE,PLATE,PROMO_CODE,SCHEMA,SPELLED,SPELT_ADDRESS,UNSPEAKABLE,URL}', ''),
('nlp_agent', 'EGRESS_BLOCKED', 'purpose', 'word', '{feedback_analysis}', ''),
('nlp_agent', 'GUARD_REJECTED', '', 'type', '{}', ''),
('nlp_agent', 'GUARD_REJECTED', 'egress_id', 'uuid', '{}', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
('nlp_agent', 'GUARD_REJECTED', 'found', 'counts', '{ACCOUNT_NUMBER,ADDRESS,ADDRESS_WORDS,AMOUNT,AMOUNT_WORDS,BIRTH_DATE,CARD,CODE_WORDS,CONTENT_FILTERED,CONTROL_CHARACTER,CUSTOMER_NAME,CUSTOMER_UNKNOWN,DISGUISED_WORD,EMAIL,ENCODED,HANDLE,HIDDEN,IBAN,IP,LINK,LOOK_ALIKES,MACHINE_WORDS,MARKUP,MODEL_REFUSED,MORSE,NAME,NATIONAL_ID,NOT_JSON,NUMBER,NUMBER_WORDS,OTHER_NAME,PERCENTAGE,PERCENT_WORDS,PHONE,PLATE,PROMO_CODE,SCHEMA,SPELLED,SPELT_ADDRESS,UNSPEAKABLE,URL}', ''),
('nlp_agent', 'GUARD_REJECTED', 'purpose', 'word', '{feedback_analysis}', ''),
('nlp_agent', 'LLM_CALL_END', '', 'type', '{}', ''),
('nlp_agent', 'LLM_CALL_END', 'egress_id', 'uuid', '{}', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
('nlp_agent', 'LLM_CALL_END', 'latency_ms', 'count', '{}', ''),
('nlp_agent', 'LLM_CALL_END', 'outcome', 'word', '{answered,blocked,lost,refused,rejected,unavailable,unsent}', ''),
('nlp_agent', 'LLM_CALL_END', 'reason', 'word', '{Connection,Deadline,Dns,Proxy,Refused,Reset,Status,TimedOut,Tls,Unreadable,billing_not_active,blocked_api_access,every_call_refused,insufficient_quota,invalid_api_key,model_blocked,model_decommissioned,model_not_found,model_terms_required,no_json_schema,not_an_api,organization_restricted,permission_denied,proxy_refused,wrong_address}', ''),
('nlp_agent', 'LLM_CALL_END', 'tokens_in', 'count', '{}', ''),
('nlp_agent', 'LLM_CALL_END', 'tokens_out', 'count', '{}', ''),
('nlp_agent', 'LLM_CALL_START', '', 'type', '{}', ''),
('nlp_agent', 'LLM_CALL_START', 'attempt', 'count', '{}', ''),
('nlp_agent', 'LLM_CALL_START', 'egress_id', 'uuid', '{}', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
('nlp_agent', 'LLM_CALL_START', 'model', 'version', '{}', '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$'),
('nlp_agent', 'LLM_CALL_START', 'prompt_sha256', 'sha256', '{}', '^[0-9a-f]{64}$'),
('nlp_agent', 'LLM_CALL_START', 'prompt_version', 'text', '{}', '^(analysis|action)-[0-9]{1,3}$'),
('nlp_agent', 'LLM_CALL_START', 'purpose', 'word', '{feedback_analysis}', ''),
('nlp_agent', 'PSEUDONYMISATION', '', 'type', '{}', ''),
('nlp_agent', 'PSEUDONYMISATION', 'feedback_count', 'count', '{}', ''),
('nlp_agent', 'PSEUDONYMISATION', 'replaced', 'counts', '{ACCOUNT_NUMBER,ADDRESS,ADDRESS_WORDS,AMOUNT,AMOUNT_WORDS,BIRTH_DATE,CARD,CODE_WORDS,CONTENT_FILTERED,CONTROL_CHARACTER,CUSTOMER_NAME,CUSTOMER_UNKNOWN,DISGUISED_WORD,EMAIL,ENCODED,HANDLE,HIDDEN,IBAN,IP,LINK,LOOK_ALIKES,MACHINE_WORDS,MARKUP,MODEL_REFUSED,MORSE,NAME,NATIONAL_ID,NOT_JSON,NUMBER,NUMBER_WORDS,OTHER_NAME,PERCENTAGE,PERCENT_WORDS,PHONE,PLATE,PROMO_CODE,SCHEMA,SPELLED,SPELT_ADDRESS,UNSPEAKABLE,URL}', ''),
('nlp_agent', 'RECIPIENT_REFUSED', '', 'type', '{}', ''),
('nlp_agent', 'RECIPIENT_REFUSED', 'batch_no', 'count', '{}', ''),
('nlp_agent', 'RECIPIENT_REFUSED', 'other_address', 'flag', '{}', ''),
('nlp_agent', 'RECIPIENT_REFUSED', 'other_model', 'flag', '{}', ''),
('nlp_agent', 'RECIPIENT_REFUSED', 'other_recipient', 'flag', '{}', ''),
('nlp_agent', 'STEP_ENDED', '', 'type', '{}', ''),
('nlp_agent', 'STEP_ENDED', 'outcome', 'word', '{failed,skipped,withdrawn}', ''),
('nlp_agent', 'STEP_ENDED', 'reason', 'word', '{AnalysisGivenUp,AnswerRejected,BatchFailed,BelowBreakEven,ConsentWithdrawn,ContactPolicy,EgressBlocked,HeldOut,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction}', ''),
('nlp_agent', 'STEP_ENDED', 'step', 'word', '{analyse}', ''),
('owner', 'CONSENT_RECORDED', '', 'type', '{}', ''),
('owner', 'CONSENT_RECORDED', 'consent_id', 'id', '{}', ''),
('owner', 'CONSENT_RECORDED', 'granted', 'flag', '{}', ''),
('owner', 'CONSENT_RECORDED', 'policy_version', 'version', '{}', '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$'),
('owner', 'CONSENT_RECORDED', 'purpose', 'word', '{feedback_analysis,profiling,retention_offers}', ''),
('owner', 'DERIVED_DATA_ERASED', '', 'type', '{}', ''),
('owner', 'DERIVED_DATA_ERASED', 'purpose', 'word', '{feedback_analysis,profiling,retention_offers}', ''),
('owner', 'DERIVED_DATA_ERASED', 'step', 'word', '{analyse,decide,predict}', ''),
('owner', 'LLM_CALL_END', '', 'type', '{}', ''),
('owner', 'LLM_CALL_END', 'egress_id', 'uuid', '{}', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
('owner', 'LLM_CALL_END', 'latency_ms', 'count', '{}', ''),
('owner', 'LLM_CALL_END', 'outcome', 'word', '{answered,blocked,lost,refused,rejected,unavailable,unsent}', ''),
('owner', 'LLM_CALL_END', 'reason', 'word', '{Connection,Deadline,Dns,Proxy,Refused,Reset,Status,TimedOut,Tls,Unreadable,billing_not_active,blocked_api_access,every_call_refused,insufficient_quota,invalid_api_key,model_blocked,model_decommissioned,model_not_found,model_terms_required,no_json_schema,not_an_api,organization_restricted,permission_denied,proxy_refused,wrong_address}', ''),
('owner', 'LLM_CALL_END', 'tokens_in', 'count', '{}', ''),
('owner', 'LLM_CALL_END', 'tokens_out', 'count', '{}', ''),
('owner', 'MODEL_APPROVED', '', 'type', '{}', ''),
('owner', 'MODEL_APPROVED', 'better_than_base_rate', 'flag', '{}', ''),
('owner', 'MODEL_APPROVED', 'contract', 'version', '{}', '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$'),
('owner', 'MODEL_APPROVED', 'model_version', 'version', '{}', '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$'),
('owner', 'MODEL_APPROVED', 'scorer_sha256', 'sha256', '{}', '^[0-9a-f]{64}$'),
('owner', 'MODEL_RETIRED', '', 'type', '{}', ''),
('owner', 'MODEL_RETIRED', 'contract', 'version', '{}', '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$'),
('owner', 'MODEL_RETIRED', 'model_version', 'version', '{}', '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$'),
('owner', 'PERSON_CHANGED', '', 'type', '{}', ''),
('owner', 'PERSON_CHANGED', 'active', 'flag', '{}', ''),
('owner', 'PERSON_CHANGED', 'duty', 'word', '{officer,operator,reviewer,second_reviewer}', ''),
('owner', 'PERSON_CHANGED', 'person_id', 'uuid', '{}', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
('planner', 'RUN_FINISHED', '', 'type', '{}', ''),
('planner', 'RUN_FINISHED', 'analyse', 'counts', '{AnalysisGivenUp,AnswerRejected,BatchFailed,BelowBreakEven,ConsentWithdrawn,ContactPolicy,EgressBlocked,HeldOut,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction}', ''),
('planner', 'RUN_FINISHED', 'counts', 'counts', '{action_failed,action_withdrawn,actions,analysed,analysis_failed,failed,planned,predicted,prediction_failed,prediction_withdrawn,without_consent,without_feedback,without_lost_analysis}', ''),
('planner', 'RUN_FINISHED', 'decide', 'counts', '{AnalysisGivenUp,AnswerRejected,BatchFailed,BelowBreakEven,ConsentWithdrawn,ContactPolicy,EgressBlocked,HeldOut,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction}', ''),
('planner', 'RUN_FINISHED', 'predict', 'counts', '{AnalysisGivenUp,AnswerRejected,BatchFailed,BelowBreakEven,ConsentWithdrawn,ContactPolicy,EgressBlocked,HeldOut,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction}', ''),
('planner', 'RUN_FINISHED', 'status', 'word', '{failed,partial,succeeded}', ''),
('planner', 'RUN_PLANNED', '', 'type', '{}', ''),
('planner', 'RUN_PLANNED', 'action_prompt', 'text', '{}', '^(analysis|action)-[0-9]{1,3}$'),
('planner', 'RUN_PLANNED', 'address', 'text', '{}', '^https?://[A-Za-z0-9._:%\[\]-]{1,255}(/[A-Za-z0-9._~%-]+)*$'),
('planner', 'RUN_PLANNED', 'analysis_prompt', 'text', '{}', '^(analysis|action)-[0-9]{1,3}$'),
('planner', 'RUN_PLANNED', 'batches', 'count', '{}', ''),
('planner', 'RUN_PLANNED', 'campaign', 'text', '{}', '^[a-z][a-z-]{0,30}[a-z0-9-]{0,4}$'),
('planner', 'RUN_PLANNED', 'contract', 'version', '{}', '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$'),
('planner', 'RUN_PLANNED', 'left_out_without_profiling_consent', 'count', '{}', ''),
('planner', 'RUN_PLANNED', 'llm_model', 'version', '{}', '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$'),
('planner', 'RUN_PLANNED', 'model_version', 'version', '{}', '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$'),
('planner', 'RUN_PLANNED', 'most_lost_analyses', 'share', '{}', ''),
('planner', 'RUN_PLANNED', 'planned', 'count', '{}', ''),
('planner', 'RUN_PLANNED', 'recipient', 'text', '{}', '^((local rules|model) on this machine|[A-Za-z0-9][A-Za-z0-9.:_%-]{0,252})$'),
('planner', 'RUN_PLANNED', 'redrives', 'text', '{}', '^[A-Za-z0-9_-]{1,80}$'),
('planner', 'RUN_PLANNED', 'scorer_sha256', 'sha256', '{}', '^[0-9a-f]{64}$'),
('planner', 'STEP_ENDED', '', 'type', '{}', ''),
('planner', 'STEP_ENDED', 'outcome', 'word', '{failed,skipped,withdrawn}', ''),
('planner', 'STEP_ENDED', 'reason', 'word', '{AnalysisGivenUp,AnswerRejected,BatchFailed,BelowBreakEven,ConsentWithdrawn,ContactPolicy,EgressBlocked,HeldOut,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction}', ''),
('planner', 'STEP_ENDED', 'step', 'word', '{analyse,decide,predict}', ''),
('prediction_agent', 'BATCH_END', '', 'type', '{}', ''),
('prediction_agent', 'BATCH_END', 'batch_no', 'count', '{}', ''),
('prediction_agent', 'BATCH_END', 'outcomes', 'counts', '{AnalysisGivenUp,AnswerRejected,BatchFailed,BelowBreakEven,ConsentWithdrawn,ContactPolicy,EgressBlocked,HeldOut,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction,done,failed,skipped,withdrawn}', ''),
('prediction_agent', 'BATCH_END', 'remaining', 'count', '{}', ''),
('prediction_agent', 'BATCH_START', '', 'type', '{}', ''),
('prediction_agent', 'BATCH_START', 'batch_no', 'count', '{}', ''),
('prediction_agent', 'BATCH_START', 'customers', 'count', '{}', ''),
('prediction_agent', 'CONSENT_CHECK', '', 'type', '{}', ''),
('prediction_agent', 'CONSENT_CHECK', 'consent_id', 'id or null', '{}', ''),
('prediction_agent', 'CONSENT_CHECK', 'purpose', 'word', '{profiling}', ''),
('prediction_agent', 'MODEL_LOADED', '', 'type', '{}', ''),
('prediction_agent', 'MODEL_LOADED', 'model_version', 'version', '{}', '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$'),
('prediction_agent', 'MODEL_LOADED', 'scorer_sha256', 'sha256', '{}', '^[0-9a-f]{64}$'),
('prediction_agent', 'PREDICTION_SAVED', '', 'type', '{}', ''),
('prediction_agent', 'PREDICTION_SAVED', 'analysis_lost', 'flag', '{}', ''),
('prediction_agent', 'PREDICTION_SAVED', 'model_version', 'version', '{}', '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$'),
('prediction_agent', 'PREDICTION_SAVED', 'with_sentiment', 'flag', '{}', ''),
('prediction_agent', 'STEP_ENDED', '', 'type', '{}', ''),
('prediction_agent', 'STEP_ENDED', 'outcome', 'word', '{failed,skipped,withdrawn}', ''),
('prediction_agent', 'STEP_ENDED', 'reason', 'word', '{AnalysisGivenUp,AnswerRejected,BatchFailed,BelowBreakEven,ConsentWithdrawn,ContactPolicy,EgressBlocked,HeldOut,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction}', ''),
('prediction_agent', 'STEP_ENDED', 'step', 'word', '{predict}', '');

-- As before, and: a run says its campaign, and who is named for a duty is a person.
CREATE OR REPLACE FUNCTION check_events() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    wrong record;
BEGIN
    SELECT count(*) AS details, bool_or(d.value IS NULL) AS of_type INTO wrong
    FROM inserted i
    CROSS JOIN LATERAL (SELECT '' AS key, NULL::jsonb AS value UNION ALL SELECT * FROM jsonb_each(i.details)) d
    LEFT JOIN LATERAL (
        SELECT * FROM public.audit_rules
        WHERE writer = session_user::text AND event_type = i.event_type AND detail = d.key LIMIT 1
    ) r ON true
    WHERE CASE r.kind
        WHEN 'type' THEN d.value IS NULL
        WHEN 'word' THEN jsonb_typeof(d.value) = 'string' AND d.value #>> '{}' = ANY (r.words)
        WHEN 'uuid' THEN CASE WHEN jsonb_typeof(d.value) = 'string' AND pg_input_is_valid(d.value #>> '{}', 'uuid')
            THEN (d.value #>> '{}')::uuid::text = d.value #>> '{}' END
        WHEN 'sha256' THEN jsonb_typeof(d.value) = 'string' AND length(d.value #>> '{}') = 64
            AND translate(d.value #>> '{}', '0123456789abcdef', '') = ''
        WHEN 'version' THEN jsonb_typeof(d.value) = 'string' AND length(d.value #>> '{}') BETWEEN 1 AND 100
            AND translate(lower(d.value #>> '{}'), 'abcdefghijklmnopqrstuvwxyz0123456789._:/-', '') = ''
        WHEN 'text' THEN jsonb_typeof(d.value) = 'string' AND d.value #>> '{}' ~ r.pattern
        WHEN 'flag' THEN jsonb_typeof(d.value) = 'boolean'
        WHEN 'counts' THEN CASE WHEN jsonb_typeof(d.value) = 'object' THEN NOT EXISTS (
            SELECT FROM jsonb_each(d.value) e
            WHERE NOT e.key = ANY (r.words) OR CASE WHEN jsonb_typeof(e.value) = 'number'
                THEN e.value::numeric NOT BETWEEN 0 AND 10000000 OR scale(e.value::numeric) > 0 ELSE true END) END
        WHEN 'share' THEN CASE WHEN jsonb_typeof(d.value) = 'number' THEN d.value::numeric BETWEEN 0 AND 1 END
        WHEN 'count' THEN CASE WHEN jsonb_typeof(d.value) = 'number'
            THEN d.value::numeric BETWEEN 0 AND 10000000 AND scale(d.value::numeric) = 0 END
        ELSE r.kind IN ('id', 'id or null') AND CASE jsonb_typeof(d.value)
            WHEN 'number' THEN d.value::numeric BETWEEN 0 AND 9223372036854775807 AND scale(d.value::numeric) = 0
            ELSE d.value = 'null' AND r.kind = 'id or null' END
    END IS NOT TRUE;
    IF wrong.details > 0 THEN
        RAISE EXCEPTION 'event refused: % %', session_user, CASE
            WHEN wrong.of_type THEN 'does not write this type of event' ELSE 'writes a detail that breaks its rule' END
            USING ERRCODE = 'VG005', HINT = 'vigie/events.py says who writes what.';
    END IF;

    -- What names a record says what the record says.
    SELECT event_type INTO wrong FROM (
        SELECT 'an event' AS event_type FROM (SELECT DISTINCT run_id FROM inserted WHERE run_id IS NOT NULL) named
        WHERE NOT EXISTS (SELECT FROM public.runs r WHERE r.run_id = named.run_id)
        UNION ALL
        SELECT i.event_type
        FROM inserted i LEFT JOIN LATERAL (
            SELECT * FROM public.runs WHERE run_id = i.run_id LIMIT 1) r ON true
        WHERE i.event_type IN ('RUN_PLANNED', 'RUN_FINISHED', 'RUN_RECONCILED', 'MODEL_LOADED', 'PREDICTION_SAVED')
          AND (i.event_type <> 'RUN_RECONCILED' AND NOT i.details - '{left_out_without_profiling_consent,redrives,with_sentiment,analysis_lost}'::text[]
              <@ (jsonb_strip_nulls(jsonb_build_object(
                  'planned', r.planned, 'batches', r.batches, 'contract', r.contract, 'model_version', r.model_version,
                  'scorer_sha256', r.scorer_sha256, 'most_lost_analyses', r.most_lost_analyses,
                  'analysis_prompt', r.prompt_versions -> 'analysis', 'action_prompt', r.prompt_versions -> 'action',
                  'recipient', r.llm_recipient, 'address', r.llm_address, 'llm_model', r.llm_model,
                  'status', r.status, 'counts', r.counts, 'campaign', r.campaign_id)) || coalesce(r.reasons, '{}'))
           OR i.event_type = 'RUN_RECONCILED'
              AND greatest((i.details ->> 'events')::numeric, (i.details ->> 'gaps')::numeric)
                  > 100 * (coalesce(r.planned, 0) + 100)
           OR i.details ? 'redrives' AND NOT EXISTS (
              SELECT FROM public.redrives d WHERE d.redriven_as = i.run_id AND d.run_id = i.details ->> 'redrives'))
        UNION ALL
        SELECT i.event_type
        FROM inserted i LEFT JOIN LATERAL (
            SELECT * FROM public.consents WHERE consent_id = (i.details ->> 'consent_id')::bigint LIMIT 1) c ON true
        WHERE i.event_type IN ('CONSENT_CHECK', 'CONSENT_RECORDED') AND CASE
            WHEN i.details ->> 'consent_id' IS NULL THEN i.event_type = 'CONSENT_CHECK' AND i.status = 'refused'
            ELSE c.customer_id = i.customer_id AND i.status = 'ok' AND (c.granted OR i.event_type <> 'CONSENT_CHECK')
                 AND i.details - 'consent_id' <@ jsonb_build_object(
                     'purpose', c.purpose, 'granted', c.granted, 'policy_version', c.policy_version)
            END IS NOT TRUE
        UNION ALL
        SELECT i.event_type
        FROM inserted i
        LEFT JOIN LATERAL (
            SELECT * FROM public.egress_ledger WHERE egress_id = (i.details ->> 'egress_id')::uuid LIMIT 1) l ON true
        LEFT JOIN LATERAL (
            SELECT * FROM public.runs WHERE run_id = i.run_id LIMIT 1) r ON true
        WHERE (i.details ? 'egress_id' OR i.event_type IN ('LLM_CALL_START', 'LLM_CALL_END'))
          AND ((l.run_id, l.customer_id) = (i.run_id, i.customer_id)
               AND (l.agent = i.agent
                    OR (i.agent, i.event_type, i.details ->> 'outcome', l.outcome)
                       = ('owner', 'LLM_CALL_END', 'unsent', 'unsent'))  -- closed by a withdrawal
               AND (i.event_type <> 'LLM_CALL_START' OR i.details - 'egress_id' <@ jsonb_build_object(
                   'purpose', l.purpose, 'attempt', l.attempt, 'prompt_sha256', l.prompt_sha256,
                   'model', coalesce(r.llm_model, l.model), 'prompt_version', r.prompt_versions ->
                       CASE l.purpose WHEN 'feedback_analysis' THEN 'analysis' ELSE 'action' END))
              ) IS NOT TRUE
        UNION ALL
        SELECT i.event_type
        FROM inserted i LEFT JOIN LATERAL (
            SELECT * FROM public.audit_checkpoint WHERE tree_size = (i.details ->> 'tree_size')::bigint LIMIT 1) c ON true
        WHERE i.event_type = 'CHECKPOINT_SIGNED'
          AND (c.tree_size IS NOT NULL
               AND i.details - 'tree_size' <@ jsonb_build_object('root_hash', encode(c.root_hash, 'hex'))) IS NOT TRUE
        UNION ALL
        SELECT i.event_type
        FROM inserted i LEFT JOIN LATERAL (
            SELECT * FROM public.model_registry WHERE version = i.details ->> 'model_version' LIMIT 1) m ON true
        WHERE i.event_type IN ('MODEL_APPROVED', 'MODEL_RETIRED')
          AND (m.version IS NOT NULL
               AND i.details - '{model_version,better_than_base_rate}'::text[] <@ jsonb_build_object(
                   'contract', m.contract, 'scorer_sha256', m.scorer_sha256)) IS NOT TRUE
        UNION ALL
        SELECT i.event_type FROM inserted i
        WHERE i.details ? 'person_id' AND NOT EXISTS (
            SELECT FROM public.people p WHERE p.person_id = (i.details ->> 'person_id')::uuid)
        UNION ALL
        SELECT i.event_type FROM inserted i
        WHERE i.details ? 'body_sha256' AND NOT EXISTS (
            SELECT FROM public.dead_letters d WHERE d.body_sha256 = i.details ->> 'body_sha256')
    ) differing LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'event refused: % does not say what its records say', wrong.event_type
            USING ERRCODE = 'VG005', HINT = 'Store what an event reports before the event.';
    END IF;
    RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION name_person, load_catalogue, missing_features, campaign_terms, require_terms, open_campaign,
    share_held_out, move_arms, change_campaign, close_campaign, holdout_key, keep_campaigns, campaign_is_sealed,
    require_campaign, holdout_draws, holdout_arms, refuse_held_out, refuse_held_out_proposal, require_catalogue_price,
    arbitration_facts, campaign_gaps, to_allocate, allocate_run FROM PUBLIC;
GRANT EXECUTE ON FUNCTION name_person, load_catalogue, open_campaign, change_campaign, close_campaign, campaign_is_sealed
    TO operator;
GRANT EXECUTE ON FUNCTION holdout_key TO operator, officer, dashboard;
GRANT EXECUTE ON FUNCTION campaign_is_sealed, campaign_gaps, to_allocate, allocate_run TO planner;
GRANT EXECUTE ON FUNCTION holdout_arms, arbitration_facts TO action_agent;
GRANT SELECT ON campaigns TO planner, action_agent;
GRANT SELECT ON catalogue_offers TO action_agent;
GRANT SELECT (version, policy) ON catalogues TO action_agent;
GRANT INSERT ON arbitrations TO action_agent;

-- Every function of ours finds its names where it was written, whatever the caller's session says.
DO $$
DECLARE
    ours regprocedure;
BEGIN
    FOR ours IN SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', ours);
    END LOOP;
END $$;
