-- A bank with three finished runs, at any size, for the dashboard's tests, screenshots and benchmark.
-- Parameters: customers (rows), audit_rows (least number of audit events). Same size, same bank, but for the dates.
-- Triggers are off: what is written here is what the agents' own tests show them to write.
SET session_replication_role = replica;

CREATE TEMP TABLE person AS
SELECT i, md5('customer ' || i)::uuid AS customer_id,
       CASE WHEN i % 5 < 3 THEN 'fr' ELSE 'en' END AS language,
       (abs(hashint4(i)::bigint) % 1000)::float / 1000 AS luck,
       i % 100 >= 15 AS may_analyse, i % 100 NOT IN (3, 40) AS may_profile, i % 11 <> 4 AS may_offer
FROM generate_series(1, :customers) AS i;

INSERT INTO customers (customer_id, customer_number, first_name, last_name, email, phone, language, annual_value_eur, created_at)
SELECT customer_id, 'C' || lpad(i::text, 6, '0'),
       (ARRAY['Hélène', 'Zoë', 'Éric', 'Amélie', 'Oumar', 'Chloé', 'James', 'Linh', 'Noémie', 'Sofía', 'Yusuf', 'Grace', 'Jürgen'])[1 + i % 13],
       (ARRAY['Lefèvre', 'Ndiaye', 'Müller', 'O''Brien', 'García', 'Bélanger', 'Nguyễn', 'Smith', 'Çelik', 'Dupré', 'Kowalski'])[1 + i % 11],
       'person' || i || '@example.org', '+3360000' || lpad((i % 10000)::text, 4, '0'), language,
       round((120 + luck * 2400)::numeric, 2), now() - interval '2 years'
FROM person;

INSERT INTO consents (customer_id, purpose, granted, source, policy_version, recorded_at)
SELECT customer_id, purpose, true, 'branch', '2025-01', now() - interval '400 days'
FROM person, unnest(ARRAY['feedback_analysis', 'profiling', 'retention_offers']) AS purpose
WHERE NOT (purpose = 'feedback_analysis' AND i % 100 < 8);
INSERT INTO consents (customer_id, purpose, granted, source, policy_version, recorded_at)
SELECT customer_id, 'feedback_analysis', false, 'app', '2025-06', now() - interval '60 days' FROM person WHERE i % 100 BETWEEN 8 AND 14
UNION ALL
SELECT customer_id, 'profiling', false, 'letter', '2025-06', now() - interval '50 days' FROM person WHERE NOT may_profile
UNION ALL
SELECT customer_id, 'retention_offers', false, 'call_centre', '2025-06', now() - interval '45 days' FROM person WHERE NOT may_offer;

INSERT INTO feedback (feedback_id, customer_id, received_at, channel, language, text)
SELECT md5('feedback ' || i)::uuid, customer_id, now() - interval '1 day' * (20 + luck * 60),
       (ARRAY['app', 'e-mail', 'branch', 'phone'])[1 + i % 4], language, 'CANARY raw text, never shown'
FROM person WHERE i % 10 <> 7;

INSERT INTO model_registry (version, contract, algorithm, scorer, scorer_sha256, contract_toml, contract_sha256,
                            training_sha256, metrics, state, registered_at, approved_by, approved_at)
VALUES ('bank-20261101-1', 'bank', 'explainable_boosting', '\x00', md5('s') || md5('t'), $toml$
name = "bank"

[[feature]]
name = "complaints_90d"
words = { en = { label = "Complaints in 90 days" }, fr = { label = "Réclamations en 90 jours" } }

[[feature]]
name = "balance_trend"
words = { en = { label = "Balance trend over 90 days" }, fr = { label = "Évolution du solde sur 90 jours" } }

[[feature]]
name = "logins_30d"
words = { en = { label = "Online visits in 30 days" }, fr = { label = "Connexions en 30 jours" } }

[[feature]]
name = "products"
words = { en = { label = "Products held" }, fr = { label = "Produits détenus" } }

[[feature]]
name = "sentiment_score"
words = { en = { label = "Tone of feedback" }, fr = { label = "Ton des avis" } }
$toml$, md5('c') || md5('d'), md5('e') || md5('f'),
    '{"auc": 0.874, "log_loss": 0.331, "brier": 0.104, "ece": 0.011, "rows": 20000}', 'approved',
    now() - interval '20 days', 'model-committee', now() - interval '19 days');

