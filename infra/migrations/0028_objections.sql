-- Contestable: a customer contests a decision (GDPR article 22(3)), another person decides anew, and the answer is kept
-- with its date. proposal_marks of 0025 holds what an objection does to a proposal's state.
-- depends: 0027_oversight

-- By when article 12(3) wants an answer: one month from the day it was received.
CREATE FUNCTION objection_due(received_on date) RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT (received_on + interval '1 month')::date
$$;

CREATE FUNCTION record_objection(who text, proposal uuid, received_on date) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_variable
DECLARE
    of_proposal public.proposals;
    objection uuid := uuidv7();
    noted uuid := uuidv7();
BEGIN
    PERFORM public.require_person(who, 'operator');
    PERFORM public.lock_proposal(proposal, false);
    SELECT * INTO of_proposal FROM public.proposals p WHERE p.proposal_id = proposal;
    IF received_on IS NULL OR received_on > current_date OR received_on < of_proposal.proposed_at::date THEN
        RAISE EXCEPTION 'received_on % is not a day from the proposal''s, %, to today',
            coalesce(received_on::text, 'null'), of_proposal.proposed_at::date
            USING ERRCODE = 'VG009', HINT = 'Give the day on which the customer''s objection arrived.';
    ELSIF NOT EXISTS (SELECT FROM public.standing_decisions d WHERE d.proposal_id = proposal) THEN
        RAISE EXCEPTION 'proposal % has no decision to contest', proposal
            USING ERRCODE = 'VG009', HINT = 'A person still has to decide: have it claimed and decided first.';
    ELSIF EXISTS (SELECT FROM public.objections o WHERE o.proposal_id = proposal AND o.answer IS NULL) THEN
        RAISE EXCEPTION 'proposal % is contested already', proposal
            USING ERRCODE = 'VG009', HINT = 'Answer the first objection: vigie objections list.';
    END IF;
    INSERT INTO public.audit_log (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details)
    VALUES (noted, clock_timestamp(), of_proposal.run_id, session_user, 'OBJECTION_RECORDED', 'ok',
            of_proposal.customer_id, jsonb_build_object(
                'campaign', of_proposal.campaign_id, 'proposal_id', proposal, 'objection_id', objection,
                'person_id', public.person_id_of(who)));
    INSERT INTO public.objections (objection_id, proposal_id, received_on, recorded_by, event_id)
    VALUES (objection, proposal, received_on, who, noted);
    DELETE FROM public.review_claims c WHERE c.proposal_id = proposal;
    RETURN objection;
END $$;
COMMENT ON FUNCTION record_objection IS 'A customer contests what was decided on a proposal: it is decided anew by others';

-- What people decided before an objection, and after it: approve, reject, or nothing; and on which version.
CREATE FUNCTION decided_around(objection uuid, OUT before text, OUT after text, OUT deciders text[], OUT is_other_version boolean)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN bool_or(n.decision = 'reject') FILTER (WHERE NOT n.later) THEN 'reject'
                WHEN bool_or(NOT n.later) THEN 'approve' END,
           CASE WHEN NOT bool_and(m.is_decided) THEN NULL
                WHEN m.first_approved_by IS NULL THEN 'reject' ELSE 'approve' END,
           array_agg(n.person) FILTER (WHERE NOT n.later),
           coalesce(max(n.version) FILTER (WHERE NOT n.later) < m.version, false)
    FROM public.objections o
    JOIN public.proposal_marks m ON m.proposal_id = o.proposal_id
    LEFT JOIN (
        SELECT DISTINCT ON (d.proposal_id, d.person, d.later) d.* FROM (
            SELECT x.*, x.decided_at > y.recorded_at AS later
            FROM public.decisions x JOIN public.objections y ON y.proposal_id = x.proposal_id
            WHERE y.objection_id = objection
        ) d ORDER BY d.proposal_id, d.person, d.later, d.decided_at DESC
    ) n ON n.proposal_id = o.proposal_id AND n.decision <> 'undo'
    WHERE o.objection_id = objection
    GROUP BY m.first_approved_by, m.version
$$;

CREATE FUNCTION answer_objection(who text, objection uuid, answer text) RETURNS date
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_variable
DECLARE
    contested public.objections;
    of_proposal public.proposals;
    decided record;
