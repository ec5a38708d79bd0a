---------------------------------------------------------------------------
-- Reports: drop, keep, purge, where the file is
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_no_report(report uuid) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF report IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'report must not be null';
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'undefined_object',
        MESSAGE = format('report %s does not exist', report),
        HINT = 'The view rde_reports lists the reports there are.';
END
$$;
COMMENT ON FUNCTION @extschema@._rde_no_report(uuid) IS
    'raise 42704, or 22004 for NULL';

CREATE FUNCTION @extschema@.rde_drop_report(report uuid) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM @extschema@._rde_report r
    WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true);
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_drop_report(uuid) IS
    'remove a report and its file now. Raises 42704';

CREATE FUNCTION @extschema@.rde_keep_report(report uuid, until timestamptz) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    IF until IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'until must not be null';
    END IF;
    IF until <= now() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'until must be a time in the future',
            HINT = 'Say ''infinity'' to keep a report for good, or rde_drop_report() to remove it.';
    END IF;
    UPDATE @extschema@._rde_report r SET expires_at = until WHERE r.id = report;
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_keep_report(uuid, timestamptz) IS
    'let a report expire at another time; ''infinity'' keeps it for good. Raises 22004, 22023 (not in the future), 42704';

CREATE FUNCTION @extschema@.rde_purge_reports(max_reports integer DEFAULT NULL) RETURNS bigint
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    purged bigint;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    -- Some time past expiry, so that a download begun before it can end; and once no
    -- next revision waits, whose row its builder holds.
    DELETE FROM @extschema@._rde_report r
    USING (SELECT e.id FROM @extschema@._rde_report e
           WHERE e.expires_at < now() - @extschema@._rde_grace() AND e.status <> 'submitted'
             AND (SELECT n.id FROM @extschema@._rde_report n WHERE n.supersedes = e.id AND n.status = 'submitted') IS NULL
           ORDER BY e.expires_at LIMIT max_reports FOR UPDATE SKIP LOCKED) expired
    WHERE r.id = expired.id;
    GET DIAGNOSTICS purged = ROW_COUNT;
    DELETE FROM @extschema@._rde_idempotency i
    WHERE i.ctid = ANY (ARRAY(SELECT q.ctid FROM @extschema@._rde_idempotency q
                              WHERE q.created_at < now() - interval '24 hours' FOR UPDATE SKIP LOCKED));
    RETURN purged;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_purge_reports(integer) IS
    'remove reports that expired more than an hour ago, the oldest first, at most max_reports of them; returns how many. Submitted ones stay, and one whose next revision is submitted';

CREATE FUNCTION @extschema@.rde_set_report_store(report uuid, store text, drop_chunks boolean DEFAULT false) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_report @extschema@._rde_report;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    IF store IS NULL OR drop_chunks IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'store and drop_chunks must not be null';
    END IF;
    SELECT r.* INTO found_report FROM @extschema@._rde_report r WHERE r.id = report FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
    IF found_report.status <> 'completed' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('report %s has no file to store, it is "%s"', report, found_report.status);
    END IF;
    IF store <> 'local'
       AND (store !~ '^[a-z][a-z0-9_]{0,30}$'
            OR to_regprocedure('@extschema@.rde_' || store || '_download_url(uuid)') IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('store "%s" does not exist', store),
            DETAIL = 'A store is an extension that gives links: its function is called rde_<store>_download_url(uuid).',
            HINT = 'CREATE EXTENSION rde_azure SCHEMA @extschema@; makes the store "azure".';
    END IF;
    IF store = 'local' AND drop_chunks THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the store "local" is the chunks, which are not dropped',
            HINT = 'rde_drop_report() removes a report.';
    END IF;
    IF store = 'local' AND NOT EXISTS (SELECT FROM @extschema@._rde_report_chunk c WHERE c.report = found_report.id) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('file of report %s is in store "%s", and no longer in the database', report, found_report.store);
    END IF;
    UPDATE @extschema@._rde_report r SET store = rde_set_report_store.store WHERE r.id = found_report.id;
    IF drop_chunks THEN
        DELETE FROM @extschema@._rde_report_chunk c WHERE c.report = found_report.id;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_set_report_store(uuid, text, boolean) IS
    'say that a completed report''s file is in a store, whose function rde_<store>_download_url() gives its link from now on; drop_chunks removes it from the database. ''local'' takes that back while the chunks are there. The function is beside rde''s own and of the same owner. For administrators; rde_azure calls it. Raises 22004, 22023, 42704, 55000';

