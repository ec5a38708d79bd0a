---------------------------------------------------------------------------
-- Reports, to be selected from
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_shown_error(report uuid, error text, foreign_error boolean, content boolean) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN foreign_error AND NOT content THEN 'report could not be built (reference ' || report || ')' ELSE error END;
END;
COMMENT ON FUNCTION @extschema@._rde_shown_error(uuid, text, boolean, boolean) IS
    'a report''s error as it is shown: without content no words that another reseller''s row may have raised';

-- One branch or the other, each behind a filter that is looked at once: with an OR
-- between them an account's few reports would be looked for among everybody's.
--
-- A barrier must not be a UNION itself: the planner takes such a one apart, and
-- with it the barrier.
CREATE VIEW @extschema@._rde_visible_reports WITH (security_barrier) AS
SELECT r.*
FROM (SELECT o.* FROM @extschema@.rde_report o
      WHERE @extschema@.rde_sees_all()
      UNION ALL
      SELECT o.* FROM @extschema@.rde_report o
      WHERE NOT @extschema@.rde_sees_all()
        AND o.reseller = ANY ((SELECT @extschema@.rde_visible_accounts())::bigint[])) r
WHERE r.expires_at > now() OR r.status = 'submitted';
COMMENT ON VIEW @extschema@._rde_visible_reports IS
    'the reports the caller may see, for the views that show some of their columns; granted to nobody';

-- Its error is as _rde_shown_error() shows it, which is nobody's to call: a function
-- of a view is called with its reader's rights.
--
-- No barrier of its own, as it leaves no row out: so links and totals are made for
-- the rows of an ORDER BY with LIMIT only, not for all that are sorted.
CREATE VIEW @extschema@.rde_reports AS
SELECT r.id, r.name, r.dataset, r.view, r.format, r.type,
       @extschema@._rde_status(r.status, r.claim_pid, r.claim_start) AS status,
       r.reseller, r.generator, r.invoice,
       r.revision, r.supersedes, r.provisional, r.period_from, r.period_to, r.time_zone,
       r.submitted_at, r.created_at, r.expires_at, r.attempts, r.build_ms,
       r.row_count, r.content_bytes, r.file_bytes, encode(r.sha256, 'hex') AS sha256,
       (SELECT jsonb_object_agg(t.currency, t.amount) FROM @extschema@.rde_report_total t
        WHERE t.report = r.id AND t.amount IS NOT NULL) AS totals,
       r.replaced_characters, r.text_numbers, r.file_name, r.media_type, r.sqlstate,
       CASE WHEN r.foreign_error AND NOT (SELECT @extschema@.rde_sees_all(true))
            THEN 'report could not be built (reference ' || r.id || ')' ELSE r.error END AS error,
       r.store,
       CASE WHEN r.status = 'completed' THEN @extschema@._rde_report_link(r.id)
       END AS download_url,
       (SELECT n.id FROM @extschema@.rde_report n
        WHERE n.supersedes = r.id AND n.status = 'completed') AS superseded_by,
       r.due_at, r.retry_at
FROM @extschema@._rde_visible_reports r;
COMMENT ON VIEW @extschema@.rde_reports IS
    'every report that has not expired: request, state and manifest; superseded_by names the next revision';
COMMENT ON COLUMN @extschema@.rde_reports.id IS
    'the report''s id, which its functions take';
COMMENT ON COLUMN @extschema@.rde_reports.name IS
    'what it was called when it was asked for';
COMMENT ON COLUMN @extschema@.rde_reports.dataset IS
    'the data set it is about';
COMMENT ON COLUMN @extschema@.rde_reports.view IS
    'the report view that chose its columns';
COMMENT ON COLUMN @extschema@.rde_reports.format IS
    'csv, json, jsonl, xml or xlsx';
COMMENT ON COLUMN @extschema@.rde_reports.type IS
    'onetime, daily, monthly or on_invoice';
COMMENT ON COLUMN @extschema@.rde_reports.status IS
    'submitted, processing, completed or error';
