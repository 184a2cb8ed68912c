-- What came of a campaign's customers: recorded by an operator, all rows or none, and added up by segment, arm and offer.
-- depends: 0028_objections

-- The rows of a delivery as the types they must have, null where a value has another, and what is wrong with each.
CREATE FUNCTION read_outcomes(campaign text, rows jsonb)
RETURNS TABLE (row_no bigint, customer_id uuid, outcome text, accepted boolean, occurred_on date,
               field text, found text, remedy text)
LANGUAGE sql STABLE AS $$
    WITH given AS MATERIALIZED (
        SELECT CASE WHEN e ->> 'row' ~ '^[0-9]{1,9}$' THEN (e ->> 'row')::bigint ELSE place END AS row_no, e,
               CASE WHEN pg_input_is_valid(e ->> 'customer_id', 'uuid') THEN (e ->> 'customer_id')::uuid END AS customer_id,
               CASE WHEN e ->> 'occurred_on' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' AND pg_input_is_valid(e ->> 'occurred_on', 'date')
                    THEN (e ->> 'occurred_on')::date END AS occurred_on,
               CASE WHEN jsonb_typeof(e -> 'accepted') = 'boolean' THEN (e ->> 'accepted')::boolean END AS accepted
        FROM jsonb_array_elements(rows) WITH ORDINALITY AS r (e, place)
    ), handed AS MATERIALIZED (
        SELECT p.customer_id, min((h.handed_at AT TIME ZONE 'UTC')::date) AS handed_on
        FROM public.proposals p
        JOIN public.handed_over o USING (proposal_id)
        JOIN public.hand_overs h USING (hand_over_id)
        WHERE p.campaign_id = campaign
        GROUP BY p.customer_id
    )
    SELECT g.row_no, g.customer_id, g.e ->> 'outcome', g.accepted, g.occurred_on, fault.field, fault.found, fault.remedy
    FROM given g
    JOIN public.campaigns c ON c.campaign_id = campaign
    LEFT JOIN public.campaign_members m ON m.campaign_id = campaign AND m.customer_id = g.customer_id
    LEFT JOIN handed h ON h.customer_id = g.customer_id
    LEFT JOIN LATERAL (
        SELECT * FROM (VALUES
            (1, m.customer_id IS NULL AND NOT EXISTS (SELECT FROM public.customers k WHERE k.customer_id = g.customer_id),
             'customer_id', g.e ->> 'customer_id', 'is no customer''s id; correct it, or load the customer first'),
            (2, m.customer_id IS NULL, 'customer_id', g.e ->> 'customer_id',
             'is no customer of campaign ' || campaign || '; leave the row out, or name the right campaign'),
            (3, (g.e ->> 'outcome' IN ('stayed', 'left')) IS NOT TRUE, 'outcome', g.e ->> 'outcome', 'write stayed or left'),
            (4, g.occurred_on IS NULL, 'occurred_on', g.e ->> 'occurred_on', 'is not a date; write YYYY-MM-DD'),
            (5, g.occurred_on > (clock_timestamp() AT TIME ZONE 'UTC')::date, 'occurred_on', g.e ->> 'occurred_on',
             'lies in the future; record what has happened'),
            (6, g.occurred_on < c.starts_on, 'occurred_on', g.e ->> 'occurred_on',
             'is before the campaign''s start on ' || c.starts_on || '; correct the date'),
            (7, g.occurred_on < h.handed_on, 'occurred_on', g.e ->> 'occurred_on',
             'is before the action was handed over on ' || h.handed_on || '; correct the date, or, if they had left by then,'
             || ' give the day on which that was found'),
            (8, g.accepted IS NULL AND jsonb_typeof(g.e -> 'accepted') <> 'null', 'accepted', g.e ->> 'accepted',
             'write true or false, or leave it out'),
            (9, g.accepted IS NOT NULL AND h.customer_id IS NULL, 'accepted', g.e ->> 'accepted',
             'nothing was offered to this customer; leave it out'),
            (10, EXISTS (SELECT FROM jsonb_object_keys(g.e) AS k
                         WHERE k NOT IN ('row', 'customer_id', 'outcome', 'accepted', 'occurred_on')),
             (SELECT min(k) FROM jsonb_object_keys(g.e) AS k
              WHERE k NOT IN ('row', 'customer_id', 'outcome', 'accepted', 'occurred_on')), NULL, 'is no field of an outcome')
        ) AS tried (place, is_wrong, field, found, remedy)
        WHERE is_wrong ORDER BY place LIMIT 1
    ) AS fault ON true
