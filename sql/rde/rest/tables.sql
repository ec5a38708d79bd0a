---------------------------------------------------------------------------
-- Answers that are given again
---------------------------------------------------------------------------

CREATE TABLE @extschema@._rde_idempotency (
    account    bigint,
    key        text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request    jsonb NOT NULL,
    answer     json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (key, account)
);
CREATE INDEX _rde_idempotency_created ON @extschema@._rde_idempotency (created_at);
ALTER TABLE @extschema@._rde_idempotency REPLICA IDENTITY FULL;
COMMENT ON TABLE @extschema@._rde_idempotency IS
    'answers of rde_request_report that are given again for a day; account NULL is whoever is none';

