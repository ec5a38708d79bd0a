---------------------------------------------------------------------------
-- Reports, to be selected from
---------------------------------------------------------------------------

-- Everybody may call it, so it is given nothing that it could repeat.
CREATE FUNCTION @extschema@._rde_reference() RETURNS text
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_reference_sql';
COMMENT ON FUNCTION @extschema@._rde_reference() IS
    'what is said of a report''s failure, with %s for its id, instead of words that another reseller''s row may have raised';

CREATE FUNCTION @extschema@._rde_shown_error(report uuid, error text, foreign_error boolean, content boolean) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN foreign_error AND NOT content THEN format(@extschema@._rde_reference(), report) ELSE error END;
END;
COMMENT ON FUNCTION @extschema@._rde_shown_error(uuid, text, boolean, boolean) IS
    'a report''s error as it is shown: without content no words that another reseller''s row may have raised';

-- What a condition on a table passes over is told by EXPLAIN ANALYZE, and spells out
-- others' rows, so an account's come from a function.
CREATE FUNCTION @extschema@._rde_own_reports(OUT report @extschema@._rde_report, OUT totals jsonb, OUT superseded_by uuid)
    RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED ROWS 100
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
    own record;
BEGIN
    FOR own IN
        SELECT r AS report, (SELECT jsonb_object_agg(t.currency, t.amount) FROM @extschema@._rde_report_total t
                             WHERE t.report = r.id AND t.amount IS NOT NULL) AS totals,
               (SELECT n.id FROM @extschema@._rde_report n WHERE n.supersedes = r.id AND n.status = 'completed') AS superseded_by
        FROM @extschema@._rde_report r
        WHERE r.reseller = ANY (accounts) AND (r.expires_at > now() OR r.status = 'submitted')
    LOOP
        report := own.report;
        totals := own.totals;
        superseded_by := own.superseded_by;
        IF report.error IS NOT NULL THEN
            report.error := @extschema@._rde_plain_error(report.id, report.sqlstate, report.error, report.foreign_error);
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_own_reports() IS
    'the reports of the caller''s accounts, with their totals and their next revisions, for views';

-- One branch or the other, each behind a filter that is looked at once.
--
-- A barrier must not be a UNION itself: the planner takes such a one apart, and
-- with it the barrier.
CREATE VIEW @extschema@._rde_visible_reports WITH (security_barrier) AS
SELECT r.*
FROM (SELECT o.*, NULL::jsonb AS totals, NULL::uuid AS superseded_by FROM @extschema@._rde_report o
      WHERE @extschema@._rde_sees_all(false)
      UNION ALL
      SELECT (o.report).*, o.totals, o.superseded_by FROM @extschema@._rde_own_reports() o
      WHERE NOT @extschema@._rde_sees_all(false)) r
WHERE r.expires_at > now() OR r.status = 'submitted';
COMMENT ON VIEW @extschema@._rde_visible_reports IS
    'the reports the caller may see, for the views that show some of their columns; granted to nobody';