COMMENT ON COLUMN @extschema@.rde_reports.reseller IS
    'whose report it is; NULL is the provider''s';
COMMENT ON COLUMN @extschema@.rde_reports.generator IS
    'the generator that made it; NULL for one asked for by hand. It may have been dropped since';
COMMENT ON COLUMN @extschema@.rde_reports.invoice IS
    'the invoice it is about, for type on_invoice';
COMMENT ON COLUMN @extschema@.rde_reports.revision IS
    'counts from 1; the same report built again from later rows is the next one';
COMMENT ON COLUMN @extschema@.rde_reports.supersedes IS
    'the report whose next revision it is';
COMMENT ON COLUMN @extschema@.rde_reports.provisional IS
    'transactions that could still add rows to its period were running when it was built; a revision follows';
COMMENT ON COLUMN @extschema@.rde_reports.period_from IS
    'its rows changed at this instant or later';
COMMENT ON COLUMN @extschema@.rde_reports.period_to IS
    'and before this one';
COMMENT ON COLUMN @extschema@.rde_reports.time_zone IS
    'the zone its days and its times are in';
COMMENT ON COLUMN @extschema@.rde_reports.submitted_at IS
    'when it was asked for';
COMMENT ON COLUMN @extschema@.rde_reports.created_at IS
    'when it was completed';
COMMENT ON COLUMN @extschema@.rde_reports.expires_at IS
    'when it ceases to be there; infinity for one that is kept for good';
COMMENT ON COLUMN @extschema@.rde_reports.attempts IS
    'how often building it failed since it was submitted';
COMMENT ON COLUMN @extschema@.rde_reports.build_ms IS
    'how long building it took, in milliseconds';
COMMENT ON COLUMN @extschema@.rde_reports.row_count IS
    'rows in the file';
COMMENT ON COLUMN @extschema@.rde_reports.content_bytes IS
    'size of the content, before compression';
COMMENT ON COLUMN @extschema@.rde_reports.file_bytes IS
    'size of the file';
COMMENT ON COLUMN @extschema@.rde_reports.sha256 IS
    'SHA-256 of the file, in hex';
COMMENT ON COLUMN @extschema@.rde_reports.totals IS
    'sum of the amounts in the file per currency';
COMMENT ON COLUMN @extschema@.rde_reports.replaced_characters IS
    'characters the format cannot hold, which were replaced: by U+FFFD, or, in XLSX, carriage returns by line feeds';
COMMENT ON COLUMN @extschema@.rde_reports.text_numbers IS
    'numbers too long for the format, which were written as text';
COMMENT ON COLUMN @extschema@.rde_reports.file_name IS
    'the name of the file when it is downloaded';
COMMENT ON COLUMN @extschema@.rde_reports.media_type IS
    'the file''s media type';
COMMENT ON COLUMN @extschema@.rde_reports.sqlstate IS
    'SQLSTATE of the error it ended in';
COMMENT ON COLUMN @extschema@.rde_reports.error IS
    'why it could not be built; for resellers without what may be a row of others';
COMMENT ON COLUMN @extschema@.rde_reports.store IS
    'where the file is: local, or the store that has taken it';
COMMENT ON COLUMN @extschema@.rde_reports.download_url IS
    'a link that opens the file to whoever has it; NULL where the caller may not read it';
COMMENT ON COLUMN @extschema@.rde_reports.superseded_by IS
    'its next revision, once that is completed';
COMMENT ON COLUMN @extschema@.rde_reports.due_at IS
    'when it was due to be built';
COMMENT ON COLUMN @extschema@.rde_reports.retry_at IS
    'when it is tried again after an error; NULL when it is not';

