---------------------------------------------------------------------------
-- Settings
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_zone(name text) RETURNS text
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_zone_sql';
COMMENT ON FUNCTION @extschema@._rde_zone(text) IS
    'a time zone as the server spells it, NULL for rde.time_zone; raises 22023';

CREATE FUNCTION @extschema@._rde_retention() RETURNS interval
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_retention_sql';
COMMENT ON FUNCTION @extschema@._rde_retention() IS
    'the setting rde.retention, which no placeholder can stand in for';

CREATE FUNCTION @extschema@._rde_settle_limit() RETURNS interval
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_settle_limit_sql';
COMMENT ON FUNCTION @extschema@._rde_settle_limit() IS
    'the setting rde.settle_limit, which no placeholder can stand in for';

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

-- A transaction takes its start time a moment before other sessions can see it; this
-- is far more than that moment, and covers small steps of the clock.
CREATE FUNCTION @extschema@._rde_settle_delay() RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT interval '5 s';
END;
COMMENT ON FUNCTION @extschema@._rde_settle_delay() IS
    'how long a period must be over before it can have settled';

CREATE FUNCTION @extschema@._rde_grace() RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT interval '1 hour';
END;
COMMENT ON FUNCTION @extschema@._rde_grace() IS
    'how long after a report''s expiry its file can still be read by a download begun before';

