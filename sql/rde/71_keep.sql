---------------------------------------------------------------------------
-- Keeping
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
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_caller();
    DELETE FROM @extschema@.rde_report r
    WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true);
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_drop_report(uuid) IS
    'remove a report and its file now';

CREATE FUNCTION @extschema@.rde_keep(report uuid, until timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_caller();
    IF until IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'until must not be null';
    END IF;
    IF until <= now() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'until must be a time in the future',
            HINT = 'Say ''infinity'' to keep a report for good, or rde_drop_report() to remove it.';
    END IF;
    UPDATE @extschema@.rde_report r SET expires_at = until WHERE r.id = report;
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_keep(uuid, timestamptz) IS
    'let a report expire at another time; ''infinity'' keeps it for good';

CREATE FUNCTION @extschema@.rde_purge(max_reports integer DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    purged bigint;
BEGIN
    PERFORM @extschema@._rde_caller();
    -- An hour past expiry, so that a download begun before it can end.
    DELETE FROM @extschema@.rde_report r
    USING (SELECT e.id FROM @extschema@.rde_report e
           WHERE e.expires_at < now() - interval '1 hour' AND e.status <> 'submitted'
           ORDER BY e.expires_at LIMIT max_reports FOR UPDATE SKIP LOCKED) expired
    WHERE r.id = expired.id;
    GET DIAGNOSTICS purged = ROW_COUNT;
    DELETE FROM @extschema@.rde_idempotency i WHERE i.created_at < now() - interval '24 hours';
    RETURN purged;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_purge(integer) IS
    'remove reports that expired more than an hour ago, the oldest first, at most max_reports of them; returns how many';

