---------------------------------------------------------------------------
-- Reports: export, submit, build, rebuild, retry, cancel
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_check_view(dataset text, view text, reseller bigint) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_check_view';
COMMENT ON FUNCTION @extschema@._rde_check_view(text, text, bigint) IS
    'raise 42703 or 42804 for a view that needs columns which the source of its data set does not have, or has of another type';

CREATE FUNCTION @extschema@.rde_export(
    dataset   text,
    first_day date,
    last_day  date,
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
    'make a report of the rows that changed on the days first_day .. last_day (inclusive, in the time zone) and store it in this transaction; returns its id, raises on failure and then leaves nothing behind';

CREATE FUNCTION @extschema@.rde_submit(
    dataset   text,
    first_day date,
    last_day  date,
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

CREATE FUNCTION @extschema@.rde_build(report uuid) RETURNS text
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_build';
COMMENT ON FUNCTION @extschema@.rde_build(uuid) IS
    'build a submitted report; returns what it is now, completed or error. A failure is recorded on its row and raised as a warning';

CREATE FUNCTION @extschema@.rde_rebuild(report uuid) RETURNS uuid
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_rebuild';
COMMENT ON FUNCTION @extschema@.rde_rebuild(uuid) IS
    'build the next revision of a completed report from today''s rows of its period; returns the revision''s id';

CREATE FUNCTION @extschema@._rde_resubmit(reports uuid[]) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- Their retention begins again, unless they are kept for longer.
    UPDATE @extschema@._rde_report r
    SET status = 'submitted', attempts = 0, sqlstate = NULL, error = NULL, failed_at = NULL, retry_at = NULL,
        lost_claims = 0, expires_at = greatest(r.expires_at, clock_timestamp() + r.retention)
    WHERE r.id = ANY (reports);
END;
COMMENT ON FUNCTION @extschema@._rde_resubmit(uuid[]) IS
    'submit reports that ended in error again, with no attempts counted';

CREATE FUNCTION @extschema@.rde_retry_report(report uuid) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_report @extschema@._rde_report;
BEGIN
    SELECT r.* INTO found_report FROM @extschema@._rde_report r
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
    IF found_report.retry_at IS NULL AND NOT @extschema@._rde_sees_all(true) THEN
        PERFORM @extschema@._rde_check_quota(found_report.reseller, found_report.period_from, found_report.period_to, 1);
    END IF;
    PERFORM @extschema@._rde_resubmit(ARRAY[report]);
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('report %s has been replaced by another revision', report),
            HINT = 'Build or rebuild that one.';
END
$$;
COMMENT ON FUNCTION @extschema@.rde_retry_report(uuid) IS
    'submit a report that ended in error again, with no attempts counted; rde_run_due or rde_build() makes it';

CREATE FUNCTION @extschema@.rde_cancel_report(report uuid) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_report @extschema@._rde_report;
    builder integer;
BEGIN
    SELECT r.* INTO found_report FROM @extschema@._rde_report r
    WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true) FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        IF NOT EXISTS (SELECT FROM @extschema@._rde_report r
                       WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true)) THEN
            PERFORM @extschema@._rde_no_report(report);
        END IF;
        SELECT b.pid INTO builder FROM @extschema@._rde_builds() b WHERE b.report = rde_cancel_report.report;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'lock_not_available',
                MESSAGE = format('another session is about to build or to change report %s', report),
                HINT = 'Try again.';
        END IF;
        -- by this lock the session that builds it knows what it is cancelled for
        PERFORM pg_advisory_xact_lock_shared(1919182080, ('x' || left(report::text, 8))::bit(32)::integer);
        PERFORM pg_cancel_backend(builder);
        RETURN;
    END IF;
    IF found_report.status <> 'submitted' AND found_report.retry_at IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('report %s is not waiting to be built but "%s"', report, found_report.status),
            HINT = 'rde_drop_report() removes it.';
    END IF;
    UPDATE @extschema@._rde_report r
    SET status = 'error', sqlstate = '57014', error = 'report was cancelled', failed_at = clock_timestamp(), retry_at = NULL,
        claim_pid = NULL, claim_start = NULL, claimed_at = NULL
    WHERE r.id = report;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_cancel_report(uuid) IS
    'do not build a report that waits to be, or is being built, whose session is told at once and goes on with others; rde_retry_report() submits it again';
