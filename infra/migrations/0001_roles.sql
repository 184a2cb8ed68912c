-- One login role per function, and one for the dashboard. Passwords are set at deploy time
-- and live in Secrets Manager only. Roles belong to the whole server, so they may exist already.
-- depends:

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'planner', 'nlp_agent', 'prediction_agent', 'action_agent', 'audit_agent', 'dashboard'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role_name);
        END IF;
    END LOOP;
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public
    TO planner, nlp_agent, prediction_agent, action_agent, audit_agent, dashboard;
