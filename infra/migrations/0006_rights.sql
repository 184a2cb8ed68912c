-- What each role may do. tests/integration/database/rights.toml states the same; a test tries all of it.
-- depends: 0005_consent_gate

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;

-- Everybody leaves audit events; nobody but the audit agent and the dashboard reads them.
GRANT INSERT (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details, request_id)
    ON audit_log TO planner, nlp_agent, prediction_agent, action_agent, audit_agent;
GRANT SELECT ON runs, run_customers TO nlp_agent, prediction_agent, action_agent, audit_agent;

-- planner: who is in a run, and its closing counts. No personal data.
GRANT SELECT (customer_id, language) ON customers TO planner;
GRANT SELECT (customer_id, contract, as_of) ON customer_features TO planner;
GRANT SELECT ON consents, current_consents, run_steps TO planner;
GRANT SELECT (version, contract, state, scorer_sha256, approved_at) ON model_registry TO planner;
GRANT SELECT, INSERT ON runs, run_customers TO planner;
GRANT UPDATE (planned, batches, status, finished_at, counts) ON runs TO planner;
GRANT INSERT ON run_steps TO planner;
GRANT SELECT (run_id, customer_id) ON feedback_analyses, predictions TO planner;
GRANT SELECT (run_id, customer_id, segment, source) ON actions TO planner;

-- nlp_agent: the only reader of feedback.
GRANT SELECT ON customers, feedback, consents, current_consents TO nlp_agent;
GRANT SELECT, INSERT ON run_steps, egress_ledger, feedback_analyses TO nlp_agent;
GRANT EXECUTE ON FUNCTION end_egress, consent_granted_now TO nlp_agent, action_agent;

-- prediction_agent: features, the score of an analysis, the model; no name, no text.
GRANT SELECT (customer_id, language) ON customers TO prediction_agent;
GRANT SELECT ON customer_features, consents, current_consents, model_registry TO prediction_agent;
GRANT SELECT (run_id, customer_id, sentiment, score, intent_to_leave) ON feedback_analyses TO prediction_agent;
GRANT SELECT, INSERT ON run_steps, predictions TO prediction_agent;
GRANT SELECT, INSERT ON run_drift TO prediction_agent;
GRANT EXECUTE ON FUNCTION consent_granted_now TO prediction_agent;

-- action_agent: needs the customer's identifiers for one thing, to stop them from leaving.
GRANT SELECT ON customers, consents, current_consents, offers, feedback_analyses, predictions TO action_agent;
GRANT SELECT, INSERT ON run_steps, egress_ledger, actions TO action_agent;

-- audit_agent: seals and reconciles; sees what happened, never what was said.
GRANT SELECT ON audit_log, run_steps TO audit_agent;
GRANT SELECT, INSERT ON audit_leaf, audit_checkpoint, run_gaps TO audit_agent;
GRANT SELECT, UPDATE ON audit_frontier TO audit_agent;
GRANT SELECT (run_id, customer_id) ON feedback_analyses, predictions TO audit_agent;
GRANT SELECT (run_id, customer_id, segment, source, source_reason) ON actions TO audit_agent;
GRANT SELECT (egress_id, agent, run_id, customer_id, purpose, attempt, outcome, sent_at, ended_at)
    ON egress_ledger TO audit_agent;

-- dashboard: who a customer is, results and trail; how to reach them, and the feedback's own words, stay out.
GRANT SELECT (customer_id, customer_number, first_name, last_name, language, annual_value_eur, created_at)
    ON customers TO dashboard;
GRANT SELECT ON customer_features, consents, current_consents, offers, runs, run_customers,
    run_steps, run_drift, run_gaps, egress_ledger, feedback_analyses, predictions, actions,
    audit_log, audit_leaf, audit_checkpoint TO dashboard;
GRANT SELECT (feedback_id, customer_id, received_at, channel, language) ON feedback TO dashboard;
GRANT SELECT (version, contract, algorithm, scorer_sha256, pipeline_sha256, contract_toml, contract_sha256,
    training_sha256, metrics, state, registered_at, approved_by, approved_at, retired_at)
    ON model_registry TO dashboard;
