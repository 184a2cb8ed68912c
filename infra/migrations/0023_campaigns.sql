-- What a person decides about: the catalogue's versions, campaigns with their hold-out, proposals and decisions, what was
-- handed over, outcomes and objections. Later migrations hold the functions by which each role changes them: no role but
-- the owner writes these tables itself.
-- depends: 0022_cosignatures

-- People act through a database role that is named as their duty.
DO $$
DECLARE
    duty text;
BEGIN
    FOREACH duty IN ARRAY ARRAY['reviewer', 'second_reviewer', 'operator'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = duty) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', duty);
        END IF;
        EXECUTE format('ALTER ROLE %I CONNECTION LIMIT 8', duty);
        EXECUTE format('ALTER ROLE %I SET lock_timeout = ''10s''', duty);
        EXECUTE format('ALTER ROLE %I SET statement_timeout = ''30s''', duty);
        EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''30s''', duty);
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', duty);
        EXECUTE format('GRANT %I TO CURRENT_USER WITH INHERIT TRUE, SET FALSE', duty);
    END LOOP;
END $$;
CREATE OR REPLACE FUNCTION end_long_transactions() RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE usename IN ('planner', 'nlp_agent', 'prediction_agent', 'action_agent', 'audit_agent', 'dead_letters', 'dashboard',
                      'officer', 'reviewer', 'second_reviewer', 'operator')
      AND xact_start < clock_timestamp() - public.longest_transaction() AND pid <> pg_backend_pid()
$$;

CREATE TABLE people (
    person    text PRIMARY KEY CHECK (person ~ '^[a-z0-9][a-z0-9._@+-]{1,99}$'),
    person_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    duty      text NOT NULL CHECK (duty IN ('reviewer', 'second_reviewer', 'officer', 'operator')),
    active    boolean NOT NULL DEFAULT true,
    since     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE people IS 'Staff who decide, under the name that they sign in with';
COMMENT ON COLUMN people.person_id IS 'What audit events name them by: no name stands in the trail';
COMMENT ON COLUMN people.duty IS 'Also the database role that they act through; a second reviewer may review first as well';

-- Who acts is said by whoever connects; that they came through the duty's own role is held here.
CREATE FUNCTION require_person(who text, VARIADIC duties text[]) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.people WHERE person = who AND active AND duty = ANY (duties)
                   AND session_user IN (duty, 'owner')) THEN
        RAISE EXCEPTION '% may not do this: it takes a % who acts through the role of that name',
            coalesce(who, 'nobody'), array_to_string(duties, ' or ')
            USING ERRCODE = 'VG008', HINT = 'An operator names people: vigie people add NAME DUTY.';
    END IF;
END $$;

CREATE TABLE catalogues (
    version   text PRIMARY KEY CHECK (version ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$'),
    sha256    text NOT NULL UNIQUE CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    content   text NOT NULL,
    policy    jsonb NOT NULL,
    loaded_by text NOT NULL DEFAULT session_user,
    loaded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN catalogues.content IS 'The file as it was loaded, of which sha256 is the hash';
COMMENT ON COLUMN catalogues.policy IS
    'Contact policy, margin, default yearly value, as layers/common/vigie/catalogue.py reads them';

-- What an offer costs and to whom it may be made; its texts stand in offers and never change under one code.
CREATE TABLE catalogue_offers (
    version          text NOT NULL REFERENCES catalogues,
    offer_id         text NOT NULL REFERENCES offers,
    cost_eur         numeric(8, 2) NOT NULL CHECK (cost_eur >= 0),
    save_rate        double precision NOT NULL CHECK (save_rate BETWEEN 0 AND 1),
    save_rate_source text NOT NULL CHECK (save_rate_source IN ('assumed', 'measured')),
    segments         text[] NOT NULL CHECK (segments <@ ARRAY['High', 'Medium', 'Low']),
    topics           text[] NOT NULL DEFAULT '{}',
    tones            text[] NOT NULL DEFAULT '{}' CHECK (tones <@ ARRAY['positive', 'negative', 'neutral', 'mixed', 'none']),
    languages        text[] NOT NULL DEFAULT '{}' CHECK (languages <@ ARRAY['fr', 'en']),
    channels         text[] NOT NULL CHECK (cardinality(channels) > 0 AND channels <@ ARRAY['email', 'phone', 'letter', 'app']),
    requires         jsonb NOT NULL DEFAULT '{}',
    cooldown_days    integer NOT NULL DEFAULT 0 CHECK (cooldown_days BETWEEN 0 AND 3650),
    valid_from       date,
    valid_until      date CHECK (valid_until >= valid_from),
    budget_line      text CHECK (budget_line ~ '^[a-z0-9_]{1,40}$'),
    second_approval  boolean NOT NULL DEFAULT false,
    PRIMARY KEY (version, offer_id)
);
COMMENT ON COLUMN catalogue_offers.requires IS
    'By feature of the contract: {"min": 12}, {"max": 60}, both, or {"in": ["a", "b"]}; one that is missing is an error';

CREATE TABLE campaigns (
    campaign_id        text PRIMARY KEY CHECK (campaign_id ~ '^[a-z][a-z-]{0,30}[a-z0-9-]{0,4}$'),
    contract           text NOT NULL,
    name               text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    starts_on          date NOT NULL,
    ends_on            date NOT NULL CHECK (ends_on >= starts_on),
    budget_eur         numeric(12, 2) NOT NULL CHECK (budget_eur > 0),
    budget_lines       jsonb NOT NULL DEFAULT '{}',
    holdout_share      double precision NOT NULL CHECK (holdout_share BETWEEN 0 AND 0.5),
    holdout_shares     jsonb NOT NULL DEFAULT '{}',
    holdout_commitment text NOT NULL CHECK (holdout_commitment ~ '^[0-9a-f]{64}$'),
    catalogue_version  text NOT NULL REFERENCES catalogues,
    second_above_eur   numeric(8, 2) CHECK (second_above_eur >= 0),
    planted_share      double precision NOT NULL DEFAULT 0.05 CHECK (planted_share BETWEEN 0 AND 0.5),
    least_catch_rate   double precision NOT NULL DEFAULT 0.7 CHECK (least_catch_rate BETWEEN 0 AND 1),
    expires_after_days integer NOT NULL DEFAULT 30 CHECK (expires_after_days BETWEEN 1 AND 365),
    terms_sha256       text NOT NULL CHECK (terms_sha256 ~ '^[0-9a-f]{64}$'),
    opened_by          text NOT NULL REFERENCES people,
    opened_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    opened_event       uuid NOT NULL REFERENCES audit_log,
    closed_at          timestamptz
);
COMMENT ON COLUMN campaigns.campaign_id IS 'Letters and at most a year: events name it, and no personal data fits';
COMMENT ON COLUMN campaigns.holdout_shares IS 'By segment, where it is not holdout_share: {"High": 0.2}';
COMMENT ON COLUMN campaigns.holdout_commitment IS 'SHA-256 of the key that draws the hold-out, in the audit trail before any proposal';
COMMENT ON COLUMN campaigns.terms_sha256 IS 'Hash of everything that decides, as the event CAMPAIGN_OPENED has it';
COMMENT ON COLUMN campaigns.second_above_eur IS 'A price above it needs a second approval; null: only what the catalogue asks';
CREATE UNIQUE INDEX one_open_campaign_per_contract ON campaigns (contract) WHERE closed_at IS NULL;

CREATE TABLE campaign_keys (
    campaign_id text PRIMARY KEY REFERENCES campaigns,
    key         bytea NOT NULL CHECK (length(key) = 32)
);
COMMENT ON TABLE campaign_keys IS 'Keys of the hold-out: no role but the owner reads them before the campaign is closed';

-- In which arm a customer is: drawn once, at the first look, for the campaign's whole life.
CREATE TABLE campaign_members (
    campaign_id text NOT NULL REFERENCES campaigns,
    customer_id uuid NOT NULL REFERENCES customers,
    segment     text CHECK (segment IN ('High', 'Medium', 'Low')),
    draw        double precision NOT NULL CHECK (draw >= 0 AND draw < 1),
    held_out    boolean NOT NULL,
    joined_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (campaign_id, customer_id)
);
COMMENT ON COLUMN campaign_members.segment IS
    'At the first look: the stratum, whatever later runs find; null once the consent to profiling is withdrawn';
COMMENT ON COLUMN campaign_members.draw IS 'From the key, the campaign and the customer: below the share, the customer is held out';

ALTER TABLE runs ADD COLUMN campaign_id text REFERENCES campaigns;
COMMENT ON COLUMN runs.campaign_id IS 'The campaign that the run proposes into; null: it proposes nothing to anybody';

-- Why this offer, or none: every offer that was looked at, for one customer of a run.
CREATE TABLE arbitrations (
    run_id             text NOT NULL,
    customer_id        uuid NOT NULL,
    verdict            text NOT NULL CHECK (verdict IN ('proposed', 'held_out', 'below_break_even', 'not_eligible',
                                                        'contact_policy', 'over_budget')),
    offer_id           text REFERENCES offers,
    channel            text CHECK (channel IN ('email', 'phone', 'letter', 'app')),
    expected_value_eur numeric(12, 2),
    cost_eur           numeric(8, 2),
    considered         jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (run_id, customer_id),
    FOREIGN KEY (run_id, customer_id) REFERENCES run_customers,
    CHECK ((verdict IN ('proposed', 'over_budget')) = (offer_id IS NOT NULL))
);
COMMENT ON COLUMN arbitrations.considered IS
    '[{"offer_id", "expected_value_eur", "cost_eur", "verdict", "days", ...}], best first, as vigie/arbitration.py writes it';

CREATE TABLE allocations (
    run_id       text PRIMARY KEY REFERENCES runs,
    campaign_id  text NOT NULL REFERENCES campaigns,
    budget_eur   numeric(12, 2) NOT NULL,
    proposed_eur numeric(12, 2) NOT NULL,
    shadow_price double precision NOT NULL CHECK (shadow_price >= 0),
    proposed     integer NOT NULL,
    over_budget  integer NOT NULL,
    allocated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN allocations.budget_eur IS 'What was left of the campaign''s budget when the run was allocated';
COMMENT ON COLUMN allocations.shadow_price IS 'Expected euros that one more euro of budget would have brought; 0: the budget sufficed';

CREATE TABLE proposals (
    proposal_id        uuid PRIMARY KEY DEFAULT uuidv7(),
    campaign_id        text NOT NULL REFERENCES campaigns,
    run_id             text NOT NULL,
    customer_id        uuid NOT NULL,
    recipient_ref      uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    expected_value_eur numeric(12, 2),
    proposed_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at         timestamptz NOT NULL,
    superseded_at      timestamptz,
    withdrawn_at       timestamptz,
    UNIQUE (run_id, customer_id),
    FOREIGN KEY (run_id, customer_id) REFERENCES run_customers
);
CREATE INDEX proposals_by_campaign ON proposals (campaign_id, expected_value_eur DESC);
CREATE INDEX proposals_by_customer ON proposals (customer_id);
COMMENT ON COLUMN proposals.recipient_ref IS 'Names the customer towards whoever receives the hand-over, and nowhere else';
COMMENT ON COLUMN proposals.withdrawn_at IS 'A consent that it rests on was withdrawn: its content is erased, its decisions stay';

-- What an approval is bound to. An edit is another version.
CREATE TABLE proposal_versions (
    proposal_id    uuid NOT NULL REFERENCES proposals,
    version        integer NOT NULL CHECK (version >= 1),
    offer_id       text REFERENCES offers,
    channel        text CHECK (channel IN ('email', 'phone', 'letter', 'app')),
    language       text CHECK (language IN ('fr', 'en')),
    message        text CHECK (length(message) BETWEEN 1 AND 1200),
    price_eur      numeric(8, 2) CHECK (price_eur >= 0),
    wording        text NOT NULL CHECK (wording IN ('composed', 'catalogue', 'drafted', 'edited')),
    author         text NOT NULL,
    nonce          bytea CHECK (length(nonce) = 16),
    content_sha256 text NOT NULL CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
    written_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (proposal_id, version),
    CHECK (num_nulls(offer_id, channel, language, message, price_eur, nonce) IN (0, 6))
);
COMMENT ON COLUMN proposal_versions.nonce IS 'Hashed with the content, so that nobody can guess the content from the hash; erased with it';
COMMENT ON COLUMN proposal_versions.author IS 'The agent''s role, or the person who edited';

CREATE FUNCTION content_sha256(proposal uuid, nonce bytea, recipient uuid, offer text, channel text, price numeric, message text)
RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT encode(sha256(nonce || convert_to(
        concat_ws(E'\n', proposal, recipient, offer, channel, trim_scale(price), message), 'UTF8')), 'hex')
$$;
COMMENT ON FUNCTION content_sha256 IS
    'SHA-256 of nonce, then proposal, recipient reference, offer, channel, price and message, a line each, in UTF-8';

CREATE TABLE review_claims (
    proposal_id uuid PRIMARY KEY REFERENCES proposals,
    person      text NOT NULL REFERENCES people,
    claimed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL,
    shown_at    timestamptz
);
CREATE INDEX review_claims_by_person ON review_claims (person);
COMMENT ON COLUMN review_claims.shown_at IS 'When the reviewer opened the case: the time to decide counts from here';

CREATE TABLE decisions (
    decision_id    uuid PRIMARY KEY DEFAULT uuidv7(),
    proposal_id    uuid NOT NULL REFERENCES proposals,
    version        integer NOT NULL,
    decision       text NOT NULL CHECK (decision IN ('approve', 'second_approve', 'reject', 'undo')),
    person         text NOT NULL REFERENCES people,
    reason         text NOT NULL CHECK (reason ~ '^[a-z_]{1,40}$'),
    content_sha256 text NOT NULL,
    bulk_id        uuid,
    seen           jsonb,
    seconds        double precision CHECK (seconds >= 0),
    decided_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    event_id       uuid NOT NULL REFERENCES audit_log,
    FOREIGN KEY (proposal_id, version) REFERENCES proposal_versions
);
CREATE INDEX decisions_by_proposal ON decisions (proposal_id, decided_at);
CREATE INDEX decisions_by_person ON decisions (person, decided_at);
COMMENT ON COLUMN decisions.seen IS 'What the reviewer had before them; erased when a consent that it rests on is withdrawn';
COMMENT ON COLUMN decisions.seconds IS 'From opening the case to deciding, by the database''s clock; null in bulk';

CREATE TABLE planted_proposals (
    proposal_id uuid PRIMARY KEY REFERENCES proposals,
    kind        text NOT NULL CHECK (kind IN ('wrong_offer', 'wrong_price', 'wrong_customer'))
);
COMMENT ON TABLE planted_proposals IS 'Wrong on purpose, to measure reviewers: never handed over, unknown to every reviewer';

CREATE TABLE hand_overs (
    hand_over_id uuid PRIMARY KEY DEFAULT uuidv7(),
    campaign_id  text NOT NULL REFERENCES campaigns,
    person       text NOT NULL REFERENCES people,
    items        integer NOT NULL CHECK (items > 0),
    items_sha256 text NOT NULL CHECK (items_sha256 ~ '^[0-9a-f]{64}$'),
    handed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    event_id     uuid NOT NULL REFERENCES audit_log
);
CREATE TABLE handed_over (
    proposal_id    uuid PRIMARY KEY REFERENCES proposals,
    hand_over_id   uuid NOT NULL REFERENCES hand_overs,
    version        integer NOT NULL,
    content_sha256 text NOT NULL,
    consent_id     bigint NOT NULL REFERENCES consents,
    answer         text CHECK (answer IN ('delivered', 'failed', 'refused')),
    answered_at    timestamptz,
    FOREIGN KEY (proposal_id, version) REFERENCES proposal_versions
);
COMMENT ON TABLE handed_over IS 'Each approved action leaves once: its proposal is the key';

CREATE TABLE outcomes (
    campaign_id text NOT NULL REFERENCES campaigns,
    customer_id uuid NOT NULL,
    outcome     text NOT NULL CHECK (outcome IN ('stayed', 'left')),
    accepted    boolean,
    occurred_on date NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (campaign_id, customer_id),
    FOREIGN KEY (campaign_id, customer_id) REFERENCES campaign_members
);
COMMENT ON COLUMN outcomes.accepted IS 'Whether an offer that was made was taken; null where none was made or it is not known';

CREATE TABLE objections (
    objection_id uuid PRIMARY KEY DEFAULT uuidv7(),
    proposal_id  uuid NOT NULL REFERENCES proposals,
    received_on  date NOT NULL,
    recorded_by  text NOT NULL REFERENCES people,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    answer       text CHECK (answer IN ('upheld', 'changed', 'withdrawn')),
    answered_by  text REFERENCES people,
    answered_at  timestamptz,
    event_id     uuid NOT NULL REFERENCES audit_log,
    CHECK (num_nonnulls(answer, answered_by, answered_at) IN (0, 3))
);
COMMENT ON TABLE objections IS 'GDPR article 22(3): the customer contests, and another person decides anew';
COMMENT ON COLUMN objections.answer IS 'upheld: the first decision stands; changed: it was replaced; withdrawn: by the customer';

-- Whom to offer what rests on all three purposes: a withdrawal of one erases it in its own transaction. That it was
-- proposed, decided on and handed over stays, with the hashes.
CREATE FUNCTION erase_proposals() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF public.consent_granted_now(NEW.customer_id, NEW.purpose) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    DELETE FROM public.arbitrations WHERE customer_id = NEW.customer_id;
    UPDATE public.proposal_versions v
    SET offer_id = NULL, channel = NULL, language = NULL, message = NULL, price_eur = NULL, nonce = NULL
    FROM public.proposals p
    WHERE p.proposal_id = v.proposal_id AND p.customer_id = NEW.customer_id AND v.nonce IS NOT NULL;
    UPDATE public.decisions d SET seen = NULL
    FROM public.proposals p
    WHERE p.proposal_id = d.proposal_id AND p.customer_id = NEW.customer_id AND d.seen IS NOT NULL;
    UPDATE public.proposals SET withdrawn_at = clock_timestamp(), expected_value_eur = NULL
    WHERE customer_id = NEW.customer_id AND withdrawn_at IS NULL;
    IF NEW.purpose = 'profiling' THEN
        UPDATE public.campaign_members SET segment = NULL WHERE customer_id = NEW.customer_id AND segment IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER erase_proposals AFTER INSERT ON consents
    FOR EACH ROW WHEN (NOT NEW.granted) EXECUTE FUNCTION erase_proposals();

-- What has happened stays.
DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['catalogues', 'catalogue_offers', 'campaign_keys', 'hand_overs', 'planted_proposals'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I
                        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', kept);
    END LOOP;
END $$;

REVOKE EXECUTE ON FUNCTION require_person, content_sha256, erase_proposals FROM PUBLIC;
GRANT SELECT ON catalogues, catalogue_offers, campaigns, campaign_members, allocations, arbitrations TO dashboard;

-- Every function of ours finds its names where it was written, whatever the caller's session says.
DO $$
DECLARE
    ours regprocedure;
BEGIN
    FOR ours IN SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', ours);
    END LOOP;
END $$;
