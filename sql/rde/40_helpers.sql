---------------------------------------------------------------------------
-- Helpers
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_caller() RETURNS oid
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_caller_sql';
COMMENT ON FUNCTION @extschema@._rde_caller() IS
    'the outermost role that called, whoever''s rights are in force; refuses inside a security-restricted operation';

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

CREATE FUNCTION @extschema@._rde_base_type(type oid) RETURNS oid
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_base_type_sql';
COMMENT ON FUNCTION @extschema@._rde_base_type(oid) IS
    'the type under a domain, or the type itself';

CREATE FUNCTION @extschema@._rde_check_options(format text, options jsonb) RETURNS void
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_check_options_sql';
COMMENT ON FUNCTION @extschema@._rde_check_options(text, jsonb) IS
    'raise 22023 for a format or an option that does not exist';

CREATE FUNCTION @extschema@._rde_find_dataset(dataset text) RETURNS @extschema@.rde_dataset
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_dataset @extschema@.rde_dataset;
BEGIN
    IF dataset IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'data set must not be null';
    END IF;
    SELECT d.* INTO found_dataset FROM @extschema@.rde_dataset d WHERE d.name = dataset;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('data set "%s" does not exist', dataset),
            HINT = format('Data sets are %s; rde_create_dataset() makes another.',
                          (SELECT string_agg(d.name, ', ' ORDER BY d.name) FROM @extschema@.rde_dataset d));
    END IF;
    RETURN found_dataset;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_find_dataset(text) IS
    'a data set''s row; raises 42704 with the list of what exists';

CREATE FUNCTION @extschema@._rde_source_column(relation regclass, column_name text)
    RETURNS pg_attribute
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attribute pg_attribute;
    spellings bigint;
BEGIN
    SELECT a.* INTO attribute FROM pg_attribute a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attname = column_name;
    IF FOUND THEN
        RETURN attribute;
    END IF;

    SELECT count(*) INTO spellings FROM pg_attribute a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
      AND lower(a.attname) = lower(column_name);
    IF spellings > 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'ambiguous_column',
            MESSAGE = format('"%s" matches more than one column of the source ignoring case', column_name),
            HINT = 'Spell it exactly as the source does.';
    END IF;
    SELECT a.* INTO attribute FROM pg_attribute a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
      AND lower(a.attname) = lower(column_name);
    RETURN attribute;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_source_column(regclass, text) IS
    'a column of a relation by name: spelled exactly, else ignoring case; NULL when there is none';

