---------------------------------------------------------------------------
-- Who may see what: grants, tokens, links
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_link_lifetime() RETURNS interval
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_link_lifetime_sql';
COMMENT ON FUNCTION @extschema@._rde_link_lifetime() IS
    'the setting rde.link_lifetime, which no placeholder can stand in for';

CREATE FUNCTION @extschema@._rde_max_span() RETURNS interval
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_max_span_sql';
COMMENT ON FUNCTION @extschema@._rde_max_span() IS
    'the setting rde.max_span, which no placeholder can stand in for';

---------------------------------------------------------------------------
-- Grants
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_granted_routines(privilege text) RETURNS SETOF regprocedure
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- Beside what is everybody's and looks itself at who asks.
    SELECT p.oid::regprocedure
    FROM pg_proc p
    JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        AND d.refclassid = 'pg_extension'::regclass
    JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'rde'
    WHERE p.prorettype <> 'trigger'::regtype
      AND CASE privilege
          WHEN 'admin' THEN p.proname LIKE 'rde\_%'
          WHEN 'operator' THEN p.proname IN ('rde_run_due', 'rde_schedule', 'rde_unschedule', 'rde_keep', 'rde_purge',
                                             'rde_sweep_invoices', 'rde_rebaseline')
          WHEN 'gateway' THEN p.proname IN ('rde_login', 'rde_redeem')
          ELSE false END;
END;
COMMENT ON FUNCTION @extschema@._rde_granted_routines(text) IS
    'what rde_grant grants EXECUTE on';

