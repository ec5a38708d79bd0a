---------------------------------------------------------------------------
-- Generators, their periods, what needs attention
---------------------------------------------------------------------------

CREATE VIEW @extschema@.rde_generators WITH (security_barrier) AS
SELECT g.id, g.name, g.dataset, g.view, g.formats, g.event, g.reseller, g.time_zone, g.month_day, g.run_at, g.start,
       g.catch_up, g.keep, g.options, g.enabled, g.disabled_reason, g.created_at, g.next_from, g.next_to, g.next_run,
       completed.created_at AS last_run, completed.id AS last_report, submitted.status AS last_status,
       (SELECT count(*) FROM @extschema@.rde_report r
        WHERE r.generator = g.id AND r.status = 'error' AND r.retry_at IS NULL) AS failed,
       f.paused_until
FROM @extschema@.rde_generator g
LEFT JOIN LATERAL (
    SELECT r.id, r.created_at FROM @extschema@.rde_report r
    WHERE r.generator = g.id AND r.status = 'completed' ORDER BY r.created_at DESC LIMIT 1) completed ON true
LEFT JOIN LATERAL (
    SELECT r.status FROM @extschema@.rde_report r
    WHERE r.generator = g.id ORDER BY r.submitted_at DESC LIMIT 1) submitted ON true
LEFT JOIN @extschema@.rde_source_failure f ON f.dataset = g.dataset AND f.paused_until > now();
COMMENT ON VIEW @extschema@.rde_generators IS
    'every generator: what it makes, its last report and its next; paused_until is set while its data set''s source cannot be read';

-- Functions in a view run with its reader's rights, so this one asks whether he
-- may read the view, and looks for himself at what others may not see.
CREATE FUNCTION @extschema@._rde_periods(
    OUT generator uuid, OUT name text, OUT reseller bigint, OUT format text,
    OUT period_from timestamptz, OUT period_to timestamptz, OUT due_at timestamptz, OUT state text,
    OUT report uuid, OUT revision integer, OUT provisional boolean, OUT lateness interval, OUT waits_for text
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    blockers text[];
    began timestamptz[];
BEGIN
    IF NOT has_table_privilege(@extschema@._rde_caller(), '@extschema@.rde_periods', 'SELECT') THEN
        RETURN;
    END IF;
    SELECT array_agg(b.what ORDER BY b.began), array_agg(b.began ORDER BY b.began) INTO blockers, began
    FROM @extschema@._rde_blockers() b;

    RETURN QUERY
    WITH RECURSIVE made AS (
        -- the newest revision of every period and format that has a report
        SELECT DISTINCT ON (r.generator, r.format, r.period_from) r.*
        FROM @extschema@.rde_report r
        WHERE r.type IN ('daily', 'monthly') AND r.generator IS NOT NULL
          AND EXISTS (SELECT FROM @extschema@.rde_generator g WHERE g.id = r.generator)
        ORDER BY r.generator, r.format, r.period_from, r.status = 'error', r.revision DESC
    ), coming(id, period_from, period_to, run, n) AS (
        -- due and not submitted yet, and the first that is not due
        SELECT g.id, g.next_from, g.next_to, g.next_run, 1
        FROM @extschema@.rde_generator g WHERE g.next_run IS NOT NULL
        UNION ALL
        SELECT c.id, c.period_to, p.period_to, p.run, c.n + 1
        FROM coming c JOIN @extschema@.rde_generator g ON g.id = c.id
        CROSS JOIN LATERAL @extschema@._rde_next_period(g.event, c.period_to, g.time_zone, g.month_day, g.run_at) p
        WHERE c.run <= now() AND c.n < 1000
    ), gap AS (
        SELECT m.generator, m.format,
               lag(m.period_to) OVER (PARTITION BY m.generator, m.format ORDER BY m.period_from) AS period_from,
               m.period_from AS period_to
        FROM made m
        UNION ALL
        SELECT m.generator, m.format, max(m.period_to), g.next_from
        FROM made m JOIN @extschema@.rde_generator g ON g.id = m.generator AND m.format = ANY (g.formats)
        GROUP BY m.generator, m.format, g.next_from
    )
    SELECT g.id, g.name, g.reseller, m.format, m.period_from, m.period_to, m.due_at,
           CASE WHEN m.status = 'error' AND m.retry_at IS NOT NULL
                     AND f.paused_until > now() THEN 'paused'
                WHEN m.status = 'error' AND m.retry_at IS NOT NULL THEN 'retrying'
                WHEN m.status <> 'submitted' THEN m.status
                WHEN @extschema@._rde_alive(m.claim_pid, m.claim_start) THEN 'processing'
                WHEN f.paused_until > now() THEN 'paused'
                ELSE 'submitted' END,
           m.id, m.revision, m.provisional,
           CASE WHEN m.status = 'completed' THEN m.created_at ELSE now() END - m.due_at,
           CASE WHEN m.status = 'completed' OR (m.status = 'error' AND m.retry_at IS NULL) THEN NULL
                WHEN f.paused_until > now() THEN format('the source, until %s: %s', date_trunc('second', f.paused_until), f.error)
                WHEN m.retry_at IS NOT NULL THEN format('the next try at %s: %s', date_trunc('second', m.retry_at), m.error)
                WHEN m.snapshot_window THEN 'a worker'
                WHEN m.period_to > now() - interval '5 seconds' THEN 'the end of the period, and 5 seconds more'
                WHEN began[1] < m.period_to THEN
                    blockers[1] || CASE WHEN others.n > 0 THEN format(', and %s more', others.n) ELSE '' END
                ELSE 'a worker' END
    FROM made m
    JOIN @extschema@.rde_generator g ON g.id = m.generator
    LEFT JOIN @extschema@.rde_source_failure f ON f.dataset = m.dataset
    CROSS JOIN LATERAL (SELECT count(*) - 1 AS n FROM unnest(began) b WHERE b < m.period_to) others
    UNION ALL
    SELECT g.id, g.name, g.reseller, s.format, c.period_from, c.period_to, c.run,
           CASE WHEN c.run > now() THEN 'scheduled' WHEN g.enabled THEN 'due' ELSE 'disabled' END,
           NULL, NULL, NULL, CASE WHEN c.run <= now() THEN now() - c.run END,
           CASE WHEN c.run > now() THEN NULL WHEN g.enabled THEN 'a worker' ELSE g.disabled_reason END
    FROM coming c
    JOIN @extschema@.rde_generator g ON g.id = c.id
    CROSS JOIN LATERAL unnest(g.formats) s(format)
    UNION ALL
    SELECT g.id, g.name, g.reseller, gap.format, gap.period_from, gap.period_to, NULL, 'skipped',
           NULL, NULL, NULL, NULL, NULL
    FROM gap JOIN @extschema@.rde_generator g ON g.id = gap.generator
    WHERE gap.period_from < gap.period_to;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_periods() IS
    'the rows of rde_periods, for those who may read that view';

CREATE VIEW @extschema@.rde_periods WITH (security_barrier) AS
SELECT p.generator, p.name, p.reseller, p.format, p.period_from, p.period_to, p.due_at, p.state,
       p.report, p.revision, p.provisional, p.lateness, p.waits_for
FROM @extschema@._rde_periods() p;
COMMENT ON VIEW @extschema@.rde_periods IS
    'every period of every daily and monthly generator: its report or why there is none yet. States: completed, processing, submitted, retrying, paused, error, due, disabled, scheduled; skipped is a gap without reports';
