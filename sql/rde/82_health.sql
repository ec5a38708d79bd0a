---------------------------------------------------------------------------
-- What needs attention
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_cron_findings(
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    jobs CONSTANT text :=
        'SELECT j.* FROM cron.job j WHERE j.database = current_database() AND j.command ~ ''\mrde_run_due\M''';
BEGIN
    -- where pg_cron is not in this database its jobs cannot be seen
    IF to_regclass('cron.job') IS NULL OR to_regclass('cron.job_run_details') IS NULL
       OR NOT EXISTS (SELECT FROM @extschema@.rde_generator g WHERE g.enabled AND g.event <> 'manual') THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT %L, %L, NULL::text, NULL::timestamptz, %L, %L WHERE NOT EXISTS (%s AND j.active)',
        'warning', 'cron_job_missing', 'pg_cron is in this database and has no active job that runs rde_run_due.',
        'Call rde_schedule(), or see to it that workers run otherwise.', jobs);
    RETURN QUERY EXECUTE format(
        'SELECT %L, %L, j.jobname::text, d.end_time, d.return_message, %L FROM (%s) j'
        ' CROSS JOIN LATERAL (SELECT r.status, r.end_time, r.return_message FROM cron.job_run_details r'
        ' WHERE r.jobid = j.jobid AND r.status IN (''succeeded'', ''failed'')'
        ' ORDER BY r.runid DESC LIMIT 1) d WHERE j.active AND d.status = ''failed''',
        'warning', 'cron_job_failed', 'The server''s log and cron.job_run_details tell more.', jobs);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_cron_findings() IS
    'what rde_health has to say about pg_cron';

