---------------------------------------------------------------------------
-- Building
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_check_view(dataset text, view text, reseller bigint) RETURNS void
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_check_view';
COMMENT ON FUNCTION @extschema@._rde_check_view(text, text, bigint) IS
    'raise 42703 or 42804 for a view that needs columns which the source of its data set does not have, or has of another type';

CREATE FUNCTION @extschema@.rde_export(
    dataset   text,
    "from"    date,
    "to"      date,
    format    text DEFAULT 'json',
    view      text DEFAULT NULL,
    reseller  bigint DEFAULT NULL,
    name      text DEFAULT NULL,
    time_zone text DEFAULT NULL,
    options   jsonb DEFAULT '{}'
) RETURNS uuid
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_export';
COMMENT ON FUNCTION @extschema@.rde_export(text, date, date, text, text, bigint, text, text, jsonb) IS
    'make a report of the rows that changed on the days from .. to (inclusive, in the time zone) and store it in this transaction; returns its id, raises on failure and then leaves nothing behind';

CREATE FUNCTION @extschema@.rde_submit(
    dataset   text,
    "from"    date,
    "to"      date,
    format    text DEFAULT 'json',
    view      text DEFAULT NULL,
    reseller  bigint DEFAULT NULL,
    name      text DEFAULT NULL,
    time_zone text DEFAULT NULL,
    options   jsonb DEFAULT '{}'
) RETURNS uuid
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_submit';
COMMENT ON FUNCTION @extschema@.rde_submit(text, date, date, text, text, bigint, text, text, jsonb) IS
    'ask for a report without building it; rde_run_due or rde_build() makes it later';

CREATE FUNCTION @extschema@.rde_build(report uuid) RETURNS uuid
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_build';
COMMENT ON FUNCTION @extschema@.rde_build(uuid) IS
    'build a submitted report; a failure is recorded on its row and raised as a warning';

CREATE FUNCTION @extschema@.rde_rebuild(report uuid) RETURNS uuid
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_rebuild';
COMMENT ON FUNCTION @extschema@.rde_rebuild(uuid) IS
    'build the next revision of a completed report from today''s rows of its period; returns the revision''s id';

CREATE FUNCTION @extschema@.rde_retry(report uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_report @extschema@.rde_report;
BEGIN
    PERFORM @extschema@._rde_caller();
    SELECT r.* INTO found_report FROM @extschema@.rde_report r
    WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true) FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
    IF found_report.status <> 'error' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('report %s is not in error but "%s"', report, found_report.status),
            HINT = CASE found_report.status WHEN 'completed' THEN 'Use rde_rebuild() for its next revision.'
                                     ELSE 'Build it with rde_build().' END;
    END IF;
    -- one that is tried again anyhow waits already
    IF found_report.retry_at IS NULL AND NOT @extschema@.rde_sees_all(true) THEN
        PERFORM @extschema@._rde_check_quota(found_report.reseller, found_report.period_from, found_report.period_to, 1);
    END IF;
    -- Its retention begins again, unless it is kept for longer.
    UPDATE @extschema@.rde_report r
    SET status = 'submitted', attempts = 0, sqlstate = NULL, error = NULL, failed_at = NULL, retry_at = NULL,
        lost_claims = 0,
        expires_at = greatest(r.expires_at, clock_timestamp() + r.retention)
    WHERE r.id = report;
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('report %s has been replaced by another revision', report),
            HINT = 'Build or rebuild that one.';
END
$$;
COMMENT ON FUNCTION @extschema@.rde_retry(uuid) IS
    'submit a report that ended in error again, with no attempts counted; rde_run_due or rde_build() makes it';

CREATE FUNCTION @extschema@.rde_cancel_report(report uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_report @extschema@.rde_report;
BEGIN
    PERFORM @extschema@._rde_caller();
    SELECT r.* INTO found_report FROM @extschema@.rde_report r
    WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true) FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        SELECT r.* INTO found_report FROM @extschema@.rde_report r
        WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true);
        IF NOT FOUND THEN
            PERFORM @extschema@._rde_no_report(report);
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'lock_not_available',
            MESSAGE = format('report %s is being built', report),
            HINT = 'The view rde_progress names the process; pg_cancel_backend() stops it.';
    END IF;
    IF found_report.status <> 'submitted' AND found_report.retry_at IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('report %s is not waiting to be built but "%s"', report, found_report.status),
            HINT = 'rde_drop_report() removes it.';
    END IF;
    UPDATE @extschema@.rde_report r
    SET status = 'error', sqlstate = '57014', error = 'report was cancelled', failed_at = clock_timestamp(), retry_at = NULL,
        claim_pid = NULL, claim_start = NULL, claimed_at = NULL
    WHERE r.id = report;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_cancel_report(uuid) IS
    'do not build a report that waits to be; rde_retry() submits it again';

CREATE FUNCTION @extschema@._rde_report_columns(
    dataset text, view text, reseller bigint,
    OUT "position" integer, OUT name text, OUT column_name text, OUT transform text, OUT argument text,
    OUT source_column name, OUT expected_type text, OUT actual_type text, OUT fits boolean, OUT expected text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen bigint;
BEGIN
    IF view = 'full' THEN
        RETURN QUERY
        SELECT c.position, c.name::text, c.name::text, NULL::text, NULL::text, c.name, c.type,
               format_type(a.atttypid, NULL), true, NULL::text
        FROM @extschema@.rde_source_column c
        JOIN @extschema@.rde_source s ON s.dataset = c.dataset
        LEFT JOIN pg_attribute a ON a.attrelid = s.relation AND a.attname = c.name AND NOT a.attisdropped
        WHERE c.dataset = _rde_report_columns.dataset;
        RETURN;
    END IF;
    -- the reseller's own view of that name, else the provider's
    SELECT v.id INTO chosen FROM @extschema@.rde_view v
    WHERE v.dataset = _rde_report_columns.dataset AND v.name = view
      AND (v.reseller = _rde_report_columns.reseller OR v.reseller IS NULL)
    ORDER BY v.reseller NULLS LAST LIMIT 1;
    RETURN QUERY
    SELECT vc.position, vc.alias, vc.column_name, vc.transform, vc.argument,
           coalesce((f.attribute).attname, gone.name), c.type, format_type((f.attribute).atttypid, NULL),
           @extschema@._rde_type_fits((f.attribute).atttypid, vc.expected),
           @extschema@._rde_expected_types(vc.expected)
    FROM @extschema@.rde_view_column vc
    CROSS JOIN LATERAL (SELECT @extschema@._rde_resolve(_rde_report_columns.dataset, vc.column_name) AS attribute) f
    LEFT JOIN @extschema@.rde_source_column c
        ON c.dataset = _rde_report_columns.dataset AND c.name = (f.attribute).attname
    -- one that was attached and that the relation has lost
    LEFT JOIN LATERAL (
        SELECT lost.name FROM @extschema@.rde_source s
        JOIN @extschema@.rde_source_column lost ON lost.dataset = s.dataset
        WHERE s.dataset = _rde_report_columns.dataset AND (f.attribute).attname IS NULL
          AND lower(lost.name) = lower(coalesce(
              (SELECT m.value FROM jsonb_each_text(s.mapping) m WHERE lower(m.key) = lower(vc.column_name)),
              vc.column_name))
          AND NOT EXISTS (SELECT FROM pg_attribute a
                          WHERE a.attrelid = s.relation AND a.attname = lost.name AND NOT a.attisdropped)
        LIMIT 1) gone ON true
    WHERE vc.view = chosen;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_report_columns(text, text, bigint) IS
    'the columns of one report in order, with the source column behind each as it was attached and as it is';

