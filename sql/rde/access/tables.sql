---------------------------------------------------------------------------
-- Grants, tokens, signing keys
---------------------------------------------------------------------------

CREATE TABLE @extschema@._rde_privilege (
    role              name NOT NULL,
    privilege         text NOT NULL CHECK (privilege IN ('admin', 'operator', 'reader', 'gateway')),
    role_oid          oid NOT NULL,
    system_identifier bigint NOT NULL,
    PRIMARY KEY (role, privilege) DEFERRABLE
);
ALTER TABLE @extschema@._rde_privilege REPLICA IDENTITY FULL;
COMMENT ON TABLE @extschema@._rde_privilege IS
    'what rde_grant gave to roles: to role_oid in the cluster of system_identifier, to whoever has that name in another, where a dump was restored';

CREATE TABLE @extschema@._rde_token (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account          bigint NOT NULL,
    name             text NOT NULL CHECK (name ~ '^[^[:cntrl:]]{1,128}$'),
    subscription_key text NOT NULL UNIQUE,
    token_sha256     bytea NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    revoked_at       timestamptz,
    last_used_at     timestamptz
);
CREATE INDEX _rde_token_account ON @extschema@._rde_token (account);
COMMENT ON TABLE @extschema@._rde_token IS
    'what a reseller''s programs log in with; of a token only its hash is kept';

CREATE TABLE @extschema@._rde_signing_key (
    kid        text PRIMARY KEY,
    secret     bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz
);
COMMENT ON TABLE @extschema@._rde_signing_key IS
    'what download links are signed with; not dumped, for a link holds where its files are';

