---------------------------------------------------------------------------
-- Generators and their periods, to be selected from
---------------------------------------------------------------------------

-- What a generator did last is two looks into an index, however many reports it has.
CREATE FUNCTION @extschema@._rde_generators(
    ids uuid[] DEFAULT NULL,
    OUT id uuid, OUT name text, OUT dataset text, OUT view text, OUT formats text[], OUT event text, OUT reseller bigint,
    OUT time_zone text, OUT month_day integer, OUT run_at time, OUT start date, OUT catch_up text, OUT retention interval,
    OUT options jsonb, OUT enabled boolean, OUT disabled_reason text, OUT created_at timestamptz,
    OUT next_from timestamptz, OUT next_to timestamptz, OUT next_run_at timestamptz, OUT last_run_at timestamptz,
    OUT last_report uuid, OUT last_status text, OUT failed bigint, OUT paused_until timestamptz,
    OUT week_day integer, OUT month_start integer, OUT made_by bigint, OUT locked boolean
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(false);
    content CONSTANT boolean := @extschema@._rde_sees_all(true);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    RETURN QUERY
    SELECT g.id, g.name, g.dataset, g.view, g.formats, g.event, g.reseller, g.time_zone, g.month_day, g.run_at, g.start,
           g.catch_up, g.retention, g.options, g.enabled,
           CASE WHEN g.foreign_reason AND NOT content THEN 'too many of its reports failed' ELSE g.disabled_reason END,
           g.created_at, g.next_from, g.next_to, g.next_run_at,
           completed.published_at, completed.id, submitted.status, failed.reports, f.paused_until,
           g.week_day, g.month_start, g.made_by, g.locked
    FROM @extschema@._rde_generator g
    LEFT JOIN LATERAL (
        SELECT r.id, r.published_at FROM @extschema@._rde_report r
        WHERE r.generator = g.id AND r.status = 'completed' AND r.expires_at > now()
        ORDER BY r.published_at DESC LIMIT 1) completed ON true
    LEFT JOIN LATERAL (
        SELECT @extschema@._rde_status(r.status, r.claim_pid, r.claim_start) AS status
        FROM @extschema@._rde_report r
        WHERE r.generator = g.id
        ORDER BY r.submitted_at DESC LIMIT 1) submitted ON true
    CROSS JOIN LATERAL (
        SELECT count(*) AS reports FROM @extschema@._rde_failed_reports r
        WHERE r.generator = g.id) failed
    LEFT JOIN @extschema@._rde_source_failure f ON f.dataset = g.dataset AND f.paused_until > now()
    WHERE (everybody OR g.reseller = ANY (accounts)) AND (ids IS NULL OR g.id = ANY (ids));
END
$$;
COMMENT ON FUNCTION @extschema@._rde_generators(uuid[]) IS
    'the rows of rde_generators, all or of some ids, as far as they are the caller''s';

CREATE VIEW @extschema@.rde_generators WITH (security_barrier) AS
SELECT g.id, g.name, g.dataset, g.view, g.formats, g.event, g.reseller, g.time_zone, g.month_day, g.run_at, g.start,
       g.catch_up, g.retention, g.options, g.enabled, g.disabled_reason, g.created_at, g.next_from, g.next_to,
       g.next_run_at, g.last_run_at, g.last_report, g.last_status, g.failed, g.paused_until,
       g.week_day, g.month_start, g.made_by, g.locked
FROM @extschema@._rde_generators(NULL::uuid[]) g;
COMMENT ON VIEW @extschema@.rde_generators IS
    'every generator: what it makes, its last report and its next; failed counts its reports that ended in error, paused_until is set while its data set''s source cannot be read';
COMMENT ON COLUMN @extschema@.rde_generators.id IS
    'the generator''s id, which its functions take';
COMMENT ON COLUMN @extschema@.rde_generators.name IS
    'what it and its reports are called';
COMMENT ON COLUMN @extschema@.rde_generators.dataset IS
    'the data set its reports are about';
COMMENT ON COLUMN @extschema@.rde_generators.view IS
    'the report view that chooses their columns; NULL for cmp, or else full';
COMMENT ON COLUMN @extschema@.rde_generators.formats IS
    'the formats it makes of each period or invoice';
COMMENT ON COLUMN @extschema@.rde_generators.event IS
    'daily, weekly, monthly, quarterly, on_invoice or manual';
COMMENT ON COLUMN @extschema@.rde_generators.reseller IS
    'whose generator it is; NULL is the provider''s';
COMMENT ON COLUMN @extschema@.rde_generators.time_zone IS
    'the zone its days are in';
COMMENT ON COLUMN @extschema@.rde_generators.month_day IS
    'the day of the month a monthly or quarterly one runs on, the first after a period''s end; in a month without it, the last';
COMMENT ON COLUMN @extschema@.rde_generators.run_at IS
    'the time of day it runs at';
COMMENT ON COLUMN @extschema@.rde_generators.start IS
    'the first day it covers';
COMMENT ON COLUMN @extschema@.rde_generators.catch_up IS
    'all: periods that were missed are made up for; none: only the latest of them';
COMMENT ON COLUMN @extschema@.rde_generators.retention IS
    'for how long its reports are stored; NULL for rde.retention';
COMMENT ON COLUMN @extschema@.rde_generators.options IS
    'options of the reports it makes';
COMMENT ON COLUMN @extschema@.rde_generators.enabled IS
    'false: it makes no reports';
COMMENT ON COLUMN @extschema@.rde_generators.disabled_reason IS
    'who or what disabled it';
COMMENT ON COLUMN @extschema@.rde_generators.created_at IS
    'when it was created';
COMMENT ON COLUMN @extschema@.rde_generators.next_from IS
    'where the next period begins';
COMMENT ON COLUMN @extschema@.rde_generators.next_to IS
    'where the next period ends';
COMMENT ON COLUMN @extschema@.rde_generators.next_run_at IS
    'when the report of the next period is due';
COMMENT ON COLUMN @extschema@.rde_generators.last_run_at IS
    'when a report of it was completed last';
COMMENT ON COLUMN @extschema@.rde_generators.last_report IS
    'that report';
COMMENT ON COLUMN @extschema@.rde_generators.last_status IS
    'status of the report it submitted last';
COMMENT ON COLUMN @extschema@.rde_generators.failed IS
    'how many of its reports ended in error and wait for somebody';
COMMENT ON COLUMN @extschema@.rde_generators.paused_until IS
    'until when nobody reads its data set''s source, which failed';
COMMENT ON COLUMN @extschema@.rde_generators.week_day IS
    'the day the weeks of a weekly one begin: 1 is Monday, 7 Sunday';
COMMENT ON COLUMN @extschema@.rde_generators.month_start IS
    'the day the months of a monthly one begin';

COMMENT ON COLUMN @extschema@.rde_generators.made_by IS
    'the account that made it; NULL: an operator';
COMMENT ON COLUMN @extschema@.rde_generators.locked IS
    'true: its own account may not alter or drop it, as somebody above made it';

CREATE FUNCTION @extschema@._rde_coming_periods(
    moment timestamptz, everybody boolean, accounts bigint[], wanted uuid,
    OUT generator uuid, OUT format text, OUT period_from timestamptz, OUT period_to timestamptz, OUT run timestamptz
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE
    scheduled AS (
        SELECT g.*, s.change_column IS NOT NULL AS one_window,
               s.change_column IS NULL AND g.catch_up = 'all' AS each_period
        FROM @extschema@._rde_generator g LEFT JOIN @extschema@._rde_source s ON s.dataset = g.dataset
        WHERE g.next_run_at IS NOT NULL AND (_rde_coming_periods.everybody OR g.reseller = ANY (_rde_coming_periods.accounts))
          AND (_rde_coming_periods.wanted IS NULL OR g.id = _rde_coming_periods.wanted)
    ),
    -- The periods that are due and not submitted, and the first that is not due.
    coming(generator, period_from, period_to, run, n) AS (
        SELECT s.id, s.next_from, s.next_to, s.next_run_at, 1 FROM scheduled s
        UNION ALL
        SELECT c.generator, c.period_to, p.period_to, p.run, c.n + 1
        FROM coming c
        JOIN scheduled s ON s.id = c.generator
        CROSS JOIN LATERAL @extschema@._rde_next_period(s.event, c.period_to, s.time_zone, s.week_day, s.month_start,
                                                        s.month_day, s.run_at) p
        WHERE c.run <= moment AND (c.n < 1000 OR NOT s.each_period)
    )
    -- Of these get a report: each; or only the latest; or all of them one.
    SELECT c.generator, f.format,
           CASE WHEN s.one_window AND c.run <= moment THEN s.next_from ELSE c.period_from END AS period_from,
           c.period_to, c.run
    FROM (SELECT c.*, lead(c.run) OVER (PARTITION BY c.generator ORDER BY c.n) AS next_run_at FROM coming c) c
    JOIN scheduled s ON s.id = c.generator
    CROSS JOIN LATERAL unnest(s.formats) f(format)
    WHERE s.each_period OR c.run > moment OR c.next_run_at > moment;
END;
COMMENT ON FUNCTION @extschema@._rde_coming_periods(timestamptz, boolean, bigint[], uuid) IS
    'the periods and formats that are due and not submitted, and the first of each generator that is not due';

CREATE FUNCTION @extschema@._rde_waits_for(
    report @extschema@._rde_report, moment timestamptz, reasons boolean, began timestamptz[], blockers text[]
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    failing @extschema@._rde_source_failure;
BEGIN
    SELECT f.* INTO failing FROM @extschema@._rde_source_failure f
    WHERE f.dataset = report.dataset AND f.paused_until > moment;
    RETURN CASE
        WHEN @extschema@._rde_status(report.status, report.claim_pid, report.claim_start) = 'processing' THEN NULL
        WHEN failing.dataset IS NOT NULL AND NOT reasons THEN 'the source'
        WHEN report.retry_at IS NOT NULL AND NOT reasons THEN 'the next attempt'
        WHEN failing.dataset IS NOT NULL THEN
            format('the source, until %s: %s', date_trunc('second', failing.paused_until), failing.error)
        WHEN report.retry_at IS NOT NULL THEN
            format('the next attempt at %s, after: %s', date_trunc('second', report.retry_at), report.error)
        WHEN report.snapshot_window OR (report.status = 'submitted'
                                        AND report.due_at <= moment - @extschema@._rde_settle_limit()) THEN 'a worker'
        WHEN report.period_to > moment - @extschema@._rde_settle_delay() THEN
            format('the end of the period, and %s s more', extract(epoch FROM @extschema@._rde_settle_delay())::integer)
        WHEN NOT @extschema@._rde_has_arrived(report.dataset, report.period_to) THEN 'rows that arrive from elsewhere'
        WHEN began[1] < report.period_to AND NOT reasons THEN 'transactions that began before its end'
        WHEN began[1] < report.period_to THEN
            blockers[1] || coalesce((SELECT ', and ' || nullif(count(*) - 1, 0) || ' more'
                                     FROM unnest(began) b WHERE b < report.period_to), '')
        ELSE 'a worker' END;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_waits_for(@extschema@._rde_report, timestamptz, boolean, timestamptz[], text[]) IS
    'what a report of a period waits for that is to be built, or built again; with reasons also who and why';

-- Functions in a view run with its reader's rights, so this one shows him what is
-- his, and looks for itself at what others may not see.
CREATE FUNCTION @extschema@._rde_periods(
    of_one uuid DEFAULT NULL,
    OUT generator uuid, OUT name text, OUT reseller bigint, OUT format text,
    OUT period_from timestamptz, OUT period_to timestamptz, OUT due_at timestamptz, OUT status text,
    OUT report uuid, OUT revision integer, OUT provisional boolean, OUT lateness interval, OUT waits_for text
) RETURNS SETOF record
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment CONSTANT timestamptz := now();
    everybody CONSTANT boolean := @extschema@._rde_sees_all(false);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
    -- who else is connected, and what a source says, is not for resellers
    reasons CONSTANT boolean := @extschema@._rde_sees_all(true);
    blockers text[];
    began timestamptz[];
BEGIN
    SELECT array_agg(b.what ORDER BY b.began), array_agg(b.began ORDER BY b.began) INTO blockers, began
    FROM @extschema@._rde_blockers() b;

    RETURN QUERY
    WITH
    -- The newest revision of every period and format, unless it failed.
    made AS (
        SELECT DISTINCT ON (r.generator, r.period_from, r.format)
               r.generator, r.format, r.period_from, r.period_to, r.due_at, r.id, r.revision, r.provisional,
               r.status, r.published_at, r.claim_pid, r.claim_start, r.retry_at, r.dataset, r.snapshot_window,
               coalesce(r.published_at, r.submitted_at) + r.retention > moment AS is_young
        FROM @extschema@._rde_report r
        WHERE r.type NOT IN ('onetime', 'on_invoice') AND (r.expires_at > moment OR r.status = 'submitted')
          AND r.generator IN (SELECT g.id FROM @extschema@._rde_generator g WHERE everybody OR g.reseller = ANY (accounts))
          AND (of_one IS NULL OR r.generator = of_one)
        ORDER BY r.generator, r.period_from, r.format, r.status = 'error', r.revision DESC
    ),
    wanted AS (
        SELECT c.* FROM @extschema@._rde_coming_periods(moment, everybody, accounts, of_one) c
    ),
    -- What lies between two of them got none; unless the older one is there by
    -- rde_keep_report() only, for then others may just have expired.
    gap AS (
        SELECT l.generator, l.format, l.after AS period_from, l.period_from AS period_to
        FROM (SELECT a.generator, a.format, a.period_from,
                     lag(a.period_to) OVER w AS after, lag(a.is_young) OVER w AS after_is_young
              FROM (SELECT m.generator, m.format, m.period_from, m.period_to, m.is_young FROM made m
                    UNION ALL
                    SELECT w.generator, w.format, w.period_from, w.period_to, true FROM wanted w) a
              WINDOW w AS (PARTITION BY a.generator, a.format ORDER BY a.period_from)) l
        WHERE l.after < l.period_from AND l.after_is_young
    )
    SELECT g.id, g.name, g.reseller, m.format, m.period_from, m.period_to, m.due_at,
           CASE WHEN m.status = 'completed' OR (m.status = 'error' AND m.retry_at IS NULL) THEN m.status
                WHEN @extschema@._rde_status(m.status, m.claim_pid, m.claim_start) = 'processing' THEN 'processing'
                WHEN f.paused_until > moment THEN 'paused'
                WHEN m.retry_at IS NOT NULL THEN 'retrying'
                ELSE 'submitted' END,
           m.id, m.revision, m.provisional, coalesce(m.published_at, moment) - m.due_at,
           CASE WHEN CASE WHEN m.status = 'completed' THEN m.provisional
                          ELSE m.status <> 'error' OR m.retry_at IS NOT NULL END
                THEN @extschema@._rde_waits_for((SELECT r FROM @extschema@._rde_report r WHERE r.id = m.id), moment, reasons,
                                               began, blockers) END
    FROM made m
    JOIN @extschema@._rde_generator g ON g.id = m.generator
    LEFT JOIN @extschema@._rde_source_failure f ON f.dataset = m.dataset
    UNION ALL
    SELECT g.id, g.name, g.reseller, w.format, w.period_from, w.period_to, w.run,
           CASE WHEN NOT g.enabled THEN 'disabled' WHEN w.run > moment THEN 'scheduled' ELSE 'due' END,
           NULL, NULL, NULL, CASE WHEN w.run <= moment THEN moment - w.run END,
           CASE WHEN NOT g.enabled AND g.foreign_reason AND NOT reasons THEN 'too many of its reports failed'
                WHEN NOT g.enabled THEN g.disabled_reason
                WHEN w.run > moment THEN NULL
                WHEN EXISTS (SELECT FROM made m WHERE m.generator = w.generator AND m.snapshot_window
                                AND (m.status = 'submitted' OR m.retry_at IS NOT NULL)) THEN 'the window before it'
                ELSE 'a worker' END
    FROM wanted w JOIN @extschema@._rde_generator g ON g.id = w.generator
    UNION ALL
    SELECT g.id, g.name, g.reseller, p.format, p.period_from, p.period_to, NULL, 'skipped', NULL, NULL, NULL, NULL, NULL
    FROM gap p JOIN @extschema@._rde_generator g ON g.id = p.generator;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_periods(uuid) IS
    'the rows of rde_periods, all or of one generator, as far as they are the caller''s';

CREATE VIEW @extschema@.rde_periods WITH (security_barrier) AS
SELECT p.generator, p.name, p.reseller, p.format, p.period_from, p.period_to, p.due_at, p.status,
       p.report, p.revision, p.provisional, p.lateness, p.waits_for,
       extract(epoch FROM p.lateness)::double precision AS lateness_seconds
FROM @extschema@._rde_periods(NULL::uuid) p;
COMMENT ON VIEW @extschema@.rde_periods IS
    'every period of every generator that has a calendar: its report, or why there is none yet; status skipped is a gap without reports';
COMMENT ON COLUMN @extschema@.rde_periods.generator IS
    'the generator';
COMMENT ON COLUMN @extschema@.rde_periods.name IS
    'the generator''s name';
COMMENT ON COLUMN @extschema@.rde_periods.reseller IS
    'whose generator it is';
COMMENT ON COLUMN @extschema@.rde_periods.format IS
    'the format, for each has a report of its own';
COMMENT ON COLUMN @extschema@.rde_periods.period_from IS
    'where the period begins';
COMMENT ON COLUMN @extschema@.rde_periods.period_to IS
    'where it ends, itself not included';
COMMENT ON COLUMN @extschema@.rde_periods.due_at IS
    'when its report is due';
COMMENT ON COLUMN @extschema@.rde_periods.status IS
    'completed, processing, submitted, retrying, paused, error, due, scheduled, disabled or skipped';
COMMENT ON COLUMN @extschema@.rde_periods.report IS
    'the newest revision of its report';
COMMENT ON COLUMN @extschema@.rde_periods.revision IS
    'the number of that revision';
COMMENT ON COLUMN @extschema@.rde_periods.provisional IS
    'a revision of it follows';
COMMENT ON COLUMN @extschema@.rde_periods.lateness IS
    'how long after due_at it was completed, or is late by now';
COMMENT ON COLUMN @extschema@.rde_periods.waits_for IS
    'what it waits for; NULL when for nothing';
COMMENT ON COLUMN @extschema@.rde_periods.lateness_seconds IS
    'lateness as a number of seconds, for programs that know no intervals';