CREATE FUNCTION @extschema@._rde_type_fits(type oid, expected text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE expected
        WHEN 'integer' THEN @extschema@._rde_base_type(type) = ANY
            ('{int2,int4,int8,numeric,text,varchar,bpchar,uuid}'::regtype[]::oid[])
        WHEN 'numeric' THEN @extschema@._rde_base_type(type) = ANY
            ('{int2,int4,int8,numeric}'::regtype[]::oid[])
        WHEN 'date' THEN @extschema@._rde_base_type(type) = ANY
            ('{date,timestamp,timestamptz}'::regtype[]::oid[])
        WHEN 'unix' THEN @extschema@._rde_base_type(type) = ANY
            ('{date,timestamptz,int8}'::regtype[]::oid[])
        WHEN 'json' THEN @extschema@._rde_base_type(type) = ANY
            ('{json,jsonb}'::regtype[]::oid[])
        WHEN 'reseller' THEN @extschema@._rde_base_type(type) = ANY
            ('{int2,int4,int8,numeric,text,varchar}'::regtype[]::oid[])
        WHEN 'text' THEN @extschema@._rde_base_type(type) = ANY
            ('{text,varchar,bpchar,name,int2,int4,int8,numeric,uuid}'::regtype[]::oid[])
            OR (SELECT t.typtype = 'e' FROM pg_type t WHERE t.oid = @extschema@._rde_base_type(type))
        WHEN 'xid8' THEN @extschema@._rde_base_type(type) = 'xid8'::regtype::oid
        ELSE true
    END;
END;
COMMENT ON FUNCTION @extschema@._rde_type_fits(oid, text) IS
    'can a column of this type serve where this kind of type is expected?';

CREATE FUNCTION @extschema@._rde_expected_types(expected text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE expected
        WHEN 'integer' THEN 'an integer, numeric, text or uuid'
        WHEN 'numeric' THEN 'numeric or an integer (money in floating point loses digits)'
        WHEN 'date' THEN 'date, timestamp or timestamptz'
        WHEN 'unix' THEN 'date, timestamptz, or bigint with Unix seconds'
        WHEN 'json' THEN 'json or jsonb'
        WHEN 'reseller' THEN 'smallint, integer, bigint, numeric or text'
        WHEN 'text' THEN 'text, an enum, a number or uuid'
        WHEN 'xid8' THEN 'xid8'
        ELSE 'any type'
    END;
END;
COMMENT ON FUNCTION @extschema@._rde_expected_types(text) IS
    'the types _rde_type_fits() accepts, in words';

CREATE FUNCTION @extschema@._rde_role_column(relation regclass, role text, column_name text, expected text)
    RETURNS name
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attribute pg_attribute := @extschema@._rde_source_column(relation, column_name);
BEGIN
    IF column_name IS NULL THEN
        RETURN NULL;
    END IF;
    IF attribute.attname IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_column',
            MESSAGE = format('%s has no column "%s", which %s names', relation, column_name, role),
            HINT = format('Its columns are %s.',
                          (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a
                           WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped));
    END IF;
    IF NOT @extschema@._rde_type_fits(attribute.atttypid, expected) THEN
        RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" of %s is of type %s and cannot be used as %s', attribute.attname, relation,
                             format_type(attribute.atttypid, attribute.atttypmod), role),
            DETAIL = format('Expected is %s.', @extschema@._rde_expected_types(expected)),
            HINT = 'Name another column, or attach a view that casts it.';
    END IF;
    RETURN attribute.attname;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_role_column(regclass, text, text, text) IS
    'the source''s spelling of a column that plays a role (period, key ...); raises 42703 or 42804 naming it';

CREATE FUNCTION @extschema@._rde_resolve(dataset text, column_name text) RETURNS pg_attribute
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source @extschema@.rde_source;
    target text;
    attribute pg_attribute;
BEGIN
    SELECT s.* INTO source FROM @extschema@.rde_source s WHERE s.dataset = _rde_resolve.dataset;
    SELECT m.value INTO target FROM jsonb_each_text(source.mapping) m
    WHERE lower(m.key) = lower(column_name);
    attribute := @extschema@._rde_source_column(source.relation, coalesce(target, column_name));
    IF EXISTS (SELECT FROM @extschema@.rde_source_column c
               WHERE c.dataset = _rde_resolve.dataset AND c.name = attribute.attname) THEN
        RETURN attribute;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_resolve(text, text) IS
    'the exposed source column behind a data set''s column name: through the mapping, else by its own name; NULL when there is none';

CREATE FUNCTION @extschema@._rde_day_start(day date, zone text) RETURNS timestamptz
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_day_start_sql';
COMMENT ON FUNCTION @extschema@._rde_day_start(date, text) IS
    'the instant a day begins in a time zone: its first midnight, or where clocks skip midnight the instant they do';

CREATE FUNCTION @extschema@._rde_zone(name text) RETURNS text
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_zone_sql';
COMMENT ON FUNCTION @extschema@._rde_zone(text) IS
    'a time zone as the server spells it, NULL for rde.time_zone; raises 22023';

CREATE FUNCTION @extschema@._rde_next_period(
    event text, "from" timestamptz, zone text, month_day integer, run_at time,
    OUT period_to timestamptz, OUT run timestamptz
) RETURNS record
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_next_period';
COMMENT ON FUNCTION @extschema@._rde_next_period(text, timestamptz, text, integer, time) IS
    'where the daily or monthly period that begins at an instant ends, and when its report is due';

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

-- A session that is idle calls nothing, whatever it left behind when it was
-- interrupted.  One with track_activities off does not say.
CREATE FUNCTION @extschema@._rde_alive(pid integer, start timestamptz) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM pg_stat_get_activity(pid) a
                   WHERE pid IS NOT NULL AND a.backend_start = start AND coalesce(a.state, '') NOT LIKE 'idle%');
END;
COMMENT ON FUNCTION @extschema@._rde_alive(integer, timestamptz) IS
    'does the server process that claimed a report still run? false for NULLs';

CREATE FUNCTION @extschema@._rde_choose_view(dataset text, view text, reseller bigint) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text := coalesce(view, 'cmp');
BEGIN
    IF wanted = 'full' OR EXISTS (
        SELECT FROM @extschema@.rde_view v
        WHERE v.dataset = _rde_choose_view.dataset AND v.name = wanted
          AND (v.reseller IS NULL OR v.reseller = _rde_choose_view.reseller)) THEN
        RETURN wanted;
    ELSIF view IS NULL THEN
        RETURN 'full';
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'undefined_object',
        MESSAGE = format('data set "%s" has no view "%s"', dataset, view),
        HINT = format('Views are %s; rde_create_view() makes another.',
                      (SELECT concat_ws(', ', string_agg(v.name, ', ' ORDER BY v.name), 'full')
                       FROM @extschema@.rde_view v
                       WHERE v.dataset = _rde_choose_view.dataset
                         AND (v.reseller IS NULL OR v.reseller = _rde_choose_view.reseller)));
END
$$;
COMMENT ON FUNCTION @extschema@._rde_choose_view(text, text, bigint) IS
    'the view a report will use: the one named, else cmp, else full; raises 42704';

