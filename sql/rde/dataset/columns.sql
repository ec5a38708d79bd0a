---------------------------------------------------------------------------
-- Columns of a source, and the types they may have
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_find_dataset(dataset text) RETURNS @extschema@._rde_dataset
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_dataset @extschema@._rde_dataset;
BEGIN
    IF dataset IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', COLUMN = 'dataset',
            MESSAGE = 'data set must not be null';
    END IF;
    SELECT d.* INTO found_dataset FROM @extschema@._rde_dataset d WHERE d.name = dataset;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', COLUMN = 'dataset',
            MESSAGE = format('data set "%s" does not exist', dataset),
            HINT = format('Data sets are %s; rde_create_dataset() makes another.',
                          (SELECT string_agg(d.name, ', ' ORDER BY d.name) FROM @extschema@._rde_dataset d));
    END IF;
    RETURN found_dataset;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_find_dataset(text) IS
    'a data set''s row; raises 42704 with the list of what exists';

CREATE FUNCTION @extschema@._rde_hold_dataset(dataset text) RETURNS @extschema@._rde_dataset
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM @extschema@._rde_dataset d WHERE d.name = dataset FOR KEY SHARE;
    RETURN @extschema@._rde_find_dataset(dataset);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_hold_dataset(text) IS
    'the same for what is to belong to it: nobody drops it before this transaction has ended';

CREATE FUNCTION @extschema@._rde_ambiguous(column_name text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'ambiguous_column',
        MESSAGE = format('"%s" matches more than one column of the source ignoring case', column_name),
        HINT = 'Spell it exactly as the source does.';
END
$$;
COMMENT ON FUNCTION @extschema@._rde_ambiguous(text) IS
    'raise 42702';

CREATE FUNCTION @extschema@._rde_find_source_column(relation regclass, column_name text)
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
        PERFORM @extschema@._rde_ambiguous(column_name);
    END IF;
    SELECT a.* INTO attribute FROM pg_attribute a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
      AND lower(a.attname) = lower(column_name);
    RETURN attribute;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_find_source_column(regclass, text) IS
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

CREATE FUNCTION @extschema@._rde_value_type(type oid, transform text) RETURNS text
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_value_type';
COMMENT ON FUNCTION @extschema@._rde_value_type(oid, text) IS
    'what a column of this type, shown so by a view, has in a file, as manifests say it; NULL for no type';

CREATE FUNCTION @extschema@._rde_role_column(relation regclass, role text, column_name text, expected text)
    RETURNS name
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attribute pg_attribute := @extschema@._rde_find_source_column(relation, column_name);
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

CREATE FUNCTION @extschema@._rde_columns_behind(
    dataset text, names text[],
    OUT column_name text, OUT source_column name, OUT attached_type text, OUT type oid, OUT typmod integer
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    spellings bigint;
BEGIN
    FOR column_name, source_column, attached_type, type, typmod, spellings IN
        WITH attribute AS MATERIALIZED (
            SELECT a.attname, lower(a.attname) AS folded, a.atttypid, a.atttypmod, c.name AS exposed, c.type AS attached
            FROM @extschema@._rde_source s
            JOIN pg_attribute a ON a.attrelid = s.relation AND a.attnum > 0 AND NOT a.attisdropped
            LEFT JOIN @extschema@._rde_source_column c ON c.dataset = s.dataset AND c.name = a.attname
            WHERE s.dataset = _rde_columns_behind.dataset),
        wanted AS MATERIALIZED (
            SELECT n.name, coalesce(m.target, n.name) AS target, lower(coalesce(m.target, n.name)) AS folded
            FROM (SELECT DISTINCT w.name FROM unnest(names) w(name)) n
            LEFT JOIN (SELECT lower(e.key) AS key, e.value AS target
                       FROM @extschema@._rde_source s CROSS JOIN LATERAL jsonb_each_text(s.mapping) e
                       WHERE s.dataset = _rde_columns_behind.dataset) m ON m.key = lower(n.name)),
        -- spelled exactly, else ignoring case
        spelled AS (
            SELECT w.name, a.*, a.attname = w.target AS exact, count(*) OVER same AS spellings,
                   row_number() OVER (same ORDER BY a.attname = w.target DESC) AS choice
            FROM wanted w JOIN attribute a ON a.folded = w.folded
            WINDOW same AS (PARTITION BY w.name)),
        -- those that were attached and that the relation has lost
        lost AS (
            SELECT c.name, lower(c.name) AS folded FROM @extschema@._rde_source_column c
            WHERE c.dataset = _rde_columns_behind.dataset
              AND EXISTS (SELECT FROM @extschema@._rde_source s WHERE s.dataset = c.dataset)
              AND NOT EXISTS (SELECT FROM attribute a WHERE a.attname = c.name))
        SELECT w.name, coalesce(a.exposed, (SELECT l.name FROM lost l WHERE l.folded = w.folded ORDER BY l.name LIMIT 1)),
               a.attached, CASE WHEN a.exposed IS NOT NULL THEN a.atttypid END, a.atttypmod,
               CASE WHEN a.exact THEN 1 ELSE a.spellings END
        FROM wanted w LEFT JOIN spelled a ON a.name = w.name AND a.choice = 1
    LOOP
        IF spellings > 1 THEN
            PERFORM @extschema@._rde_ambiguous(column_name);
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_columns_behind(text, text[]) IS
    'what is behind a data set''s column names, through the mapping, else by their own names: the source''s exposed column, the type it had when it was attached, and its type now, NULL if the source has lost it; all NULL where there is none';

CREATE FUNCTION @extschema@._rde_column_behind(
    dataset text, column_name text, OUT source_column name, OUT attached_type text, OUT type oid, OUT typmod integer
) RETURNS record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT b.source_column, b.attached_type, b.type, b.typmod
    FROM @extschema@._rde_columns_behind(dataset, ARRAY[column_name]) b;
END;
COMMENT ON FUNCTION @extschema@._rde_column_behind(text, text) IS
    'the same of one name';

