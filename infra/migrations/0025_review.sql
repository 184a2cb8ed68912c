-- People decide on proposals, bound to the bytes that they saw. No role writes these tables: each change is one of the
-- functions below, which look at who asks, in what state the proposal is and what it costs.
-- tests/attacks/test_review.py tries to get round each of them with the role's password.
-- Locks are taken in one order everywhere: customer, campaign, proposal. The customer's is what a withdrawal takes.
-- depends: 0024_catalogue_and_campaigns

CREATE INDEX decisions_by_bulk ON decisions (bulk_id) WHERE bulk_id IS NOT NULL;

-- What was spent stays spent when a withdrawal erases the price: as a sum, of nobody.
CREATE TABLE spent_on_withdrawn (
    campaign_id text NOT NULL REFERENCES campaigns,
    budget_line text NOT NULL DEFAULT '',
    spent_eur   numeric(12, 2) NOT NULL,
    PRIMARY KEY (campaign_id, budget_line)
);
COMMENT ON TABLE spent_on_withdrawn IS 'Prices of what was handed over to customers who withdrew a consent afterwards';

-- What the triggers below note of a proposal, so that neither a queue nor a budget reads every decision ever made. What
-- counts is what proposal_marks finds; test_review.py compares the two.
ALTER TABLE proposals
    ADD COLUMN stage       text NOT NULL DEFAULT 'open' CHECK (stage IN (
        'open', 'awaiting_second', 'approved', 'rejected', 'superseded', 'withdrawn', 'handed_over', 'objected')),
    ADD COLUMN bound_eur   numeric(8, 2),
    ADD COLUMN bound_line  text,
    ADD COLUMN bound_until timestamptz;
COMMENT ON COLUMN proposals.stage IS 'Its state but for the time: whether it expired is seen when it is asked for';
COMMENT ON COLUMN proposals.bound_eur IS 'What it binds of the budget until bound_until; null: nothing';
CREATE INDEX proposals_by_stage ON proposals (campaign_id, stage, expected_value_eur DESC);
CREATE INDEX proposals_bound ON proposals (campaign_id, bound_until) INCLUDE (bound_line, bound_eur)
    WHERE bound_eur IS NOT NULL;

-- Every proposal with its current version and what people's decisions on it come to. A decision counts when it names the
-- current version's hash, is its person's newest, and is not older than an objection that opens the case again.
CREATE VIEW proposal_marks AS
SELECT p.proposal_id, p.campaign_id, p.run_id, p.customer_id, p.recipient_ref, p.expected_value_eur, p.proposed_at,
       p.expires_at, v.version, v.content_sha256, v.offer_id, v.channel, v.language, v.message, v.price_eur, v.wording,
       w.edited_by, w.editors, g.second_reasons, o.offer_line, j.contested_at, d.first_approved_by, d.decided_by,
       e.person AS claimed_by, e.expires_at AS claim_expires_at,
       CASE
           WHEN p.withdrawn_at IS NOT NULL THEN 'withdrawn'
           WHEN j.contested THEN 'objected'
           WHEN h.proposal_id IS NOT NULL OR x.passed THEN 'handed_over'
           WHEN p.superseded_at IS NOT NULL THEN 'superseded'
           WHEN d.rejected THEN 'rejected'
           WHEN d.first_approved_by IS NULL THEN 'open'
           WHEN g.second_reasons = '{}' OR d.second_approved THEN 'approved'
           ELSE 'awaiting_second'
       END AS now_stage,
       -- What a contested proposal comes to anew: false as long as another person still has to decide.
       d.rejected OR d.first_approved_by IS NOT NULL AND (g.second_reasons = '{}' OR d.second_approved) AS is_decided,
       CASE
           WHEN p.withdrawn_at IS NOT NULL THEN NULL
           WHEN h.proposal_id IS NOT NULL THEN 'infinity'
           WHEN d.ever_approved AND NOT d.ever_rejected AND p.superseded_at IS NULL THEN p.expires_at
       END AS binds_until
FROM public.proposals p
JOIN public.campaigns k USING (campaign_id)
JOIN LATERAL (
    SELECT * FROM public.proposal_versions WHERE proposal_id = p.proposal_id ORDER BY version DESC LIMIT 1
) v ON true
LEFT JOIN LATERAL (
    SELECT array_agg(author) AS editors, (array_agg(author ORDER BY version DESC))[1] AS edited_by
    FROM public.proposal_versions WHERE v.version > 1 AND proposal_id = p.proposal_id AND wording = 'edited'
) w ON true
LEFT JOIN LATERAL (
    SELECT budget_line AS offer_line, second_approval FROM public.catalogue_offers
    WHERE version = k.catalogue_version AND offer_id = v.offer_id
) o ON true
CROSS JOIN LATERAL (
    SELECT array_remove(ARRAY[
        CASE WHEN v.price_eur > k.second_above_eur THEN 'price' END,
        CASE WHEN o.second_approval THEN 'offer' END,
        CASE WHEN v.wording IN ('drafted', 'edited') THEN v.wording END
    ], NULL) AS second_reasons
) g
LEFT JOIN LATERAL (
    SELECT bool_or(answer IS NULL) AS contested, max(recorded_at) AS contested_at
    FROM public.objections WHERE proposal_id = p.proposal_id AND coalesce(answer, 'changed') = 'changed'
) j ON true
LEFT JOIN public.handed_over h ON h.proposal_id = p.proposal_id
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(decision = 'reject') FILTER (WHERE counts), false) AS rejected,
           coalesce(bool_or(decision = 'second_approve') FILTER (WHERE counts), false) AS second_approved,
           (array_agg(person ORDER BY decided_at) FILTER (WHERE counts AND decision = 'approve'))[1] AS first_approved_by,
           array_agg(person) FILTER (WHERE counts) AS decided_by,
           max(decided_at) FILTER (WHERE counts) AS decided_at,
           bool_or(decision = 'approve') AS ever_approved, bool_or(decision = 'reject') AS ever_rejected
    FROM (
        SELECT DISTINCT ON (person) person, decision, decided_at,
               decided_at > coalesce(j.contested_at, '-infinity') AS counts
        FROM public.decisions
        WHERE proposal_id = p.proposal_id AND version = v.version AND content_sha256 = v.content_sha256
        ORDER BY person, decided_at DESC
    ) newest WHERE decision <> 'undo'
) d
-- A planted proposal that was approved never leaves, and looks as if it had from the campaign's next hand-over on.
LEFT JOIN LATERAL (
    SELECT true AS passed FROM public.planted_proposals n JOIN public.hand_overs t ON t.campaign_id = p.campaign_id
    WHERE n.proposal_id = p.proposal_id AND NOT d.rejected AND d.first_approved_by IS NOT NULL
      AND (g.second_reasons = '{}' OR d.second_approved) AND t.handed_at BETWEEN d.decided_at AND p.expires_at LIMIT 1
) x ON true
LEFT JOIN public.review_claims e ON e.proposal_id = p.proposal_id AND e.expires_at > clock_timestamp();

