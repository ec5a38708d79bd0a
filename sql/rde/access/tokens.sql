---------------------------------------------------------------------------
-- Tokens
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_secret() RETURNS text
    LANGUAGE C VOLATILE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_secret';
COMMENT ON FUNCTION @extschema@._rde_secret() IS
    '256 random bits in hex, from the server''s cryptographic source';

CREATE FUNCTION @extschema@.rde_create_token(
    account bigint, name text, lifetime interval DEFAULT '1 year',
    OUT subscription_key text, OUT token text
) RETURNS record
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hash bytea;
BEGIN
    account := @extschema@._rde_own_reseller(account);
    IF account IS NULL OR name IS NULL OR lifetime IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'account, name and lifetime must not be null';
    END IF;
    PERFORM FROM @extschema@._rde_account a WHERE a.id = account FOR KEY SHARE;
    PERFORM @extschema@._rde_find_account(account);
    PERFORM @extschema@._rde_check_name('token', name);
    IF lifetime <= interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'lifetime must be longer than nothing';
    END IF;
    PERFORM @extschema@._rde_check_count(account, 'tokens'::text);
    subscription_key := left(@extschema@._rde_secret(), 32);
    token := @extschema@._rde_secret();
    -- by itself: a plan of the statement that auto_explain logs shows its values
    hash := sha256(convert_to(token, 'UTF8'));
    INSERT INTO @extschema@._rde_token (account, name, subscription_key, token_sha256, expires_at)
    VALUES (account, name, subscription_key, hash, now() + lifetime);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_create_token(bigint, text, interval) IS
    'make what a reseller''s program logs in with; both parts are shown this once, and of the token only a hash is stored. Raises 22004, 22023, 42501, 42704';

CREATE FUNCTION @extschema@.rde_revoke_token(token uuid) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE @extschema@._rde_token t SET revoked_at = coalesce(t.revoked_at, now())
    WHERE t.id = rde_revoke_token.token
      AND (@extschema@._rde_sees_all(true) OR t.account = ANY (@extschema@._rde_visible_accounts()));
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = CASE WHEN token IS NULL THEN 'null_value_not_allowed' ELSE 'undefined_object' END,
            MESSAGE = CASE WHEN token IS NULL THEN 'token must not be null' ELSE format('token %s does not exist', token) END,
            HINT = 'The view rde_tokens lists the tokens there are.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_revoke_token(uuid) IS
    'let a token log in no more. The view rde_tokens lists them. Raises 42704';

-- A function, as behind all views that show accounts their own: what a condition on
-- a table passes over is told by EXPLAIN ANALYZE, and spells out others' rows.
CREATE FUNCTION @extschema@._rde_tokens(
    OUT id uuid, OUT account bigint, OUT name text, OUT subscription_key text, OUT created_at timestamptz,
    OUT expires_at timestamptz, OUT revoked_at timestamptz, OUT last_used_at timestamptz
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(true);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    RETURN QUERY
    SELECT t.id, t.account, t.name, t.subscription_key, t.created_at, t.expires_at, t.revoked_at, t.last_used_at
    FROM @extschema@._rde_token t
    WHERE everybody OR t.account = ANY (accounts);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_tokens() IS
    'the rows of rde_tokens, as far as they are the caller''s';

CREATE VIEW @extschema@.rde_tokens WITH (security_barrier) AS
SELECT t.id, t.account, t.name, t.subscription_key, t.created_at, t.expires_at, t.revoked_at, t.last_used_at
FROM @extschema@._rde_tokens() t;
COMMENT ON VIEW @extschema@.rde_tokens IS
    'every token: whose it is and when it was used last, to the hour';
COMMENT ON COLUMN @extschema@.rde_tokens.id IS
    'the token''s id, which rde_revoke_token() takes';
COMMENT ON COLUMN @extschema@.rde_tokens.account IS
    'the account it logs in';
COMMENT ON COLUMN @extschema@.rde_tokens.name IS
    'what it was called when it was made';
COMMENT ON COLUMN @extschema@.rde_tokens.subscription_key IS
    'its public part';
COMMENT ON COLUMN @extschema@.rde_tokens.created_at IS
    'when it was made';
COMMENT ON COLUMN @extschema@.rde_tokens.expires_at IS
    'when it logs in no more';
COMMENT ON COLUMN @extschema@.rde_tokens.revoked_at IS
    'when it was revoked; NULL when it was not';
COMMENT ON COLUMN @extschema@.rde_tokens.last_used_at IS
    'when it logged in last, to the hour';

CREATE FUNCTION @extschema@.rde_login(subscription_key text, token_sha256 bytea) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_login';
COMMENT ON FUNCTION @extschema@.rde_login(text, bytea) IS
    'be the account of a token until the end of the transaction; takes the SHA-256 of the token, which itself never comes to the database. Raises 28000';

CREATE FUNCTION @extschema@.rde_issue_token(subscription_key text, name text, token_sha256 bytea) RETURNS json
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_issue_token';
COMMENT ON FUNCTION @extschema@.rde_issue_token(text, text, bytea) IS
    'a signed token, which holds for 25 minutes or as long as the token of this name that it is made of, as the JSON body of POST /token; takes the SHA-256 of that token. Raises 28000';

CREATE FUNCTION @extschema@.rde_login_signed(subscription_key text, claims text, signature_sha256 bytea) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_login_signed';
COMMENT ON FUNCTION @extschema@.rde_login_signed(text, text, bytea) IS
    'be the account of a signed token until the end of the transaction; takes what stands before its last dot, and the SHA-256 of its signature, which itself never comes to the database. Raises 28000';
