---------------------------------------------------------------------------
-- What the server says
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@.rde_version() RETURNS text
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_version';
COMMENT ON FUNCTION @extschema@.rde_version() IS
    'the version of the library; other functions refuse to work with SQL objects of another one';

-- Bodies name the schema: nothing may be found elsewhere.  The library compares.
CREATE FUNCTION @extschema@._rde_schema() RETURNS name
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$BEGIN RETURN '@extschema@'; END$$;
COMMENT ON FUNCTION @extschema@._rde_schema() IS
    'what the extension''s schema was called when it was created; the library compares its body with what it is called now';

CREATE FUNCTION @extschema@._rde_require_primary() RETURNS void
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_require_primary_sql';
COMMENT ON FUNCTION @extschema@._rde_require_primary() IS
    'raise 25006 on a standby';

CREATE FUNCTION @extschema@._rde_schema_creators() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT string_agg(CASE WHEN r.oid IS NULL THEN 'PUBLIC' ELSE quote_ident(r.rolname) END, ', ' ORDER BY r.rolname)
    FROM pg_namespace n
    CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
    LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE n.oid = '@extschema@'::regnamespace AND a.privilege_type = 'CREATE'
      AND NOT coalesce(r.rolsuper OR r.rolname = 'pg_database_owner', false)
      AND a.grantee <> (SELECT d.datdba FROM pg_database d WHERE d.datname = current_database());
END;
COMMENT ON FUNCTION @extschema@._rde_schema_creators() IS
    'who beside superusers and the owner of the database may create objects in the extension''s schema, and so functions that are called instead of its own; NULL if nobody';

CREATE FUNCTION @extschema@._rde_grants(catalog oid, object oid, OUT kind text, OUT name text, OUT grantee text, OUT privilege text)
    RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT o.kind, o.name, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, a.privilege_type
    FROM (SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass::text, c.relowner, c.relacl
          FROM pg_class c
          WHERE catalog = 'pg_class'::regclass AND c.oid = object AND c.relkind IN ('r', 'v', 'S')
          UNION ALL
          SELECT 'ROUTINE', p.oid::regprocedure::text, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
          FROM pg_proc p WHERE catalog = 'pg_proc'::regclass AND p.oid = object) o(kind, name, owner, acl)
    CROSS JOIN LATERAL aclexplode(o.acl) a
    WHERE a.grantee <> o.owner;
END;
COMMENT ON FUNCTION @extschema@._rde_grants(oid, oid) IS
    'what is granted on a table, view, sequence or function to others than its owner';

-- ALTER DEFAULT PRIVILEGES grants on what is created, also on ours.
CREATE FUNCTION @extschema@._rde_revoke_grants(catalog oid, object oid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    granted record;
BEGIN
    FOR granted IN SELECT DISTINCT g.kind, g.name, g.grantee FROM @extschema@._rde_grants(catalog, object) g LOOP
        EXECUTE format('REVOKE ALL ON %s %s FROM %s', granted.kind, granted.name, granted.grantee);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_revoke_grants(oid, oid) IS
    'revoke what is granted on a table, view, sequence or function from all but its owner';

CREATE FUNCTION @extschema@._rde_members(OUT extension name, OUT catalog oid, OUT object oid) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT e.extname, d.classid, d.objid
    FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
      AND e.extname IN ('rde', 'rde_azure') AND d.classid IN ('pg_class'::regclass, 'pg_proc'::regclass);
END;
COMMENT ON FUNCTION @extschema@._rde_members() IS
    'the tables, views, sequences and functions that belong to rde and rde_azure';

CREATE FUNCTION @extschema@._rde_base_type(type oid) RETURNS oid
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_base_type_sql';
COMMENT ON FUNCTION @extschema@._rde_base_type(oid) IS
    'the type under a domain, or the type itself';

CREATE FUNCTION @extschema@._rde_current_snapshot() RETURNS pg_snapshot
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_current_snapshot';
COMMENT ON FUNCTION @extschema@._rde_current_snapshot() IS
    'pg_current_snapshot(), with the transactions that are running on the primary if this is a standby';

CREATE FUNCTION @extschema@._rde_wal_position() RETURNS text
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_wal_position';
COMMENT ON FUNCTION @extschema@._rde_wal_position() IS
    'timeline and place in the WAL that this server, a primary or a standby, has seen by now';

CREATE FUNCTION @extschema@._rde_has_seen(wal_position text) RETURNS boolean
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_has_seen';
COMMENT ON FUNCTION @extschema@._rde_has_seen(text) IS
    'has all that led to that position happened here? not after a restore to an earlier point, or a failover that lost it';

-- A session that is idle calls nothing, whatever it left behind when it was
-- interrupted.  One with track_activities off does not say.
CREATE FUNCTION @extschema@._rde_sessions(wanted integer, OUT pid integer, OUT start timestamptz) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.pid, a.backend_start FROM pg_stat_get_activity(wanted) a
    WHERE a.backend_start IS NOT NULL AND coalesce(a.state, '') NOT LIKE 'idle%';
END;
COMMENT ON FUNCTION @extschema@._rde_sessions(integer) IS
    'the server processes that may be building a report, as far as the caller''s rights show them: that one, or all for NULL';

CREATE FUNCTION @extschema@._rde_alive(pid integer, start timestamptz) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM @extschema@._rde_sessions(_rde_alive.pid) s
                   WHERE _rde_alive.pid IS NOT NULL AND s.start = _rde_alive.start);
END;
COMMENT ON FUNCTION @extschema@._rde_alive(integer, timestamptz) IS
    'does the server process that claimed a report still run? false for NULLs';

CREATE FUNCTION @extschema@._rde_status(status text, claim_pid integer, claim_start timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- everybody may call it, so it repeats nothing it was given
    SELECT CASE status
        WHEN 'submitted' THEN CASE WHEN claim_pid IS NOT NULL AND @extschema@._rde_alive(claim_pid, claim_start)
                                   THEN 'processing' ELSE 'submitted' END
        WHEN 'completed' THEN 'completed'
        WHEN 'error' THEN 'error' END;
END;
COMMENT ON FUNCTION @extschema@._rde_status(text, integer, timestamptz) IS
    'a report''s status as it is shown: processing while the process that claimed it runs';

