-- A campaign with a catalogue, people and proposals on top of dashboard_bank.sql, for the pages of review.
-- Triggers are off: what is written here is what the functions' own tests show them to write.
SET session_replication_role = replica;

INSERT INTO people (person, duty) VALUES
    ('demo-reviewer', 'reviewer'), ('other-reviewer', 'reviewer'), ('demo-second', 'second_reviewer'),
    ('demo-officer', 'officer'), ('demo-operator', 'operator');

INSERT INTO catalogues (version, sha256, content, policy, loaded_at) VALUES
    ('2026-10', encode(sha256('catalogue 2026-10'), 'hex'), '', '{"margin_eur": 5}', now() - interval '40 days'),
    ('2026-11', encode(sha256('catalogue 2026-11'), 'hex'), '', '{"margin_eur": 5}', now() - interval '12 days');
INSERT INTO catalogue_offers (version, offer_id, cost_eur, save_rate, save_rate_source, segments, topics, tones, channels,
                              requires, cooldown_days, valid_from, valid_until, budget_line, second_approval)
SELECT version, offer_id, cost_eur, save_rate, CASE WHEN offer_id = 'advisor_call' AND version = '2026-11' THEN 'measured' ELSE 'assumed' END,
       segments, topics, tones, CASE offer_id WHEN 'branch_meeting' THEN '{letter}'::text[] ELSE '{email,phone}' END,
       CASE offer_id WHEN 'loan_review' THEN '{"products": {"min": 2}}'::jsonb WHEN 'loyalty_thanks' THEN '{"tenure_years": {"min": 3, "max": 30}}' ELSE '{}' END,
       CASE offer_id WHEN 'loyalty_thanks' THEN 0 ELSE 90 END,
       CASE offer_id WHEN 'digital_help' THEN date '2026-01-01' END, CASE offer_id WHEN 'digital_help' THEN date '2026-06-30' END,
       CASE offer_id WHEN 'fee_review' THEN 'fees' END, offer_id = 'loan_review'
FROM offers, (VALUES ('2026-10'), ('2026-11')) AS v (version);

INSERT INTO campaigns (campaign_id, contract, name, starts_on, ends_on, budget_eur, holdout_share, holdout_shares,
                       holdout_commitment, catalogue_version, second_above_eur, terms_sha256, opened_by, opened_event, opened_at, closed_at)
SELECT c.id, 'bank', c.name, current_date - c.since, current_date + c.until, c.budget, 0.1, c.shares, encode(sha256('key'), 'hex'),
       '2026-11', 22, encode(sha256('terms'), 'hex'), 'demo-operator', e.event_id, now() - c.since * interval '1 day',
       CASE WHEN c.until < 0 THEN now() - interval '20 days' END
FROM (SELECT event_id FROM audit_log WHERE event_type = 'RUN_PLANNED' LIMIT 1) e,
     (VALUES ('winter-keep', 'Winter 2026', 10, 80, 2500, '{"High": 0.2}'::jsonb),
             ('autumn-keep', 'Autumn 2026', 100, -20, 1000, '{}')) AS c (id, name, since, until, budget, shares);
UPDATE runs SET campaign_id = 'winter-keep' WHERE run_id = 'weekly-2026-47';

INSERT INTO campaign_members (campaign_id, customer_id, segment, draw, held_out)
SELECT 'winter-keep', customer_id, segment, draw, draw < CASE segment WHEN 'High' THEN 0.2 ELSE 0.1 END
FROM (SELECT customer_id, segment, ('x' || left(md5('draw ' || customer_id), 6))::bit(24)::int / 16777216.0 AS draw
      FROM actions WHERE run_id = 'weekly-2026-47') d;

CREATE TEMP TABLE chosen AS
SELECT a.customer_id, a.offer_id, a.language, a.message, a.segment, m.held_out, o.cost_eur,
       CASE a.offer_id WHEN 'branch_meeting' THEN 'letter' ELSE 'email' END AS channel,
       round((p.probability * c.annual_value_eur * o.save_rate - o.cost_eur)::numeric, 2) AS value,
       row_number() OVER (ORDER BY p.probability * c.annual_value_eur * o.save_rate - o.cost_eur DESC) AS place
FROM actions a JOIN predictions p USING (run_id, customer_id) JOIN customers c USING (customer_id)
JOIN catalogue_offers o ON o.version = '2026-11' AND o.offer_id = a.offer_id
JOIN campaign_members m ON m.campaign_id = 'winter-keep' AND m.customer_id = a.customer_id
WHERE a.run_id = 'weekly-2026-47' AND a.source <> 'none';

INSERT INTO arbitrations (run_id, customer_id, verdict, offer_id, channel, expected_value_eur, cost_eur, considered)
SELECT 'weekly-2026-47', customer_id,
       CASE WHEN held_out THEN 'held_out' WHEN value <= 0 THEN 'below_break_even' WHEN place > :proposals THEN 'over_budget' ELSE 'proposed' END,
       CASE WHEN NOT held_out AND value > 0 THEN offer_id END, channel, value, cost_eur,
       jsonb_build_array(
           jsonb_build_object('offer_id', offer_id, 'verdict', 'chosen', 'expected_value_eur', value, 'cost_eur', cost_eur),
           jsonb_build_object('offer_id', 'savings_review', 'verdict', 'lower_value', 'expected_value_eur', round(value * 0.7, 2), 'cost_eur', 15),
           jsonb_build_object('offer_id', 'fee_review', 'verdict', 'cooldown', 'days', 40, 'cost_eur', 30),
           jsonb_build_object('offer_id', 'loan_review', 'verdict', 'requirement', 'feature', 'products', 'cost_eur', 40),
           jsonb_build_object('offer_id', 'digital_help', 'verdict', 'not_valid_today', 'cost_eur', 8))
FROM chosen;

INSERT INTO proposals (proposal_id, campaign_id, run_id, customer_id, recipient_ref, expected_value_eur, proposed_at, expires_at)
SELECT md5('proposal ' || customer_id)::uuid, 'winter-keep', 'weekly-2026-47', customer_id, md5('recipient ' || customer_id)::uuid, value,
       now() - interval '3 hours', CASE WHEN place % 9 = 0 THEN now() + interval '2 days' ELSE now() + interval '27 days' END
FROM chosen WHERE NOT held_out AND value > 0 AND place <= :proposals;
INSERT INTO proposal_versions (proposal_id, version, offer_id, channel, language, message, price_eur, wording, author, nonce, content_sha256)
SELECT p.proposal_id, 1, c.offer_id, c.channel, c.language, c.message, c.cost_eur,
       CASE WHEN c.place % 7 = 3 THEN 'drafted' ELSE 'composed' END, 'action_agent', n.nonce,
       content_sha256(p.proposal_id, n.nonce, p.recipient_ref, c.offer_id, c.channel, c.cost_eur, c.message)
FROM proposals p JOIN chosen c USING (customer_id), LATERAL (SELECT decode(md5('nonce ' || c.customer_id), 'hex') AS nonce) n
WHERE p.campaign_id = 'winter-keep';

INSERT INTO allocations (run_id, campaign_id, budget_eur, proposed_eur, shadow_price, proposed, over_budget)
SELECT 'weekly-2026-47', 'winter-keep', 2500, sum(price_eur), 1.37, count(*), (SELECT count(*) FROM arbitrations WHERE verdict = 'over_budget')
FROM proposal_versions;

SET session_replication_role = origin;
ANALYZE;