BEGIN
    PERFORM public.require_person(who, 'reviewer', 'second_reviewer', 'officer', 'operator');
    IF answer IS NULL OR answer NOT IN ('upheld', 'changed', 'withdrawn') THEN
        RAISE EXCEPTION 'answer % is unknown', coalesce(answer, 'null')
            USING ERRCODE = 'VG009', HINT = 'upheld: the first decision stands; changed: it was replaced; withdrawn: by the customer.';
    END IF;
    SELECT * INTO contested FROM public.objections o WHERE o.objection_id = objection;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no objection %', coalesce(objection::text, 'null')
            USING ERRCODE = 'VG009', HINT = 'vigie objections list names them.';
    END IF;
    PERFORM public.lock_proposal(contested.proposal_id, true);
    SELECT * INTO contested FROM public.objections o WHERE o.objection_id = objection;
    SELECT * INTO of_proposal FROM public.proposals p WHERE p.proposal_id = contested.proposal_id;
    SELECT * INTO decided FROM public.decided_around(objection);
    IF contested.answer IS NOT NULL THEN
        RAISE EXCEPTION 'objection % was answered on %: %', objection, contested.answered_at::date, contested.answer
            USING ERRCODE = 'VG009', HINT = 'An answer is given once. The customer may object again.';
    ELSIF answer <> 'withdrawn' AND (
        who = ANY (decided.deciders) OR (SELECT duty = 'operator' FROM public.people WHERE person = who)
        OR EXISTS (SELECT FROM public.proposal_versions v
                   WHERE v.proposal_id = contested.proposal_id AND v.author = who AND v.written_at < contested.recorded_at)
    ) THEN
        RAISE EXCEPTION '% may not answer objection %: it takes a person who did not decide before', who, objection
            USING ERRCODE = 'VG008', HINT = 'Another reviewer or the officer answers it. An operator notes only that it was withdrawn.';
    ELSIF answer <> 'withdrawn' AND of_proposal.withdrawn_at IS NULL AND decided.after IS NULL THEN
        RAISE EXCEPTION 'objection % has no new decision to be answered with', objection
            USING ERRCODE = 'VG009', HINT = 'Another person claims the case and decides first: vigie review claim.';
    ELSIF answer <> 'withdrawn' AND of_proposal.withdrawn_at IS NULL AND (answer = 'changed')
          IS DISTINCT FROM (decided.is_other_version OR decided.after <> decided.before) THEN
        RAISE EXCEPTION 'answer % does not fit what was decided anew: %, after % before', answer, decided.after, decided.before
            USING ERRCODE = 'VG009', HINT = 'upheld where the outcome is the same, changed where it is another.';
    END IF;
    UPDATE public.objections o SET answer = answer, answered_by = who, answered_at = clock_timestamp()
    WHERE o.objection_id = objection;
    INSERT INTO public.audit_log (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details)
    VALUES (uuidv7(), clock_timestamp(), of_proposal.run_id, session_user, 'OBJECTION_ANSWERED', 'ok',
            of_proposal.customer_id, jsonb_build_object(
                'campaign', of_proposal.campaign_id, 'proposal_id', of_proposal.proposal_id, 'objection_id', objection,
                'person_id', public.person_id_of(who), 'answer', answer));
    RETURN current_date;
END $$;
COMMENT ON FUNCTION answer_objection IS
    'Answers an objection once, after others than before decided anew; the day of the answer';

CREATE FUNCTION list_objections(who text)
RETURNS TABLE (objection_id uuid, proposal_id uuid, campaign_id text, received_on date, due_on date, answer text,
               answered_on date, decided_anew boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
#variable_conflict use_column
BEGIN
    PERFORM public.require_person(who, 'reviewer', 'second_reviewer', 'officer', 'operator');
    RETURN QUERY
        SELECT o.objection_id, o.proposal_id, p.campaign_id, o.received_on, public.objection_due(o.received_on), o.answer,
               o.answered_at::date, d.after IS NOT NULL
        FROM public.objections o JOIN public.proposals p ON p.proposal_id = o.proposal_id
        CROSS JOIN LATERAL public.decided_around(o.objection_id) d
        ORDER BY o.answered_at IS NOT NULL, o.received_on, o.objection_id;
END $$;

-- What was contested and answered stays; an answer is given once.
CREATE FUNCTION keep_objections() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.answer IS NULL AND (to_jsonb(NEW) - '{answer,answered_by,answered_at}'::text[])
                                  = (to_jsonb(OLD) - '{answer,answered_by,answered_at}'::text[]) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% on objections is refused: an objection stays, and is answered once', TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'Use answer_objection().';
END $$;
CREATE TRIGGER keep_objections BEFORE UPDATE OR DELETE ON objections FOR EACH ROW EXECUTE FUNCTION keep_objections();
CREATE TRIGGER keep_all_objections BEFORE TRUNCATE ON objections FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

REVOKE EXECUTE ON FUNCTION objection_due, record_objection, decided_around, answer_objection, list_objections,
    keep_objections FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_objection TO operator;
GRANT EXECUTE ON FUNCTION answer_objection, list_objections TO reviewer, second_reviewer, officer, operator;

-- Every function of ours finds its names where it was written, whatever the caller's session says.
DO $$
DECLARE
    ours regprocedure;
BEGIN
    FOR ours IN SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', ours);
    END LOOP;
END $$;
