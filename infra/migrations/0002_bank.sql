-- What the bank knows: customers, model inputs, consents, feedback, and the catalogue of offers.
-- depends: 0001_roles

CREATE TABLE customers (
    customer_id     uuid PRIMARY KEY,
    customer_number text UNIQUE,
    first_name      text,
    last_name       text,
    email           text,
    phone           text,
    address         text,
    birth_date      date,
    iban            text,
    language        text NOT NULL DEFAULT 'en' CHECK (language IN ('fr', 'en')),
    annual_value_eur numeric(12, 2) CHECK (annual_value_eur >= 0),
    created_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE customers IS 'Personal data; every column but customer_id and language may be null';

CREATE TABLE customer_features (
    customer_id uuid NOT NULL REFERENCES customers,
    contract    text NOT NULL,
    as_of       date NOT NULL,
    features    jsonb NOT NULL,
    PRIMARY KEY (customer_id, contract, as_of)
);

CREATE TABLE consents (
    consent_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id    uuid NOT NULL REFERENCES customers,
    purpose        text NOT NULL CHECK (purpose IN ('feedback_analysis', 'profiling', 'retention_offers')),
    granted        boolean NOT NULL,
    source         text NOT NULL,
    policy_version text NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp()
        CHECK (recorded_at <= clock_timestamp() + interval '5 minutes')
);
CREATE INDEX consents_newest ON consents (customer_id, purpose, recorded_at DESC, consent_id DESC);

CREATE VIEW current_consents AS
SELECT DISTINCT ON (customer_id, purpose)
    customer_id, purpose, granted, consent_id, source, policy_version, recorded_at
FROM consents
ORDER BY customer_id, purpose, recorded_at DESC, consent_id DESC;
COMMENT ON VIEW current_consents IS 'The newest row per purpose counts; no row means no';

CREATE TABLE feedback (
    feedback_id uuid PRIMARY KEY,
    customer_id uuid NOT NULL REFERENCES customers,
    received_at timestamptz NOT NULL,
    channel     text NOT NULL,
    language    text NOT NULL CHECK (language IN ('fr', 'en')),
    text        text NOT NULL CHECK (length(text) BETWEEN 1 AND 8000)
);
CREATE INDEX feedback_by_customer ON feedback (customer_id, received_at DESC);

CREATE TABLE offers (
    offer_id   text PRIMARY KEY CHECK (offer_id ~ '^[a-z0-9_]+$'),
    title_fr   text NOT NULL,
    title_en   text NOT NULL,
    message_fr text NOT NULL,
    message_en text NOT NULL,
    segments   text[] NOT NULL CHECK (segments <@ ARRAY['High', 'Medium', 'Low']),
    topics     text[] NOT NULL DEFAULT '{}',
    cost_eur   numeric(8, 2) NOT NULL CHECK (cost_eur >= 0),
    save_rate  numeric(4, 3) NOT NULL CHECK (save_rate BETWEEN 0 AND 1),
    active     boolean NOT NULL DEFAULT true
);
COMMENT ON COLUMN offers.topics IS 'Feedback topics this offer answers; empty means any';
COMMENT ON COLUMN offers.save_rate IS 'Share of leaving customers whom this offer keeps, assumed until measured';
