---------------------------------------------------------------------------
-- Links and the keys they are signed with
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@.rde_download_url(report uuid) RETURNS text
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_download_url';
COMMENT ON FUNCTION @extschema@.rde_download_url(uuid) IS
    'a link that opens this report''s file to whoever has it, until the report or rde.link_lifetime is over. It only reads. Raises 42704, 55000';

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
    OUT id uuid, OUT reseller bigint, OUT name text, OUT file_name text, OUT media_type text,
    OUT file_bytes bigint, OUT sha256 text, OUT row_count bigint, OUT published_at timestamptz, OUT moved_to text
) RETURNS record
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_redeem';
COMMENT ON FUNCTION @extschema@.rde_redeem(uuid, text, text, text, text, text, text, text, text, timestamptz) IS
    'open the report a link names until the end of the transaction; moved_to is the link to go on with if its file has moved to a store; begun is when a download that goes on began. Whatever is wrong with a link raises the same 42501';

CREATE FUNCTION @extschema@.rde_revoke_links(report uuid) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE @extschema@._rde_report r SET link_number = r.link_number + 1
    WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true);
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_revoke_links(uuid) IS
    'let every link to this report that was made until now open nothing. Raises 42704';

CREATE FUNCTION @extschema@.rde_rotate_signing_key() RETURNS text
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_kid text := left(@extschema@._rde_secret(), 8);
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    INSERT INTO @extschema@._rde_signing_key (kid, secret) VALUES (new_kid, decode(@extschema@._rde_secret(), 'hex'));
    RETURN new_kid;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_rotate_signing_key() IS
    'sign new links with a new key and return its id; links signed with older keys hold until these are revoked';

CREATE FUNCTION @extschema@.rde_revoke_signing_key(kid text) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    UPDATE @extschema@._rde_signing_key k SET revoked_at = coalesce(k.revoked_at, now()) WHERE k.kid = rde_revoke_signing_key.kid;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('signing key "%s" does not exist', kid),
            HINT = 'The view rde_signing_keys lists the keys there are.';
    END IF;
    IF NOT EXISTS (SELECT FROM @extschema@._rde_signing_key k WHERE k.revoked_at IS NULL) THEN
        PERFORM @extschema@.rde_rotate_signing_key();
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_revoke_signing_key(text) IS
    'let every link that was signed with this key open nothing; if it was the last, a new key is made. The view rde_signing_keys lists them. Raises 42704';

CREATE VIEW @extschema@.rde_signing_keys WITH (security_barrier) AS
SELECT k.kid, k.created_at, k.revoked_at FROM @extschema@._rde_signing_key k
WHERE (SELECT w.account IS NULL FROM @extschema@.rde_whoami() w);
COMMENT ON VIEW @extschema@.rde_signing_keys IS
    'the keys links are signed with; the newest that is not revoked signs';
COMMENT ON COLUMN @extschema@.rde_signing_keys.kid IS
    'the key''s id, which links carry';
COMMENT ON COLUMN @extschema@.rde_signing_keys.created_at IS
    'when it was made';
COMMENT ON COLUMN @extschema@.rde_signing_keys.revoked_at IS
    'since when links signed with it open nothing; NULL when it was not revoked';

SELECT @extschema@.rde_rotate_signing_key();