CREATE TEMP TABLE run AS
SELECT * FROM (VALUES (1, 'weekly-2026-45', interval '14 days', 0.92), (2, 'weekly-2026-46', interval '7 days', 1.0),
                      (3, 'weekly-2026-47', interval '3 hours', 1.08)) AS r (n, run_id, ago, factor);
INSERT INTO runs (run_id, purpose, status, contract, model_version, scorer_sha256, prompt_versions, thresholds,
                  batch_size, batches, planned, planned_at, finished_at, counts, llm_recipient, llm_address, llm_model)
SELECT run_id, 'retention', CASE n WHEN 2 THEN 'partial' ELSE 'succeeded' END, 'bank', 'bank-20261101-1', md5('s') || md5('t'),
       '{"analysis": "analysis-3", "action": "action-3"}', '{"high": 0.7, "medium": 0.35}', 100,
       1 + (SELECT count(*) FROM person) / 100, (SELECT count(*) FROM person), now() - ago, now() - ago + interval '74 seconds', '{}',
       CASE n WHEN 2 THEN 'Groq' WHEN 1 THEN 'local rules on this machine' END,
       CASE n WHEN 2 THEN 'https://api.groq.com/openai/v1' WHEN 1 THEN 'http://127.0.0.1:4570/openai/v1' END,
       CASE n WHEN 2 THEN 'openai/gpt-oss-20b' WHEN 1 THEN 'vigie-local-rules' END
FROM run;
INSERT INTO run_customers SELECT run_id, customer_id, i / 100 FROM run, person;

CREATE TEMP TABLE outcome AS
SELECT r.n, r.run_id, now() - r.ago + interval '1 second' * (2 + p.luck * 60) AS at, p.*,
       md5(r.run_id || i)::uuid AS analyse_call, md5('offer' || r.run_id || i)::uuid AS offer_call,
       may_analyse AND i % 10 <> 7 AND NOT (n = 2 AND i % 50 = 0) AS analysed,
       may_analyse AND i % 10 <> 7 AND n = 2 AND i % 50 = 0 AS lost,
       least(0.97, 0.02 + power(luck, 2.2) * r.factor * 0.88) AS probability,
       (ARRAY['negative', 'neutral', 'mixed', 'positive'])[1 + least(3, floor((1 - luck) * 4.2 + (i % 3) * 0.3))::int] AS sentiment
FROM run r, person p;
ALTER TABLE outcome ADD segment text;
UPDATE outcome SET segment = CASE WHEN NOT may_profile THEN NULL WHEN probability >= 0.7 THEN 'High' WHEN probability >= 0.35 THEN 'Medium' ELSE 'Low' END;

INSERT INTO run_steps (run_id, customer_id, step, outcome, reason, ended_at)
SELECT run_id, customer_id, 'analyse', CASE WHEN analysed THEN 'done' WHEN lost THEN 'failed' ELSE 'skipped' END,
       CASE WHEN lost THEN 'ModelUnavailable' WHEN NOT may_analyse THEN 'NoConsent' WHEN NOT analysed THEN 'NoFeedback' END, at FROM outcome
UNION ALL
SELECT run_id, customer_id, 'predict', CASE WHEN may_profile THEN 'done' ELSE 'skipped' END,
       CASE WHEN NOT may_profile THEN 'NoConsent' END, at FROM outcome
UNION ALL
SELECT run_id, customer_id, 'decide', CASE WHEN segment IS NULL THEN 'skipped' WHEN i % 97 = 0 AND n = 2 THEN 'failed' ELSE 'done' END,
       CASE WHEN segment IS NULL THEN 'NoPrediction' WHEN i % 97 = 0 AND n = 2 THEN 'ProviderUnavailable' END, at FROM outcome;

INSERT INTO egress_ledger (egress_id, agent, run_id, customer_id, purpose, consent_id, attempt, recipient, country, retention, model,
    prompt_version, redacted_prompt, prompt_sha256, entity_counts, sent_at, outcome, answer, tokens_in, tokens_out, latency_ms, ended_at)
