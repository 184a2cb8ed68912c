-- An audit event is its writer's own, of the moment, and holds nothing but what a rule allows.
-- tests/attacks/test_forged_events.py tries it as every role.
-- depends: 0019_claims_and_greedy_roles

CREATE TABLE audit_rules (
    writer     text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    detail     text COLLATE "C" NOT NULL,
    kind       text NOT NULL,
    words      text[] NOT NULL,
    pattern    text NOT NULL,
    PRIMARY KEY (writer, event_type, detail)
);
COMMENT ON TABLE audit_rules IS
    'Made of layers/common/vigie/events.py by python -m vigie_local.event_rules; an empty detail allows the type';

INSERT INTO audit_rules VALUES
('action_agent', 'ACTION_SAVED', '', 'type', '{}', ''),
('action_agent', 'ACTION_SAVED', 'analysis_lost', 'flag', '{}', ''),
('action_agent', 'ACTION_SAVED', 'egress_id', 'uuid', '{}', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
('action_agent', 'BATCH_END', '', 'type', '{}', ''),
('action_agent', 'BATCH_END', 'batch_no', 'count', '{}', ''),
('action_agent', 'BATCH_END', 'outcomes', 'counts', '{AnalysisGivenUp,AnswerRejected,BatchFailed,ConsentWithdrawn,EgressBlocked,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction,done,failed,skipped,withdrawn}', ''),
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
('action_agent', 'STEP_ENDED', 'reason', 'word', '{AnalysisGivenUp,AnswerRejected,BatchFailed,ConsentWithdrawn,EgressBlocked,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction}', ''),
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
('nlp_agent', 'BATCH_END', 'outcomes', 'counts', '{AnalysisGivenUp,AnswerRejected,BatchFailed,ConsentWithdrawn,EgressBlocked,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction,done,failed,skipped,withdrawn}', ''),
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
('nlp_agent', 'STEP_ENDED', 'reason', 'word', '{AnalysisGivenUp,AnswerRejected,BatchFailed,ConsentWithdrawn,EgressBlocked,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction}', ''),
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
('planner', 'RUN_FINISHED', '', 'type', '{}', ''),
('planner', 'RUN_FINISHED', 'analyse', 'counts', '{AnalysisGivenUp,AnswerRejected,BatchFailed,ConsentWithdrawn,EgressBlocked,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction}', ''),
('planner', 'RUN_FINISHED', 'counts', 'counts', '{action_failed,action_withdrawn,actions,analysed,analysis_failed,failed,planned,predicted,prediction_failed,prediction_withdrawn,without_consent,without_feedback,without_lost_analysis}', ''),
('planner', 'RUN_FINISHED', 'decide', 'counts', '{AnalysisGivenUp,AnswerRejected,BatchFailed,ConsentWithdrawn,EgressBlocked,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction}', ''),
('planner', 'RUN_FINISHED', 'predict', 'counts', '{AnalysisGivenUp,AnswerRejected,BatchFailed,ConsentWithdrawn,EgressBlocked,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction}', ''),
('planner', 'RUN_FINISHED', 'status', 'word', '{failed,partial,succeeded}', ''),
('planner', 'RUN_PLANNED', '', 'type', '{}', ''),
('planner', 'RUN_PLANNED', 'action_prompt', 'text', '{}', '^(analysis|action)-[0-9]{1,3}$'),
('planner', 'RUN_PLANNED', 'address', 'text', '{}', '^https?://[A-Za-z0-9._:%\[\]-]{1,255}(/[A-Za-z0-9._~%-]+)*$'),
('planner', 'RUN_PLANNED', 'analysis_prompt', 'text', '{}', '^(analysis|action)-[0-9]{1,3}$'),
('planner', 'RUN_PLANNED', 'batches', 'count', '{}', ''),
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
('planner', 'STEP_ENDED', 'reason', 'word', '{AnalysisGivenUp,AnswerRejected,BatchFailed,ConsentWithdrawn,EgressBlocked,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction}', ''),
('planner', 'STEP_ENDED', 'step', 'word', '{analyse,decide,predict}', ''),
('prediction_agent', 'BATCH_END', '', 'type', '{}', ''),
('prediction_agent', 'BATCH_END', 'batch_no', 'count', '{}', ''),
('prediction_agent', 'BATCH_END', 'outcomes', 'counts', '{AnalysisGivenUp,AnswerRejected,BatchFailed,ConsentWithdrawn,EgressBlocked,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction,done,failed,skipped,withdrawn}', ''),
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
('prediction_agent', 'STEP_ENDED', 'reason', 'word', '{AnalysisGivenUp,AnswerRejected,BatchFailed,ConsentWithdrawn,EgressBlocked,ModelRefused,ModelUnavailable,NoConsent,NoFeatures,NoFeedback,NoOffer,NoPrediction}', ''),
('prediction_agent', 'STEP_ENDED', 'step', 'word', '{predict}', '');

CREATE FUNCTION refuse_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.agent = session_user AND pg_input_is_valid(coalesce(NEW.request_id, NEW.event_id::text), 'uuid') THEN
        RAISE EXCEPTION 'event refused: % is too far from the database''s time', NEW.event_type
            USING ERRCODE = 'VG006', HINT = 'Do the work again, or set the clock.';
    END IF;
    RAISE EXCEPTION 'event refused: agent is not the role that writes it, or request_id is no UUID'
        USING ERRCODE = 'VG005', HINT = 'Each role writes its own events.';
END $$;
-- A batch collects its events for as long as a statement and a lock may take, and then commits them.
CREATE TRIGGER own_event BEFORE INSERT ON audit_log FOR EACH ROW
    WHEN (NEW.agent <> session_user
          OR NOT pg_input_is_valid(NEW.request_id, 'uuid')
          OR NEW.occurred_at NOT BETWEEN clock_timestamp() - interval '2 minutes'
                                     AND clock_timestamp() + interval '5 seconds')
    EXECUTE FUNCTION refuse_event();

-- Each record is looked up by its key, one by one (LIMIT 1 keeps the planner from joining): a plan that was made while a
-- table was small would read all of it for every insert.
CREATE FUNCTION check_events() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
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
                  'status', r.status, 'counts', r.counts)) || coalesce(r.reasons, '{}'))
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
        WHERE i.details ? 'body_sha256' AND NOT EXISTS (
            SELECT FROM public.dead_letters d WHERE d.body_sha256 = i.details ->> 'body_sha256')
    ) differing LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'event refused: % does not say what its records say', wrong.event_type
            USING ERRCODE = 'VG005', HINT = 'Store what an event reports before the event.';
    END IF;
    RETURN NULL;