$$;
COMMENT ON FUNCTION read_outcomes IS 'Rows of record_outcomes with the first fault of each: field, what was found, remedy';

-- Rows are [{"row": 2, "customer_id": "…", "outcome": "stayed", "accepted": true, "occurred_on": "2026-12-01"}, …]; `row`
-- is what a refusal names, and `accepted` may be left out. An outcome that is there already is corrected.
CREATE FUNCTION record_outcomes(who text, campaign text, rows jsonb) RETURNS TABLE (recorded int, corrected int)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    fault record;
BEGIN
    PERFORM public.require_person(who, 'operator');
    PERFORM FROM public.campaigns c WHERE c.campaign_id = campaign FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'campaign: % is no campaign', coalesce(campaign, 'nothing')
            USING ERRCODE = 'VG009', HINT = 'Name a campaign as it was opened: vigie campaigns.';
    END IF;
    IF jsonb_typeof(rows) IS DISTINCT FROM 'array' OR jsonb_path_exists(rows, 'strict $[*] ? (@.type() != "object")') THEN
        RAISE EXCEPTION 'rows: is no list of outcomes'
            USING ERRCODE = 'VG009', HINT = 'Give [{"customer_id", "outcome", "accepted", "occurred_on"}, ...].';
    END IF;

    SELECT f.row_no, f.field, f.found, f.remedy INTO fault
    FROM (
        SELECT r.row_no, r.field, r.found, r.remedy FROM public.read_outcomes(campaign, rows) r
        UNION ALL
        SELECT max(r.row_no), 'customer_id', r.customer_id::text, 'stands in two rows; keep one'
        FROM public.read_outcomes(campaign, rows) r GROUP BY r.customer_id HAVING count(*) > 1
    ) f
    WHERE f.field IS NOT NULL ORDER BY f.row_no LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'row %, %: % %', fault.row_no, fault.field, coalesce(fault.found, '(nothing)'), fault.remedy
            USING ERRCODE = 'VG009', HINT = 'Nothing was recorded: correct the row and load the file again.';
    END IF;

    WITH written AS (
        INSERT INTO public.outcomes AS o (campaign_id, customer_id, outcome, accepted, occurred_on)
        SELECT campaign, r.customer_id, r.outcome, r.accepted, r.occurred_on
        FROM public.read_outcomes(campaign, rows) r ORDER BY r.customer_id
        ON CONFLICT (campaign_id, customer_id) DO UPDATE
        SET outcome = EXCLUDED.outcome, accepted = EXCLUDED.accepted, occurred_on = EXCLUDED.occurred_on,
            recorded_at = clock_timestamp()
        WHERE (o.outcome, o.accepted, o.occurred_on)
              IS DISTINCT FROM (EXCLUDED.outcome, EXCLUDED.accepted, EXCLUDED.occurred_on)
        RETURNING old.campaign_id IS NULL AS is_new
    )
    SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) INTO recorded, corrected FROM written;
    IF recorded + corrected > 0 THEN
        INSERT INTO public.audit_log (event_id, occurred_at, agent, event_type, status, details)
        SELECT uuidv7(), clock_timestamp(), session_user, 'OUTCOMES_RECORDED', 'ok',
               jsonb_build_object('campaign', campaign, 'person_id', p.person_id, 'recorded', recorded, 'corrected', corrected)
        FROM public.people p WHERE p.person = who;
    END IF;
    RETURN NEXT;