CREATE VIEW proposal_states AS
SELECT proposal_id, campaign_id, run_id, customer_id, version, content_sha256,
       CASE WHEN now_stage IN ('open', 'awaiting_second', 'approved') AND expires_at <= clock_timestamp() THEN 'expired'
            ELSE now_stage END AS state,
       second_reasons <> '{}' AS needs_second, second_reasons, edited_by, first_approved_by, expected_value_eur,
       price_eur, offer_id, channel, language, wording, claimed_by, claim_expires_at, proposed_at, expires_at
FROM public.proposal_marks;
COMMENT ON VIEW proposal_states IS 'What each proposal is now: its current version, its state, and why it needs a second approval';

CREATE FUNCTION note_stage(proposal uuid) RETURNS void LANGUAGE sql VOLATILE AS $$
    UPDATE public.proposals p
    SET stage = m.now_stage, bound_until = m.binds_until,
        bound_eur = CASE WHEN m.binds_until IS NOT NULL THEN m.price_eur END,
        bound_line = CASE WHEN m.binds_until IS NOT NULL THEN m.offer_line END
    FROM public.proposal_marks m
    WHERE m.proposal_id = proposal AND p.proposal_id = proposal
$$;
CREATE FUNCTION note_stage() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM public.note_stage(NEW.proposal_id);
    RETURN NULL;
END $$;
CREATE TRIGGER note_stage AFTER INSERT ON decisions FOR EACH ROW EXECUTE FUNCTION note_stage();
CREATE TRIGGER note_stage AFTER INSERT ON handed_over FOR EACH ROW EXECUTE FUNCTION note_stage();
CREATE TRIGGER note_stage AFTER INSERT OR UPDATE ON objections FOR EACH ROW EXECUTE FUNCTION note_stage();
CREATE TRIGGER note_stage AFTER INSERT ON proposal_versions
    FOR EACH ROW WHEN (NEW.version > 1) EXECUTE FUNCTION note_stage();

-- What changes the proposal's own row is noted in the same write.
CREATE FUNCTION note_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.withdrawn_at IS NOT NULL THEN
        NEW.stage := 'withdrawn';
    ELSIF NEW.superseded_at IS NOT NULL AND NEW.stage IN ('open', 'awaiting_second', 'approved', 'rejected') THEN
        NEW.stage := 'superseded';
    END IF;
    IF NEW.stage IN ('withdrawn', 'superseded') THEN
        NEW.bound_eur := NULL; NEW.bound_line := NULL; NEW.bound_until := NULL;
    ELSIF NEW.bound_until < 'infinity' THEN
        NEW.bound_until := NEW.expires_at;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER note_end BEFORE UPDATE OF withdrawn_at, superseded_at, expires_at ON proposals
    FOR EACH ROW EXECUTE FUNCTION note_end();

-- What of a campaign's budget is bound, by line: what was approved, once or twice, and what was handed over. A planted
-- proposal that was approved counts like any other: nothing that a reviewer sees tells them apart.
CREATE FUNCTION committed(campaign text) RETURNS TABLE (budget_line text, eur numeric) LANGUAGE sql STABLE
SECURITY DEFINER AS $$
    SELECT line, sum(eur) FROM (
        SELECT coalesce(bound_line, '') AS line, bound_eur AS eur FROM public.proposals
        WHERE campaign_id = campaign AND bound_eur IS NOT NULL AND bound_until > clock_timestamp()
        UNION ALL
        SELECT s.budget_line, s.spent_eur FROM public.spent_on_withdrawn s WHERE s.campaign_id = campaign
    ) bound GROUP BY line
$$;

CREATE FUNCTION budget_left(campaign text) RETURNS numeric LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT budget_eur - coalesce((SELECT sum(c.eur) FROM public.committed(campaign) c), 0)
    FROM public.campaigns WHERE campaign_id = campaign
$$;
COMMENT ON FUNCTION budget_left IS 'Euros of a campaign''s budget that no approval binds';

