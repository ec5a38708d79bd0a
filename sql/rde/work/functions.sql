---------------------------------------------------------------------------
-- Work: rde_run_due, and the statements of its rounds
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_blockers(OUT pid integer, OUT began timestamptz, OUT what text)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- else the sessions of this transaction's first look are shown again
    PERFORM pg_stat_clear_snapshot();

    -- A session with track_activities off shows no start time, so there any
    -- transaction that has an xid or a snapshot counts; one whose backend type is
    -- hidden shows nothing at all.  Vacuum workers and WAL senders write no rows,
    -- and resellers may not: none of them can hold up everybody's reports.
    RETURN QUERY
    SELECT a.pid, coalesce(a.xact_start, '-infinity'),
           format('the transaction of pid %s (%s)%s', a.pid,
                  concat_ws(', ', a.usename, nullif(a.application_name, ''), a.state),
                  coalesce(', open since ' || date_trunc('second', a.xact_start), ''))
    FROM pg_stat_activity a
    WHERE a.datid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND a.pid <> pg_backend_pid()
      AND coalesce(a.backend_type, '') NOT IN ('autovacuum worker', 'walsender')
      AND (a.xact_start IS NOT NULL OR a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL
           OR a.backend_type IS NULL)
      -- one that is still connecting has run nothing, and will begin what it runs
      AND NOT coalesce(a.backend_type = 'client backend' AND a.state IS NULL AND a.xact_start IS NULL
                       AND a.backend_xid IS NULL, false)
      -- asked of each of them: OFFSET 0 keeps all accounts from being joined with all sessions
      AND NOT EXISTS (SELECT FROM @extschema@._rde_account_roles t WHERE t.role = a.usesysid OFFSET 0);

    -- After the sessions, not before: a transaction prepared in between would be
    -- seen in neither.  When it began is not recorded anywhere, so each of them
    -- counts.
    RETURN QUERY
    SELECT NULL::integer, '-infinity'::timestamptz,
           format('the prepared transaction %L of %s', p.gid, p.owner)
    FROM pg_prepared_xacts p
    WHERE p.database = current_database()
      AND NOT EXISTS (SELECT FROM @extschema@._rde_account_roles t JOIN pg_roles r ON r.oid = t.role WHERE r.rolname = p.owner);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_blockers() IS
    'the transactions that can still commit rows of the past, and since when; -infinity where nobody knows';

CREATE FUNCTION @extschema@._rde_has_arrived(dataset text, period_to timestamptz) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT NOT EXISTS (
        SELECT FROM @extschema@._rde_source s LEFT JOIN @extschema@._rde_watermark w ON w.dataset = s.dataset
        WHERE s.dataset = $1
          AND ((s.watermark IS NOT NULL AND coalesce(w.reached, '-infinity') < period_to)
               OR clock_timestamp() - s.delay < period_to));
END;
COMMENT ON FUNCTION @extschema@._rde_has_arrived(text, timestamptz) IS
    'are all rows of a period here, as far as is known of a source that is filled from elsewhere?';

CREATE FUNCTION @extschema@._rde_postpone_empty(report uuid) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE @extschema@._rde_report r
    SET empty_builds = r.empty_builds + 1,
        retry_at = clock_timestamp() + (ARRAY['1 minute', '5 minutes', '60 minutes']::interval[])[r.empty_builds + 1],
        claim_pid = NULL, claim_start = NULL, claimed_at = NULL
    WHERE r.id = report;
END;
COMMENT ON FUNCTION @extschema@._rde_postpone_empty(uuid) IS
    'an invoice whose rows have not come yet is looked at again later';

CREATE FUNCTION @extschema@._rde_source_works(report uuid) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    DELETE FROM @extschema@._rde_source_failure f
    WHERE f.dataset = (SELECT r.dataset FROM @extschema@._rde_report r WHERE r.id = report);
END;
COMMENT ON FUNCTION @extschema@._rde_source_works(uuid) IS
    'the source of a report''s data set has been read again';