-- Its error is as _rde_shown_error() shows it, which repeats its arguments and so is
-- nobody's to call: a function of a view is called with its reader's rights.
--
-- No barrier of its own, as it leaves no row out: so links and totals are made for
-- the rows of an ORDER BY with LIMIT only, not for all that are sorted.
CREATE VIEW @extschema@.rde_reports AS
SELECT r.id, r.name, r.dataset, r.view, r.format, r.type,
       @extschema@._rde_status(r.status, r.claim_pid, r.claim_start) AS status,
       r.reseller, r.generator, r.invoice,
       r.revision, r.supersedes, r.provisional, r.period_from, r.period_to, r.time_zone,
       r.submitted_at, r.published_at, r.expires_at, r.attempts, r.build_ms,
       r.row_count, r.content_bytes, r.file_bytes, encode(r.sha256, 'hex') AS sha256,
       CASE WHEN (SELECT @extschema@._rde_sees_all(false))
            THEN (SELECT jsonb_object_agg(t.currency, t.amount) FROM @extschema@._rde_report_total t
                  WHERE t.report = r.id AND t.amount IS NOT NULL)
            ELSE r.totals END AS totals,
       r.replaced_characters, r.text_numbers, r.file_name, r.media_type, r.sqlstate,
       CASE WHEN r.foreign_error AND NOT (SELECT @extschema@._rde_sees_all(true))
            THEN format(@extschema@._rde_reference(), r.id) ELSE r.error END AS error,
       r.store,
       CASE WHEN r.status = 'completed' THEN @extschema@._rde_report_link(r.id)
       END AS download_url,
       CASE WHEN (SELECT @extschema@._rde_sees_all(false))
            THEN (SELECT n.id FROM @extschema@._rde_report n WHERE n.supersedes = r.id AND n.status = 'completed')
            ELSE r.superseded_by END AS superseded_by,
       r.due_at, r.retry_at,
       @extschema@._rde_day_beginning(r.period_from, r.time_zone) AS first_day,
       @extschema@._rde_day_beginning(r.period_to, r.time_zone) - 1 AS last_day,
       CASE WHEN (SELECT @extschema@._rde_sees_all(false))
            THEN NOT EXISTS (SELECT FROM @extschema@._rde_report n WHERE n.supersedes = r.id AND n.status = 'completed')
            ELSE r.superseded_by IS NULL END AS is_newest
FROM @extschema@._rde_visible_reports r;
COMMENT ON VIEW @extschema@.rde_reports IS
    'every report that has not expired: request, status and manifest; superseded_by names the next revision';
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
    'onetime, daily, weekly, monthly, quarterly or on_invoice';
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
    'the report whose next revision it is; once that one is gone, the one before, if there was one';
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
COMMENT ON COLUMN @extschema@.rde_reports.published_at IS
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
COMMENT ON COLUMN @extschema@.rde_reports.first_day IS
    'the first day of its period, in its time zone; NULL for an invoice''s report, and where the period begins within a day';
COMMENT ON COLUMN @extschema@.rde_reports.last_day IS
    'the last day of its period, included; NULL for an invoice''s report, and where the period ends within a day';
COMMENT ON COLUMN @extschema@.rde_reports.is_newest IS
    'no later revision of it is completed: sum where it is true, so that no row counts twice';

