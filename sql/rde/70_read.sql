---------------------------------------------------------------------------
-- Reading
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@.rde_content(report uuid, decompress boolean DEFAULT false) RETURNS bytea
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_content';
COMMENT ON FUNCTION @extschema@.rde_content(uuid, boolean) IS
    'a report''s file in one piece, at most 1 GB; decompress takes the gzip away';

CREATE FUNCTION @extschema@.rde_chunks(report uuid) RETURNS SETOF bytea
    LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100
    AS 'MODULE_PATHNAME', 'rde_chunks';
COMMENT ON FUNCTION @extschema@.rde_chunks(uuid) IS
    'a report''s file in pieces of 1 MiB, in order, for files of any size';

CREATE FUNCTION @extschema@.rde_chunk(report uuid, seq integer) RETURNS bytea
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_chunk';
COMMENT ON FUNCTION @extschema@.rde_chunk(uuid, integer) IS
    'one 1 MiB piece of a report''s file, counted from 0; NULL past its end';

CREATE FUNCTION @extschema@.rde_text(report uuid) RETURNS text
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_text';
COMMENT ON FUNCTION @extschema@.rde_text(uuid) IS
    'a csv, json or xml report as text in the database''s encoding, at most 1 GB';

CREATE FUNCTION @extschema@.rde_verify(report uuid) RETURNS boolean
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_verify';
COMMENT ON FUNCTION @extschema@.rde_verify(uuid) IS
    'do the stored bytes still have the size and SHA-256 the manifest names? a warning says what differs';

CREATE FUNCTION @extschema@._rde_utc_text(moment timestamptz) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
END;
COMMENT ON FUNCTION @extschema@._rde_utc_text(timestamptz) IS
    'ISO 8601 in UTC to the second';

CREATE FUNCTION @extschema@.rde_list_reports("from" date, "to" date, format text DEFAULT NULL) RETURNS json
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text := CASE lower(format) WHEN 'xslx' THEN 'xlsx' ELSE lower(format) END;
    first_moment timestamptz;
    end_moment timestamptz;
    items json;
    total bigint;
BEGIN
    PERFORM @extschema@._rde_caller();
    IF "from" IS NULL OR "to" IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'from and to must not be null',
            HINT = 'from is the first day and to the last day, both included.';
    END IF;
    IF NOT isfinite("from") OR NOT isfinite("to") THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'from and to must be finite dates',
            HINT = 'from is the first day and to the last day, both included.';
    END IF;
    IF "from" > "to" THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = pg_catalog.format('from (%s) is after to (%s)', "from", "to"),
            HINT = 'from is the first day and to the last day, both included.';
    END IF;
    PERFORM @extschema@._rde_check_options(coalesce(wanted, 'json'), '{}');

    first_moment := "from"::timestamp AT TIME ZONE 'UTC';
    end_moment := ("to" + 1)::timestamp AT TIME ZONE 'UTC';
    SELECT coalesce(json_agg(item ORDER BY created_at, id), '[]'), count(*) INTO items, total
    FROM (SELECT r.created_at, r.id,
                 json_build_object('name', r.name,
                                   'format', upper(r.format),
                                   'creationDate', @extschema@._rde_utc_text(r.created_at),
                                   'downloadUrl', r.download_url) AS item
          FROM @extschema@.rde_reports r
          WHERE r.status = 'completed' AND r.created_at >= first_moment AND r.created_at < end_moment
            AND (wanted IS NULL OR r.format = wanted)
            AND r.superseded_by IS NULL) listed;
    RETURN json_build_object('data', items,
                             'pagination', json_build_object('offset', 0, 'limit', total, 'total', total));
END
$$;
COMMENT ON FUNCTION @extschema@.rde_list_reports(date, date, text) IS
    'the reports published on the UTC days from .. to (inclusive), newest revisions only, as the JSON body of GET /reports';