END $$;
-- Not of what the database's own functions write on somebody's behalf.
CREATE TRIGGER check_events AFTER INSERT ON audit_log REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT WHEN (current_user = session_user) EXECUTE FUNCTION check_events();

-- A policy's name that is no version stays with the consent, which the event names.
CREATE OR REPLACE FUNCTION audit_consents() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.audit_log (event_id, occurred_at, agent, event_type, status, customer_id, details)
    SELECT uuidv7(), clock_timestamp(), session_user, 'CONSENT_RECORDED', 'ok', customer_id,
           jsonb_strip_nulls(jsonb_build_object(
               'consent_id', consent_id, 'purpose', purpose, 'granted', granted, 'policy_version',
               CASE WHEN policy_version ~ '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$' THEN policy_version END))
    FROM inserted ORDER BY consent_id;
    RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION refuse_event, check_events FROM PUBLIC;

-- An event names only runs that were planned: what a dead letter names is looked up.
GRANT SELECT (run_id) ON runs TO dead_letters;

-- What was sent holds the customer's own words, the answers what the model made of them. No agent needs the first; each
-- reads its own answers, so that none is paid for twice.
DO $$
DECLARE
    others text := (
        SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
        WHERE attrelid = 'egress_ledger'::regclass AND attnum > 0 AND NOT attisdropped
          AND attname NOT IN ('redacted_prompt', 'answer'));
