-- Who may ask the API for what, what was changed by whom, and answers that are given once.

-- Of a token only its SHA-256 is known: it holds 256 bits of chance, so that nothing slower is needed. `used` counts the
-- requests of the minute `used_at`; a steady reader writes one row, in place.
CREATE TABLE token (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    hash bytea NOT NULL UNIQUE,
    scope text NOT NULL CHECK (scope IN ('read', 'write')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz,
    used_at timestamptz,
    used integer NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX token_name ON token (name) WHERE revoked_at IS NULL;

COMMENT ON COLUMN token.scope IS 'write may read, too';

-- A row per change; `subject` is what was changed, such as monitor/website.
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);

-- What a POST with an Idempotency-Key was answered, for a day: asked again, it is told again and not done again.
CREATE TABLE idempotency (
    token_id bigint NOT NULL REFERENCES token,
    key text NOT NULL,
    asked bytea NOT NULL,
    status integer,
    body text,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (token_id, key)
);
CREATE INDEX idempotency_at ON idempotency (at);
