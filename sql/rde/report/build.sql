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
    'make a report of the rows that changed on the days first_day .. last_day (inclusive, in the time zone) and store it in this transaction; returns its id, raises on failure and then leaves nothing behind. format is csv, json, jsonl, xml or xlsx; view NULL is cmp where the data set has one, else full; reseller NULL is all; name NULL is the data set''s; time_zone NULL is that of the reseller''s account, else rde.time_zone. Never waits for open transactions. Raises 22008, 22023, 42602, 42704, 42703 and 42804 (the view does not fit the source), 42501, 55000, 54000, 40001 (a table of the source was rewritten meanwhile, or since the snapshot of the transaction), and what the source raises';

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
    'ask for a report without building it; rde_run_due or rde_build() makes it later. The request is checked, and its arguments are those of rde_export. A submitted report does not expire. Raises 22008, 22023, 42602, 42704, 42703 and 42804 (the view does not fit the source), 55000';

CREATE FUNCTION @extschema@.rde_build(report uuid) RETURNS text
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_build';
COMMENT ON FUNCTION @extschema@.rde_build(uuid) IS
    'build a submitted report; returns what it is now, completed or error. A failure is recorded on its row and raised as a warning. Cancel, shutdown, deadlock, serialization and lock failures are raised as they are, and leave it submitted. Raises 42704, 55000 (not submitted, or of a snapshot window), 55P03 (another session builds it)';

CREATE FUNCTION @extschema@.rde_rebuild(report uuid) RETURNS uuid
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_rebuild';
COMMENT ON FUNCTION @extschema@.rde_rebuild(uuid) IS
    'build the next revision of a completed report from today''s rows of its period; returns the revision''s id. Raises 42704, 55000 (not completed, has a next revision, or covers a snapshot window), and those of rde_export';

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
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', COLUMN = 'status',
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
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', COLUMN = 'status',
            MESSAGE = format('report %s has been replaced by another revision', report),
            HINT = 'Build or rebuild that one.';
END
$$;
COMMENT ON FUNCTION @extschema@.rde_retry_report(uuid) IS
    'submit a report that ended in error again, with no attempts counted; rde_run_due or rde_build() makes it. Raises 42704, 55000';

CREATE FUNCTION @extschema@.rde_cancel_report(report uuid) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_report @extschema@._rde_report;
    builder integer;
    shown uuid[];
BEGIN
    SELECT r.* INTO found_report FROM @extschema@._rde_report r
    WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true) FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        SELECT r.* INTO found_report FROM @extschema@._rde_report r
        WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true);
        IF NOT FOUND THEN
            PERFORM @extschema@._rde_no_report(report);
        END IF;
        -- a worker, which shows the first of several that it builds together, or a session
        builder := coalesce(
            CASE WHEN @extschema@._rde_alive(found_report.claim_pid, found_report.claim_start) THEN found_report.claim_pid END,
            (SELECT b.pid FROM @extschema@._rde_builds() b WHERE b.report = found_report.id));
        IF builder IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'lock_not_available',
                MESSAGE = format('another session is about to build or to change report %s', report),
                HINT = 'Try again.';
        END IF;
        -- by this lock the session that builds it knows what it is cancelled for
        PERFORM pg_advisory_xact_lock_shared(1919182080, ('x' || left(report::text, 8))::bit(32)::integer);
        shown := ARRAY(SELECT b.report FROM @extschema@._rde_builds() b WHERE b.pid = builder);
        PERFORM pg_cancel_backend(builder);
        -- which it looks at while it ends what it does: within a second
        FOR i IN 1 .. 20 LOOP
            PERFORM pg_sleep(0.05), pg_stat_clear_snapshot();
            EXIT WHEN shown IS DISTINCT FROM ARRAY(SELECT b.report FROM @extschema@._rde_builds() b WHERE b.pid = builder);
        END LOOP;
        PERFORM pg_sleep(0.1);
        RETURN;
    END IF;
    IF found_report.status <> 'submitted' AND found_report.retry_at IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', COLUMN = 'status',
            MESSAGE = format('report %s is not waiting to be built but "%s"', report, found_report.status),
            HINT = 'rde_drop_report() removes it.';
    END IF;
    UPDATE @extschema@._rde_report r
    SET status = 'error', sqlstate = '57014', error = 'report was cancelled', failed_at = clock_timestamp(), retry_at = NULL,
        failed_xid = pg_current_xact_id(), system_identifier = (SELECT c.system_identifier FROM pg_control_system() c),
        claim_pid = NULL, claim_start = NULL, claimed_at = NULL
    WHERE r.id = report;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_cancel_report(uuid) IS
    'do not build a report that waits to be, or is being built, whose session is told at once and goes on with others; rde_retry_report() submits it again. It is in error then. Raises 42704, 55000, 55P03 (somebody is about to build or change it)';