BEGIN
    REVOKE SELECT ON egress_ledger FROM nlp_agent, action_agent, dashboard;
    EXECUTE format('GRANT SELECT (%s) ON egress_ledger TO nlp_agent, action_agent, dashboard', others);
END $$;
CREATE VIEW own_answers WITH (security_barrier) AS
SELECT run_id, purpose, customer_id, egress_id, attempt, outcome, answer, claims FROM egress_ledger WHERE agent = session_user;
GRANT SELECT ON own_answers TO nlp_agent, action_agent;
ALTER FUNCTION require_call_in_force() SECURITY DEFINER;

-- A person reads it on purpose, as a role that no function has, for a reason of a closed list.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'officer') THEN
        CREATE ROLE officer LOGIN;
    END IF;
END $$;
ALTER ROLE officer CONNECTION LIMIT 4;
ALTER ROLE officer SET lock_timeout = '30s';
ALTER ROLE officer SET statement_timeout = '30s';
ALTER ROLE officer SET idle_in_transaction_session_timeout = '30s';
GRANT USAGE ON SCHEMA public TO officer;
GRANT officer TO CURRENT_USER WITH INHERIT TRUE, SET FALSE;
CREATE OR REPLACE FUNCTION end_long_transactions() RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE usename IN ('planner', 'nlp_agent', 'prediction_agent', 'action_agent', 'audit_agent', 'dead_letters', 'dashboard',
                      'officer')
      AND xact_start < clock_timestamp() - public.longest_transaction() AND pid <> pg_backend_pid()
$$;

CREATE TABLE prompt_requests (
    event_id uuid PRIMARY KEY REFERENCES audit_log,
    xact     xid8 NOT NULL DEFAULT pg_current_xact_id()
);
COMMENT ON TABLE prompt_requests IS 'In which transaction an officer asked to read what was sent';

CREATE FUNCTION ask_to_read(egress uuid, because text) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    asked uuid := uuidv7();
BEGIN
    IF num_nulls(egress, because) > 0 THEN
        RETURN NULL;
    ELSIF because IN ('subject_access', 'complaint', 'incident', 'inspection') THEN
        INSERT INTO public.audit_log (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details)
        SELECT asked, clock_timestamp(), run_id, session_user, 'PROMPT_READ', 'ok', customer_id,
               jsonb_build_object('egress_id', egress_id, 'reason', because)
        FROM public.egress_ledger WHERE egress_id = egress;
        IF FOUND THEN
            INSERT INTO public.prompt_requests VALUES (asked);
            RETURN asked;
        END IF;
    END IF;
    RAISE EXCEPTION 'reading refused: there is no such call, or no such reason'
        USING ERRCODE = 'VG007', HINT = 'Give subject_access, complaint, incident or inspection.';
END $$;

-- The text is given in a later transaction only: by then the event is committed, and no rollback can take it back.
CREATE FUNCTION read_prompt(asked uuid) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
    SELECT l.redacted_prompt
    FROM public.audit_log e
    JOIN public.prompt_requests r USING (event_id)
    JOIN public.egress_ledger l ON l.egress_id = (e.details ->> 'egress_id')::uuid
    WHERE e.event_id = asked AND e.event_type = 'PROMPT_READ' AND e.agent = session_user
      AND r.xact IS DISTINCT FROM pg_current_xact_id_if_assigned()
      AND e.occurred_at > clock_timestamp() - interval '5 minutes'
$$;
REVOKE EXECUTE ON FUNCTION ask_to_read, read_prompt FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ask_to_read, read_prompt TO officer;

-- As in 0018.
DO $$
DECLARE
    ours regprocedure;
BEGIN
    FOR ours IN SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', ours);
    END LOOP;
END $$;