SELECT analyse_call, 'nlp_agent', run_id, customer_id, 'feedback_analysis', 1, 1, 'local rules on this machine', 'none',
       'nothing is kept', 'vigie-local-rules', 'analysis-3',
       CASE language WHEN 'fr' THEN 'Bonjour, je suis <NAME_1>. Votre appli a encore planté et personne ne rappelle au <PHONE_1>. Mon IBAN <IBAN_1> a été prélevé deux fois : c''est inadmissible, je pense partir.'
            ELSE 'Hello, this is <NAME_1>. The app crashed again and nobody calls me back on <PHONE_1>. I was charged twice on <IBAN_1>; I am thinking of leaving.' END,
       md5('p' || i) || md5('q' || i), '{"NAME": 1, "PHONE": 1, "IBAN": 1}'::jsonb, at, CASE WHEN i % 50 = 0 THEN 'unavailable' ELSE 'answered' END,
       jsonb_build_object('sentiment', sentiment), 412, 88, 180 + i % 60, at + interval '200 milliseconds'
FROM outcome WHERE analysed OR lost
UNION ALL
SELECT offer_call, 'action_agent', run_id, customer_id, 'retention_offers', 1, 1, 'local rules on this machine', 'none',
       'nothing is kept', 'vigie-local-rules', 'action-3', 'segment: High; topics: mobile_app, fees; language: ' || language,
       md5('o' || i) || md5('r' || i), '{}'::jsonb, at + interval '2 seconds', 'answered', '{"offer": "advisor_call_talk"}'::jsonb, 230, 64, 140 + i % 40,
       at + interval '2.2 seconds'
FROM outcome WHERE may_offer AND segment IN ('High', 'Medium');

INSERT INTO feedback_analyses (run_id, customer_id, feedback_ids, sentiment, score, topics, intent_to_leave, causes, egress_id, created_at)
SELECT run_id, customer_id, ARRAY[md5('feedback ' || i)::uuid], sentiment,
       CASE sentiment WHEN 'negative' THEN -0.7 WHEN 'mixed' THEN -0.1 WHEN 'neutral' THEN 0.05 ELSE 0.8 END,
       string_to_array((ARRAY['mobile_app,customer_service', 'fees', 'card,security_fraud', 'transfer', 'branch',
                              'savings,rates', 'loan', 'customer_service', 'fees,account_closure'])[1 + i % 9], ','),
       sentiment = 'negative' AND i % 3 = 0, CASE sentiment WHEN 'negative' THEN '{unreachable,failure}'::text[] ELSE '{}' END,
       analyse_call, at
FROM outcome WHERE analysed;

INSERT INTO predictions (run_id, customer_id, model_version, probability, log_odds, intercept, contributions, drivers, sentiment_score, created_at, analysis_lost)
SELECT run_id, customer_id, 'bank-20261101-1', probability, ln(probability / (1 - probability)), -1.4, '{}',
       jsonb_build_array(
         CASE i % 3 WHEN 0 THEN '{"feature": "complaints_90d", "contribution": 1.12, "direction": "raises", "strength": "strongly", "words_fr": "Trois réclamations en 90 jours : augmente fortement le risque", "words_en": "Three complaints in 90 days: raises the risk strongly"}'::jsonb
           WHEN 1 THEN '{"feature": "balance_trend", "contribution": 0.86, "direction": "raises", "strength": "strongly", "words_fr": "Solde en baisse de 42 % sur six mois : augmente fortement le risque", "words_en": "Balance down 42% over six months: raises the risk strongly"}'
           ELSE '{"feature": "logins_30d", "contribution": 0.64, "direction": "raises", "strength": "moderately", "words_fr": "Deux connexions en 30 jours : augmente modérément le risque", "words_en": "Two logins in 30 days: raises the risk moderately"}' END,
         CASE WHEN analysed THEN '{"feature": "sentiment_score", "contribution": 0.47, "direction": "raises", "strength": "moderately", "words_fr": "Dernier message très négatif : augmente modérément le risque", "words_en": "Last message very negative: raises the risk moderately"}'::jsonb
           ELSE '{"feature": "products", "contribution": 0.22, "direction": "raises", "strength": "slightly", "words_fr": "Un seul produit détenu : augmente légèrement le risque", "words_en": "Holds one product only: raises the risk slightly"}' END,
         '{"feature": "tenure_years", "contribution": -0.38, "direction": "lowers", "strength": "moderately", "words_fr": "Cliente depuis onze ans : réduit modérément le risque", "words_en": "Customer for eleven years: lowers the risk moderately"}'::jsonb),
       CASE WHEN analysed THEN -0.7 END, at + interval '1 second', lost