-- Refuses what overdraws a campaign or a line of its budget, after it was written. Only under the lock of the campaign's
-- row does the answer hold until the commit.
CREATE FUNCTION require_budget(campaign text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    over record;
BEGIN
    SELECT left_over.* INTO over FROM (
        WITH spent AS (SELECT * FROM public.committed(campaign))
        SELECT 'campaign ' || campaign AS what, k.budget_eur, k.budget_eur - (SELECT sum(eur) FROM spent) AS left_eur
        FROM public.campaigns k WHERE k.campaign_id = campaign
        UNION ALL
        SELECT 'line ' || s.budget_line, (k.budget_lines ->> s.budget_line)::numeric,
               (k.budget_lines ->> s.budget_line)::numeric - sum(s.eur)
        FROM public.campaigns k, spent s WHERE k.campaign_id = campaign AND k.budget_lines ? s.budget_line
        GROUP BY k.budget_lines, s.budget_line
    ) left_over WHERE left_eur < 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'over budget: % has % EUR, and this would take it to % EUR', over.what, over.budget_eur, over.left_eur
            USING ERRCODE = 'VG009', HINT = 'Reject it, undo another approval, or have an operator raise the budget.';
    END IF;
END $$;

-- 0027 replaces these: which proposals are made wrong on purpose and how, noting which they were, and how fast a person may go.
CREATE FUNCTION planted(run text)
RETURNS TABLE (customer_id uuid, kind text, offer_id text, message text, price_eur numeric) LANGUAGE sql STABLE AS $$
    SELECT NULL::uuid, NULL::text, NULL::text, NULL::text, NULL::numeric WHERE false
$$;
CREATE FUNCTION plant(run text) RETURNS integer LANGUAGE sql VOLATILE SECURITY DEFINER AS $$ SELECT 0 $$;
CREATE FUNCTION review_pace(who text) RETURNS TABLE (slow boolean, reason text, most integer) LANGUAGE sql STABLE
SECURITY DEFINER AS $$ SELECT false, NULL::text, 20 $$;
COMMENT ON FUNCTION review_pace IS 'Whether a person''s queue is slowed down, why, and how many cases they may hold at once';

-- Locks what decisions on a proposal depend on, for the rest of the transaction; the campaign only where money is bound.
CREATE FUNCTION lock_proposal(proposal uuid, with_campaign boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    of_proposal record;
BEGIN
    PERFORM public.require_read_committed();
    SELECT campaign_id, customer_id INTO of_proposal FROM public.proposals WHERE proposal_id = proposal;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no proposal %', proposal
            USING ERRCODE = 'VG009', HINT = 'vigie review queue lists what waits.';
    END IF;
    PERFORM FROM public.customers WHERE customer_id = of_proposal.customer_id FOR KEY SHARE;
    IF with_campaign THEN
        PERFORM FROM public.campaigns WHERE campaign_id = of_proposal.campaign_id FOR NO KEY UPDATE;
    END IF;
    PERFORM FROM public.proposals WHERE proposal_id = proposal FOR NO KEY UPDATE;
END $$;

CREATE FUNCTION person_id_of(who text) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT person_id FROM public.people WHERE person = who
$$;

-- Writes a decision and its event. Time goes forward for each proposal, whatever the clock does: the newest counts.
CREATE FUNCTION record_decision(
    who text, mark public.proposal_marks, decision text, reason text, bulk uuid, seen jsonb, seconds double precision
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    event uuid := uuidv7();
    decided timestamptz := (SELECT greatest(clock_timestamp(), max(d.decided_at) + interval '1 microsecond')
                            FROM public.decisions d WHERE d.proposal_id = mark.proposal_id);
BEGIN
    INSERT INTO public.audit_log (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details)
    VALUES (event, clock_timestamp(), mark.run_id, session_user, 'PROPOSAL_DECIDED', 'ok', mark.customer_id,
            jsonb_build_object('campaign', mark.campaign_id, 'proposal_id', mark.proposal_id,
                               'person_id', public.person_id_of(who), 'version', mark.version,
                               'content_sha256', mark.content_sha256, 'decision', record_decision.decision,
                               'in_bulk', bulk IS NOT NULL));
    INSERT INTO public.decisions (proposal_id, version, decision, person, reason, content_sha256, bulk_id, seen, seconds,
                                  decided_at, event_id)
    VALUES (mark.proposal_id, mark.version, record_decision.decision, who, record_decision.reason, mark.content_sha256,
            bulk, record_decision.seen, record_decision.seconds, decided, event);
END $$;

-- Whether a proposal binds its budget already: deciding on it anew takes no more of it.
CREATE FUNCTION binds_budget(mark public.proposal_marks) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(mark.binds_until > clock_timestamp(), false)
$$;
CREATE FUNCTION state_of(mark public.proposal_marks) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN mark.now_stage IN ('open', 'awaiting_second', 'approved') AND mark.expires_at <= clock_timestamp()
                THEN 'expired' ELSE mark.now_stage END
$$;

-- The best offers of a run become proposals, with the wording that the run made: the model's own words where the run
-- keeps drafts and the guard found nothing in them, else the composed message. Called again, it adds what is missing.
CREATE FUNCTION propose(run text) RETURNS TABLE (proposed integer, superseded integer) LANGUAGE plpgsql
SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    terms public.campaigns;
    planned public.runs;
    refused uuid;
    added uuid[];
    older uuid[];
BEGIN
    PERFORM public.require_read_committed();
    SELECT * INTO planned FROM public.runs WHERE run_id = run;
    IF planned.campaign_id IS NULL THEN
        RETURN QUERY SELECT 0, 0;
        RETURN;
    END IF;
    SELECT * INTO terms FROM public.campaigns WHERE campaign_id = planned.campaign_id FOR NO KEY UPDATE;
    -- As every function here: the customers' rows before the proposals. A withdrawal that came first has erased what a
    -- proposal would be made of, and one that comes later erases the proposal.
    PERFORM FROM public.customers c WHERE customer_id IN (
        SELECT a.customer_id FROM public.arbitrations a WHERE a.run_id = run AND a.verdict = 'proposed'
    ) ORDER BY customer_id FOR KEY SHARE;

    -- A share that was raised while the run was under way holds out customers whom the run still thought treated.
    IF EXISTS (SELECT FROM public.audit_log WHERE event_type = 'CAMPAIGN_CHANGED' AND occurred_at > planned.planned_at
               AND details ->> 'campaign' = terms.campaign_id) THEN
        UPDATE public.arbitrations a SET verdict = 'held_out', offer_id = NULL, channel = NULL, considered = '[]'
        FROM public.campaign_members m
        WHERE a.run_id = run AND a.verdict = 'proposed' AND m.campaign_id = terms.campaign_id
          AND m.customer_id = a.customer_id AND m.held_out;
    END IF;

    IF terms.closed_at IS NULL THEN
        SELECT array_agg(p.proposal_id ORDER BY p.proposal_id) INTO older
        FROM public.arbitrations a
        JOIN public.proposals p ON p.customer_id = a.customer_id AND p.campaign_id = terms.campaign_id
        WHERE a.run_id = run AND a.verdict = 'proposed' AND p.run_id <> run AND p.stage = 'open';
        PERFORM FROM public.proposals WHERE proposal_id = ANY (older) ORDER BY proposal_id FOR NO KEY UPDATE;

        WITH chosen AS MATERIALIZED (
            SELECT uuidv7() AS proposal_id, gen_random_uuid() AS recipient_ref, uuid_send(gen_random_uuid()) AS nonce,
                   a.customer_id, a.expected_value_eur, coalesce(w.offer_id, x.offer_id) AS offer_id, a.channel, x.language,
                   coalesce(w.price_eur, o.cost_eur)::numeric(8, 2) AS cost_eur,
                   coalesce(w.message, d.message, x.message) AS message,
                   CASE WHEN d.message IS NOT NULL THEN 'drafted' WHEN x.source = 'model' THEN 'composed'
                        ELSE 'catalogue' END AS wording
            FROM public.arbitrations a
            JOIN public.actions x ON x.run_id = a.run_id AND x.customer_id = a.customer_id AND x.source <> 'none'
            JOIN public.catalogue_offers o ON o.version = terms.catalogue_version AND o.offer_id = x.offer_id
            LEFT JOIN public.drafts d ON planned.wording = 'drafted' AND d.run_id = a.run_id
                AND d.customer_id = a.customer_id AND d.findings = '{}' AND length(d.message) > 0
            LEFT JOIN public.planted(run) w ON w.customer_id = a.customer_id
            WHERE a.run_id = run AND a.verdict = 'proposed'
              AND NOT EXISTS (SELECT FROM public.proposals p WHERE p.run_id = run AND p.customer_id = a.customer_id)
              -- Who has something approved in this campaign gets no second offer beside it.
              AND NOT EXISTS (
                SELECT FROM public.proposals p
                WHERE p.campaign_id = terms.campaign_id AND p.customer_id = a.customer_id AND (
                    p.stage IN ('approved', 'awaiting_second') AND p.expires_at > clock_timestamp()
                    OR p.stage = 'objected'))
        ), made AS (
            INSERT INTO public.proposals (proposal_id, campaign_id, run_id, customer_id, recipient_ref,
                                          expected_value_eur, expires_at)
            SELECT proposal_id, terms.campaign_id, run, customer_id, recipient_ref, expected_value_eur,
                   least(clock_timestamp() + make_interval(days => terms.expires_after_days),
                         (terms.ends_on + 1)::timestamp AT TIME ZONE 'UTC')
            FROM chosen RETURNING proposal_id, customer_id
        ), worded AS (
            INSERT INTO public.proposal_versions (proposal_id, version, offer_id, channel, language, message, price_eur,
                                                  wording, author, nonce, content_sha256)
            SELECT c.proposal_id, 1, c.offer_id, c.channel, c.language, c.message, c.cost_eur, c.wording, 'action_agent',
                   c.nonce, public.content_sha256(c.proposal_id, c.nonce, c.recipient_ref, c.offer_id, c.channel,
                                                  c.cost_eur, c.message)
            FROM chosen c RETURNING proposal_id
        )
        SELECT coalesce(array_agg(customer_id), '{}') INTO added FROM made;

        UPDATE public.proposals p SET superseded_at = clock_timestamp()
        WHERE p.proposal_id = ANY (older) AND p.customer_id = ANY (added) AND p.stage = 'open';
        GET DIAGNOSTICS superseded = ROW_COUNT;
    END IF;

    proposed := coalesce(cardinality(added), 0);
    IF proposed = 0 AND EXISTS (
        SELECT FROM public.audit_log WHERE run_id = run AND event_type = 'PROPOSALS_ALLOCATED'
    ) THEN
        RETURN QUERY
            SELECT sum((details -> 'proposed')::integer)::integer, sum((details -> 'superseded')::integer)::integer
            FROM public.audit_log WHERE run_id = run AND event_type = 'PROPOSALS_ALLOCATED';
        RETURN;
    END IF;
    PERFORM public.plant(run);
    superseded := coalesce(superseded, 0);
    INSERT INTO public.audit_log (event_id, occurred_at, run_id, agent, event_type, status, details)
    SELECT uuidv7(), clock_timestamp(), run, session_user, 'PROPOSALS_ALLOCATED', 'ok',
           jsonb_build_object('campaign', terms.campaign_id, 'proposed', propose.proposed,
                              'superseded', propose.superseded,
                              'over_budget', count(*) FILTER (WHERE verdict = 'over_budget'),
                              'held_out', count(*) FILTER (WHERE verdict = 'held_out'))
    FROM public.arbitrations WHERE run_id = run;
    RETURN NEXT;
END $$;

-- Whether a person may decide on it: nobody decides twice on the same bytes, nobody gives the second approval to what
-- they approved or edited, and what a customer contests goes to somebody who had no part in it.
CREATE FUNCTION may_review(proposal uuid, who text) RETURNS boolean LANGUAGE sql STABLE COST 10000 AS $$
    SELECT CASE CASE WHEN expires_at > clock_timestamp() OR now_stage = 'objected' THEN now_stage END
        WHEN 'open' THEN true
        WHEN 'awaiting_second' THEN is_second AND NOT who = ANY (coalesce(editors, '{}'))
        WHEN 'objected' THEN NOT is_decided AND (first_approved_by IS NULL OR is_second)
            AND NOT who = ANY (coalesce(editors, '{}')) AND NOT EXISTS (
                SELECT FROM public.decisions d
                WHERE d.proposal_id = proposal AND d.person = who AND d.decided_at <= contested_at)
        ELSE false
    END AND NOT who = ANY (coalesce(decided_by, '{}'))
    FROM public.proposal_marks,
        (SELECT duty = 'second_reviewer' AS is_second FROM public.people WHERE person = who) asks
    WHERE proposal_id = proposal
$$;

-- Fills up what a person holds to `most` cases, and says which they are: those that they hold already, then what customers
-- contest, what waits for a second approval, and the others by expected value.
CREATE FUNCTION claim_proposals(who text, most integer, campaign text)
RETURNS TABLE (proposal_id uuid, expires_at timestamptz) LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    missing integer;
    taken integer;
    is_second boolean;
    turn text;
BEGIN
    PERFORM public.require_read_committed();
    PERFORM public.require_person(who, 'reviewer', 'second_reviewer');
    IF NOT EXISTS (SELECT FROM public.campaigns WHERE campaign_id = campaign) THEN
        RAISE EXCEPTION 'there is no campaign %', coalesce(campaign, 'without a name')
            USING ERRCODE = 'VG009', HINT = 'vigie campaigns list names them.';
    END IF;
    -- One call at a time for each person.
    SELECT duty = 'second_reviewer' INTO is_second FROM public.people WHERE person = who FOR NO KEY UPDATE;
    -- What is decided, superseded or withdrawn meanwhile is held no longer.
    DELETE FROM public.review_claims
    WHERE person = who AND (expires_at <= clock_timestamp() OR NOT public.may_review(proposal_id, who));
    SELECT least(claim_proposals.most, p.most, 20) - (SELECT count(*) FROM public.review_claims WHERE person = who)
    INTO missing FROM public.review_pace(who) p;
    FOREACH turn IN ARRAY ARRAY['objected', 'awaiting_second', 'open'] LOOP
        CONTINUE WHEN missing <= 0 OR turn = 'awaiting_second' AND NOT is_second;
        WITH next AS MATERIALIZED (
            SELECT p.proposal_id FROM public.proposals p
            WHERE p.campaign_id = campaign AND p.stage = turn
              AND NOT EXISTS (SELECT FROM public.review_claims c
                              WHERE c.proposal_id = p.proposal_id AND c.expires_at > clock_timestamp())
              AND public.may_review(p.proposal_id, who)
            ORDER BY p.expected_value_eur DESC LIMIT missing FOR NO KEY UPDATE OF p SKIP LOCKED
        )
        -- Whoever claimed one between this look and its lock keeps it.
        INSERT INTO public.review_claims AS c (proposal_id, person, expires_at)
        SELECT proposal_id, who, clock_timestamp() + interval '10 minutes' FROM next
        ON CONFLICT (proposal_id) DO UPDATE SET person = EXCLUDED.person, claimed_at = clock_timestamp(),
                                                expires_at = EXCLUDED.expires_at, shown_at = NULL
            WHERE c.expires_at <= clock_timestamp();
        GET DIAGNOSTICS taken = ROW_COUNT;
        missing := missing - taken;
    END LOOP;
    RETURN QUERY SELECT c.proposal_id, c.expires_at FROM public.review_claims c
        WHERE c.person = who ORDER BY c.claimed_at, c.proposal_id;
END $$;

CREATE FUNCTION release_claims(who text) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    released integer;
BEGIN
    PERFORM public.require_person(who, 'reviewer', 'second_reviewer');
    DELETE FROM public.review_claims WHERE person = who;
    GET DIAGNOSTICS released = ROW_COUNT;
    RETURN released;
END $$;
COMMENT ON FUNCTION release_claims IS 'Gives back what a person holds; how many cases that were';

CREATE FUNCTION require_claim(who text, proposal uuid, opened boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    held record;
BEGIN
    SELECT * INTO held FROM public.review_claims
    WHERE proposal_id = proposal AND person = who AND expires_at > clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'proposal % is not claimed by %, or no longer', proposal, who
            USING ERRCODE = 'VG009', HINT = 'Claim it: a claim lasts ten minutes.';
    ELSIF opened AND held.shown_at IS NULL THEN
        RAISE EXCEPTION 'proposal % was not opened by %: nobody decides on what they have not seen', proposal, who
            USING ERRCODE = 'VG009', HINT = 'Open the case first.';
    END IF;
END $$;

-- What a reviewer has before them. No name: who the customer is plays no part in the decision.
CREATE FUNCTION case_of(proposal uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'proposal_id', m.proposal_id, 'version', m.version, 'content_sha256', m.content_sha256,
        'offer_id', m.offer_id, 'title_fr', o.title_fr, 'title_en', o.title_en, 'channel', m.channel,
        'language', m.language, 'message', m.message, 'price_eur', m.price_eur, 'wording', m.wording, 'state', public.state_of(m),
        'expected_value_eur', m.expected_value_eur, 'segment', a.segment, 'probability', r.probability,
        'drivers', coalesce(r.drivers, '[]'), 'sentiment', f.sentiment, 'topics', to_jsonb(coalesce(f.topics, '{}')),
        'considered', coalesce(b.considered, '[]'), 'budget_left_eur', public.budget_left(m.campaign_id),
        'second_reasons', to_jsonb(m.second_reasons), 'expires_at', m.expires_at)
    FROM public.proposal_marks m
    LEFT JOIN public.offers o ON o.offer_id = m.offer_id
    LEFT JOIN public.actions a ON a.run_id = m.run_id AND a.customer_id = m.customer_id
    LEFT JOIN public.predictions r ON r.run_id = m.run_id AND r.customer_id = m.customer_id
    LEFT JOIN public.feedback_analyses f ON f.run_id = m.run_id AND f.customer_id = m.customer_id
    LEFT JOIN public.arbitrations b ON b.run_id = m.run_id AND b.customer_id = m.customer_id
    WHERE m.proposal_id = proposal
$$;

CREATE FUNCTION open_case(who text, proposal uuid) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    current text;
BEGIN
    PERFORM public.require_person(who, 'reviewer', 'second_reviewer');
    PERFORM public.lock_proposal(proposal, false);
    PERFORM public.require_claim(who, proposal, false);
    SELECT state INTO current FROM public.proposal_states WHERE proposal_id = proposal;
    IF NOT coalesce(public.may_review(proposal, who), false) THEN
        RAISE EXCEPTION 'proposal % is %: there is nothing for % to decide', proposal, current, who
            USING ERRCODE = 'VG009', HINT = 'Claim the next one.';
    END IF;
    UPDATE public.review_claims SET shown_at = coalesce(shown_at, clock_timestamp()) WHERE proposal_id = proposal;
    RETURN public.case_of(proposal);
END $$;
COMMENT ON FUNCTION open_case IS 'What there is to decide on, for who claimed it; the time to decide counts from the first look';

CREATE FUNCTION require_open_campaign(campaign text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM public.campaigns WHERE campaign_id = campaign AND closed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'campaign % is closed: nothing is approved in it any more', campaign
            USING ERRCODE = 'VG009', HINT = 'The next run proposes into the campaign that is open.';
    END IF;
END $$;

CREATE FUNCTION decide(who text, proposal uuid, decision text, content_sha256 text, reason text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_variable
DECLARE
    mark public.proposal_marks;
    wrong text;
BEGIN
    PERFORM public.require_person(who, VARIADIC CASE decision WHEN 'second_approve' THEN ARRAY['second_reviewer']
                                                ELSE ARRAY['reviewer', 'second_reviewer'] END);
    IF (CASE decision
        WHEN 'approve' THEN reason = 'fits'
        WHEN 'second_approve' THEN reason = 'fits'
        WHEN 'reject' THEN reason IN ('wrong_offer', 'wrong_message', 'price_too_high', 'wrong_customer',
                                      'already_in_contact', 'vulnerable_customer', 'other')
    END) IS NOT TRUE THEN
        RAISE EXCEPTION 'decision % with reason % is none', coalesce(decision, 'null'), coalesce(reason, 'null')
            USING ERRCODE = 'VG009', HINT = 'approve or second_approve with fits; reject with wrong_offer, wrong_message, '
                'price_too_high, wrong_customer, already_in_contact, vulnerable_customer or other.';
    END IF;
    PERFORM public.lock_proposal(proposal, decision <> 'reject');
    SELECT * INTO mark FROM public.proposal_marks m WHERE m.proposal_id = proposal;
    IF public.state_of(mark) NOT IN ('open', 'awaiting_second', 'objected') THEN
        RAISE EXCEPTION 'proposal % is %: it cannot be decided on', proposal, public.state_of(mark)
            USING ERRCODE = 'VG009', HINT = 'Claim the next one.';
    END IF;
    PERFORM public.require_claim(who, proposal, true);
    IF content_sha256 IS DISTINCT FROM mark.content_sha256 THEN
        RAISE EXCEPTION 'content_sha256 % is not that of proposal %: it was changed', coalesce(content_sha256, 'null'), proposal
            USING ERRCODE = 'VG009', HINT = 'Open the case again: a decision holds for the content that was seen.';
    ELSIF NOT public.may_review(proposal, who) THEN
        RAISE EXCEPTION '% may not decide on proposal %: it takes another person', who, proposal
            USING ERRCODE = 'VG009', HINT = 'Nobody gives both approvals, nor the second to what they edited.';
    ELSIF decision <> 'reject' AND (decision = 'second_approve') <> (mark.first_approved_by IS NOT NULL) THEN
        RAISE EXCEPTION 'decision % does not fit proposal %, which is %', decision, proposal, public.state_of(mark)
            USING ERRCODE = 'VG009', HINT = 'approve comes first, second_approve where a second approval is needed.';
    END IF;
    IF decision <> 'reject' THEN
        PERFORM public.require_open_campaign(mark.campaign_id);
    END IF;
    PERFORM public.record_decision(
        who, mark, decision, reason, NULL, public.case_of(proposal),
        (SELECT greatest(extract(epoch FROM clock_timestamp() - c.shown_at), 0) FROM public.review_claims c
         WHERE c.proposal_id = proposal));
    IF decision <> 'reject' AND NOT public.binds_budget(mark) THEN
        PERFORM public.require_budget(mark.campaign_id);
    END IF;
    DELETE FROM public.review_claims c WHERE c.proposal_id = proposal;
    RETURN (SELECT s.state FROM public.proposal_states s WHERE s.proposal_id = proposal);
END $$;

-- Another offer, other words or both: a version of its own, which nobody has approved. Its price is the catalogue's.
CREATE FUNCTION edit_proposal(who text, proposal uuid, offer text, message text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_variable
DECLARE
    mark public.proposal_marks;
    chosen public.catalogue_offers;
    segment text;
    new_nonce bytea := uuid_send(gen_random_uuid());
    new_hash text;
BEGIN
    PERFORM public.require_person(who, 'reviewer', 'second_reviewer');
    PERFORM public.lock_proposal(proposal, false);
    SELECT * INTO mark FROM public.proposal_marks m WHERE m.proposal_id = proposal;
    PERFORM public.require_claim(who, proposal, true);
    IF public.state_of(mark) NOT IN ('open', 'awaiting_second', 'objected')
       OR EXISTS (SELECT FROM public.handed_over h WHERE h.proposal_id = proposal)
       OR NOT public.may_review(proposal, who) THEN
        RAISE EXCEPTION 'proposal % is %: % cannot change it', proposal, public.state_of(mark), who
            USING ERRCODE = 'VG009', HINT = 'Claim the next one.';
    END IF;
    SELECT o.* INTO chosen FROM public.catalogue_offers o JOIN public.campaigns k ON k.catalogue_version = o.version
    WHERE k.campaign_id = mark.campaign_id AND o.offer_id = offer;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'offer % is not in the catalogue of campaign %', coalesce(offer, 'null'), mark.campaign_id
            USING ERRCODE = 'VG009', HINT = 'vigie offers list names them.';
    END IF;
    SELECT a.segment INTO segment FROM public.actions a
    WHERE a.run_id = mark.run_id AND a.customer_id = mark.customer_id;
    IF NOT mark.channel = ANY (chosen.channels)
       OR chosen.languages <> '{}' AND NOT mark.language = ANY (chosen.languages)
       OR chosen.segments <> '{}' AND NOT coalesce(segment = ANY (chosen.segments), false)
       OR current_date NOT BETWEEN coalesce(chosen.valid_from, '-infinity') AND coalesce(chosen.valid_until, 'infinity') THEN
        RAISE EXCEPTION 'offer % may not be made here: its channels, languages, segments or dates leave this case out', offer
            USING ERRCODE = 'VG009', HINT = 'Choose an offer that the case lists as eligible.';
    ELSIF length(coalesce(message, '')) NOT BETWEEN 1 AND 1200 OR message ~ '[[:cntrl:]]' OR message !~ '[[:alpha:]]' THEN
        RAISE EXCEPTION 'message has % characters: it takes 1 to 1200, in one paragraph', coalesce(length(message), 0)
            USING ERRCODE = 'VG009', HINT = 'Write it without line breaks and control characters.';
    ELSIF (offer, message) = (mark.offer_id, mark.message) THEN
        RAISE EXCEPTION 'proposal % has this offer and message already', proposal
            USING ERRCODE = 'VG009', HINT = 'Approve it as it is.';
    END IF;
    new_hash := public.content_sha256(
        proposal, new_nonce, mark.recipient_ref, offer, mark.channel, chosen.cost_eur, message);
    INSERT INTO public.proposal_versions (proposal_id, version, offer_id, channel, language, message, price_eur, wording,
                                          author, nonce, content_sha256)
    VALUES (proposal, mark.version + 1, offer, mark.channel, mark.language, message, chosen.cost_eur, 'edited', who,
            new_nonce, new_hash);
    INSERT INTO public.audit_log (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details)
    VALUES (uuidv7(), clock_timestamp(), mark.run_id, session_user, 'PROPOSAL_EDITED', 'ok', mark.customer_id,
            jsonb_build_object('campaign', mark.campaign_id, 'proposal_id', proposal,
                               'person_id', public.person_id_of(who), 'version', mark.version + 1,
                               'content_sha256', new_hash));
    RETURN new_hash;
END $$;

-- Many first approvals in one transaction, each written singly: all of them, or none.
CREATE FUNCTION approve_in_bulk(who text, proposals uuid[], hashes text[]) RETURNS uuid LANGUAGE plpgsql
SECURITY DEFINER AS $$
DECLARE
    bulk uuid := uuidv7();
    asked record;
    mark public.proposal_marks;
BEGIN
    PERFORM public.require_read_committed();
    PERFORM public.require_person(who, 'reviewer', 'second_reviewer');
    IF coalesce(cardinality(proposals), 0) NOT BETWEEN 1 AND 200 OR cardinality(proposals) <> cardinality(hashes)
       OR array_position(proposals, NULL) IS NOT NULL
       OR (SELECT count(DISTINCT p) FROM unnest(proposals) p) < cardinality(proposals) THEN
        RAISE EXCEPTION 'proposals: 1 to 200 different ones, each with its content_sha256'
            USING ERRCODE = 'VG009', HINT = 'Approve them in several times.';
    ELSIF (SELECT slow FROM public.review_pace(who)) THEN
        RAISE EXCEPTION 'bulk approval is closed to %: their queue is slowed down', who
            USING ERRCODE = 'VG009', HINT = 'Decide case by case.';
    END IF;
    PERFORM FROM public.customers WHERE customer_id IN (
        SELECT p.customer_id FROM public.proposals p WHERE p.proposal_id = ANY (proposals)
    ) ORDER BY customer_id FOR KEY SHARE;
    PERFORM FROM public.campaigns WHERE campaign_id IN (
        SELECT p.campaign_id FROM public.proposals p WHERE p.proposal_id = ANY (proposals)
    ) ORDER BY campaign_id FOR NO KEY UPDATE;
    FOR asked IN SELECT * FROM unnest(proposals, hashes) AS t (proposal, hash) ORDER BY 1 LOOP
        PERFORM public.lock_proposal(asked.proposal, true);
        SELECT * INTO mark FROM public.proposal_marks WHERE proposal_id = asked.proposal;
        IF public.state_of(mark) <> 'open' OR NOT public.may_review(asked.proposal, who) THEN
            RAISE EXCEPTION 'proposal % is %: it cannot be approved in bulk', asked.proposal, public.state_of(mark)
                USING ERRCODE = 'VG009', HINT = 'Leave it out; nothing was approved.';
        ELSIF mark.second_reasons <> '{}' OR mark.wording NOT IN ('composed', 'catalogue') THEN
            RAISE EXCEPTION 'proposal % is not for bulk: %', asked.proposal, array_to_string(mark.second_reasons, ', ')
                USING ERRCODE = 'VG009', HINT = 'Drafted and edited wording, and what needs a second approval, is '
                    'decided on singly. Leave it out; nothing was approved.';
        ELSIF mark.content_sha256 IS DISTINCT FROM asked.hash THEN
            RAISE EXCEPTION 'content_sha256 is not that of proposal %: it was changed', asked.proposal
                USING ERRCODE = 'VG009', HINT = 'Read it again, or leave it out; nothing was approved.';
        ELSIF mark.claimed_by <> who THEN
            RAISE EXCEPTION 'proposal % is claimed by somebody else', asked.proposal
                USING ERRCODE = 'VG009', HINT = 'Leave it out; nothing was approved.';
        END IF;
        PERFORM public.require_open_campaign(mark.campaign_id);
        PERFORM public.record_decision(who, mark, 'approve', 'fits', bulk, NULL, NULL);
        DELETE FROM public.review_claims WHERE proposal_id = asked.proposal;
    END LOOP;
    PERFORM public.require_budget(p.campaign_id)
    FROM (SELECT DISTINCT campaign_id FROM public.proposals WHERE proposal_id = ANY (approve_in_bulk.proposals)) p;
    RETURN bulk;
END $$;

-- Takes back what a person decided on the current version, as long as nothing was handed over.
CREATE FUNCTION undo_decision(who text, proposal uuid) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    before public.proposal_marks;
    after public.proposal_marks;
BEGIN
    PERFORM public.require_person(who, 'reviewer', 'second_reviewer');
    PERFORM public.lock_proposal(proposal, true);
    SELECT * INTO before FROM public.proposal_marks WHERE proposal_id = proposal;
    IF public.state_of(before) NOT IN ('open', 'awaiting_second', 'approved', 'rejected', 'expired', 'objected')
       OR EXISTS (SELECT FROM public.handed_over h WHERE h.proposal_id = proposal) THEN
        RAISE EXCEPTION 'proposal % is %: no decision on it is undone', proposal, public.state_of(before)
            USING ERRCODE = 'VG009', HINT = 'A decision can be undone until the hand-over.';
    ELSIF NOT who = ANY (coalesce(before.decided_by, '{}')) THEN
        RAISE EXCEPTION '% has no decision on proposal % to undo', who, proposal
            USING ERRCODE = 'VG009', HINT = 'Everybody undoes their own decisions only.';
    END IF;
    PERFORM public.record_decision(who, before, 'undo', 'mistake', NULL, NULL, NULL);
    SELECT * INTO after FROM public.proposal_marks WHERE proposal_id = proposal;
    -- A rejection that is undone may leave another person's approval standing, whose money was spent meanwhile.
    IF public.binds_budget(after) AND NOT public.binds_budget(before) THEN
        PERFORM public.require_budget(after.campaign_id);
    END IF;
    RETURN public.state_of(after);
END $$;

CREATE FUNCTION undo_bulk(who text, bulk uuid) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    undone integer := 0;
    approved uuid;
    mark public.proposal_marks;
BEGIN
    PERFORM public.require_read_committed();
    PERFORM public.require_person(who, 'reviewer', 'second_reviewer');
    IF NOT EXISTS (SELECT FROM public.decisions WHERE bulk_id = bulk AND person = who) THEN
        RAISE EXCEPTION '% has approved nothing in bulk %', who, coalesce(bulk::text, 'null')
            USING ERRCODE = 'VG009', HINT = 'Everybody undoes their own decisions only.';
    END IF;
    PERFORM FROM public.customers WHERE customer_id IN (
        SELECT p.customer_id FROM public.proposals p JOIN public.decisions d USING (proposal_id)
        WHERE d.bulk_id = bulk AND d.person = who
    ) ORDER BY customer_id FOR KEY SHARE;
    FOR approved IN
        SELECT DISTINCT d.proposal_id FROM public.decisions d WHERE d.bulk_id = bulk AND d.person = who ORDER BY 1
    LOOP
        PERFORM public.lock_proposal(approved, true);
        SELECT * INTO mark FROM public.proposal_marks WHERE proposal_id = approved;
        -- What was handed over, edited, withdrawn or taken back already stays as it is; so does a later decision.
        IF mark.now_stage = 'approved' AND bulk = (
            SELECT d.bulk_id FROM public.decisions d
            WHERE d.proposal_id = approved AND d.person = who AND d.version = mark.version
            ORDER BY d.decided_at DESC LIMIT 1
        ) THEN
            PERFORM public.record_decision(who, mark, 'undo', 'mistake', bulk, NULL, NULL);
            undone := undone + 1;
        END IF;
    END LOOP;
    RETURN undone;
END $$;
COMMENT ON FUNCTION undo_bulk IS 'Takes back what was approved in bulk and not handed over yet; how many that were';

-- What was decided stays, whoever writes: content goes with a withdrawal and in no other way, and no hash lies.
CREATE FUNCTION keep_versions() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    rest public.proposal_versions := NEW;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        rest.offer_id := OLD.offer_id; rest.channel := OLD.channel; rest.language := OLD.language;
        rest.message := OLD.message; rest.price_eur := OLD.price_eur; rest.nonce := OLD.nonce;
        IF rest = OLD AND NEW.nonce IS NULL AND num_nonnulls(NEW.offer_id, NEW.message, NEW.price_eur) = 0 THEN
            INSERT INTO public.spent_on_withdrawn AS s (campaign_id, budget_line, spent_eur)
            SELECT p.campaign_id, coalesce(o.budget_line, ''), OLD.price_eur
            FROM public.handed_over h
            JOIN public.proposals p ON p.proposal_id = h.proposal_id
            JOIN public.campaigns k ON k.campaign_id = p.campaign_id
            LEFT JOIN public.catalogue_offers o ON o.version = k.catalogue_version AND o.offer_id = OLD.offer_id
            WHERE h.proposal_id = OLD.proposal_id AND h.version = OLD.version AND OLD.price_eur IS NOT NULL
            ON CONFLICT (campaign_id, budget_line) DO UPDATE SET spent_eur = s.spent_eur + EXCLUDED.spent_eur;
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% on proposal_versions is refused: what was decided on stays', TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'An edit is another version.';
END $$;
CREATE TRIGGER keep_versions BEFORE UPDATE OR DELETE ON proposal_versions
    FOR EACH ROW EXECUTE FUNCTION keep_versions();

CREATE FUNCTION check_hashes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    wrong uuid;
BEGIN
    SELECT i.proposal_id INTO wrong FROM inserted i JOIN public.proposals p ON p.proposal_id = i.proposal_id
    WHERE (i.content_sha256 = public.content_sha256(
        i.proposal_id, i.nonce, p.recipient_ref, i.offer_id, i.channel, i.price_eur, i.message)
        AND i.nonce IS NOT NULL) IS NOT TRUE LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'content_sha256 of proposal % is not the hash of its content', wrong
            USING ERRCODE = 'VG009', HINT = 'Take it from content_sha256().';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_hashes AFTER INSERT ON proposal_versions REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_hashes();

CREATE FUNCTION keep_decisions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    rest public.decisions := NEW;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        rest.seen := OLD.seen; rest.reason := OLD.reason;
        IF rest = OLD AND NEW.seen IS NULL AND NEW.reason IN (OLD.reason, 'erased') THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% on decisions is refused: a decision is undone by another one', TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'Use undo_decision().';
END $$;
CREATE TRIGGER keep_decisions BEFORE UPDATE OR DELETE ON decisions FOR EACH ROW EXECUTE FUNCTION keep_decisions();

CREATE FUNCTION keep_proposals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on proposals is refused: whom, for what and to which reference a proposal is made stays', TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'The next run makes another proposal.';
END $$;
CREATE TRIGGER keep_proposals BEFORE DELETE OR UPDATE OF proposal_id, campaign_id, run_id, customer_id, recipient_ref
    ON proposals FOR EACH ROW EXECUTE FUNCTION keep_proposals();
CREATE TRIGGER keep_all_proposals BEFORE TRUNCATE ON proposals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_all_versions BEFORE TRUNCATE ON proposal_versions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_all_decisions BEFORE TRUNCATE ON decisions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A withdrawal ends the review under way, and takes what was noted about the customer in a decision.
CREATE FUNCTION erase_review() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    DELETE FROM public.review_claims WHERE proposal_id = NEW.proposal_id;
    UPDATE public.decisions SET seen = NULL, reason = 'erased' WHERE proposal_id = NEW.proposal_id;
    RETURN NULL;
END $$;
CREATE TRIGGER erase_review AFTER UPDATE OF withdrawn_at ON proposals
    FOR EACH ROW WHEN (NEW.withdrawn_at IS NOT NULL) EXECUTE FUNCTION erase_review();

REVOKE EXECUTE ON FUNCTION budget_left, committed, note_stage(), note_stage(uuid), note_end, binds_budget, state_of, require_budget,
    planted, plant, review_pace, lock_proposal, person_id_of, record_decision, propose, may_review, claim_proposals, release_claims,
    require_claim, case_of, open_case, require_open_campaign, decide, edit_proposal, approve_in_bulk, undo_decision,
    undo_bulk, keep_versions, check_hashes, keep_decisions, keep_proposals, erase_review FROM PUBLIC;
GRANT EXECUTE ON FUNCTION committed, propose TO planner;
GRANT EXECUTE ON FUNCTION claim_proposals, release_claims, open_case, decide, edit_proposal, approve_in_bulk,
    undo_decision, undo_bulk TO reviewer, second_reviewer;
GRANT EXECUTE ON FUNCTION review_pace TO reviewer, second_reviewer, dashboard;
GRANT EXECUTE ON FUNCTION budget_left TO planner, reviewer, second_reviewer, officer, operator, dashboard;
GRANT SELECT ON proposal_states TO reviewer, second_reviewer, dashboard;
-- The reference by which a receiver knows a customer, and what a hash cannot be guessed without, stay out.
GRANT SELECT (proposal_id, version, offer_id, channel, language, message, price_eur, wording, author, content_sha256,
    written_at) ON proposal_versions TO dashboard;
GRANT SELECT ON decisions TO dashboard;

-- Every function of ours finds its names where it was written, whatever the caller's session says.
DO $$
DECLARE
    ours regprocedure;
BEGIN
    FOR ours IN SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', ours);
    END LOOP;
END $$;
