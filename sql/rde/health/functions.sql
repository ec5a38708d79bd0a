---------------------------------------------------------------------------
-- What needs attention
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_cron_findings(
    has_worker boolean,
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Where pg_cron is not in this database its jobs cannot be seen, and a schema
    -- "cron" may be anybody's.
    IF NOT EXISTS (SELECT FROM pg_extension e
                   JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
                   WHERE e.extname = 'pg_cron' AND d.classid = 'pg_class'::regclass
                     AND d.objid = to_regclass('cron.job_run_details')) THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE $query$
        WITH job AS (
            SELECT j.jobid, j.jobname, j.active FROM cron.job j
            WHERE j.database = current_database() AND j.command ~ '\mrde_run_due\M')
        SELECT 'warning', 'cron_job_missing', NULL, NULL::timestamptz,
               'pg_cron is in this database and has no job that runs rde_run_due.',
               'Call rde_schedule(), or see to it that workers run otherwise.'
        WHERE NOT $1 AND NOT EXISTS (SELECT FROM job)
        UNION ALL
        SELECT 'warning', 'cron_job_inactive', j.jobname::text, NULL, 'The job is switched off.',
               'Call rde_schedule() to replace it, or rde_unschedule() to remove it.'
        FROM job j WHERE NOT j.active
        UNION ALL
        SELECT 'warning', 'cron_job_failed', j.jobname::text, run.end_time, run.return_message,
               'The server''s log and cron.job_run_details tell more.'
        FROM job j
        CROSS JOIN LATERAL (
            SELECT r.end_time, r.status, r.return_message FROM cron.job_run_details r
            WHERE r.jobid = j.jobid AND r.status IN ('succeeded', 'failed') ORDER BY r.runid DESC LIMIT 1) run
        WHERE j.active AND run.status = 'failed'
    $query$ USING has_worker;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_cron_findings(boolean) IS
    'what rde_health has to say about pg_cron';

CREATE FUNCTION @extschema@._rde_worker_findings(
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    worker record;
    has_worker boolean;
BEGIN
    -- workers: usual is what nine of ten runs begin after another at most
    SELECT max(CASE WHEN w.finished_at IS NULL AND EXISTS (SELECT FROM pg_stat_get_activity(w.pid) a
                                                           WHERE a.backend_start <= w.started_at)
                    THEN now() ELSE w.seen_at END) AS seen_at,
           greatest(interval '10 minutes', 2 * percentile_disc(0.9) WITHIN GROUP (ORDER BY w.pause)) AS patience,
           (SELECT count(*) FROM @extschema@._rde_generator g WHERE g.enabled AND g.event <> 'manual') AS generators,
           (SELECT count(*) FROM @extschema@._rde_generator g WHERE g.enabled AND g.next_run_at <= now()) AS due,
           (SELECT count(*) FROM @extschema@._rde_report r
            WHERE coalesce(r.retry_at, r.due_at) <= now() AND (r.status = 'submitted' OR r.retry_at IS NOT NULL)) AS waiting
    INTO worker
    FROM (SELECT w.*, w.started_at - lag(w.started_at) OVER (ORDER BY w.started_at) AS pause
          FROM @extschema@._rde_worker w) w;
    IF worker.generators + worker.waiting > 0 THEN
        has_worker := coalesce(worker.seen_at >= now() - worker.patience, false);
        IF NOT has_worker THEN
            RETURN QUERY
            SELECT 'error', 'no_worker', NULL::text, worker.seen_at,
                   format('rde_run_due has %s. %s generators are due, %s reports wait to be built.',
                          CASE WHEN worker.seen_at IS NULL THEN 'never run' ELSE 'not run since then' END,
                          worker.due, worker.waiting),
                   'Let pg_cron run it with rde_schedule(), or cron or a systemd timer with psql.';
        END IF;
        RETURN QUERY SELECT * FROM @extschema@._rde_cron_findings(has_worker);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_worker_findings() IS
    'what rde_health has to say about workers, and about pg_cron, which runs them';

CREATE FUNCTION @extschema@._rde_generator_findings(
    content boolean,
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    system_id CONSTANT bigint := (SELECT c.system_identifier FROM pg_control_system() c);
BEGIN
    -- generators and their reports; a revision has a report before it
    RETURN QUERY
    SELECT 'error', 'generator_late', format('%s (%s)', g.name, g.id), min(l.due_at),
           format('The period from %s has no report yet%s.', min(l.period_from),
                  CASE WHEN count(DISTINCT l.period_from) > 1 THEN ', nor has one after it' ELSE '' END),
           'The view rde_periods says what it waits for.'
    FROM (SELECT d.id, d.next_from, d.next_run_at FROM @extschema@._rde_generator d WHERE d.enabled
          UNION ALL
          SELECT r.generator, r.period_from, r.due_at FROM @extschema@._rde_report r
          WHERE (r.status = 'submitted' OR r.retry_at IS NOT NULL) AND r.type NOT IN ('onetime', 'on_invoice')
            AND r.supersedes IS NULL) l(generator, period_from, due_at)
    JOIN @extschema@._rde_generator g ON g.id = l.generator
    WHERE l.due_at < now() - @extschema@._rde_settle_limit() - interval '15 minutes'
    GROUP BY g.id, g.name;
    RETURN QUERY
    SELECT 'error', 'generator_disabled', format('%s (%s)', g.name, g.id), NULL::timestamptz,
           CASE WHEN g.foreign_reason AND NOT content THEN 'too many of its reports failed' ELSE g.disabled_reason END,
           format('When the cause is gone: SELECT rde_alter_generator(%L, enabled => true); that submits its failed reports again.', g.id)
    FROM @extschema@._rde_generator g
    WHERE NOT g.enabled AND g.disabled_reason NOT LIKE 'disabled by %';
    RETURN QUERY
    SELECT 'error', 'reports_failed', coalesce(g.name || ' (' || g.id || ')', 'reports on request'), min(r.failed_at),
           format('%s reports are in error, the last with: %s', count(*),
                  (array_agg(@extschema@._rde_shown_error(r.id, r.error, r.foreign_error, content)
                             ORDER BY r.failed_at DESC))[1]),
           'rde_retry_report() submits a report again, rde_drop_report() removes it.'
    FROM @extschema@._rde_failed_reports r
    LEFT JOIN @extschema@._rde_generator g ON g.id = r.generator
    WHERE r.sqlstate IS DISTINCT FROM '57P02'
    GROUP BY g.id, g.name;
    RETURN QUERY
    SELECT 'error', 'worker_died', r.id::text, r.failed_at, r.error,
           'The server''s log tells what ended it. When the cause is gone rde_retry_report() submits the report again.'
    FROM @extschema@._rde_failed_reports r
    WHERE r.sqlstate = '57P02';
    RETURN QUERY
    SELECT 'error', 'rebaseline_needed', format('%s (%s)', g.name, g.id), NULL::timestamptz,
           'Its last snapshot window ended in another database cluster, or nowhere.',
           format('SELECT rde_rebaseline_generator(%L); after pg_upgrade, rde_rebaseline_generator(%L, keep_window => true).', g.id, g.id)
    FROM @extschema@._rde_generator g
    JOIN @extschema@._rde_source o ON o.dataset = g.dataset AND o.change_column IS NOT NULL
    CROSS JOIN LATERAL unnest(g.formats) f(format)
    LEFT JOIN @extschema@._rde_generator_snapshot s ON s.generator = g.id AND s.format = f.format
    WHERE g.next_run_at IS NOT NULL AND s.system_identifier IS DISTINCT FROM system_id
    GROUP BY g.id, g.name;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_generator_findings(boolean) IS
    'what rde_health has to say about generators and their reports; an error may hold a value of a row, so it is shown with content only';

CREATE FUNCTION @extschema@._rde_source_findings(
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT 'error', 'source_failing', f.dataset, f.failed_at,
           format('%s times, the last with: %s', f.failures, f.error),
           format('It is tried again at %s, and at once when it has been attached again.', date_trunc('second', f.paused_until))
    FROM @extschema@._rde_source_failure f;
    RETURN QUERY
    SELECT 'error', 'source_drifted', s.dataset, NULL::timestamptz,
           CASE WHEN c.oid IS NULL THEN 'The attached relation is gone.'
                ELSE format('Columns of %s are gone or have another type than they were attached with: %s.',
                            s.relation, string_agg(DISTINCT x.name::text, ', ')) END,
           'Attach it again with rde_attach().'
    FROM @extschema@._rde_source s
    LEFT JOIN pg_class c ON c.oid = s.relation
    LEFT JOIN LATERAL (
        SELECT e.name, e.type, 'any' AS expected FROM @extschema@._rde_source_column e WHERE e.dataset = s.dataset
        UNION ALL
        SELECT p.name, NULL, p.expected
        FROM (SELECT s.reseller_column, 'reseller' UNION ALL SELECT s.period_column, 'unix'
              UNION ALL SELECT s.amount_column, 'numeric' UNION ALL SELECT s.currency_column, 'text'
              UNION ALL SELECT s.invoice_column, 'text' UNION ALL SELECT s.change_column, 'xid8'
              UNION ALL SELECT unnest(s.key_columns), 'any') p(name, expected)
        WHERE p.name IS NOT NULL) x
        ON NOT EXISTS (SELECT FROM pg_attribute a
                       WHERE a.attrelid = s.relation AND a.attname = x.name AND a.attnum > 0 AND NOT a.attisdropped
                         AND format_type(a.atttypid, NULL) = coalesce(x.type, format_type(a.atttypid, NULL))
                         AND @extschema@._rde_type_fits(a.atttypid, x.expected))
    WHERE c.oid IS NULL OR x.name IS NOT NULL
    GROUP BY s.dataset, s.relation, c.oid;
    RETURN QUERY
    SELECT 'error', 'source_not_stamped', s.dataset, NULL::timestamptz,
           format('No trigger stamps column "%s" of %s, so changes are not seen.', s.change_column, s.relation),
           format('CREATE TRIGGER rde_stamp BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION @extschema@.rde_stamp(%L);',
                  s.relation, s.change_column)
    FROM @extschema@._rde_source s
    JOIN pg_class c ON c.oid = s.relation AND c.relkind IN ('r', 'p')
    WHERE s.change_column IS NOT NULL AND NOT @extschema@._rde_is_stamped(s.relation, s.change_column);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_source_findings() IS
    'what rde_health has to say about sources';

CREATE FUNCTION @extschema@._rde_invoice_findings(
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT 'error', 'invoices_waiting', NULL::text, min(e.happened_at),
           format('%s new invoices wait for their reports to be submitted.', count(*)),
           'A worker does that: rde_schedule(), or CALL rde_run_due().'
    FROM @extschema@._rde_invoice_event e
    HAVING min(e.happened_at) < now() - interval '10 minutes';
    RETURN QUERY
    SELECT 'error', 'watch_broken', t.member::text, NULL::timestamptz,
           'New invoices in it are not recorded: its trigger is missing or disabled, or a column is gone.',
           format('SELECT rde_watch_invoices(%L, ...) again.', w.relation::text)
    FROM @extschema@._rde_invoice_watch w
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
END
$$;
COMMENT ON FUNCTION @extschema@._rde_invoice_findings() IS
    'what rde_health has to say about watched tables';

CREATE FUNCTION @extschema@._rde_server_findings(
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT 'warning', 'schema_open', '@extschema@'::regnamespace::text, NULL::timestamptz,
           format('%s may create objects in it: functions that callers take for those of the extension.', c.creators),
           format('REVOKE CREATE ON SCHEMA %s FROM %s;', '@extschema@'::regnamespace, c.creators)
    FROM @extschema@._rde_schema_creators() c(creators)
    WHERE c.creators IS NOT NULL;
    RETURN QUERY
    SELECT 'warning', 'prepared_transaction', p.gid, p.prepared,
           'Periods do not settle while it is there: nobody knows when it began.',
           'COMMIT PREPARED or ROLLBACK PREPARED it.'
    FROM pg_prepared_xacts p
    WHERE p.database = current_database() AND p.prepared < now() - interval '1 hour';
    RETURN QUERY
    SELECT 'warning', 'purge_overdue', NULL::text, min(r.expires_at),
           format('%s reports expired more than a day ago and are still stored.', count(*)),
           'A worker removes them, and so does rde_purge_reports().'
    FROM @extschema@._rde_report r
    WHERE r.expires_at < now() - interval '1 day' AND r.status <> 'submitted'
    HAVING count(*) > 0;
    RETURN QUERY
    SELECT 'warning', 'role_missing', format('%s (%s)', a.name, a.id), NULL::timestamptz,
           format('Role "%s" does not exist, or is not the one the account was given.', a.role),
           'Give it to the account again, or another, with rde_alter_account().'
    FROM @extschema@._rde_account a
    WHERE a.role IS NOT NULL AND NOT EXISTS (SELECT FROM @extschema@._rde_account_roles r WHERE r.account = a.id);
    RETURN QUERY
    SELECT 'error', 'tables_granted', g.name, NULL::timestamptz,
           format('%s has %s on it.', g.grantee, string_agg(g.privilege, ', ' ORDER BY g.privilege)),
           format('REVOKE ALL ON %s %s FROM %s; and look at who granted it.', g.kind, g.name, g.grantee)
    FROM @extschema@._rde_members() m
    JOIN pg_class c ON m.catalog = 'pg_class'::regclass AND c.oid = m.object
    CROSS JOIN LATERAL @extschema@._rde_grants(m.catalog, m.object) g
    WHERE c.relkind <> 'v' OR c.relname LIKE '\_%' OR g.privilege <> 'SELECT'
    GROUP BY g.kind, g.name, g.grantee;
    RETURN QUERY
    SELECT 'warning', 'secrets_published', p.pubname::text, NULL::timestamptz,
           'This publication sends signing keys and hashes of tokens to every subscriber.',
           'Publish the tables you mean.'
    FROM pg_publication p
    WHERE p.puballtables
       OR EXISTS (SELECT FROM pg_publication_namespace n WHERE n.pnpubid = p.oid AND n.pnnspid = '@extschema@'::regnamespace)
       OR EXISTS (SELECT FROM pg_publication_rel r
                  WHERE r.prpubid = p.oid
                    AND r.prrelid IN ('@extschema@._rde_signing_key'::regclass, '@extschema@._rde_token'::regclass));
    RETURN QUERY
    SELECT 'error', 'orphans', o.relation, NULL::timestamptz,
           format('%s rows have no %s they belong to.', o.orphans, o.belongs_to),
           'A restore has left something out: restore again, or delete them.'
    FROM @extschema@._rde_orphans() o;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_server_findings() IS
    'what rde_health has to say about what is in the way: open schemas, prepared transactions, missing roles, reports past their time, rows that belong to nothing, tables that are granted';

-- A store is an extension in this schema: what it has to say it says itself.
CREATE FUNCTION @extschema@._rde_store_findings(
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    store regprocedure;
BEGIN
    FOR store IN
        SELECT p.oid FROM pg_proc p
        JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname <> 'rde'
        WHERE p.pronamespace = '@extschema@'::regnamespace AND p.proname ~ '^_rde_[a-z0-9_]+_findings$' AND p.pronargs = 0
          AND p.proowner = current_user::regrole
        ORDER BY p.proname
    LOOP
        RETURN QUERY EXECUTE format('SELECT f.severity, f.finding, f.object, f.since, f.detail, f.hint FROM @extschema@.%I() f',
                                    (SELECT p.proname FROM pg_proc p WHERE p.oid = store));
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_store_findings() IS
    'what rde_health has to say about stores: what their functions _rde_<store>_findings() return';

CREATE FUNCTION @extschema@._rde_health(
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
BEGIN
    IF EXISTS (SELECT FROM unnest(@extschema@._rde_callers()) c(caller)
               WHERE NOT has_table_privilege(c.caller, '@extschema@.rde_health', 'SELECT'))
       OR (SELECT w.account IS NOT NULL FROM @extschema@.rde_whoami() w) THEN
        RETURN;
    END IF;

    RETURN QUERY SELECT * FROM @extschema@._rde_worker_findings();
    RETURN QUERY SELECT * FROM @extschema@._rde_generator_findings(@extschema@._rde_sees_all(true));
    RETURN QUERY SELECT * FROM @extschema@._rde_source_findings();
    RETURN QUERY SELECT * FROM @extschema@._rde_invoice_findings();
    RETURN QUERY SELECT * FROM @extschema@._rde_server_findings();
    RETURN QUERY SELECT * FROM @extschema@._rde_store_findings();
END
$$;
COMMENT ON FUNCTION @extschema@._rde_health() IS
    'the rows of rde_health, for those who may read that view';