CREATE VIEW @extschema@.rde_report_totals WITH (security_barrier) AS
SELECT t.report, t.currency, t.rows, t.amount
FROM @extschema@.rde_report_total t
JOIN @extschema@._rde_visible_reports r ON r.id = t.report;
COMMENT ON VIEW @extschema@.rde_report_totals IS
    'rows and sum of amounts per currency of every report; the currency '''' stands for none';
COMMENT ON COLUMN @extschema@.rde_report_totals.report IS
    'the report';
COMMENT ON COLUMN @extschema@.rde_report_totals.currency IS
    'the currency; the empty string stands for none';
COMMENT ON COLUMN @extschema@.rde_report_totals.rows IS
    'rows in the file with this currency';
COMMENT ON COLUMN @extschema@.rde_report_totals.amount IS
    'the sum of their amounts; NULL without an amount column';

CREATE FUNCTION @extschema@._rde_progress(
    OUT pid integer, OUT report uuid, OUT relation oid, OUT row_count bigint, OUT content_bytes bigint
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- A build says whose it is in the last two counters of its COPY progress.
    SELECT p.pid,
           (lpad(to_hex(p.param19), 16, '0') || lpad(to_hex(p.param20), 16, '0'))::uuid,
           p.relid, p.param3, p.param1
    FROM pg_stat_get_progress_info('COPY') p
    WHERE p.datid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND p.param19 <> 0
      AND (@extschema@.rde_sees_all()
           OR EXISTS (SELECT FROM @extschema@.rde_report r
                      WHERE r.id = (lpad(to_hex(p.param19), 16, '0') || lpad(to_hex(p.param20), 16, '0'))::uuid
                        AND r.reseller = ANY (@extschema@.rde_visible_accounts())));
END;
COMMENT ON FUNCTION @extschema@._rde_progress() IS
    'the builds running now in this database, of whatever user, as far as the caller may see their reports';

CREATE VIEW @extschema@.rde_progress WITH (security_barrier) AS
SELECT p.pid, p.report,
       coalesce(r.dataset, (SELECT string_agg(s.dataset, ', ' ORDER BY s.dataset)
                            FROM @extschema@.rde_source s WHERE s.relation = p.relation)) AS dataset,
       r.name, r.format, r.reseller, p.row_count, p.content_bytes, a.query_start AS started_at
FROM @extschema@._rde_progress() p
LEFT JOIN @extschema@.rde_report r ON r.id = p.report
LEFT JOIN pg_stat_activity a ON a.pid = p.pid;
COMMENT ON VIEW @extschema@.rde_progress IS
    'the builds running now: rows and bytes written so far; name and format are NULL while the report''s row is not committed';
COMMENT ON COLUMN @extschema@.rde_progress.pid IS
    'the server process that builds';
COMMENT ON COLUMN @extschema@.rde_progress.report IS
    'the report it builds';
COMMENT ON COLUMN @extschema@.rde_progress.dataset IS
    'the data set; where the report''s row is not committed, all that are attached to the relation';
COMMENT ON COLUMN @extschema@.rde_progress.name IS
    'the report''s name';
COMMENT ON COLUMN @extschema@.rde_progress.format IS
    'the report''s format';
COMMENT ON COLUMN @extschema@.rde_progress.reseller IS
    'whose report it is';
COMMENT ON COLUMN @extschema@.rde_progress.row_count IS
    'rows written so far';
COMMENT ON COLUMN @extschema@.rde_progress.content_bytes IS
    'bytes written so far, before compression';
COMMENT ON COLUMN @extschema@.rde_progress.started_at IS
    'when the statement that builds it began';

CREATE VIEW @extschema@._rde_failed_reports WITH (security_barrier) AS
SELECT r.id, r.generator, r.sqlstate, r.error, r.failed_at, r.foreign_error
FROM @extschema@.rde_report r
WHERE r.status = 'error' AND r.retry_at IS NULL AND r.expires_at > now()
  -- neither cancelled by hand, nor a revision that another one has replaced
  AND r.sqlstate IS DISTINCT FROM '57014'
  AND NOT EXISTS (SELECT FROM @extschema@.rde_report n WHERE n.supersedes = r.supersedes AND n.status <> 'error');
COMMENT ON VIEW @extschema@._rde_failed_reports IS
    'reports that ended in error and that nobody has done anything about';