CREATE FUNCTION @extschema@._rde_own_totals(
    OUT report uuid, OUT currency text, OUT rows bigint, OUT amount numeric, OUT is_newest boolean
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED ROWS 100
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    RETURN QUERY
    SELECT t.report, t.currency, t.rows, t.amount,
           NOT EXISTS (SELECT FROM @extschema@._rde_report n WHERE n.supersedes = r.id AND n.status = 'completed')
    FROM @extschema@._rde_report r JOIN @extschema@._rde_report_total t ON t.report = r.id
    WHERE r.reseller = ANY (accounts) AND (r.expires_at > now() OR r.status = 'submitted');
END
$$;
COMMENT ON FUNCTION @extschema@._rde_own_totals() IS
    'the totals of the reports of the caller''s accounts, for views';

CREATE VIEW @extschema@.rde_report_totals WITH (security_barrier) AS
SELECT a.report, a.currency, a.rows, a.amount, a.is_newest
FROM (SELECT t.report, t.currency, t.rows, t.amount,
             NOT EXISTS (SELECT FROM @extschema@._rde_report n WHERE n.supersedes = r.id AND n.status = 'completed') AS is_newest
      FROM @extschema@._rde_report_total t JOIN @extschema@._rde_report r ON r.id = t.report
      WHERE @extschema@._rde_sees_all(false) AND (r.expires_at > now() OR r.status = 'submitted')
      UNION ALL
      SELECT t.report, t.currency, t.rows, t.amount, t.is_newest FROM @extschema@._rde_own_totals() t
      WHERE NOT @extschema@._rde_sees_all(false)) a;
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
COMMENT ON COLUMN @extschema@.rde_report_totals.is_newest IS
    'no later revision of the report is completed: sum where it is true, so that no row counts twice';

CREATE FUNCTION @extschema@._rde_builds(
    OUT pid integer, OUT report uuid, OUT relation oid, OUT row_count bigint, OUT content_bytes bigint,
    OUT estimated_rows bigint
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- A build says whose it is in the last two counters of its COPY progress, and how
    -- many rows the planner expects in the one before.
    SELECT p.pid, (lpad(to_hex(p.param19), 16, '0') || lpad(to_hex(p.param20), 16, '0'))::uuid, p.relid, p.param3, p.param1,
           nullif(p.param18, 0)
    FROM pg_stat_get_progress_info('COPY') p
    WHERE p.datid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND p.param19 <> 0;
END;
COMMENT ON FUNCTION @extschema@._rde_builds() IS
    'the builds running now in this database';

CREATE FUNCTION @extschema@._rde_running(
    OUT pid integer, OUT report uuid, OUT dataset text, OUT name text, OUT format text, OUT reseller bigint,
    OUT row_count bigint, OUT content_bytes bigint, OUT estimated_rows bigint, OUT started_at timestamptz, OUT seconds double precision
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(false);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    -- when it began is one more counter, in microseconds of PostgreSQL's own epoch
    RETURN QUERY
    SELECT b.pid, b.report,
           coalesce(r.dataset, (SELECT string_agg(s.dataset, ', ' ORDER BY s.dataset)
                                FROM @extschema@._rde_source s WHERE s.relation = b.relation)),
           r.name, r.format, r.reseller, b.row_count, b.content_bytes, b.estimated_rows,
           t.began, extract(epoch FROM clock_timestamp() - t.began)::double precision
    FROM @extschema@._rde_builds() b
    LEFT JOIN pg_stat_get_progress_info('COPY') p ON p.pid = b.pid
    CROSS JOIN LATERAL (SELECT '2000-01-01 00:00Z'::timestamptz + nullif(p.param17, 0) * interval '1 microsecond') t(began)
    LEFT JOIN @extschema@._rde_report r ON r.id = b.report
    WHERE everybody OR r.reseller = ANY (accounts);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_running() IS
    'the rows of rde_progress: the builds running now in this database, of whatever user, as far as the caller may see their reports';

CREATE VIEW @extschema@.rde_progress WITH (security_barrier) AS
SELECT p.pid, p.report, p.dataset, p.name, p.format, p.reseller, p.row_count, p.content_bytes, p.started_at,
       p.estimated_rows,
       CASE WHEN p.seconds > 0 THEN round(p.row_count / p.seconds)::bigint END AS rows_per_second,
       CASE WHEN p.row_count > 0 AND p.estimated_rows > p.row_count AND p.seconds > 0
            THEN make_interval(secs => round((p.estimated_rows - p.row_count) * p.seconds / p.row_count)) END AS remaining
FROM @extschema@._rde_running() p;
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
    'when the build began';
COMMENT ON COLUMN @extschema@.rde_progress.estimated_rows IS
    'how many rows the planner expects in all; it may be wrong';
COMMENT ON COLUMN @extschema@.rde_progress.rows_per_second IS
    'rows written in a second so far';
COMMENT ON COLUMN @extschema@.rde_progress.remaining IS
    'how long the rows that are still expected take at that rate; NULL before the first, and once there are more than expected';

CREATE VIEW @extschema@._rde_failed_reports WITH (security_barrier) AS
SELECT r.id, r.generator, r.sqlstate, r.error, r.failed_at, r.foreign_error
FROM @extschema@._rde_report r
WHERE r.status = 'error' AND r.retry_at IS NULL AND r.expires_at > now()
  -- neither cancelled by hand, nor a revision that another one has replaced
  AND r.sqlstate IS DISTINCT FROM '57014'
  AND NOT EXISTS (SELECT FROM @extschema@._rde_report n WHERE n.supersedes = r.supersedes AND n.status <> 'error');
COMMENT ON VIEW @extschema@._rde_failed_reports IS
    'reports that ended in error and that nobody has done anything about';