CREATE FUNCTION @extschema@._rde_health(
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
DECLARE
    system_id CONSTANT bigint := (SELECT c.system_identifier FROM pg_control_system() c);
BEGIN
    IF NOT has_table_privilege(@extschema@._rde_caller(), '@extschema@.rde_health', 'SELECT') THEN
        RETURN;
    END IF;

    -- workers
    RETURN QUERY
    SELECT 'error', 'no_worker', NULL::text, w.seen_at,
           CASE WHEN w.seen_at IS NULL THEN 'rde_run_due has never run.' ELSE 'rde_run_due has not run for 10 minutes.' END
               || format(' %s reports are due.', due.n),
           'Let pg_cron run it with rde_schedule(), or cron or a systemd timer with psql.'
    FROM (SELECT max(seen_at) AS seen_at FROM @extschema@.rde_worker) w
    CROSS JOIN (SELECT (SELECT count(*) FROM @extschema@.rde_generator g WHERE g.enabled AND g.next_run <= now())
                       + (SELECT count(*) FROM @extschema@.rde_report r
                          WHERE r.status = 'submitted' OR r.retry_at <= now()) AS n) due
    WHERE coalesce(w.seen_at, '-infinity') < now() - interval '10 minutes'
      AND (due.n > 0 OR EXISTS (SELECT FROM @extschema@.rde_generator g WHERE g.enabled AND g.event <> 'manual'));
    RETURN QUERY SELECT * FROM @extschema@._rde_cron_findings();

    -- generators and their reports
    RETURN QUERY
    SELECT 'error', 'generator_late', format('%s (%s)', p.name, p.generator), min(p.due_at),
           format('%s reports are late, the first is that of %s: %s.', count(*), min(p.period_from), min(p.state)),
           'The view rde_periods says what each of them waits for.'
    FROM @extschema@._rde_periods() p
    WHERE p.state IN ('due', 'submitted', 'processing', 'retrying', 'paused')
      AND p.due_at < now() - @extschema@._rde_settle_limit() - interval '15 minutes'
    GROUP BY p.name, p.generator;
    RETURN QUERY
    SELECT 'error', 'generator_disabled', format('%s (%s)', g.name, g.id), NULL::timestamptz, g.disabled_reason,
           format('When the cause is gone: SELECT rde_alter_generator(%L, enabled => true), which submits them again.', g.id)
    FROM @extschema@.rde_generator g
    WHERE NOT g.enabled AND g.disabled_reason NOT LIKE 'disabled by %';
    RETURN QUERY
    SELECT 'error', 'reports_failed', coalesce(g.name || ' (' || g.id || ')', 'reports on request'), min(r.failed_at),
           format('%s reports are in error, the last with: %s', count(*),
                  (array_agg(r.error ORDER BY r.failed_at DESC))[1]),
           'rde_retry() submits a report again, rde_drop_report() removes it.'
    FROM @extschema@.rde_report r
    LEFT JOIN @extschema@.rde_generator g ON g.id = r.generator
    WHERE r.status = 'error' AND r.retry_at IS NULL AND r.expires_at > now()
    GROUP BY g.id, g.name;
    RETURN QUERY
    SELECT 'error', 'rebaseline_needed', format('%s (%s)', g.name, g.id), NULL::timestamptz,
           'Its last snapshot window ended in another database cluster.',
           format('SELECT rde_rebaseline(%L); after pg_upgrade, rde_rebaseline(%L, keep_window => true).', g.id, g.id)
    FROM @extschema@.rde_generator g
    WHERE EXISTS (SELECT FROM @extschema@.rde_generator_snapshot s
                  WHERE s.generator = g.id AND s.system_identifier <> system_id);

    -- sources
    RETURN QUERY
    SELECT 'error', 'source_failing', f.dataset, f.failed_at,
           format('%s times, the last with: %s', f.failures, f.error),
           format('It is tried again at %s, and at once when it has been attached again.', date_trunc('second', f.paused_until))
    FROM @extschema@.rde_source_failure f;
    RETURN QUERY
    SELECT 'error', 'source_drifted', s.dataset, NULL::timestamptz,
           CASE WHEN c.oid IS NULL THEN 'The attached relation is gone.'
                ELSE format('Columns of %s are gone or have another type than they were attached with: %s.',
                            s.relation, string_agg(x.name, ', ' ORDER BY x.position)) END,
           'Attach it again with rde_attach().'
    FROM @extschema@.rde_source s
    LEFT JOIN pg_class c ON c.oid = s.relation
    LEFT JOIN @extschema@.rde_source_column x ON x.dataset = s.dataset
        AND NOT EXISTS (SELECT FROM pg_attribute a
                        WHERE a.attrelid = s.relation AND a.attname = x.name AND NOT a.attisdropped
                          AND format_type(a.atttypid, NULL) = x.type)
    WHERE c.oid IS NULL OR x.name IS NOT NULL
    GROUP BY s.dataset, s.relation, c.oid;
    RETURN QUERY
    SELECT 'error', 'source_not_stamped', s.dataset, NULL::timestamptz,
           format('No trigger stamps column "%s" of %s, so changes are not seen.', s.change_column, s.relation),
           format('CREATE TRIGGER rde_stamp BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION @extschema@.rde_stamp(%L);',
                  s.relation, s.change_column)
    FROM @extschema@.rde_source s
    JOIN pg_class c ON c.oid = s.relation AND c.relkind IN ('r', 'p')
    WHERE s.change_column IS NOT NULL AND NOT @extschema@._rde_is_stamped(s.relation, s.change_column);

    -- invoices
    RETURN QUERY
    SELECT 'error', 'invoices_waiting', NULL::text, min(e.happened_at),
           format('%s new invoices wait for their reports to be submitted.', count(*)),
           'A worker does that: rde_schedule(), or CALL rde_run_due().'
    FROM @extschema@.rde_invoice_event e
    HAVING min(e.happened_at) < now() - interval '10 minutes';
    RETURN QUERY
    SELECT 'error', 'watch_broken', t.member::text, NULL::timestamptz,
           'New invoices in it are not recorded: its trigger is missing or disabled, or a column is gone.',
           format('SELECT rde_watch_invoices(%L, ...) again.', w.relation::text)
    FROM @extschema@.rde_invoice_watch w
    CROSS JOIN LATERAL @extschema@._rde_table_tree(w.relation) AS t(member)
    WHERE NOT EXISTS (SELECT FROM pg_trigger g
                      WHERE g.tgrelid = t.member AND g.tgname = 'rde_invoice_insert' AND g.tgenabled IN ('O', 'A'))
       OR (w.when_column IS NOT NULL
           AND NOT EXISTS (SELECT FROM pg_trigger g
                           WHERE g.tgrelid = t.member AND g.tgname = 'rde_invoice_update' AND g.tgenabled IN ('O', 'A')))
       OR (SELECT count(*) FROM pg_attribute a
           WHERE a.attrelid = t.member AND NOT a.attisdropped
             AND a.attname IN (w.reseller_column, w.invoice_column, w.when_column))
          < (SELECT count(DISTINCT n) FROM unnest(ARRAY[w.reseller_column, w.invoice_column, w.when_column]) n);

    -- what is in the way
    RETURN QUERY
    SELECT 'warning', 'prepared_transaction', p.gid, p.prepared,
           'Periods do not settle while it is there: nobody knows when it began.',
           'COMMIT PREPARED or ROLLBACK PREPARED it.'
    FROM pg_prepared_xacts p
    WHERE p.database = current_database() AND p.prepared < now() - interval '1 hour';
    RETURN QUERY
    SELECT 'warning', 'purge_overdue', NULL::text, min(r.expires_at),
           format('%s reports expired more than a day ago and are still stored.', count(*)),
           'A worker removes them, and so does rde_purge().'
    FROM @extschema@.rde_report r
    WHERE r.expires_at < now() - interval '1 day' AND r.status <> 'submitted'
    HAVING count(*) > 0;
    RETURN QUERY
    SELECT 'warning', 'role_missing', format('%s (%s)', a.name, a.id), NULL::timestamptz,
           format('Role "%s" does not exist.', a.role),
           'CREATE ROLE it, or give the account another with rde_alter_account().'
    FROM @extschema@.rde_account a
    WHERE a.role IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = a.role);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_health() IS
    'the rows of rde_health, for those who may read that view';

CREATE VIEW @extschema@.rde_health WITH (security_barrier) AS
SELECT h.severity, h.finding, h.object, h.since, h.detail, h.hint
FROM @extschema@._rde_health() h;
COMMENT ON VIEW @extschema@.rde_health IS
    'what needs attention, and what to do about it; empty when all is well';

