-- What nobody could work on: kept for the redrive and for people, without token and without body.
-- depends: 0011_erase_answers

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dead_letters') THEN
        CREATE ROLE dead_letters LOGIN;
    END IF;
END $$;
GRANT USAGE ON SCHEMA public TO dead_letters;

CREATE TABLE dead_letters (
    message_id  text PRIMARY KEY,
    queue       text NOT NULL,
    run_id      text,
    batch_no    integer,
    step        text NOT NULL CHECK (step IN ('analyse', 'predict', 'decide', 'close_audit')),
    reason      text NOT NULL CHECK (reason IN ('GivenUp', 'Unreadable')),
    body_bytes  integer,
    body_sha256 text CHECK (body_sha256 ~ '^[0-9a-f]{64}$'),
    died_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    redriven_as text,
    CHECK ((reason = 'Unreadable') = (body_bytes IS NOT NULL AND body_sha256 IS NOT NULL))
);
CREATE INDEX dead_letters_by_run ON dead_letters (run_id);
COMMENT ON COLUMN dead_letters.reason IS
    'GivenUp: its agent failed at every delivery; Unreadable: it names no task, and stays in its queue';
COMMENT ON COLUMN dead_letters.redriven_as IS 'The run that took up its customers again (make redrive)';

-- A closed run is taken up again once, as a run of its own; the earlier one stays as it ended.
CREATE TABLE redrives (
    run_id      text NOT NULL REFERENCES runs,
    part        integer NOT NULL CHECK (part >= 1),
    redriven_as text NOT NULL UNIQUE,
    asked_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, part)
);

GRANT SELECT, INSERT ON dead_letters TO dead_letters;
GRANT INSERT (event_id, occurred_at, run_id, agent, event_type, status, customer_id, details, request_id)
    ON audit_log TO dead_letters;
GRANT SELECT ON dead_letters, redrives TO dashboard;