FROM outcome WHERE may_profile;

INSERT INTO actions (run_id, customer_id, segment, source, source_reason, offer_id, language, reason, phrase_ids, message, egress_id, created_at, analysis_lost)
SELECT run_id, customer_id, segment,
       CASE WHEN NOT may_offer THEN 'none' WHEN segment = 'Low' THEN 'catalogue' ELSE 'model' END,
       CASE WHEN NOT may_offer THEN 'NoConsent' WHEN segment = 'Low' THEN 'LowRisk' END,
       offer, language,
       CASE WHEN may_offer AND segment <> 'Low' THEN ARRAY['why_driver_1', CASE segment WHEN 'High' THEN 'why_high' ELSE 'why_medium' END] END,
       said,
       (SELECT string_agg(CASE language WHEN 'fr' THEN text_fr ELSE text_en END, ' ' ORDER BY place)
        FROM unnest(said) WITH ORDINALITY AS g (phrase_id, place) JOIN sentences USING (phrase_id)),
       CASE WHEN may_offer AND segment <> 'Low' THEN offer_call END, at + interval '3 seconds', lost
FROM (SELECT *, CASE WHEN may_offer AND segment = 'Low' THEN ARRAY[offer] WHEN may_offer THEN ARRAY[
          CASE tone WHEN 'negative' THEN 'sorry_to_read' WHEN 'mixed' THEN 'both_sides' WHEN 'neutral' THEN 'thanks_for_message'
              WHEN 'positive' THEN 'pleasure_to_read' ELSE 'thanks_for_trust' END, offer, 'your_choice', 'listening'] END AS said
      FROM (SELECT *, CASE WHEN analysed THEN sentiment ELSE 'none' END AS tone,
                   CASE WHEN may_offer AND segment = 'Low' THEN 'savings_review' WHEN may_offer AND i % 3 = 0 AND analysed AND sentiment IN ('negative', 'mixed')
                        THEN 'complaint_priority' WHEN may_offer THEN 'advisor_call' END AS offer
            FROM outcome WHERE segment IS NOT NULL) AS told) AS worded;