END $$;

-- What layers/common/vigie/lift.py measures with. The offer is the one that arbitration put first when it first looked, in
-- both arms alike: the held-out are compared with those who were meant to have the same. What depends on an outcome (risk,
-- hand-overs, money) counts customers who have one. Whose draw lies between an old and a new share is in no segment, so in
-- no comparison: in which arm they ended was no chance, as those who had been contacted stayed where they were.
CREATE FUNCTION arm_outcomes(campaign text)
RETURNS TABLE (segment text, arm text, offer_id text, members int, with_outcome int, churned int, accepted int,
               handed_over int, cost_eur numeric, at_risk double precision, at_risk_handed double precision,
               expected_saved double precision)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    WITH first_look AS (
        SELECT DISTINCT ON (a.customer_id) a.customer_id,
               CASE WHEN a.considered #>> '{0,verdict}' IN ('chosen', 'within_margin')
                    THEN a.considered #>> '{0,offer_id}' ELSE a.offer_id END AS offer_id
        FROM public.arbitrations a JOIN public.runs r USING (run_id)
        WHERE r.campaign_id = campaign
        ORDER BY a.customer_id, r.planned_at
    ), first_risk AS (
        SELECT DISTINCT ON (p.customer_id) p.customer_id, p.probability
        FROM public.predictions p JOIN public.runs r USING (run_id)
        WHERE r.campaign_id = campaign
        ORDER BY p.customer_id, r.planned_at
    ), handed AS (
        SELECT p.customer_id, sum(v.price_eur) FILTER (WHERE h.answer IS DISTINCT FROM 'failed') AS cost_eur,
               max(q.probability) AS probability, max(q.probability * o.save_rate) AS expected_saved
        FROM public.handed_over h
        JOIN public.proposals p USING (proposal_id)
        JOIN public.proposal_versions v USING (proposal_id, version)
        JOIN public.campaigns c USING (campaign_id)
        LEFT JOIN public.predictions q USING (run_id, customer_id)
        LEFT JOIN public.catalogue_offers o ON o.version = c.catalogue_version AND o.offer_id = v.offer_id
        WHERE p.campaign_id = campaign
        GROUP BY p.customer_id
    )
    SELECT CASE WHEN NOT m.kept_in AND m.moved_at IS NULL THEN m.segment END, CASE WHEN m.held_out THEN 'holdout' ELSE 'treatment' END, f.offer_id,
           count(*)::int, count(o.outcome)::int, count(*) FILTER (WHERE o.outcome = 'left')::int,
           count(*) FILTER (WHERE o.accepted)::int, count(h.customer_id) FILTER (WHERE o.outcome IS NOT NULL)::int,
           coalesce(sum(h.cost_eur) FILTER (WHERE o.outcome IS NOT NULL), 0),
           coalesce(sum(k.probability) FILTER (WHERE o.outcome IS NOT NULL), 0),
           coalesce(sum(h.probability) FILTER (WHERE o.outcome IS NOT NULL), 0),
           coalesce(sum(h.expected_saved) FILTER (WHERE o.outcome IS NOT NULL), 0)
    FROM public.campaign_members m
    LEFT JOIN public.outcomes o USING (campaign_id, customer_id)
    LEFT JOIN first_look f USING (customer_id)
    LEFT JOIN first_risk k USING (customer_id)
    LEFT JOIN handed h USING (customer_id)
    WHERE m.campaign_id = campaign
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
$$;

REVOKE EXECUTE ON FUNCTION read_outcomes, record_outcomes, arm_outcomes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_outcomes TO operator;
GRANT EXECUTE ON FUNCTION arm_outcomes TO operator, dashboard;

-- Every function of ours finds its names where it was written, whatever the caller's session says.
DO $$
DECLARE
    ours regprocedure;
BEGIN
    FOR ours IN SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', ours);
    END LOOP;
END $$;
