---------------------------------------------------------------------------
-- Accounts, to be selected from
---------------------------------------------------------------------------

-- One number at a time, for an account may have many reports, and who reads a view
-- need not have asked for all.
CREATE FUNCTION @extschema@._rde_account_use(account bigint, quota text) RETURNS bigint
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF @extschema@._rde_sees_all(false) OR account = ANY (@extschema@._rde_visible_accounts()) THEN
        RETURN CASE quota
            WHEN 'pending_reports' THEN
                (SELECT count(*) FROM @extschema@._rde_report r
                 WHERE r.reseller = account AND (r.status = 'submitted' OR r.retry_at IS NOT NULL))
            WHEN 'asked_reports' THEN
                (SELECT coalesce(sum(q.reports), 0) FROM @extschema@._rde_asked q
                 WHERE q.account = _rde_account_use.account AND q.asked_at > now() - interval '24 hours')
            WHEN 'stored_bytes' THEN
                (SELECT coalesce(sum(r.file_bytes), 0) FROM @extschema@._rde_report r
                 WHERE r.reseller = account AND r.expires_at > now())
            WHEN 'generators' THEN (SELECT count(*) FROM @extschema@._rde_generator g WHERE g.reseller = account)
            WHEN 'views' THEN (SELECT count(*) FROM @extschema@._rde_view v WHERE v.reseller = account)
            WHEN 'tokens' THEN
                (SELECT count(*) FROM @extschema@._rde_token t
                 WHERE t.account = _rde_account_use.account AND t.revoked_at IS NULL AND t.expires_at > now())
            END;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_account_use(bigint, text) IS
    'how much of a quota an account of the caller''s uses; reports it asked for are counted while their quota is not NULL';

CREATE FUNCTION @extschema@._rde_own_accounts(
    OUT id bigint, OUT name text, OUT parent bigint, OUT role name, OUT time_zone text, OUT scope text,
    OUT on_invoice boolean, OUT children_on_invoice boolean, OUT max_pending integer, OUT max_reports_per_day integer,
    OUT max_stored_bytes bigint, OUT max_generators integer, OUT max_views integer, OUT max_tokens integer
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(false);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    RETURN QUERY
    SELECT a.id, a.name, a.parent, a.role, a.time_zone, a.scope, o.itself, o.children,
           a.max_pending, a.max_reports_per_day, a.max_stored_bytes, a.max_generators, a.max_views, a.max_tokens
    FROM @extschema@._rde_account a
    JOIN @extschema@._rde_account_on_invoice o ON o.id = a.id
    WHERE everybody OR a.id = ANY (accounts);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_own_accounts() IS
    'the rows of rde_accounts, as far as they are the caller''s';

CREATE VIEW @extschema@.rde_accounts WITH (security_barrier) AS
SELECT a.id, a.name, a.parent, a.role, a.time_zone, a.scope, a.on_invoice, a.children_on_invoice,
       @extschema@._rde_account_use(a.id, 'generators'::text) AS generators,
       a.max_pending, a.max_reports_per_day, a.max_stored_bytes, a.max_generators, a.max_views, a.max_tokens,
       @extschema@._rde_account_use(a.id, 'pending_reports'::text) AS pending_reports,
       @extschema@._rde_account_use(a.id, 'asked_reports'::text) AS asked_reports,
       @extschema@._rde_account_use(a.id, 'stored_bytes'::text) AS stored_bytes,
       @extschema@._rde_account_use(a.id, 'views'::text) AS views,
       @extschema@._rde_account_use(a.id, 'tokens'::text) AS tokens
FROM @extschema@._rde_own_accounts() a;
COMMENT ON VIEW @extschema@.rde_accounts IS
    'the tree of resellers; on_invoice says whether their generators make reports on invoice, which the account above can switch off';
COMMENT ON COLUMN @extschema@.rde_accounts.id IS
    'what the reseller column of sources holds';
COMMENT ON COLUMN @extschema@.rde_accounts.name IS
    'what the account is called';
COMMENT ON COLUMN @extschema@.rde_accounts.parent IS
    'the account above it; NULL at the top';
COMMENT ON COLUMN @extschema@.rde_accounts.role IS
    'the database role that is this account';
COMMENT ON COLUMN @extschema@.rde_accounts.time_zone IS
    'the zone of its generators unless they name another; NULL for rde.time_zone';
COMMENT ON COLUMN @extschema@.rde_accounts.scope IS
    'reseller: its reports hold its own rows; provider: those of its whole sub-tree too';
COMMENT ON COLUMN @extschema@.rde_accounts.on_invoice IS
    'whether its generators make reports on invoice';
COMMENT ON COLUMN @extschema@.rde_accounts.children_on_invoice IS
    'false: it has switched reports on invoice off for all accounts directly below it';
COMMENT ON COLUMN @extschema@.rde_accounts.generators IS
    'how many generators it has';
COMMENT ON COLUMN @extschema@.rde_accounts.max_pending IS
    'how many reports it asked for may wait to be built';
COMMENT ON COLUMN @extschema@.rde_accounts.max_reports_per_day IS
    'how many reports it may ask for in 24 hours; NULL is no limit';
COMMENT ON COLUMN @extschema@.rde_accounts.max_stored_bytes IS
    'it may ask for reports while its files take less; NULL is no limit';
COMMENT ON COLUMN @extschema@.rde_accounts.max_generators IS
    'how many generators it may have';
COMMENT ON COLUMN @extschema@.rde_accounts.max_views IS
    'how many report views of its own it may have';
COMMENT ON COLUMN @extschema@.rde_accounts.max_tokens IS
    'how many tokens it may have in force';

COMMENT ON COLUMN @extschema@.rde_accounts.pending_reports IS
    'how many of its reports wait to be built';
COMMENT ON COLUMN @extschema@.rde_accounts.asked_reports IS
    'how many reports it asked for in the last 24 hours, while it has a quota of them';
COMMENT ON COLUMN @extschema@.rde_accounts.stored_bytes IS
    'how much its files take';
COMMENT ON COLUMN @extschema@.rde_accounts.views IS
    'how many report views of its own it has';
COMMENT ON COLUMN @extschema@.rde_accounts.tokens IS
    'how many of its tokens are in force';