-- Events of past weeks, by several agents, as earlier versions wrote them: the database takes such from nobody.
SET session_replication_role = replica;
INSERT INTO audit_log (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details, request_id)
SELECT uuidv7(at - now() + delay), at + delay, run_id, agent, event_type, status, customer_id, details, md5(run_id || batch)
FROM (
  SELECT o.run_id, o.at, o.i / 100 AS batch, e.* , o.customer_id
  FROM outcome o, LATERAL (VALUES
    (interval '0 s', 'nlp_agent', 'CONSENT_CHECK', CASE WHEN may_analyse THEN 'ok' ELSE 'refused' END, '{"purpose": "feedback_analysis"}'::jsonb, true),
    (interval '0.01 s', 'nlp_agent', 'ANONYMISATION', 'ok', '{"replaced": {"IBAN": 1, "NAME": 1, "PHONE": 1}, "feedback_count": 1}', analysed),
    (interval '0.02 s', 'nlp_agent', 'LLM_CALL_START', 'ok', jsonb_build_object('egress_id', analyse_call, 'prompt_version', 'analysis-3'), analysed),
    (interval '0.2 s', 'nlp_agent', 'LLM_CALL_END', CASE WHEN i % 50 = 0 THEN 'failed' ELSE 'ok' END, jsonb_build_object('egress_id', analyse_call, 'outcome', 'answered', 'latency_ms', 190), analysed),
    (interval '0.21 s', 'nlp_agent', 'ANALYSIS_SAVED', 'ok', jsonb_build_object('sentiment', sentiment, 'topics', 2, 'egress_id', analyse_call), analysed),
    (interval '1 s', 'prediction_agent', 'CONSENT_CHECK', CASE WHEN may_profile THEN 'ok' ELSE 'refused' END, '{"purpose": "profiling"}', true),
    (interval '1.01 s', 'prediction_agent', 'PREDICTION_SAVED', 'ok', jsonb_build_object('model_version', 'bank-20261101-1', 'probability', round(probability::numeric, 4), 'with_sentiment', analysed), may_profile),
    (interval '2 s', 'action_agent', 'SEGMENTATION', 'ok', jsonb_build_object('segment', segment), segment IS NOT NULL),
    (interval '2.01 s', 'action_agent', 'CONSENT_CHECK', CASE WHEN may_offer THEN 'ok' ELSE 'refused' END, '{"purpose": "retention_offers"}', segment IS NOT NULL),
    (interval '3 s', 'action_agent', 'ACTION_SAVED', 'ok', '{"source": "model"}', segment IS NOT NULL)
  ) AS e (delay, agent, event_type, status, details, happened)
  WHERE happened AND (o.n = 3 OR :customers <= 5000)
  UNION ALL
  SELECT run_id, now() - ago, 0, e.*, NULL::uuid FROM run, LATERAL (VALUES
    (interval '0 s', 'planner', 'RUN_PLANNED', 'ok', '{"batches": 6, "left_out_without_profiling_consent": 12, "model_version": "bank-20261101-1"}'::jsonb, true),
    (interval '70 s', 'audit_agent', 'CHECKPOINT_SIGNED', 'ok', '{"tree_size": 4096}', true),
    (interval '72 s', 'audit_agent', 'RUN_RECONCILED', CASE n WHEN 2 THEN 'failed' ELSE 'ok' END, jsonb_build_object('gaps', CASE n WHEN 2 THEN 2 ELSE 0 END), true),
    (interval '74 s', 'planner', 'RUN_FINISHED', 'ok', '{"status": "succeeded"}', true)) AS e
) events
ORDER BY at + delay;
INSERT INTO audit_log (event_id, occurred_at, run_id, agent, event_type, status, details)
SELECT uuidv7(), now() - interval '3 hours' + interval '1 second' * (g % 74), 'weekly-2026-47', 'nlp_agent', 'BATCH_END', 'ok', jsonb_build_object('batch', g)
FROM generate_series(1, :audit_rows - (SELECT count(*) FROM audit_log)) AS g;
SET session_replication_role = origin;

INSERT INTO run_drift VALUES
('weekly-2026-47', 'score', 'psi', 0.041, 'ok'), ('weekly-2026-47', 'balance_trend', 'psi', 0.132, 'warning'),
('weekly-2026-47', 'logins_30d', 'psi', 0.287, 'alarm'), ('weekly-2026-47', 'complaints_90d', 'missing_rate', 0.004, 'ok'),
('weekly-2026-47', 'products: three', 'medium_or_high_rate', 0.612, 'warning');
INSERT INTO run_gaps (run_id, customer_id, step, store, problem)
SELECT 'weekly-2026-46', customer_id, 'decide', 'cloudwatch', 'EventNotLogged' FROM person WHERE i <= 2;

INSERT INTO redrives (run_id, part, redriven_as) VALUES ('weekly-2026-46', 1, 'weekly-2026-46--again');
INSERT INTO dead_letters (message_id, queue, run_id, batch_no, step, reason, body_bytes, body_sha256, redriven_as) VALUES
    ('m-1', 'vigie-action-dlq', 'weekly-2026-46', 3, 'decide', 'GivenUp', NULL, NULL, 'weekly-2026-46--again'),
    ('m-2', 'vigie-nlp-dlq', NULL, NULL, 'analyse', 'Unreadable', 17, repeat('0f', 32), NULL);
INSERT INTO audit_checkpoint
SELECT (SELECT count(*) FROM audit_log), sha256('root'), E'vigie/audit\n' || (SELECT count(*) FROM audit_log) || E'\n' || encode(sha256('root'), 'base64')
       || E'\n\n— vigie/audit kQAAAADemoSignatureOnly', now() - interval '2 hours';

INSERT INTO audit_publication (tree_size, bucket, object_key)
SELECT tree_size, 'vigie-audit', 'checkpoints/' || tree_size FROM audit_checkpoint;

SET session_replication_role = origin;
ANALYZE;
