---------------------------------------------------------------------------
-- Who is asking, and whose things that may be shown
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_callers() RETURNS oid[]
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_callers';
COMMENT ON FUNCTION @extschema@._rde_callers() IS
    'the outermost role that called and the present one, whose rights were in force where our function was called; refuses inside a security-restricted operation';

CREATE FUNCTION @extschema@._rde_callers_have(role oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT bool_and(pg_has_role(c.caller, role, 'USAGE')) FROM unnest(@extschema@._rde_callers()) c(caller);
END;
COMMENT ON FUNCTION @extschema@._rde_callers_have(oid) IS
    'do both callers have a role''s rights?';

CREATE FUNCTION @extschema@.rde_whoami(OUT role text, OUT account bigint, OUT scope text, OUT why text) RETURNS record
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_whoami';
COMMENT ON FUNCTION @extschema@.rde_whoami() IS
    'who the caller is to rde, and why: an account, with its scope (reseller or provider), else scope says nobody, gateway, reader, operator or admin';

CREATE FUNCTION @extschema@._rde_visible_accounts() RETURNS bigint[]
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_visible_accounts';
COMMENT ON FUNCTION @extschema@._rde_visible_accounts() IS
    'the accounts whose reports a tenant sees: its own and, with scope provider, its sub-tree; empty for anybody else';

CREATE FUNCTION @extschema@._rde_sees_all(content boolean) RETURNS boolean
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_sees_all';
COMMENT ON FUNCTION @extschema@._rde_sees_all(boolean) IS
    'does the caller see everybody''s reports, or with content everybody''s files?';

CREATE FUNCTION @extschema@._rde_own_reseller(reseller bigint) RETURNS bigint
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_own_reseller_sql';
COMMENT ON FUNCTION @extschema@._rde_own_reseller(bigint) IS
    'whose things the caller asks for: a tenant''s own by default, an operator''s choice; raises 42501';

CREATE FUNCTION @extschema@._rde_refuse_account() RETURNS void
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_refuse_account_sql';
COMMENT ON FUNCTION @extschema@._rde_refuse_account() IS
    'raise 42501 for an account, whatever its role is a member of; refuses inside a security-restricted operation';

CREATE FUNCTION @extschema@._rde_may_see(report uuid, reseller bigint, content boolean) RETURNS boolean
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_may_see_sql';
COMMENT ON FUNCTION @extschema@._rde_may_see(uuid, bigint, boolean) IS
    'may the caller see this report, or with content its file?';