CREATE FUNCTION @extschema@._rde_fail(report uuid, sqlstate text, error text, kind text, foreign_error boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment CONSTANT timestamptz := clock_timestamp();
    failed @extschema@._rde_report;
    retry timestamptz;
    failing @extschema@._rde_generator;
    periods bigint;
    since timestamptz;
BEGIN
    SELECT r.* INTO STRICT failed FROM @extschema@._rde_report r WHERE r.id = report FOR UPDATE;
    CASE kind
        WHEN 'source' THEN
            -- Nobody reads it for 1, 2, 4, 8, then each time 15 minutes.  Reports
            -- that fail while it is paused already say nothing new.
            INSERT INTO @extschema@._rde_source_failure AS f (dataset, paused_until, sqlstate, error)
            VALUES (failed.dataset, moment + interval '1 minute', sqlstate, error)
            ON CONFLICT ON CONSTRAINT _rde_source_failure_pkey DO UPDATE
                SET failures = f.failures + 1, failed_at = moment,
                    paused_until = moment + least(interval '1 minute' * 2 ^ least(f.failures, 10), interval '15 minutes'),
                    sqlstate = EXCLUDED.sqlstate, error = EXCLUDED.error
                WHERE f.paused_until <= moment;
            SELECT f.paused_until INTO retry FROM @extschema@._rde_source_failure f WHERE f.dataset = failed.dataset;
        WHEN 'blocked' THEN
            retry := moment + interval '15 minutes';
        WHEN 'locked' THEN
            retry := moment + interval '1 minute';
        WHEN 'build' THEN
            -- What the data or the request is to blame for stays as it is.  But a zone
            -- or a regular expression that there is no memory for looks like a bad one.
            IF left(sqlstate, 2) NOT IN ('22', '42', '54') OR sqlstate IN ('22023', '2201B') THEN
                retry := moment + CASE failed.attempts WHEN 0 THEN interval '1 minute' WHEN 1 THEN interval '5 minutes' END;
            END IF;
        WHEN 'final' THEN
    END CASE;
    UPDATE @extschema@._rde_report r
    SET status = 'error', sqlstate = _rde_fail.sqlstate, error = _rde_fail.error,
        foreign_error = _rde_fail.foreign_error, failed_at = moment, retry_at = retry,
        failed_xid = CASE WHEN retry IS NULL THEN pg_current_xact_id() END,
        system_identifier = (SELECT c.system_identifier FROM pg_control_system() c),
        attempts = r.attempts + CASE WHEN kind IN ('source', 'blocked', 'locked') THEN 0 ELSE 1 END,
        claim_pid = NULL, claim_start = NULL, claimed_at = NULL
    WHERE r.id = report;

    -- A generator that has done nothing but fail for a day is not let go on.  One
    -- that somebody is changing is looked at when its next report fails.
    IF kind <> 'build' OR retry IS NOT NULL OR failed.generator IS NULL OR failed.type = 'onetime' THEN
        RETURN;
    END IF;
    SELECT g.* INTO failing FROM @extschema@._rde_generator g WHERE g.id = failed.generator AND g.enabled
    FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT count(DISTINCT (r.period_from, r.invoice_reseller, r.invoice)), min(r.failed_at) INTO periods, since
    FROM @extschema@._rde_report r
    WHERE r.generator = failing.id AND r.status = 'error' AND r.retry_at IS NULL AND r.type <> 'onetime'
      AND r.failed_at > greatest(failing.enabled_at,
                                 (SELECT max(c.published_at) FROM @extschema@._rde_report c
                                  WHERE c.generator = failing.id AND c.status = 'completed' AND c.type <> 'onetime'));
    IF periods >= 5 AND moment - since >= interval '24 hours' THEN
        UPDATE @extschema@._rde_generator g
        SET enabled = false,
            disabled_reason = format('%s reports in a row failed since %s, the last with: %s', periods,
                                     date_trunc('second', since), error),
            foreign_reason = _rde_fail.foreign_error
        WHERE g.id = failing.id;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_fail(uuid, text, text, text, boolean) IS
    'record that a report could not be built, and decide when it is tried again: kind, by whose fault it was: source pauses its data set, locked waits for whoever holds what it needs, blocked for an administrator or another server, build counts against its generator, final is not tried again';

CREATE PROCEDURE @extschema@.rde_run_due(max_reports integer DEFAULT NULL, wait interval DEFAULT NULL)
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'rde_run_due';
COMMENT ON PROCEDURE @extschema@.rde_run_due(integer, interval) IS
    'submit what is due, build what is submitted, remove what has expired, and commit after each; any number may run at once. With wait it looks for more once a second until then. Not in a transaction block. Raises 22023, 25006 (on a standby), 2D000 (in a transaction block)';