CREATE FUNCTION @extschema@._rde_change_grant(role name, privilege text, grants boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    routine regprocedure;
    setting text;
BEGIN
    IF role IS NULL OR privilege IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'role and privilege must not be null';
    END IF;
    IF privilege NOT IN ('admin', 'operator', 'reader', 'gateway') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('privilege "%s" does not exist', privilege),
            HINT = 'Use admin, operator, reader or gateway.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
        IF grants THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('role "%s" does not exist', role);
        END IF;
        RETURN;
    END IF;
    FOR routine IN SELECT r FROM @extschema@._rde_granted_routines(privilege) r LOOP
        EXECUTE format(CASE WHEN grants THEN 'GRANT EXECUTE ON ROUTINE %s TO %I' ELSE 'REVOKE EXECUTE ON ROUTINE %s FROM %I' END,
                       routine, role);
    END LOOP;
    IF privilege = 'gateway' THEN
        -- what it is handed are links, and whoever reads one in a log can use it
        FOREACH setting IN ARRAY '{log_parameter_max_length,log_parameter_max_length_on_error}'::text[] LOOP
            EXECUTE format(CASE WHEN grants THEN 'ALTER ROLE %I IN DATABASE %I SET %I = 0' ELSE 'ALTER ROLE %I IN DATABASE %I RESET %I' END,
                           role, current_database(), setting);
        END LOOP;
    END IF;
    IF privilege IN ('admin', 'operator') THEN
        EXECUTE format(CASE WHEN grants THEN 'GRANT SELECT ON %s TO %I' ELSE 'REVOKE SELECT ON %s FROM %I' END,
                       '@extschema@.rde_health, @extschema@.rde_invoice_watches, @extschema@.rde_signing_keys', role);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_change_grant(name, text, boolean) IS
    'grant or revoke what a privilege is made of';

CREATE FUNCTION @extschema@.rde_grant(role name, privilege text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET client_min_messages = warning
AS $$
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    PERFORM @extschema@._rde_change_grant(role, privilege, true);
    IF EXISTS (SELECT FROM @extschema@.rde_account a WHERE a.role = rde_grant.role) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('role "%s" is an account''s', role),
            DETAIL = 'An account sees its own reports, whatever is granted to its role.',
            HINT = 'Grant to another role.';
    END IF;
    INSERT INTO @extschema@.rde_privilege (role, privilege) VALUES (role, privilege) ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_grant(name, text) IS
    'let a role, and its members, do something: gateway lets others in by token and link; reader sees the status and manifest of all reports; operator sees and makes all reports; admin also says what they are made from, and for whom';

CREATE FUNCTION @extschema@.rde_revoke(role name, privilege text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET client_min_messages = warning
AS $$
DECLARE
    remaining text;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    PERFORM @extschema@._rde_change_grant(role, privilege, false);
    DELETE FROM @extschema@.rde_privilege p WHERE p.role = rde_revoke.role AND p.privilege = rde_revoke.privilege;
    -- one privilege may be part of another that it keeps
    FOR remaining IN SELECT p.privilege FROM @extschema@.rde_privilege p WHERE p.role = rde_revoke.role LOOP
        PERFORM @extschema@._rde_change_grant(role, remaining, true);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_revoke(name, text) IS
    'take back what rde_grant gave';

---------------------------------------------------------------------------
-- Tokens
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_secret() RETURNS text
    LANGUAGE C VOLATILE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_secret';
COMMENT ON FUNCTION @extschema@._rde_secret() IS
    '256 random bits in hex, from the server''s cryptographic source';

CREATE FUNCTION @extschema@.rde_create_token(
    reseller bigint, name text, lifetime interval DEFAULT '1 year',
    OUT subscription_key text, OUT token text
) RETURNS record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hash bytea;
BEGIN
    reseller := @extschema@._rde_own_reseller(reseller);
    IF reseller IS NULL OR name IS NULL OR lifetime IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'reseller, name and lifetime must not be null';
    END IF;
    PERFORM @extschema@._rde_find_account(reseller);
    PERFORM @extschema@._rde_check_name('token', name);
    IF lifetime <= interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'lifetime must be longer than nothing';
    END IF;
    subscription_key := left(@extschema@._rde_secret(), 32);
    token := @extschema@._rde_secret();
    -- by itself: a plan of the statement that auto_explain logs shows its values
    hash := sha256(convert_to(token, 'UTF8'));
    INSERT INTO @extschema@.rde_token (account, name, subscription_key, token_sha256, expires_at)
    VALUES (reseller, name, subscription_key, hash, now() + lifetime);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_create_token(bigint, text, interval) IS
    'make what a reseller''s program logs in with; both parts are shown this once, and of the token only a hash is stored';

CREATE FUNCTION @extschema@.rde_revoke_token(id uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE @extschema@.rde_token t SET revoked_at = coalesce(t.revoked_at, now())
    WHERE t.id = rde_revoke_token.id
      AND (@extschema@.rde_sees_all(true) OR t.account = ANY (@extschema@.rde_visible_accounts()));
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = CASE WHEN id IS NULL THEN 'null_value_not_allowed' ELSE 'undefined_object' END,
            MESSAGE = CASE WHEN id IS NULL THEN 'id must not be null' ELSE format('token %s does not exist', id) END,
            HINT = 'The view rde_tokens lists the tokens there are.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_revoke_token(uuid) IS
    'let a token log in no more';

CREATE VIEW @extschema@.rde_tokens WITH (security_barrier) AS
SELECT t.id, t.account, t.name, t.subscription_key, t.created_at, t.expires_at, t.revoked_at, t.last_used
FROM @extschema@.rde_token t
WHERE (SELECT @extschema@.rde_sees_all(true)) OR t.account = ANY ((SELECT @extschema@.rde_visible_accounts())::bigint[]);
COMMENT ON VIEW @extschema@.rde_tokens IS
    'every token: whose it is and when it was used last, to the hour';

CREATE FUNCTION @extschema@.rde_login(subscription_key text, token_sha256 bytea) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_login';
COMMENT ON FUNCTION @extschema@.rde_login(text, bytea) IS
    'be the account of a token until the end of the transaction; takes the SHA-256 of the token, which itself never comes to the database. Raises 28000';

---------------------------------------------------------------------------
-- Links
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@.rde_download_url(report uuid) RETURNS text
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_download_url';
COMMENT ON FUNCTION @extschema@.rde_download_url(uuid) IS
    'a link that opens this report''s file to whoever has it, until the report or rde.link_lifetime is over';

-- The cost makes an ORDER BY with LIMIT come first.
CREATE FUNCTION @extschema@._rde_report_link(report uuid) RETURNS text
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100
    AS 'MODULE_PATHNAME', 'rde_report_link';
COMMENT ON FUNCTION @extschema@._rde_report_link(uuid) IS
    'the same for views: NULL where there is none for the caller';

CREATE FUNCTION @extschema@._rde_moved_to(report uuid) RETURNS text
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_moved_to';
COMMENT ON FUNCTION @extschema@._rde_moved_to(uuid) IS
    'the link of a file that is in its store only; NULL for one that is here. Raises 55000 while the store gives no link';

CREATE FUNCTION @extschema@.rde_redeem(
    report uuid, file_name text, sv text, st text, se text, sp text, sr text, kid text, sig text,
    begun timestamptz DEFAULT NULL,
    OUT report_id uuid, OUT account bigint, OUT name text, OUT stored_name text, OUT media_type text,
    OUT file_bytes bigint, OUT sha256 text, OUT row_count bigint, OUT created_at timestamptz, OUT moved_to text
) RETURNS record
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_redeem';
COMMENT ON FUNCTION @extschema@.rde_redeem(uuid, text, text, text, text, text, text, text, text, timestamptz) IS
    'open the report a link names until the end of the transaction; moved_to is the link to go on with if its file has moved to a store; begun is when a download that goes on began. Whatever is wrong with a link raises the same 42501';

CREATE FUNCTION @extschema@.rde_revoke_links(report uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE @extschema@.rde_report r SET link_number = r.link_number + 1
    WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true);
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_revoke_links(uuid) IS
    'let every link to this report that was made until now open nothing';

CREATE FUNCTION @extschema@.rde_rotate_key() RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_kid text := left(@extschema@._rde_secret(), 8);
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    INSERT INTO @extschema@.rde_signing_key (kid, secret) VALUES (new_kid, decode(@extschema@._rde_secret(), 'hex'));
    RETURN new_kid;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_rotate_key() IS
    'sign new links with a new key and return its id; links signed with older keys hold until these are revoked';

CREATE FUNCTION @extschema@.rde_revoke_key(kid text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    UPDATE @extschema@.rde_signing_key k SET revoked_at = coalesce(k.revoked_at, now()) WHERE k.kid = rde_revoke_key.kid;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('signing key "%s" does not exist', kid),
            HINT = 'The view rde_signing_keys lists the keys there are.';
    END IF;
    IF NOT EXISTS (SELECT FROM @extschema@.rde_signing_key k WHERE k.revoked_at IS NULL) THEN
        PERFORM @extschema@.rde_rotate_key();
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_revoke_key(text) IS
    'let every link that was signed with this key open nothing; if it was the last, a new key is made';

CREATE VIEW @extschema@.rde_signing_keys WITH (security_barrier) AS
SELECT k.kid, k.created_at, k.revoked_at FROM @extschema@.rde_signing_key k
WHERE (SELECT w.account IS NULL FROM @extschema@.rde_whoami() w);
COMMENT ON VIEW @extschema@.rde_signing_keys IS
    'the keys links are signed with; the newest that is not revoked signs';

SELECT @extschema@.rde_rotate_key();

